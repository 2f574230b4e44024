"""What embed reads, in blocks of named rows: regions of a BED file, or alleles of a VCF."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from genolong.commands.embeddings.embed_settings import EmbedSettings
from genolong.commands.variants.checked_records import RecordChecks, example_of
from genolong.errors import InputError
from genolong.genome.alleles import AlleleChecks, ContigNames
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant
from genolong.genome.regions import read_named_bed
from genolong.genome.synonyms import read_synonyms
from genolong.genome.tiles import GenomeTiles
from genolong.genome.vcf import Record, VcfReader
from genolong.report.tally import Tally
from genolong.tasks.embedding import Target, span_of

logger = logging.getLogger(__name__)

BLOCK_BASES = 1 << 16  # bases of regions in memory at once


class Row(NamedTuple):
    """A target to embed, its name and strand; for an allele also POS, REF and ALT as in its VCF."""

    target: Target
    name: str
    strand: str
    position: int = 0
    reference: str = ""
    alternate: str = ""


class Rows(NamedTuple):
    """Blocks of rows, each with the amount of input read so far; the total amount; and for a VCF a tally of alleles."""

    blocks: Iterator[tuple[list[Row], int]]
    total: int | None
    tally: Tally | None


@contextmanager
def rows_of(settings: EmbedSettings, tiles: GenomeTiles, window_bp: int) -> Iterator[Rows]:
    """The rows of the BED file or the VCF; raises InputError or a subclass if they do not match the genome."""
    if settings.regions is not None:
        rows = _regions(settings.regions, tiles, window_bp)
        yield Rows(_blocks(((row, number) for number, row in enumerate(rows, 1)), settings), len(rows), None)
        return
    longest = min(settings.longest_allele, window_bp)
    if longest < settings.longest_allele:
        logger.info(f"alleles of more than {longest:,} bases do not fit into the window and are left out (too_long)")
    assert settings.vcf is not None
    with VcfReader(settings.vcf) as reader:
        tally = Tally()
        checks = RecordChecks(reader.name, _checks(settings, tiles, longest), tally, settings)
        alleles = _alleles(reader, checks, tally, settings.regions_at_once)
        yield Rows(_blocks(alleles, settings), reader.bytes_total, tally)


def _regions(path: str, tiles: GenomeTiles, window_bp: int) -> list[Row]:
    regions = read_named_bed(path, tiles.genome.lengths)
    for region in regions:
        if region.interval.length > window_bp:
            raise InputError(
                f"{region.where}: {region.name} has {region.interval.length:,} bases, more than the window of "
                f"{window_bp:,}; shorten it, or use a longer window_bp"
            )
    return [Row(region.interval, region.name, region.strand) for region in regions]


def _checks(settings: EmbedSettings, tiles: GenomeTiles, longest: int) -> AlleleChecks:
    names = tiles.genome.lengths
    synonyms = read_synonyms(settings.synonyms, names)
    return AlleleChecks(ContigNames(names, synonyms), tiles.letters, longest)


def _alleles(reader: VcfReader, checks: RecordChecks, tally: Tally, size: int) -> Iterator[tuple[Row, int]]:
    """The alleles that can be embedded; the others are only counted."""
    for block in checks.blocks(reader, size):
        for record, alleles in block:
            tally.records += 1
            alternates = record.alternates or (record.malformed.encode(),)
            for (status, variant), alternate in zip(alleles, alternates, strict=True):
                tally.add(status, example_of(record, alternate))
                if variant is not None:
                    yield _of_allele(variant, record, alternate), reader.bytes_read


def _of_allele(variant: Variant, record: Record, alternate: bytes) -> Row:
    """Named after the record's ID, or written as model.score takes it."""
    assert record.position is not None
    position, (reference, other) = record.position + 1, _text(record.reference, alternate)
    place = f"{record.contig}:{position} {reference}>{other}"
    return Row(variant, place if record.id in (".", "") else record.id, ".", position, reference, other)


def _text(*alleles: bytes) -> tuple[str, ...]:
    return tuple(allele.decode("latin-1").upper() for allele in alleles)


def _blocks(rows: Iterator[tuple[Row, int]], settings: EmbedSettings) -> Iterator[tuple[list[Row], int]]:
    """Groups rows into blocks; the boundaries depend only on the rows."""
    block: list[Row] = []
    bases, read = 0, 0
    for row, read in rows:
        block.append(row)
        bases += span_of(row.target)
        if len(block) == settings.regions_at_once or bases >= BLOCK_BASES:
            yield block, read
            block, bases = [], 0
    if block:
        yield block, read


def interval_of(target: Target) -> Interval:
    """The bases of the reference window that the states cover."""
    return Interval(target.contig, target.start, target.start + span_of(target))
