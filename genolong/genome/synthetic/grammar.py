"""The rules of a synthetic genome: background, paired motifs, and slots whose letters depend on a hidden type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from genolong.genome.alphabet import N
from genolong.genome.synthetic.chance import Chance

PLUS, MINUS = 0, 1


@dataclass(frozen=True)
class GrammarSettings:
    """Parameters for drawing a grammar."""

    paired_motifs: int  # motifs with a partner
    shortest_bp: int
    longest_bp: int
    weak: int  # number of motif positions with only a weak preference
    strong_chance: float  # of the consensus letter at other positions
    weak_chances: tuple[float, float, float, float]
    follow: float  # chance that a paired motif's partner is next to it
    nearest_bp: int  # distance between partners, from end to start
    farthest_bp: int
    voting_motifs: int  # further motifs, without partners, that hold slots
    voting_share: float  # of all units
    slots: int  # in each voting motif
    types: int
    vote: float  # chance that a slot's letter is the one favoured by the domain's type
    domain_bp: int  # mean length of a domain
    gap_bp: int  # mean length of background between units
    shortest_gap_bp: int
    background: float  # 0: all trinucleotides equally likely
    weak_pairs: float  # how much more likely A and T are than C and G


@dataclass(frozen=True, eq=False)
class Motif:
    """Letter probabilities on the plus strand, the slots, and the partner that may follow after `distance_bp`.

    `slots` maps an offset to the letter that each type favours there; `letters` is the mean over the types. A motif
    with slots has no partner.
    """

    name: str
    letters: Float64[np.ndarray, "length 4"]
    slots: Mapping[int, tuple[int, ...]]
    partner: int | None
    distance_bp: int

    @property
    def consensus(self) -> Int64[np.ndarray, " length"]:
        return self.letters.argmax(1)


@dataclass(frozen=True, eq=False)
class Grammar:
    """All rules that are needed to generate a synthetic genome, and to predict one perfectly.

    `background[a, b]` are the probabilities of the letter after a b; a or b is 4 if unknown (N, or before the contig).
    They are the same on both strands. Every base ends its domain with probability `switch`; the next domain has any
    other type. `gap_bp` is the mean length of background between units.
    """

    background: Float64[np.ndarray, "5 5 4"]
    motifs: tuple[Motif, ...]
    types: int
    vote: float
    switch: float
    follow: float
    voting_share: float
    gap_bp: int
    shortest_gap_bp: int

    def columns(self) -> tuple[Float64[np.ndarray, "columns types 4"], Int64[np.ndarray, "motifs 2"]]:
        """Letter probabilities at every motif position, left to right, and the first row of each motif and strand.

        Row 0 stands for background and is never drawn from.
        """
        rows, first, begin = [np.full((1, self.types, 4), 0.25)], np.zeros((len(self.motifs), 2), np.int64), 1
        for index, motif in enumerate(self.motifs):
            plus = np.repeat(motif.letters[:, None], self.types, axis=1)
            for offset, favoured in motif.slots.items():
                plus[offset] = (1 - self.vote) / 3
                plus[offset, np.arange(self.types), favoured] = self.vote
            for strand, rows_of_strand in ((PLUS, plus), (MINUS, plus[::-1, :, ::-1])):
                first[index, strand], begin = begin, begin + len(plus)
                rows.append(rows_of_strand)
        return np.concatenate(rows), first

    def is_slot(self) -> Bool[np.ndarray, " columns"]:
        """Which rows of `columns()` depend on the hidden type."""
        rows, _ = self.columns()
        return (rows != rows[:, :1]).any((1, 2))

    def as_json(self) -> dict[str, Any]:
        return {
            "background": self.background.tolist(),
            "motifs": [
                {
                    "name": motif.name,
                    "letters": motif.letters.tolist(),
                    "slots": {str(offset): list(favoured) for offset, favoured in motif.slots.items()},
                    "partner": motif.partner,
                    "distance_bp": motif.distance_bp,
                }
                for motif in self.motifs
            ],
            "types": self.types,
            "vote": self.vote,
            "switch": self.switch,
            "follow": self.follow,
            "voting_share": self.voting_share,
            "gap_bp": self.gap_bp,
            "shortest_gap_bp": self.shortest_gap_bp,
        }

    @classmethod
    def from_json(cls, rules: Mapping[str, Any]) -> "Grammar":
        motifs = tuple(
            Motif(
                motif["name"],
                np.array(motif["letters"]),
                {int(offset): tuple(favoured) for offset, favoured in motif["slots"].items()},
                motif["partner"],
                motif["distance_bp"],
            )
            for motif in rules["motifs"]
        )
        return cls(**{**rules, "background": np.array(rules["background"]), "motifs": motifs})


def draw_grammar(settings: GrammarSettings, chance: Chance) -> Grammar:
    """Draw the rules; probabilities are rounded to six decimals, so that the JSON file states them exactly."""
    partners = [*_ring(settings.paired_motifs, chance), *[None] * settings.voting_motifs]
    motifs = tuple(_draw_motif(index, partner, settings, chance) for index, partner in enumerate(partners))
    return Grammar(
        background=_draw_background(settings, chance),
        motifs=motifs,
        types=settings.types,
        vote=settings.vote,
        switch=1 / settings.domain_bp,
        follow=settings.follow,
        voting_share=settings.voting_share,
        gap_bp=settings.gap_bp,
        shortest_gap_bp=settings.shortest_gap_bp,
    )


def _ring(count: int, chance: Chance) -> list[int]:
    """Each motif's partner: one ring through all motifs, so that all are equally frequent."""
    order = chance.order(count)
    partners = np.empty(count, np.int64)
    partners[order] = np.roll(order, -1)
    return partners.tolist()


