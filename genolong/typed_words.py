"""Prepares command-line words for Hydra's grammar: quotes values so that text stays text, whatever it contains."""

import os
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

_SETTING = re.compile(r"(\+{0,2}[A-Za-z_][\w./@-]*)=(.+)", re.DOTALL)
_NUMBER_WITH_UNDERSCORES = re.compile(r"[+-]?\d[\d.]*_[\d_.]*")
_GROUPED = ("[", "{", "'", '"')  # how a list, a mapping or quoted text begins; Hydra reports mistakes in these


def understood(words: Sequence[str], *, texts: Sequence[str] = ()) -> list[str]:
    """The words, with values quoted that Hydra's grammar cannot parse, such as `müller.fa` or `it's (1).fa`.

    Also quoted are values like `2026_11`, which Hydra would read as the number 202611; a setting that is a number still
    reads it as one. A leading ~/ becomes the home folder, as in a shell. Settings in `texts` are always one text, such
    as region=chr1:1,001-1,500, whose comma Hydra would take to separate values; in other settings it keeps that
    meaning.
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
