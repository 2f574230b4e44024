"""The page of settings holds every setting of every command, as conf/ has it now."""

import importlib.util
from importlib.machinery import SourceFileLoader
from types import ModuleType

import pytest

from genolong.composing import FOLDERS, settings_of
from tests.docs.pages import DOCS, PROJECT

PAGE = DOCS / "settings.md"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    loader = SourceFileLoader("write_settings_page", str(PROJECT / "scripts" / "write_settings_page"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes(script: ModuleType):
    text = PAGE.read_text(encoding="utf-8")
    assert script.page(text) == text, "docs/settings.md is not up to date: run scripts/write_settings_page"


@pytest.mark.parametrize("command", FOLDERS)
def test_every_setting_is_on_the_page(script: ModuleType, command: str):
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition(f"\n## {script.NAMES.get(command, command)}\n")[2].partition("\n## ")[0]
    if command in script.LIKE_TRAIN:
        section += text.partition("\n## train\n")[2].partition("\n## ")[0]
    known = settings_of(FOLDERS[command], command)
    leaves = [
        key
        for key in known
        if not any(other.startswith(f"{key}.") and not other[len(key) + 1].isdigit() for other in known)
    ]
    assert {key for key in leaves if not key.rpartition(".")[2].isdigit()} - {"experiment"} <= {
        line.split("`")[1] for line in section.splitlines() if line.startswith("| `")
    }


def test_a_page_without_marks_is_refused(script: ModuleType):
    with pytest.raises(SystemExit, match="has no <!-- settings"):
        script.page("# Settings\n")


def test_cells_and_values_are_shown_as_they_are_typed(script: ModuleType):
    assert script.escaped("a | <b>") == "a &#124; &lt;b>"
    assert [script.written(value) for value in (None, True, 3, "???", [1, 2])] == [
        "`null`", "`true`", "`3`", "*to be given*", "`[1, 2]`",
    ]  # fmt: skip
