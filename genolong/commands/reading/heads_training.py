"""What a variant head was trained on, as its checkpoints and exported folders say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genolong.settings import refuse_active

KEY = "variant_training"  # checkpoints: key for it; their top level describes the model
LABELLED = ("vcf", "synonyms")  # settings in data for the files that are not FASTA


@dataclass(frozen=True)
class HeadsTraining:
    """The name of the run, the FASTA files in which it read variants, and its other files; paths map to sha256."""

    name: str
    fasta: Mapping[str, str]
    labelled: Mapping[str, str]

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "HeadsTraining | None":
        """None if there is no head, or if it was trained before this was noted.

        Raises UnsafeInputError for settings that could run code, KeyError, TypeError, ValueError or AttributeError for
        what is none.
        """
        if KEY not in stored:
            return None
        settings, inputs = stored[KEY]["settings"], dict(stored[KEY]["inputs_sha256"])
        refuse_active(settings)
        others = {settings["data"][name] for name in LABELLED}
        if not all(isinstance(each, str) for each in inputs.values()):
            raise TypeError("inputs_sha256 of a head: wanted sha256")
        labelled = {path: sha256 for path, sha256 in inputs.items() if path in others}
        fasta = {path: sha256 for path, sha256 in inputs.items() if path not in others}
        return cls(str(settings["run"]["name"]), fasta, labelled)

    @property
    def files(self) -> dict[str, str]:
        """All of its files."""
        return {**self.fasta, **self.labelled}

    def as_stored(self, name: str) -> dict[str, Any]:
        """What an exported model, called `name`, keeps of it; `of` reads it."""
        data = dict(zip(LABELLED, [*self.labelled, None], strict=False))
        return {KEY: {"settings": {"run": {"name": name}, "data": data}, "inputs_sha256": self.files}}
