"""A perfect reader of a synthetic genome, by exact Bayesian inference: no model can have a lower mean loss."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer, UInt8

from genolong.genome.alphabet import N
from genolong.genome.synthetic.grammar import Grammar
from genolong.genome.synthetic.truth import Truth


@dataclass(frozen=True, eq=False)
class PerfectReader:
    """Knows the rules, the position and strand of every motif, and every letter in view except the one to predict.

    It knows neither the types of domains nor where they end; it infers them from the other slots in view, by the
    forward-backward algorithm over the memoryless switching of types. Other letters affect a base only next to
    background, because a background letter depends on the two before it. The two letters on either side are always
    visible, even beyond the end of the view. Therefore no reader of the letters can have a smaller mean loss.
    """

    grammar: Grammar
    rows: Float64[np.ndarray, "columns types 4"]
    columns: Int64[np.ndarray, " length"]
    codes: UInt8[np.ndarray, " length"]
    slots: Int64[np.ndarray, " slots"]

    @classmethod
    def of(cls, truth: Truth, contig: str, codes: UInt8[np.ndarray, " length"]) -> "PerfectReader":
        """The reader of one whole contig, whose letters are `codes`."""
        slots = np.flatnonzero(truth.slots(contig) & (codes < N))
        columns = truth.contigs[contig].columns(truth.grammar)
        return cls(truth.grammar, truth.grammar.columns()[0], columns, codes, slots)

    def losses(
        self,
        positions: Integer[np.ndarray, " positions"],
        starts: Integer[np.ndarray, " positions"],
        ends: Integer[np.ndarray, " positions"],
    ) -> Float64[np.ndarray, " positions"]:
        """The loss in nats at each position (which must be A C G T), given the letters from its start to its end.

        A view may extend past the contig, where there are no letters.
        """
        chances = self.probabilities(positions, starts, ends)
        return -np.log(chances[np.arange(len(positions)), self.codes[positions]])

    def probabilities(
        self,
        positions: Integer[np.ndarray, " positions"],
        starts: Integer[np.ndarray, " positions"],
        ends: Integer[np.ndarray, " positions"],
    ) -> Float64[np.ndarray, "positions 4"]:
        """The probabilities of A C G T at each position; arguments as for `losses`."""
        chances = self.rows[self.columns[positions], 0]
        voting = np.flatnonzero(self.grammar.is_slot()[self.columns[positions]])
        types = self.type_probabilities(positions[voting], starts[voting], ends[voting])
        chances[voting] = np.einsum("pt,ptl->pl", types, self.rows[self.columns[positions[voting]]])
        follows = self.grammar.background
        before, after = self._codes(positions - 1), self._codes(positions + 1)
        background = self._is_background(positions)
        chances[background] = follows[self._codes(positions - 2), before][background]
        first = self._is_background(positions + 1)
        chances[first] *= follows[before[first], :4, after[first]]
        second = self._is_background(positions + 2) & (after < N)
        chances[second] *= follows[:4, after[second], self._codes(positions + 2)[second]].T
        return chances / chances.sum(1, keepdims=True)

    def type_probabilities(
        self,
        positions: Integer[np.ndarray, " positions"],
        starts: Integer[np.ndarray, " positions"],
        ends: Integer[np.ndarray, " positions"],
    ) -> Float64[np.ndarray, "positions types"]:
        """The probability of each hidden type at each position, given the slots in view except that position itself."""
        before = np.searchsorted(self.slots, positions)
        after = np.searchsorted(self.slots, positions, side="right")
        first = np.minimum(np.searchsorted(self.slots, starts), before)
        last = np.maximum(np.searchsorted(self.slots, ends), after) - 1
        types = self._message(positions, first, before, 1) * self._message(positions, last, after - 1, -1)
        return types / types.sum(1, keepdims=True)

    def _message(
        self,
        positions: Integer[np.ndarray, " positions"],
        first: Integer[np.ndarray, " positions"],
        stop: Integer[np.ndarray, " positions"],
        step: int,
    ) -> Float64[np.ndarray, "positions types"]:
        """The evidence from the slots first, first + step, ... (before stop) on the type at each position.

        With K types and switching probability s, the type is the same d bases further on with probability
        1/K + (1 - 1/K) (1 - s K / (K - 1))^d.
        """
        types = self.grammar.types
        stay = 1 - self.grammar.switch * types / (types - 1)
        slot, message = first.copy(), np.full((len(positions), types), 1 / types)
        going = np.flatnonzero(slot != stop)
        while len(going):
            here = self.slots[slot[going]]
            told = message[going] * self.rows[self.columns[here], :, self.codes[here]]
            told /= told.sum(1, keepdims=True)
            slot[going] += step
            done = slot[going] == stop[going]
            there = np.where(done, positions[going], self.slots[np.where(done, 0, slot[going])])
            kept = stay ** np.abs(there - here)
            message[going] = 1 / types + kept[:, None] * (told - 1 / types)
            going = going[~done]
        return message

    def _codes(self, at: Integer[np.ndarray, " positions"]) -> UInt8[np.ndarray, " positions"]:
        inside = (at >= 0) & (at < len(self.codes))
        return np.where(inside, self.codes[np.where(inside, at, 0)], np.uint8(N))

    def _is_background(self, at: Integer[np.ndarray, " positions"]) -> Bool[np.ndarray, " positions"]:
        """Whether the position holds a background letter; N and positions past the contig's end do not."""
        inside = at < len(self.codes)
        return inside & (self.columns[np.where(inside, at, 0)] == 0) & (self._codes(at) < N)


def centred(
    positions: Integer[np.ndarray, " positions"], context_bp: int
) -> tuple[Int64[np.ndarray, " positions"], Int64[np.ndarray, " positions"]]:
    """Starts and ends of views of `context_bp` bases, each with its position in the middle."""
    starts = positions.astype(np.int64) - context_bp // 2
    return starts, starts + context_bp
