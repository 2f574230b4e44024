"""Processes that hold a slice of every window each give the scores, features and gradients of one process."""

import numpy as np
import pytest
import torch
from torch import nn

from genolong.genome.edit import Variant
from genolong.genome.tiles import GenomeTiles
from genolong.model.encoder import Encoder
from genolong.model.heads import MaskedBaseHead
from genolong.model.variant_head import VariantHead, VariantHeadSettings, variant_features
from genolong.model.window_reading import WindowReading, read_windows
from genolong.parallel.shard import SequenceShard
from genolong.tasks.variant_effect import ScoringSettings, VariantScorer
from tests.builders.memory_genome import MemoryGenome, random_letters
from tests.builders.models import encoder_settings
from tests.builders.thread_group import in_threads

WINDOW = 53
LETTERS = random_letters(211, 3, unknown=0.05)
HEAD = VariantHeadSettings(around=[0, 3, 11], flank=2, hidden=5, dropout=0.0)


def models() -> tuple[Encoder, nn.Module, VariantHead]:
    torch.manual_seed(11)
    encoder, head = Encoder(encoder_settings(kernel=5)).double().eval(), MaskedBaseHead(12).double()
    nn.init.normal_(head.logits.weight)
    return encoder, head, VariantHead(HEAD, 12).eval()


def variants() -> list[Variant]:
    made = []
    for start, span, alternate in (
        (4, 1, b"A"),
        (30, 1, b"C"),
        (31, 1, b"G"),
        (77, 3, b"T"),
        (120, 1, b"TTAG"),
        (205, 2, b"C"),
    ):
        reference = LETTERS[start : start + span].encode().upper()
        if b"N" not in reference and reference != alternate:
            made.append(Variant("chr1", start, reference, alternate))
    return made


def scorer(mode: str, parts: tuple[Encoder, nn.Module, VariantHead], shard: SequenceShard | None) -> VariantScorer:
    asked = ScoringSettings(
        mode=mode, window_bp=None, spacing=7, flank=2, distance=True, longest_allele=11, batch=3
    )  # fmt: skip
    tiles = GenomeTiles(MemoryGenome({"chr1": LETTERS}), tile_bp=16)
    encoder, head, variant_head = parts
    return VariantScorer(encoder, head, tiles, asked, WINDOW, torch.device("cpu"), variant_head, shard)


@pytest.mark.parametrize("mode", ["exact", "shared", "unmasked"])
@pytest.mark.parametrize("processes", [2, 3])
def test_scores_of_slices_are_those_of_whole_windows(mode, processes):
    wanted = scorer(mode, models(), None).score(variants())
    assert len(wanted) >= 4
    parts = [models() for _ in range(processes)]
    found = in_threads(
        processes, lambda group: scorer(mode, parts[group.rank], SequenceShard(WINDOW, group)).score(variants())
    )
    for of_one in found:
        assert [effect.status for effect in of_one] == [effect.status for effect in wanted]
        for name in ("llr", "distance", "chance"):
            numbers = [np.array([getattr(effect, name) for effect in effects]) for effects in (of_one, wanted)]
            assert np.allclose(*numbers, rtol=0, atol=1e-9 if name != "chance" else 1e-6), name


def test_gradients_through_what_slices_sum_are_those_of_whole_windows():
    """As averaging over processes sees them: every process's loss is the same, and counts once for each of them."""
    torch.manual_seed(7)
    codes = torch.randint(0, 5, (4, WINDOW), dtype=torch.uint8)
    stretches = torch.tensor([[[20, 31], [25, 26], [22, 29], [10, 40]]]).expand(4, -1, -1)

    def loss(encoder: Encoder, head: nn.Module, variant_head: VariantHead, shard: SequenceShard | None):
        read = read_windows(encoder, head, codes, stretches, shard)
        pairs = [WindowReading(*(part[at::2] for part in read)) for at in (0, 1)]
        return variant_head(variant_features(*pairs)).square().sum()

    def grads(parts: tuple[Encoder, nn.Module, VariantHead], shard: SequenceShard | None) -> list[torch.Tensor]:
        weights = [weight for part in parts for weight in part.parameters()]
        return [
            torch.zeros_like(weight) if grad is None else grad
            for weight, grad in zip(
                weights, torch.autograd.grad(loss(*parts, shard), weights, allow_unused=True), strict=True
            )
        ]

    parts = [models() for _ in range(3)]
    of_slices = in_threads(3, lambda group: grads(parts[group.rank], SequenceShard(WINDOW, group)))
    for wanted, *found in zip(grads(models(), None), *of_slices, strict=True):
        mean = torch.stack(found).mean(0)
        assert torch.allclose(mean, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max() + 1e-9))
