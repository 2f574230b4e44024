"""Every command that the pages tell people to type exists, with these settings; nothing is run here."""

import pytest
from hydra import compose, initialize_config_dir

from genolong.cli import COMMANDS, _of_task
from genolong.composing import FOLDERS
from genolong.settings import check, on_a_genome
from tests.docs.pages import PAGES, commands
from tests.test_help import SCHEMAS as OF_HELP
from tests.test_house import COMMANDS as OF_HOUSE
from tests.test_house import GENOME_COMMANDS

SCHEMAS = {**OF_HELP, **dict(GENOME_COMMANDS), **dict(OF_HOUSE)}
SHOWN = [(where, words) for page in PAGES for where, words in commands(page)]
OPTIONS = ("--help", "--cfg", "job", "-m", "--info")


@pytest.mark.parametrize(("where", "words"), SHOWN, ids=[f"{where} {words[0]}" for where, words in SHOWN])
def test_a_command_of_the_pages_exists(where: str, words: list[str]):
    command, *rest = words
    command = _of_task(command, rest)
    assert command in COMMANDS
    whole, overrides = ":" in where and not {"--help", "-cp"} & {*rest}, []  # a span may leave out what is clear
    rest = iter(rest)
    for word in rest:
        if word in ("-cp", "-cn", "-cd"):  # other files of settings: the run's, or one's own
            next(rest)
        elif word.startswith("experiment=") and "-cd" in words:
            continue
        elif word in ("...", "…"):
            whole = False
        elif word not in OPTIONS and not (word.startswith("hydra") and "launcher" in word):  # of a plug-in
            assert "=" in word, f"{word}: is no setting"
            overrides.append(_first(word))
    with initialize_config_dir(str(FOLDERS[command].resolve()), version_base="1.3"):
        config = compose(command, [word for word in overrides if not word.startswith("hydra.")])
        if any(word.startswith("hydra.") for word in overrides):
            compose(command, overrides, return_hydra_config=True)
    if whole:
        (on_a_genome if command in ("train", "plan") else check)(config, SCHEMAS[command])


def _first(word: str) -> str:
    """Of a sweep, seed=1,2,3, the first value."""
    name, _, value = word.partition("=")
    return word if value.startswith(("[", "{")) else f"{name}={value.split(',')[0]}"


def test_the_pages_show_every_command():
    assert {_of_task(words[0], words[1:]) for _, words in SHOWN} >= set(COMMANDS)
