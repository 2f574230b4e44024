"""Datasets of training and validation windows: codes with some bases hidden, batched as NamedTuples."""

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from genolong.genome.alphabet import reverse_complement
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.loading.masking import MaskingSettings, hide
from genolong.loading.order import TrainingOrder


class MaskedBatch(NamedTuple):
    """The model's input (codes 0 to 5), the true codes (0 to 4), and which bases are hidden and soft-masked.

    A single example lacks the axis `batch`.
    """

    inputs: UInt8[Tensor, "*batch length"]
    targets: UInt8[Tensor, "*batch length"]
    hidden: Bool[Tensor, "*batch length"]
    repeats: Bool[Tensor, "*batch length"]


class TrainingWindows(Dataset[MaskedBatch]):
    """Training windows; example step * slots + slot has the strand and mask that the order assigns to it.

    Only the positions `part` of each window are read, counted along the strand; None reads all.
    """

    def __init__(
        self, order: TrainingOrder, masking: MaskingSettings, max_steps: int, slots: int, part: range | None = None
    ) -> None:
        self.order, self.masking, self.max_steps, self.slots = order, masking, max_steps, slots
        self.part = range(order.window_bp) if part is None else part

    def __len__(self) -> int:
        return self.max_steps * self.slots

    def __getitem__(self, index: int) -> MaskedBatch:
        window = self.order.window(*divmod(index, self.slots))
        place = _part_of(window.interval, self.part, reverse=window.reverse)
        codes, repeats = read(self.order.genome, place, reverse=window.reverse)
        return _example(codes, repeats, *hide(codes, self.masking, self.order.seed, window.key, self.part.start))


class ValidationWindows(Dataset[MaskedBatch]):
    """Validation windows, on the forward strand. Whether a base is hidden depends only on the seed and its position.

    So a base is hidden in every window that holds it, and short and long windows are compared on the same bases.
    Only the positions `part` of each window are read; None reads all. Indices past the last window start over, with
    no base hidden, because processes that wait for each other must read equally many windows.
    """

    def __init__(
        self, genome: Genome, windows: Sequence[Interval], masking: MaskingSettings, seed: int,
        part: range | None = None,
    ) -> None:  # fmt: skip
        self.genome, self.windows, self.masking, self.seed, self.part = genome, tuple(windows), masking, seed, part

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> MaskedBatch:
        window = self.windows[index % len(self.windows)]
        if self.part is not None:
            window = _part_of(window, self.part, reverse=False)
        codes, repeats = read(self.genome, window, reverse=False)
        inputs, hidden = hide(codes, self.masking, self.seed, key=crc32(window.contig.encode()), start=window.start)
        return _example(codes, repeats, inputs, hidden & (index < len(self.windows)))


def read(
    genome: Genome, interval: Interval, *, reverse: bool
) -> tuple[UInt8[np.ndarray, " length"], Bool[np.ndarray, " length"]]:
    """Codes and soft-masked bases of an interval, in the direction of the strand that is read."""
    codes, repeats = genome.read(interval)
    return (reverse_complement(codes), repeats[::-1].copy()) if reverse else (codes, repeats)


def _part_of(window: Interval, part: range, *, reverse: bool) -> Interval:
    """The interval of the positions `part` of a window; on the reverse strand they count from the window's end."""
    if reverse:
        return Interval(window.contig, window.end - part.stop, window.end - part.start)
    return Interval(window.contig, window.start + part.start, window.start + part.stop)


def _example(
    codes: UInt8[np.ndarray, " length"],
    repeats: Bool[np.ndarray, " length"],
    inputs: UInt8[np.ndarray, " length"],
    hidden: Bool[np.ndarray, " length"],
) -> MaskedBatch:
    return MaskedBatch(*map(torch.from_numpy, (inputs, codes, hidden, repeats)))
