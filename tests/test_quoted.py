"""Commands that people are told to type mean what they say, to a shell and to Hydra."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from genolong.quoted import command_on, quoted_setting
from genolong.typed_words import understood


@pytest.mark.parametrize(
    "path",
    [
        "runs/x/latest",
        "/a b/c",
        "/it's",
        'say "x"',
        "$(reboot)",
        "a,b=[c]",
        "/ü",
        "`x`;y",
        r"a\b",
        r"a\'b",
        "a\\",
        r"~",
    ],
)
def test_the_command_is_taken_as_it_stands(path: str):
    words = shlex.split(command_on("reproduce", "run", path))
    assert words[:4] == ["python", "-m", "genolong", "reproduce"]
    (override,) = OverridesParser.create().parse_overrides(words[4:])
    assert (override.key_or_group, override.value()) == ("run", path)
    assert understood(words[4:]) == words[4:], "a value in quotes stays as it is"


def test_a_plain_value_needs_no_quotes():
    assert quoted_setting("model", "runs/a/latest") == "model=runs/a/latest"
