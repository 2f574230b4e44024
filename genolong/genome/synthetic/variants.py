"""Labelled variants of a synthetic genome: some disrupt a planted motif, the others are neutral."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, UInt8

from genolong.genome.alphabet import BASES, N
from genolong.genome.synthetic.chance import Chance
from genolong.genome.synthetic.truth import Truth

DISRUPTING, NEUTRAL = "disrupting", "neutral"
DISRUPTING_BELOW = -2.0  # natural log of the motif's p(alternate letter) / p(reference letter)
NEUTRAL_WITHIN = 0.7
NEUTRAL_IN_MOTIFS = (
    0.2  # share of neutral variants inside a motif, at positions where both letters are about equally likely
)


class LabelledVariant(NamedTuple):
    """A variant of a single letter; `position` counts from 0, `motif` is None in background."""

    contig: str
    position: int
    reference: str
    alternate: str
    label: str
    motif: str | None


def draw_variants(
    truth: Truth, codes: Mapping[str, UInt8[np.ndarray, " _"]], count: int, chance: Chance
) -> list[LabelledVariant]:
    """`count` variants of each label (fewer if the genome has no more), at distinct positions, in genome order.

    Slots and N are left out. Any change of a background letter is neutral.
    """
    contigs = list(truth.contigs)
    lengths = [truth.contigs[name].length for name in contigs]
    letters = np.concatenate([codes[name] for name in contigs])
    columns = np.concatenate([truth.contigs[name].columns(truth.grammar) for name in contigs])
    alternates = (letters + chance.integers(1, 4, len(letters))) % 4
    rows = truth.grammar.columns()[0][columns, 0]
    places = np.arange(len(letters))
    odds = np.log(rows[places, alternates] / rows[places, np.minimum(letters, N - 1)])
    usable = (letters < N) & ~truth.grammar.is_slot()[columns]
    planted = usable & (columns > 0)
    within = round(count * NEUTRAL_IN_MOTIFS)
    disrupting = _some(planted & (odds < DISRUPTING_BELOW), count, chance)
    neutral = _some(planted & (np.abs(odds) < NEUTRAL_WITHIN), within, chance)
    neutral = np.concatenate([neutral, _some(usable & (columns == 0), count - within, chance)])
    labels = {int(place): DISRUPTING for place in disrupting} | {int(place): NEUTRAL for place in neutral}
    begins = np.cumsum([0, *lengths[:-1]])
    found = []
    for place in sorted(labels):
        contig = int(np.searchsorted(begins, place, side="right")) - 1
        position = place - int(begins[contig])
        reference, alternate = BASES[letters[place]], BASES[alternates[place]]
        motif = truth.motif_at(contigs[contig], position)
        found.append(LabelledVariant(contigs[contig], position, reference, alternate, labels[place], motif))
    return found


def vcf_lines(variants: list[LabelledVariant], lengths: Mapping[str, int]) -> Iterator[str]:
    """A VCF 4.3 of labelled variants: header and records."""
    yield "##fileformat=VCFv4.3\n"
    yield "##source=genolong make_demo_genome\n"
    for name, length in lengths.items():
        yield f"##contig=<ID={name},length={length}>\n"
    yield (
        '##INFO=<ID=LABEL,Number=1,Type=String,Description="'
        f"{DISRUPTING}: a letter that a planted motif wants is lost; "
        f'{NEUTRAL}: background, or a letter that its motif takes as well">\n'
    )
    yield '##INFO=<ID=MOTIF,Number=1,Type=String,Description="The planted motif that the variant stands in">\n'
    yield "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    for contig, position, reference, alternate, label, motif in variants:
        inside = f";MOTIF={motif}" if motif else ""
        yield f"{contig}\t{position + 1}\t.\t{reference}\t{alternate}\t.\t.\tLABEL={label}{inside}\n"


def _some(candidates: np.ndarray, count: int, chance: Chance) -> Integer[np.ndarray, " some"]:
    places = np.flatnonzero(candidates)
    return places[chance.order(len(places))[:count]]
