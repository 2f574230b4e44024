"""Embeddings of regions and variants: the model's states over each one, from windows read on both strands."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from genolong.genome.alleles import Status
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant, place, written
from genolong.genome.tiles import GenomeTiles
from genolong.genome.wholeness import wholeness, wholeness_of_both
from genolong.model.encoder import Encoder
from genolong.model.layers import check_layer, stretch_states
from genolong.parallel.shard import SequenceShard
from genolong.tasks.batches import batch_of

Target = Interval | Variant


class Embedded(NamedTuple):
    """Window status and states of a region, or of a variant's reference and alternate windows.

    States cover the region's bases, or those of the longer allele: a row per base, or one row with their mean.
    """

    status: Status
    states: Float32[np.ndarray, "alleles bases width"]


class Embedder:
    """Embeds regions and variants of one genome with one model, each independently of the others.

    Only the last digits of float32 may change with the batch size. States are those after `layer` blocks (None: after
    the last block, normed), averaged over both strands. If several processes each hold a slice of every window
    (`shard`), they read the same targets together.
    """

    def __init__(
        self, encoder: Encoder, tiles: GenomeTiles, layer: int | None, window_bp: int, device: torch.device, *,
        per_base: bool, batch: int | None = None, shard: SequenceShard | None = None,
    ) -> None:  # fmt: skip
        check_layer(layer, encoder.settings)
        self.encoder, self.tiles, self.layer = encoder.to(device).eval(), tiles, layer
        self.window_bp, self.device, self.per_base = window_bp, device, per_base
        self.batch = batch or batch_of(window_bp)
        self.shard = shard or SequenceShard.whole(window_bp)

    def read(self, targets: Sequence[Target]) -> list[Embedded]:
        """Embeddings of all targets, in order."""
        states = self._states(pair for target in targets for pair in self._windows(target))
        return [
            Embedded(
                self._wholeness(target),
                np.stack(list(islice(states, 2 if isinstance(target, Variant) else 1))),
            )
            for target in targets
        ]

    def _wholeness(self, target: Target) -> Status:
        if isinstance(target, Variant):
            return wholeness_of_both(self.tiles.genome, target, self.window_bp)
        return wholeness(self.tiles.genome, window_of(target, self.window_bp))

    def _windows(self, target: Target) -> Iterator[tuple[UInt8[np.ndarray, " length"], tuple[int, int]]]:
        """The codes of each window, and the (first, end) positions whose states are kept."""
        window = window_of(target, self.window_bp)
        first = target.start - window.start
        end = first + span_of(target)
        yield self.tiles.codes(window), (first, end)
        if isinstance(target, Variant):
            longer = Interval(window.contig, window.start, window.end + len(target.reference))
            yield written(target, first, self.tiles.codes(longer), self.window_bp), (first, end)

    def _states(self, windows: Iterator) -> Iterator[Float32[np.ndarray, "bases width"]]:
        while batch := list(islice(windows, self.batch)):
            codes = torch.from_numpy(np.stack([codes for codes, _ in batch])).to(self.device)
            stretches = torch.tensor([stretch for _, stretch in batch], device=self.device)
            with torch.inference_mode():
                read = stretch_states(self.encoder, codes, stretches, self.layer, self.shard)
                for states, (first, end) in zip(read, stretches.tolist(), strict=True):
                    asked = states[: end - first]
                    if not self.per_base:
                        asked = asked.double().mean(0, keepdim=True)
                    yield asked.float().cpu().numpy()


def span_of(target: Target) -> int:
    """Number of bases in a region, or in a variant's longer allele."""
    return target.span if isinstance(target, Variant) else target.length


def window_of(target: Target, window_bp: int) -> Interval:
    """The window with the target in its middle."""
    if isinstance(target, Variant):
        return place(target, window_bp)
    start = target.start - (window_bp - target.length) // 2
    return Interval(target.contig, start, start + window_bp)
