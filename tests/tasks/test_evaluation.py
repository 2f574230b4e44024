"""A model on hidden bases: the same numbers as one window at a time, the same bases whatever the context."""

from zlib import crc32

import numpy as np
import pytest
import torch
from torch import nn

from genolong.genome.coordinates import Interval
from genolong.loading.contexts import pieces
from genolong.loading.masking import MaskingSettings, hide
from genolong.model.encoder import Encoder
from genolong.model.heads import MaskedBaseHead
from genolong.tasks.evaluation import score
from tests.builders.memory_genome import MemoryGenome, random_letters
from tests.builders.models import encoder_settings

GENOME = MemoryGenome(
    {"one": random_letters(1_009, 3, unknown=0.05, soft=0.3), "two": random_letters(499, 4, soft=0.3)}
)
LENGTHS = {"one": 1_009, "two": 499}
WINDOWS = tuple(
    Interval(*place) for place in (("one", 0, 101), ("one", 303, 404), ("one", 908, 1_009), ("two", 7, 108))
)
MASKING = MaskingSettings(share=0.3, as_mask=0.6, as_random=0.2)
CPU = torch.device("cpu")


def make_model() -> nn.Module:
    torch.manual_seed(5)
    head = MaskedBaseHead(12)
    nn.init.normal_(head.logits.weight)  # or all bases were about as likely
    return nn.Sequential(Encoder(encoder_settings(dropout=0.5)), head)


def read(context: int, model: nn.Module | None = None, windows=WINDOWS, advance=lambda _: None):
    views = pieces(windows, context, LENGTHS)
    return score(model or make_model(), GENOME, views, MASKING, seed=11, device=CPU, advance=advance)


@pytest.mark.parametrize("context", [13, 64, 101, 211, 600])
@pytest.mark.parametrize("batch_bp", [1, 400, 1 << 15])
def test_losses_are_those_of_one_view_at_a_time(context, batch_bp, monkeypatch):
    monkeypatch.setattr("genolong.tasks.batches.BATCH_BP", batch_bp)
    model = make_model().eval()
    wanted = []
    for piece in pieces(WINDOWS, context, LENGTHS):
        view = piece.view
        codes, soft = GENOME.read(view)
        inputs, hidden = hide(codes, MASKING, 11, crc32(view.contig.encode()), view.start)
        with torch.no_grad():
            chances = model(torch.from_numpy(inputs)[None])[0].double().softmax(-1).numpy()
        for at in range(piece.scored.start - view.start, piece.scored.end - view.start):
            if hidden[at]:
                right = chances[at].argmax() == codes[at]
                nats = -np.log(chances[at, codes[at]])
                wanted.append((piece.window, view.start + at, view.start, view.end, soft[at], nats, right))
    found = read(context, model)
    for column, values in zip(found, zip(*wanted, strict=True), strict=True):
        np.testing.assert_allclose(column.astype(float), np.array(values, float), rtol=1e-5)


def test_every_context_is_asked_for_the_same_bases():
    whole = read(101)
    assert len(whole.nats) > 50
    for context in (13, 50, 500):
        cut = read(context)
        for name in ("window", "position", "soft_masked"):
            np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))
        assert not np.allclose(cut.nats, whole.nats)


def test_no_n_and_nothing_outside_the_windows_is_scored():
    scores = read(500)
    for window, position in zip(scores.window, scores.position, strict=True):
        interval = WINDOWS[window]
        assert interval.start <= position < interval.end
        assert GENOME.codes[interval.contig][position] < 4


def test_the_bases_read_are_counted_batch_by_batch(monkeypatch):
    monkeypatch.setattr("genolong.tasks.batches.BATCH_BP", 7 * 13)
    counts = []
    read(13, advance=counts.append)
    assert counts == [7 * 13] * 4 + [4 * 13], "32 views, 7 at a time"


def test_nothing_to_read_gives_nothing():
    assert len(read(13, windows=()).nats) == 0
