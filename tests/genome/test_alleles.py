"""Every allele gets one status: what it is by its letters, then whether its place and REF are the genome's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.alleles import SCORED, AlleleChecks, ContigNames, Status, kind
from genolong.genome.edit import Variant
from genolong.genome.tiles import GenomeTiles
from tests.builders.memory_genome import MemoryGenome

LETTERS = {"chr1": "ACGTACGTNacgtRACG", "chrM": "ACGT"}


@pytest.mark.parametrize(("reference", "alternate", "status"), [
    (b"A", b"C", Status.OK), (b"a", b"c", Status.OK), (b"A", b"ACG", Status.OK), (b"ACG", b"A", Status.OK),
    (b"AC", b"GT", Status.OK), (b"A", b"A", Status.REF_EQ_ALT), (b"A", b"a", Status.REF_EQ_ALT),
    (b"A", b".", Status.NO_ALT), (b"A", b"*", Status.STAR), (b"A", b"<*:DEL>", Status.STAR),
    (b"A", b"<DEL>", Status.SYMBOLIC), (b"A", b"<NON_REF>", Status.SYMBOLIC), (b"A", b"<DUP:TANDEM>", Status.SYMBOLIC),
    (b"A", b"<*>", Status.SYMBOLIC), (b"N", b"<DEL>", Status.SYMBOLIC), (b"C", b"C<ctg1>", Status.SYMBOLIC),
    (b"C", b"1<ctg1>", Status.MALFORMED), (b"C", b"C<>", Status.MALFORMED),
    (b"G", b"G]17:198982]", Status.BREAKEND), (b"G", b"]13:123456]G", Status.BREAKEND),
    (b"G", b"G[17:198982[", Status.BREAKEND), (b"G", b"[17:198982[G", Status.BREAKEND),
    (b"G", b"C[<ctg1>:7[", Status.BREAKEND), (b"G", b"G.", Status.BREAKEND), (b"G", b".G", Status.BREAKEND),
    (b"N", b".[13:123457[", Status.BREAKEND),
    (b"A", b"N", Status.NON_ACGT), (b"A", b"R", Status.NON_ACGT), (b"A", b"aCy", Status.NON_ACGT),
    (b"N", b"A", Status.NON_ACGT), (b"RA", b"A", Status.NON_ACGT), (b"A", b"U", Status.NON_ACGT),
    (b"A", b"", Status.MALFORMED), (b"", b"A", Status.MALFORMED), (b"A", b"A C", Status.MALFORMED),
    (b"A", b"1", Status.MALFORMED), (b"-", b"A", Status.MALFORMED), (b".", b"A", Status.MALFORMED),
    (b"A", b"<>", Status.MALFORMED), (b"A", b"<DEL", Status.MALFORMED), (b"A", b"\xff", Status.MALFORMED),
    (b"A", b"-", Status.MALFORMED), (b"*", b"A", Status.MALFORMED),
])  # fmt: skip
def test_kinds_by_hand(reference: bytes, alternate: bytes, status: Status):
    assert kind(reference, alternate) is status


@given(st.binary(max_size=6), st.binary(max_size=6) | st.text("ACGTNacgtn.*<>[]", max_size=5).map(str.encode))
def test_only_bases_are_ok(reference: bytes, alternate: bytes):
    bases = all(allele and set(allele.upper()) <= set(b"ACGT") for allele in (reference, alternate))
    found = kind(reference, alternate)
    assert (found in (Status.OK, Status.REF_EQ_ALT)) == bases
    assert (found is Status.OK) == (bases and reference.upper() != alternate.upper())


def test_statuses_are_words_that_info_can_hold():
    assert all(status.isidentifier() and status.islower() for status in Status)
    assert SCORED == (Status.OK, Status.EDGE, Status.N_RICH)


@pytest.mark.parametrize(("name", "found"), [
    ("chr1", "chr1"), ("1", "chr1"), ("MT", "chrM"), ("M", "chrM"), ("chrMT", "chrM"), ("2", None), ("Chr1", None),
    ("NC_1", "chr1"), ("one", "chr1"), ("chrone", "chr1"), ("mito", "chrM"), ("nowhere", None),
])  # fmt: skip
def test_names_of_contigs(name: str, found: str | None):
    names = ContigNames({"chr1": 10, "chrM": 4}, {"NC_1": "chr1", "one": "chr1", "mito": "chrM"})
    assert names.find(name) == names.find(name) == found


def test_the_genomes_own_name_comes_before_a_synonym():
    assert ContigNames({"a": 1, "b": 2}, {"a": "b"}).find("a") == "a"


@pytest.fixture
def checks() -> AlleleChecks:
    genome = MemoryGenome(LETTERS)
    lengths = genome.lengths
    return AlleleChecks(ContigNames(lengths, {}), GenomeTiles(genome, tile_bp=4).letters, longest_bp=3)


@pytest.mark.parametrize(("contig", "position", "reference", "alternate", "status"), [
    ("1", 0, b"A", b"C", Status.OK), ("chr1", 0, b"acg", b"t", Status.OK),  # lower case is the same base
    ("chr1", 9, b"AC", b"A", Status.OK), ("chr1", 16, b"G", b"A", Status.OK),
    ("chr1", 16, b"GA", b"G", Status.PAST_CONTIG_END), ("chr1", 17, b"A", b"G", Status.PAST_CONTIG_END),
    ("chr1", -1, b"A", b"G", Status.PAST_CONTIG_END),  # POS 0
    ("chr1", 0, b"C", b"A", Status.REF_MISMATCH), ("chr1", 8, b"A", b"C", Status.REF_MISMATCH),  # the FASTA has N
    ("chr1", 13, b"A", b"G", Status.REF_MISMATCH),  # and R
    ("chr7", 0, b"A", b"C", Status.NO_CONTIG), ("", 0, b"A", b"C", Status.NO_CONTIG),
    ("chr1", None, b"A", b"C", Status.MALFORMED), ("chr1", None, b"A", b"<DEL>", Status.MALFORMED),
    ("chr7", 0, b"A", b"<DEL>", Status.SYMBOLIC), ("chr1", 99, b"A", b"A", Status.REF_EQ_ALT),  # letters first
    ("chr1", 0, b"ACGTA", b"A", Status.TOO_LONG), ("chr1", 0, b"A", b"ACGTT", Status.TOO_LONG),
    ("chr1", 0, b"ACGT", b"A", Status.OK), ("chr1", 0, b"A", b"ACGT", Status.OK),  # without the base before
    ("chr1", 0, b"ACGTACG", b"ACTTACG", Status.OK),  # a single base, padded
    ("chr1", 0, b"CCCC", b"A", Status.REF_MISMATCH),
    ("chr1", 8, b"N", b"C", Status.NON_ACGT),
])  # fmt: skip
def test_statuses_by_hand(
    checks, contig: str, position: int | None, reference: bytes, alternate: bytes, status: Status
):
    ((found, variant),) = checks.alleles(contig, position, reference, (alternate,))
    assert found is status
    assert (variant is not None) == (status is Status.OK)


def test_each_allele_of_a_record_gets_its_own(checks):
    found = checks.alleles("1", 0, b"AC", (b"GC", b"*", b"A", b"ACGTTC", b"ac", b"<DEL>"))
    assert found == [
        (Status.OK, Variant("chr1", 0, b"A", b"G")), (Status.STAR, None), (Status.OK, Variant("chr1", 1, b"C", b"")),
        (Status.TOO_LONG, None), (Status.REF_EQ_ALT, None), (Status.SYMBOLIC, None),
    ]  # fmt: skip


def test_what_the_genome_has_there_is_told(checks):
    assert checks.reference("1", 0, b"CC") == (Status.REF_MISMATCH, "chr1", b"AC")
    assert checks.reference("M", 3, b"T") == (Status.OK, "chrM", b"T")
    assert checks.reference("1", None, b"C") == (Status.MALFORMED, "", b"")
