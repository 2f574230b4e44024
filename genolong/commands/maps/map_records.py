"""A mutation map as VCF records: one per base, with all three substitutions and the same fields as predict."""

import re
from collections.abc import Iterable, Iterator, Mapping

from genolong.commands.variants.effect_fields import COMMANDS, EffectFields
from genolong.genome.alleles import Status
from genolong.genome.alphabet import BASES, N
from genolong.genome.vcf import Record
from genolong.genome.vcf_header import COLUMNS
from genolong.tasks.mutation_map import MappedBases
from genolong.tasks.variant_effect import Effect

VERSION = b"##fileformat=VCFv4.2"
_CONTIG = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")


def header_lines(
    fields: EffectFields, origin: Mapping[str, str], flank: int, contigs: Mapping[str, int]
) -> list[bytes]:  # fmt: skip
    """The header, with line ends; `contigs` are lengths. Names that the specification forbids are not declared."""
    forbidden = set(undeclared(contigs))
    declared = (
        f"##contig=<ID={name},length={length}>".encode() for name, length in contigs.items() if name not in forbidden
    )
    return [line + b"\n" for line in (VERSION, *declared, *fields.header(origin, flank, COMMANDS[1]), COLUMNS)]


def undeclared(contigs: Iterable[str]) -> list[str]:
    """The names that the VCF specification forbids (1.4.7), so that the header does not declare them."""
    return [name for name in contigs if not _CONTIG.fullmatch(name)]


def records_of(mapped: MappedBases, fields: EffectFields, first_line: int) -> Iterator[Record]:
    """The records in order; N has no ALT and no score. `first_line` is the line number of the first record."""
    contig, start = mapped.interval.contig, mapped.interval.start
    for at, (code, status, effects) in enumerate(zip(mapped.codes, mapped.statuses, _effects(mapped), strict=True)):
        letter = "N" if code >= N else BASES[code]
        alternates = tuple(base.encode() for base in BASES if base != letter) if code < N else (b".",)
        before = f"{contig}\t{start + at + 1}\t.\t{letter}\t{b','.join(alternates).decode()}\t.\t.\t".encode()
        info = fields.entries([status] * len(alternates) if code < N else [Status.NO_ALT], effects)
        yield Record(
            first_line + at, contig, start + at, letter.encode(), alternates, before + info + b"\n", len(before),
            len(before) + len(info),
        )  # fmt: skip


def _effects(mapped: MappedBases) -> Iterator[list[Effect | None]]:
    llrs = mapped.llr.tolist()
    distances, probabilities = (
        None if values is None else values.tolist() for values in (mapped.distances, mapped.probabilities)
    )
    for at, (code, status) in enumerate(zip(mapped.codes, mapped.statuses, strict=True)):
        if code >= N:
            yield [None]
            continue
        yield [
            Effect(
                llrs[at][base], None if distances is None else distances[at][base], status,
                None if probabilities is None else probabilities[at][base],
            )
            for base in range(4) if base != code
        ]  # fmt: skip
