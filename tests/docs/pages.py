"""Pages of the documentation, read as people read them: their links, anchors, blocks of code and commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genolong.composing import OF_TRAINED

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PAGES = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(DOCS.rglob("*.md"))
COMMAND = re.compile(r"(?:^|[|;&(]\s*|\s)(?:\S*python -m genolong|genolong) (?P<words>[a-z].*)$")
BARE = re.compile(rf"(?P<words>(?:{'|'.join(OF_TRAINED)}|train|plan)\s+(?:-m )?[\w./]+=.+)$", re.DOTALL)
NOT_RUN = re.compile(r"<!-- compiled, not run: .+ -->$")


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@dataclass(frozen=True)
class Block:
    """A block of code: where it begins, in which language, its text, and whether the page says that it is not run."""

    page: Path
    line: int
    language: str
    text: str
    not_run: bool

    @property
    def name(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All of a page, in their order."""
    found, lines, above = [], iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)), ""
    for number, line in lines:
        if line.startswith("```"):
            inside = []
            for _, each in lines:
                if each == "```":
                    break
                inside.append(each)
            found.append(Block(page, number, line[3:].strip(), "\n".join(inside), bool(NOT_RUN.match(above))))
        above = line
    return found


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[str]:
    """Where a page's links and pictures point to."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    yield from re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", text)
    yield from re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)


def anchors(page: Path) -> set[str]:
    """The headings' names, as Python-Markdown and GitHub both make them of plain headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE):
        plain = re.sub(r"[`*_]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        found.add(re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain)).strip("-"))
    return found


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every `genolong COMMAND ...` of a page's blocks and spans of code: where, and its words behind genolong."""
    for block in blocks(page):
        if block.language in ("", "bash", "console"):
            for line in block.text.replace("\\\n", " ").splitlines():
                found = COMMAND.search(line.partition(" #")[0])
                if found:
                    yield block.name, _words(found["words"])
    for paragraph in re.split(r"\n\s*\n", prose(page)):
        for span in re.findall(r"`([^`]+)`", paragraph):
            found = COMMAND.search(span) or BARE.match(span)
            if found:
                yield name_of(page), _words(" ".join(found["words"].split()))


def _words(text: str) -> list[str]:
    """As a shell would split them; what follows the command in the shell (a pipe, a file) is no part of it."""
    return shlex.split(re.split(r"\s(?:\||>|2>|&)", text.rstrip("')\""))[0])
