"""The labelled alleles of a VCF as columns: label, scores, position and bases of each."""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.alleles import Status, kind
from genolong.genome.alphabet import N, encode
from genolong.genome.edit import trimmed
from genolong.genome.vcf import Record
from genolong.genome.vcf_header import info_numbers
from genolong.genome.vcf_info import field_values

Whole = Int64[np.ndarray, " alleles"]


@dataclass(frozen=True, eq=False)
class Words:
    """A column of texts: for each allele the index of its text, or -1 for none."""

    texts: tuple[str, ...]
    numbers: Whole

    def are(self, text: str) -> Bool[np.ndarray, " alleles"]:
        """Which alleles have this text."""
        return self.numbers == (self.texts.index(text) if text in self.texts else -2)

    def counts(self) -> dict[str, int]:
        """How many alleles have each text, the most frequent first."""
        counted = np.bincount(self.numbers[self.numbers >= 0], minlength=len(self.texts))
        return {self.texts[at]: int(counted[at]) for at in np.argsort(-counted, kind="stable") if counted[at]}


@dataclass(frozen=True, eq=False)
class Substitutions:
    """The reference and alternate base of each allele, N if it is not an SNV, and its position, counted from 0."""

    contig: Words
    position: Whole
    reference: UInt8[np.ndarray, " alleles"]
    alternate: UInt8[np.ndarray, " alleles"]


@dataclass(frozen=True, eq=False)
class LabelledAlleles:
    """Every ALT allele that has a label, with NaN for missing scores; and how many others there are."""

    label: Words
    stratum: Words
    scores: Mapping[str, Float64[np.ndarray, " alleles"]]
    sites: Substitutions
    unlabelled: int  # alleles
    malformed: int  # lines

    def only(self, chosen: Bool[np.ndarray, " alleles"]) -> "LabelledAlleles":
        """The chosen alleles."""
        sites = Substitutions(
            _chosen(self.sites.contig, chosen), self.sites.position[chosen], self.sites.reference[chosen],
            self.sites.alternate[chosen],
        )  # fmt: skip
        scores = {name: values[chosen] for name, values in self.scores.items()}
        return replace(
            self, label=_chosen(self.label, chosen), stratum=_chosen(self.stratum, chosen), scores=scores, sites=sites
        )


def read_alleles(
    name: str, header: Sequence[bytes], records: Iterable[Record], label: str, scores: Sequence[str],
    stratum: str | None,
) -> LabelledAlleles:  # fmt: skip
    """Read the INFO fields of these names from a VCF's records; a single value applies to all ALTs of its record.

    Raises InputError with the line for a score that is not a number, or whose values do not match the ALTs in number.
    """
    rows = _Rows(name, header, label, scores, stratum)
    for record in records:
        rows.add(record)
    return rows.columns()


class _Texts:
    """Collects a column of texts, and stores each distinct text once."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._numbers = array("q")

    def add(self, text: bytes | None) -> None:
        self._numbers.append(-1 if text is None else self._known.setdefault(text, len(self._known)))

    def words(self) -> Words:
        texts = tuple(text.decode("utf-8", "backslashreplace") for text in self._known)
        return Words(texts, np.array(self._numbers, np.int64))


class _Rows:
    """Collects the columns, record by record."""

    def __init__(
        self, name: str, header: Sequence[bytes], label: str, scores: Sequence[str], stratum: str | None
    ) -> None:  # fmt: skip
        self._name = name
        self._labels_of, self._strata_of = (reading_of_texts(header, field) for field in (label, stratum or ""))
        self._label, self._stratum = label.encode(), (stratum or "").encode()
        self._scores = {score.encode(): array("d") for score in scores}
        self._keys = frozenset((self._label, self._stratum, *self._scores)) - {b""}
        self._labels, self._strata, self._contigs = _Texts(), _Texts(), _Texts()
        self._positions, self._references, self._alternates = array("q"), bytearray(), bytearray()
        self._unlabelled = self._malformed = 0

    def add(self, record: Record) -> None:
        if record.malformed:
            self._malformed += 1
            return
        values, alleles = field_values(record.info, self._keys), len(record.alternates)
        labels = self._labels_of(values.get(self._label), alleles)
        strata = self._strata_of(values.get(self._stratum), alleles)
        numbers = [(column, self._numbers(record, key, values.get(key))) for key, column in self._scores.items()]
        for at, label in enumerate(labels):
            if label is None:
                self._unlabelled += 1
                continue
            self._labels.add(label)
            self._strata.add(strata[at])
            for column, found in numbers:
                column.append(found[at])
            self._add_site(record, record.alternates[at])

    def columns(self) -> LabelledAlleles:
        sites = Substitutions(
            self._contigs.words(), np.array(self._positions, np.int64),
            np.frombuffer(self._references, np.uint8), np.frombuffer(self._alternates, np.uint8),
        )  # fmt: skip
        scores = {key.decode(): np.array(column, np.float64) for key, column in self._scores.items()}
        return LabelledAlleles(
            self._labels.words(), self._strata.words(), scores, sites, self._unlabelled, self._malformed
        )

    def _add_site(self, record: Record, alternate: bytes) -> None:
        position, reference, other = -1, N, N
        if record.position is not None and kind(record.reference, alternate) is Status.OK:
            variant = trimmed(record.contig, record.position, record.reference, alternate)
            if variant.is_snv:
                position, (reference, other) = variant.start, encode(variant.reference + variant.alternate)
        self._contigs.add(record.contig.encode("utf-8", "surrogateescape"))
        self._positions.append(position)
        self._references.append(reference)
        self._alternates.append(other)

    def _numbers(self, record: Record, key: bytes, value: bytes | None) -> Sequence[float]:
        """A record's values of a score, one for each ALT allele."""
        alleles = len(record.alternates)
        if value is None:
            return (nan,) * alleles
        parts = value.split(b",")
        where = f"{self._name}, line {record.line}: {key.decode()}={value.decode('ascii', 'backslashreplace')[:50]}"
        if len(parts) not in (1, alleles):
            raise InputError(
                f"{where}: {len(parts)} values for {counted(alleles, 'ALT allele')}; wanted one for each, or one "
                "for all"
            )
        try:
            numbers = [nan if part in (b".", b"") else float(part) for part in parts]
        except ValueError as error:
            raise InputError(f"{where}: not a number; wanted one for each ALT allele, or one for all, or .") from error
        return numbers * alleles if len(numbers) < alleles else numbers


TextsOfAlleles = Callable[[bytes | None, int], Sequence[bytes | None]]


def reading_of_texts(header: Iterable[bytes], field: str) -> TextsOfAlleles:
    """How to read a field of texts: as one for each ALT allele if Number=A, or if it is not declared, else as a whole.

    The function takes a value and the number of alleles. A field of another Number, such as ClinVar's MC, may list as
    many values as there are ALT alleles by chance.
    """
    return _each_its_own if info_numbers(header).get(field, "A") == "A" else _one_for_all


def _each_its_own(value: bytes | None, alleles: int) -> Sequence[bytes | None]:
    parts = [] if value is None else value.split(b",")
    if len(parts) != alleles or alleles == 1:
        return _one_for_all(value, alleles)
    return [None if part in (b".", b"") else part for part in parts]


def _one_for_all(value: bytes | None, alleles: int) -> Sequence[bytes | None]:
    return (value,) * alleles


def _chosen(words: Words, chosen: Bool[np.ndarray, " alleles"]) -> Words:
    return Words(words.texts, words.numbers[chosen])
