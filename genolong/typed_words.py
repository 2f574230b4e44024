"""Words of the command line as Hydra's grammar wants them: what is typed as a text is one, whatever its letters."""

import os
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

_SETTING = re.compile(r"(\+{0,2}[A-Za-z_][\w./@-]*)=(.+)", re.DOTALL)
_NUMBER_WITH_UNDERSCORES = re.compile(r"[+-]?\d[\d.]*_[\d_.]*")
_GROUPED = ("[", "{", "'", '"')  # how a list, a mapping and a quoted text begin; a mistake in these is told


def understood(words: Sequence[str], *, texts: Sequence[str] = ()) -> list[str]:
    """The same, with those values quoted that Hydra's grammar has no name for, as `müller.fa` or `it's (1).fa`.

    And `2026_11`, which it would take for the number 202611; a setting that is a number reads it as that. ~/ is the
    home, as a shell would have it in front of the word. Settings in `texts` are one text in any case, as
    region=chr1:1,001-1,500, whose comma Hydra would take for several values; elsewhere it is left to mean that.
    """
    sweep = "-m" in words or "--multirun" in words
    parser = OverridesParser.create()
    return [_understood(word, texts, parser, sweep=sweep) for word in words]


def _understood(word: str, texts: Sequence[str], parser: OverridesParser, *, sweep: bool) -> str:
    found = _SETTING.fullmatch(word)
    if found is None or found[2].startswith(_GROUPED):
        return word
    name, value = found[1], found[2]
    if value.startswith("~/"):
        value = os.path.expanduser(value)
    is_known = name not in texts and not _NUMBER_WITH_UNDERSCORES.fullmatch(value)
    if is_known and ((sweep and "," in value) or _parses(parser, f"{name}={value}")):
        return f"{name}={value}"
    return f"{name}={QuotedString(value, Quote.single).with_quotes()}"


def _parses(parser: OverridesParser, word: str) -> bool:
    try:
        parser.parse_override(word)
    except HydraException:
        return False
    return True
