"""Embeddings are the model's own states, read directly; sliced and batched windows give the same."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genolong.errors import SettingsError
from genolong.genome.alleles import Status
from genolong.genome.alphabet import encode, reverse_complement
from genolong.genome.coordinates import Interval
from genolong.genome.edit import Variant
from genolong.genome.fasta import Genome
from genolong.genome.tiles import GenomeTiles
from genolong.model.encoder import Encoder
from genolong.model.layers import stretch_states
from genolong.parallel.shard import SequenceShard
from genolong.tasks.embedding import Embedder
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.models import encoder_settings
from tests.builders.thread_group import ThreadGroup, in_threads

LETTERS = random_letters(211, 3)
WINDOW = 31


@pytest.fixture
def tiles(tmp_path: Path) -> GenomeTiles:
    return GenomeTiles(Genome.open([write_fasta(tmp_path, {"c": LETTERS})], tmp_path / "cache"))


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(11)
    made = Encoder(encoder_settings(layers=3)).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return made


def direct(encoder: Encoder, letters: str, layer: int | None) -> np.ndarray:
    """The mean of both strands, each read alone."""
    codes = encode(letters.encode())
    strands = []
    with torch.inference_mode():
        for strand in (codes, reverse_complement(codes)):
            asked = torch.from_numpy(strand.copy())[None]
            strands.append((encoder(asked) if layer is None else encoder.after(asked, layer))[0].numpy())
    return (strands[0] + strands[1][::-1]) / 2


@pytest.mark.parametrize("layer", [0, 2, None])
@pytest.mark.parametrize("per_base", [True, False])
def test_a_region_is_what_the_model_makes_of_its_window(encoder, tiles, layer, per_base: bool):
    embedder = Embedder(encoder, tiles, layer, WINDOW, torch.device("cpu"), per_base=per_base, batch=2)
    regions = [Interval("c", 100, 107), Interval("c", 50, 51), Interval("c", 3, 8), Interval("c", 90, 90 + WINDOW)]
    found = embedder.read(regions)
    assert [each.status for each in found] == [Status.OK, Status.OK, Status.EDGE, Status.OK]
    for region, each in zip(regions, found, strict=True):
        first = (WINDOW - region.length) // 2
        start = region.start - first
        letters = "".join(LETTERS[at] if at >= 0 else "N" for at in range(start, start + WINDOW))
        wanted = direct(encoder, letters, layer)[first : first + region.length]
        if not per_base:
            wanted = wanted.mean(0, keepdims=True)
        assert each.states.dtype == np.float32
        np.testing.assert_allclose(each.states[0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("reference", "alternate"), [(1, "T"), (3, ""), (0, "GATTA")])
def test_a_variant_is_embedded_with_both_its_alleles(encoder, tiles, reference: int, alternate: str):
    at = 101
    variant = Variant("c", at, LETTERS[at : at + reference].encode(), alternate.encode())
    (found,) = Embedder(encoder, tiles, None, WINDOW, torch.device("cpu"), per_base=True).read([variant])
    first = (WINDOW - variant.span) // 2
    start = at - first
    edited = LETTERS[:at] + alternate + LETTERS[at + reference :]
    for states, letters in zip(found.states, (LETTERS, edited), strict=True):
        wanted = direct(encoder, letters[start : start + WINDOW], None)[first : first + variant.span]
        np.testing.assert_allclose(states, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("layer", [0, 2, None])
def test_processes_that_hold_slices_of_a_window_read_what_one_reads(encoder: Encoder, size: int, layer: int | None):
    encoder = encoder.double()
    codes = torch.from_numpy(np.stack([encode(LETTERS[at : at + WINDOW].encode()) for at in (0, 40)]))
    stretches = torch.tensor([[3, 20], [0, WINDOW]])
    whole = stretch_states(encoder, codes, stretches, layer)
    assert whole.shape == (2, WINDOW, 12) and not whole[0, 17:].any()

    def work(group: ThreadGroup) -> torch.Tensor:
        return stretch_states(encoder, codes, stretches, layer, SequenceShard(WINDOW, group))

    for part in in_threads(size, work):
        torch.testing.assert_close(part, whole)


def test_a_batch_holds_about_33_thousand_bases_and_one_window_at_least(encoder: Encoder, tiles: GenomeTiles):
    def batch(window_bp: int, asked: int | None = None) -> int:
        return Embedder(encoder, tiles, 0, window_bp, torch.device("cpu"), per_base=True, batch=asked).batch

    assert [batch(31), batch(1 << 15), batch(1 << 16), batch(31, 5)] == [1057, 1, 1, 5]


def test_a_layer_that_is_not_there_is_refused_before_anything_is_read(encoder: Encoder, tiles: GenomeTiles):
    with pytest.raises(SettingsError, match=r"layer=4: wanted 0 \(the bases as they enter\) to 3"):
        Embedder(encoder, tiles, 4, WINDOW, torch.device("cpu"), per_base=True)


def test_states_are_read_in_inference_mode_without_a_graph(encoder: Encoder, tiles: GenomeTiles):
    seen: list[bool] = []
    encoder.register_forward_pre_hook(lambda *_: seen.append(torch.is_inference_mode_enabled()))
    (found,) = Embedder(encoder, tiles, None, WINDOW, torch.device("cpu"), per_base=True).read([Interval("c", 50, 51)])
    assert seen and all(seen)
    assert found.states.dtype == np.float32
