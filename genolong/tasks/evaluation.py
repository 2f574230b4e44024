"""Scores a model on hidden bases: the loss in nats at each one, and whether the likeliest base is right."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import nn
from torch.nn import functional

from genolong.genome.fasta import Genome
from genolong.loading.contexts import Piece
from genolong.loading.datasets import MaskedBatch, ValidationWindows
from genolong.loading.masking import MaskingSettings
from genolong.tasks.batches import batch_of


class Scores(NamedTuple):
    """Columns with one entry per scored hidden base: its place, the view it was read in, and how the model did."""

    window: Int64[np.ndarray, " positions"]
    position: Int64[np.ndarray, " positions"]
    view_start: Int64[np.ndarray, " positions"]
    view_end: Int64[np.ndarray, " positions"]
    soft_masked: Bool[np.ndarray, " positions"]
    nats: Float64[np.ndarray, " positions"]
    right: Bool[np.ndarray, " positions"]


def score(
    model: nn.Module, genome: Genome, pieces: Sequence[Piece], masking: MaskingSettings, seed: int, *,
    device: torch.device, advance: Callable[[int], None],
) -> Scores:  # fmt: skip
    """Reads every piece once and scores its hidden bases; `advance` is called with the number of bases just read.

    Which bases are hidden depends only on the seed and on their place in the genome, so pieces of any length share the
    same hidden bases, those of validation during training. All views must have the same length.
    """
    views = ValidationWindows(genome, [piece.view for piece in pieces], masking, seed)
    parts = [_nothing()]
    model = model.to(device).eval()
    with torch.inference_mode():
        for batch in _batches(len(pieces), pieces[0].view.length if pieces else 1):
            examples = MaskedBatch(*map(torch.stack, zip(*(views[index] for index in batch), strict=True)))
            parts.append(_score(model, examples, [pieces[index] for index in batch], device))
            advance(examples.inputs.numel())
    return Scores(*map(np.concatenate, zip(*parts, strict=True)))


def _batches(views: int, length: int) -> Iterator[range]:
    size = batch_of(length)
    return (range(first, min(first + size, views)) for first in range(0, views, size))


def _score(model: nn.Module, batch: MaskedBatch, pieces: Sequence[Piece], device: torch.device) -> Scores:
    edges = [(piece.window, piece.view.start, piece.view.end, piece.scored.start, piece.scored.end) for piece in pieces]
    window, view_start, view_end, first, last = torch.tensor(edges).T[:, :, None]
    places = view_start + torch.arange(batch.inputs.shape[1])
    scored = batch.hidden & (places >= first) & (places < last)
    logits = model(batch.inputs.to(device))[scored.to(device)].double()
    targets = batch.targets[scored].long().to(device)
    nats = functional.cross_entropy(logits, targets, reduction="none")
    known = (column.expand_as(places)[scored] for column in (window, places, view_start, view_end, batch.repeats))
    return Scores(*(column.cpu().numpy() for column in (*known, nats, logits.argmax(-1) == targets)))


def _nothing() -> Scores:
    whole, switch = np.zeros(0, np.int64), np.zeros(0, bool)
    return Scores(whole, whole, whole, whole, switch, np.zeros(0), switch)