def _draw_motif(index: int, partner: int | None, settings: GrammarSettings, chance: Chance) -> Motif:
    length = int(chance.integers(settings.shortest_bp, settings.longest_bp + 1, 1)[0])
    consensus = chance.integers(0, 4, length)
    letters = np.full((length, 4), (1 - settings.strong_chance) / 3)
    letters[np.arange(length), consensus] = settings.strong_chance
    interior = 2 + chance.order(length - 4)
    for offset in interior[: settings.weak]:
        letters[offset] = np.array(settings.weak_chances)[chance.order(4)]
    votes = settings.slots if partner is None else 0
    slots = interior[settings.weak : settings.weak + votes]
    letters[slots] = 0.25
    return Motif(
        name=f"motif{index + 1:02d}",
        letters=_rounded(letters),
        slots={int(offset): tuple(chance.order(4)[: settings.types].tolist()) for offset in np.sort(slots)},
        partner=partner,
        distance_bp=int(chance.integers(settings.nearest_bp, settings.farthest_bp + 1, 1)[0]),
    )


def _draw_background(settings: GrammarSettings, chance: Chance) -> Float64[np.ndarray, "5 5 4"]:
    """A Markov chain that is the same on both strands, from trinucleotide weights shared by both strands.

    With weights w the chain steps from ab to c with probability w(abc) v(bc) / (lambda v(ab)), where v is the
    eigenvector of the largest eigenvalue lambda.
    """
    energy = settings.background * (2 * chance.uniform(4, 4, 4) - 1)
    energy = energy + np.flip(energy).transpose()
    pairs = settings.weak_pairs ** (np.array([1, 0, 0, 1]) / 3)
    weights = np.exp(energy) * pairs[:, None, None] * pairs[:, None] * pairs
    right, left = np.ones((4, 4)), np.ones((4, 4))
    for _ in range(200):
        right = np.einsum("abc,bc->ab", weights, right)
        left = np.einsum("ab,abc->bc", left, weights)
        right, left = right / right.sum(), left / left.sum()
    triple = left[:, :, None] * weights * right[None]
    triple /= triple.sum()
    follows = np.full((5, 5, 4), 0.25)
    follows[:4, :4] = triple / triple.sum(2, keepdims=True)
    follows[N, :4] = triple.sum(0) / triple.sum((0, 2))[:, None]
    follows[:, N] = triple.sum((0, 1))
    return _rounded(follows)


def _rounded(chances: Float64[np.ndarray, "*rows 4"]) -> Float64[np.ndarray, "*rows 4"]:
    millionths = np.rint(chances * 1_000_000)
    millionths[..., 3] = 1_000_000 - millionths[..., :3].sum(-1)
    return millionths / 1_000_000
