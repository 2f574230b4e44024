"""Synthetic genomes of any size, down to a dozen bases whose every hidden path can be counted."""

from dataclasses import replace
from typing import Any

import numpy as np

from genolong.genome.synthetic.chance import Chance
from genolong.genome.synthetic.files import GRAMMAR
from genolong.genome.synthetic.genome import AssemblySettings, draw_genome
from genolong.genome.synthetic.grammar import draw_grammar
from genolong.genome.synthetic.truth import Truth

WHOLE = AssemblySettings(
    unknown_every_bp=10**9, unknown_longest_bp=1, soft_masked_every_bp=10**9, soft_masked_longest_bp=1
)
TINY: dict[str, Any] = {
    "paired_motifs": 2,
    "voting_motifs": 2,
    "voting_share": 0.6,
    "slots": 2,
    "shortest_bp": 6,
    "longest_bp": 7,
    "weak": 0,
    "domain_bp": 5,
    "follow": 0.4,
    "nearest_bp": 0,
    "farthest_bp": 2,
    "gap_bp": 3,
    "shortest_gap_bp": 1,
    "background": 0.7,
}


def synthetic(
    lengths: dict[str, int], seed: int, assembly: AssemblySettings = WHOLE, **settings: Any
) -> tuple[Truth, dict[str, np.ndarray]]:
    """A genome's truth and its contigs' codes; `settings` are changes to the demo genome's grammar."""
    chance = Chance(seed)
    grammar = draw_grammar(replace(GRAMMAR, **settings), chance)
    contigs = list(draw_genome(grammar, assembly, lengths, chance))
    return Truth(grammar, {contig.name: contig.truth for contig in contigs}), {one.name: one.codes for one in contigs}
