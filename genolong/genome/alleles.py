"""The status of an ALT allele: whether it can be scored and, if not, why."""

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

import numpy as np
from jaxtyping import UInt8

from genolong.genome.coordinates import match_contig
from genolong.genome.edit import Variant, trimmed

_BASES = frozenset(b"ACGTacgt")
_LETTERS = frozenset(b"ACGTNRYSWKMBDHVUacgtnryswkmbdhvu")
_SYMBOLIC = re.compile(rb"[ACGTNRYSWKMBDHVU]*<.+>", re.IGNORECASE | re.DOTALL)


class Status(StrEnum):
    """The status of one ALT allele; alleles with one of the first three are scored."""

    OK = "ok"
    EDGE = "edge"  # scored; its window extends past an end of the contig and is padded with N
    N_RICH = "n_rich"  # scored; more than a tenth of its window's bases within the contig are N
    REF_MISMATCH = "ref_mismatch"  # REF differs from the genome at this position
    NO_CONTIG = "no_contig"
    PAST_CONTIG_END = "past_contig_end"
    SYMBOLIC = "symbolic"  # <DEL>, <NON_REF>, or C<contig>: the insertion of an assembled contig
    BREAKEND = "breakend"
    STAR = "star"  # *: the base is deleted by another record
    NO_ALT = "no_alt"  # ALT is .
    REF_EQ_ALT = "ref_eq_alt"
    NON_ACGT = "non_acgt"  # DNA letters other than A C G T
    TOO_LONG = "too_long"
    MALFORMED = "malformed"  # violates the VCF format


SCORED = (Status.OK, Status.EDGE, Status.N_RICH)
MISTAKES = (Status.NO_CONTIG, Status.PAST_CONTIG_END, Status.REF_MISMATCH)  # another genome, or mistyped
_IN_ORDER = [*Status]


def numbers_of(statuses: Iterable[Status]) -> UInt8[np.ndarray, " statuses"]:
    """Each status as its index in the order of the enum."""
    return np.array([_IN_ORDER.index(status) for status in statuses], np.uint8)


def statuses_of(numbers: UInt8[np.ndarray, " statuses"]) -> list[Status]:
    """The inverse of numbers_of."""
    return [_IN_ORDER[number] for number in numbers.tolist()]


def kind(reference: bytes, alternate: bytes) -> Status:
    """The status that the letters of the two alleles imply; OK where both consist of A C G T and differ."""
    if not alternate:
        return Status.MALFORMED
    if _BASES.issuperset(alternate):
        if _BASES.issuperset(reference) and reference:
            return Status.REF_EQ_ALT if alternate.upper() == reference.upper() else Status.OK
        return Status.NON_ACGT if reference and _LETTERS.issuperset(reference) else Status.MALFORMED
    if alternate == b".":
        return Status.NO_ALT
    if alternate in (b"*", b"<*:DEL>"):
        return Status.STAR
    if _SYMBOLIC.fullmatch(alternate):
        return Status.SYMBOLIC
    if b"[" in alternate or b"]" in alternate or (len(alternate) > 1 and b"." in (alternate[:1], alternate[-1:])):
        return Status.BREAKEND
    return Status.NON_ACGT if _LETTERS.issuperset(alternate) else Status.MALFORMED


class ContigNames:
    """Maps a VCF's contig names to the genome's: same name, with or without chr, mitochondria, then synonyms.

    `synonyms` maps further names to those of the genome, as read_synonyms does.
    """

    def __init__(self, lengths: Mapping[str, int], synonyms: Mapping[str, str]) -> None:
        self.lengths, self._synonyms = lengths, synonyms
        self._found: dict[str, str | None] = {}

    def find(self, name: str) -> str | None:
        """The genome's name for this contig, or None."""
        if name not in self._found:
            found = match_contig(name, self.lengths)
            synonym = match_contig(name, self._synonyms) if found is None else None
            self._found[name] = found if synonym is None else self._synonyms[synonym]
        return self._found[name]


class AlleleChecks:
    """Checks alleles against a genome before any model scores them.

    `read(contig, start, end)` returns the genome's letters in upper case, with N beyond the contig's ends. Alleles of
    more than `longest_bp` are too long; bases that REF and ALT share do not count.
    """

    def __init__(self, names: ContigNames, read: Callable[[str, int, int], bytes], longest_bp: int) -> None:
        self._names, self._read, self._longest_bp = names, read, longest_bp

    def reference(self, contig: str, position: int | None, reference: bytes) -> tuple[Status, str, bytes]:
        """The status of a record's position and REF, the genome's name for the contig, and its letters there."""
        if position is None:
            return Status.MALFORMED, "", b""
        name = self._names.find(contig)
        if name is None:
            return Status.NO_CONTIG, "", b""
        if position < 0 or position + len(reference) > self._names.lengths[name]:
            return Status.PAST_CONTIG_END, name, b""
        found = self._read(name, position, position + len(reference))
        return (Status.OK if found == reference.upper() else Status.REF_MISMATCH), name, found

    def alleles(
        self, contig: str, position: int | None, reference: bytes, alternates: tuple[bytes, ...]
    ) -> list[tuple[Status, Variant | None]]:
        """The status of each ALT, and the variant if it can be scored."""
        kinds = [kind(reference, alternate) for alternate in alternates]
        placed, name = Status.OK, ""
        if Status.OK in kinds:
            placed, name, _ = self.reference(contig, position, reference)
        found: list[tuple[Status, Variant | None]] = []
        for status, alternate in zip(kinds, alternates, strict=True):
            if status is not Status.OK:
                found.append((Status.MALFORMED if position is None else status, None))
            elif placed is not Status.OK:
                found.append((placed, None))
            else:
                assert position is not None
                variant = trimmed(name, position, reference, alternate)
                fits = variant.span <= self._longest_bp
                found.append((Status.OK, variant) if fits else (Status.TOO_LONG, None))
        return found
