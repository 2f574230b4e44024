"""Tab completion in a shell, of commands; for settings, the line is left to Hydra without its command."""

import os
import re
from collections.abc import Iterable, Sequence

from genolong.errors import SettingsError

LINE, CURSOR = "COMP_LINE", "COMP_POINT"  # variables in which a shell gives them, and Hydra reads them


def refuse_other_completion(words: Sequence[str]) -> None:
    """Raises SettingsError for words after --shell-completion that Hydra cannot serve."""
    if len(words) != 1 or not re.fullmatch("(install|uninstall|query)=(bash|fish|zsh)", words[0]):
        raise SettingsError("--shell-completion: wanted install=bash, install=fish or install=zsh, or uninstall=")


def line_words() -> list[str]:
    """The words of the line so far; none if there is no line to complete."""
    return os.environ.get(LINE, "").split()


def begun(commands: Iterable[str]) -> list[str]:
    """The commands that the last word may become."""
    words = line_words()
    return [name for name in commands if len(words) < 2 or name.startswith(words[-1])]


def leave_out(command: str) -> None:
    """Takes the command out of the line."""
    rest = re.split(rf"(?:^|\s){command}(?=\s|$)", os.environ[LINE], maxsplit=1)[1].lstrip()
    os.environ[LINE] = f"genolong {rest}"
    os.environ[CURSOR] = str(len(os.environ[LINE]))
