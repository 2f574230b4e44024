"""Settings and commands for people to type: quoted for a shell and for Hydra."""

import re
import shlex

from hydra.core.override_parser.types import Quote, QuotedString

_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)  # needs no quotes, in Hydra or in a shell
_LITERAL = re.compile(r"""[^'"$`!\\]+""")  # means itself within either kind of quotes


def quoted_setting(name: str, value: str) -> str:
    """`name=value` as a word of a shell, whatever the text of the value."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    if _LITERAL.fullmatch(value):
        return f"\"{name}='{value}'\""
    return shlex.quote(f"{name}={QuotedString(value, Quote.single).with_quotes()}")


def command_on(command: str, name: str, value: str) -> str:
    """A genolong command with one setting."""
    return f"python -m genolong {command} {quoted_setting(name, value)}"
