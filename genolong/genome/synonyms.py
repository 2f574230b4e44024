"""A file of synonyms: other names of a genome's contigs, such as those of RefSeq, GenBank or another browser."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from genolong.errors import InputError, MissingInputError
from genolong.genome.coordinates import match_contig
from genolong.nearest import nearest_path

COMMENT = re.compile(r"(?:^|\s)#")  # a # within a name, as in HG002#1#chr1 of a pangenome, begins none


@dataclass(eq=False)
class _Group:
    """Names that mean the same contig, and the genome's name for it, if it has one."""

    contig: str | None
    names: set[str] = field(default_factory=set)


def read_synonyms(path: str | Path | None, contigs: Collection[str]) -> dict[str, str]:
    """The genome's contig for each name in the file that means one; `contigs` are the genome's names. None: no file.

    The names in a line, separated by blanks, mean the same contig, and so do those of lines that share a name; a # at
    the beginning of a line or after a blank starts a comment. Raises InputError with the line number for an invalid
    line, MissingInputError for a file that cannot be read.
    """
    groups: dict[str, _Group] = {}
    for where, names in () if path is None else _lines(Path(path).expanduser()):
        for name in names:
            groups.setdefault(name, _Group(match_contig(name, contigs), {name}))
        joined = {id(groups[name]): groups[name] for name in names}.values()
        meant = dict.fromkeys(group.contig for group in joined if group.contig is not None)
        if len(meant) > 1:
            one, other, *_ = meant
            raise InputError(
                f"{where}: {' '.join(names)}: would make {one} and {other} of the genome the same contig; "
                "wanted only names of one contig in a line"
            )
        largest = max(joined, key=lambda group: len(group.names))
        largest.contig = next(iter(meant), None)
        for group in joined:
            if group is not largest:
                largest.names |= group.names
                groups.update(dict.fromkeys(group.names, largest))
    return {name: group.contig for name, group in groups.items() if group.contig is not None}


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The place and the names of each line that has some."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file; wanted the names of a contig in every line") from error
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{path} does not exist; wanted a file of synonyms; check its spelling{nearest_path(path)}"
        ) from error
    except OSError as error:
        raise MissingInputError(f"{path} cannot be read ({error.strerror}); wanted a file of synonyms") from error
    for number, line in enumerate(lines, start=1):
        names = COMMENT.split(line, maxsplit=1)[0].split()
        if len(names) == 1:
            raise InputError(f"{path}, line {number}: only {names[0]}; wanted two or more names of the same contig")
        if names:
            yield f"{path}, line {number}", names
