"""The perfect reader by brute force: every path of hidden types along a contig, and the chance of letters under it."""

from itertools import pairwise, product

import numpy as np

from genolong.genome.synthetic.grammar import Grammar
from genolong.genome.synthetic.truth import Truth


def probabilities(truth: Truth, contig: str, codes: np.ndarray, position: int, start: int, end: int) -> np.ndarray:
    """The chance of A C G T at a position, summed over all paths; slots outside start to end are not looked at."""
    rows, _ = truth.grammar.columns()
    columns = truth.contigs[contig].columns(truth.grammar)
    hidden = [at for at in np.flatnonzero(truth.slots(contig)) if not start <= at < end and at != position]
    joint = np.zeros(4)
    for letter in range(4):
        written = codes.copy()
        written[position] = letter
        for path in product(range(truth.grammar.types), repeat=len(codes)):
            likelihood = _of_path(truth.grammar, path)
            for at in range(len(codes)):
                if written[at] < 4 and at not in hidden:
                    likelihood *= _of_letter(truth.grammar, rows, columns, written, path, at)
            joint[letter] += likelihood
    return joint / joint.sum()


def _of_path(grammar: Grammar, path: tuple[int, ...]) -> float:
    likelihood = 1 / grammar.types
    for one, other in pairwise(path):
        likelihood *= 1 - grammar.switch if one == other else grammar.switch / (grammar.types - 1)
    return likelihood


def _of_letter(grammar: Grammar, rows, columns, written, path, at: int) -> float:
    if columns[at]:
        return rows[columns[at], path[at], written[at]]
    before = written[at - 1] if at >= 1 else 4
    second = written[at - 2] if at >= 2 else 4
    return grammar.background[second, before, written[at]]
