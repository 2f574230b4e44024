"""Settings that name the two classes of labelled alleles, and settings that are lists of texts."""

from dataclasses import dataclass
from typing import Any, ClassVar

from genolong.errors import SettingsError


@dataclass(frozen=True)
class ClassSettings:
    """Which values of an INFO field are positive and which negative; null for both: disrupting and neutral."""

    WITHIN: ClassVar[str] = ""  # the group of these settings, such as `data.`

    positive: Any
    negative: Any

    def check_classes(self, label: str | None) -> None:
        """Raises SettingsError if only one class is named, or both share a value."""
        if (self.positive is None) != (self.negative is None):
            one, other = ("positive", "negative") if self.negative is None else ("negative", "positive")
            raise SettingsError(
                f"{self.WITHIN}{other}: wanted values of {label} too, because {self.WITHIN}{one}= names some"
            )
        if both := set(self.positives or ()) & set(self.negatives or ()):
            raise SettingsError(
                f"{self.WITHIN}positive and {self.WITHIN}negative: both name {min(both)}; keep it in one of them"
            )

    @property
    def positives(self) -> list[str] | None:
        """The positive labels, if named."""
        return self._named("positive")

    @property
    def negatives(self) -> list[str] | None:
        """The negative labels, if named."""
        return self._named("negative")

    def _named(self, which: str) -> list[str] | None:
        value = getattr(self, which)
        return None if value is None else texts(f"{self.WITHIN}{which}", value, least=1)


def texts(name: str, value: Any, *, least: int) -> list[str]:
    """One text or a list of them, as a list; numbers become text."""
    listed = value if isinstance(value, list) else [value]
    for each in listed:
        if isinstance(each, bool) or not isinstance(each, (str, int, float)):
            quoted = f"; quote it twice to mean the text: {name}=\"'{each}'\"" if isinstance(each, bool) else ""
            raise SettingsError(f"{name}={value}: wanted texts, like {name}=[this,that]; found {each}{quoted}")
    if len(listed) < least:
        raise SettingsError(f"{name}={value}: wanted one text or more")
    return [str(each) for each in listed]
