"""Examples: one strand or the other, hidden and not, and batches that keep their names."""

import pickle

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import default_collate

from genolong.genome.alphabet import MASK, N, T, reverse_complement
from genolong.genome.coordinates import Interval
from genolong.loading.datasets import MaskedBatch, TrainingWindows, ValidationWindows, read
from genolong.loading.masking import MaskingSettings, hide
from genolong.loading.order import TrainingOrder
from tests.builders.memory_genome import MemoryGenome, random_letters

GENOME = MemoryGenome(
    {"chr1": random_letters(3_001, 1, unknown=0.1, soft=0.3), "chr2": random_letters(997, 2, soft=0.7)}
)
BERT = MaskingSettings(share=0.15, as_mask=0.8, as_random=0.1)


def training(reverse_complement: float = 0.5, window_bp: int = 127, slots: int = 7) -> TrainingWindows:
    regions = [Interval("chr1", 0, 3_001), Interval("chr2", 0, 997)]
    order = TrainingOrder(GENOME, regions, window_bp, 0.5, reverse_complement, seed=3)
    return TrainingWindows(order, BERT, max_steps=11, slots=slots)


def same(one: MaskedBatch, other: MaskedBatch) -> bool:
    return all(torch.equal(left, right) for left, right in zip(one, other, strict=True))


@given(st.sampled_from(["chr1", "chr2"]), st.integers(-50, 3_020), st.integers(1, 131))
def test_the_other_strand_is_the_reverse_complement_and_its_repeats_go_along(
    contig: str, start: int, length: int
) -> None:
    interval = Interval(contig, min(start, GENOME.contigs[contig].length - 1), start + length)
    codes, repeats = read(GENOME, interval, reverse=False)
    other, other_repeats = read(GENOME, interval, reverse=True)
    assert np.array_equal(other, reverse_complement(codes))
    assert np.array_equal(other_repeats, repeats[::-1])


@given(st.integers(0, 76))
def test_a_training_example_is_the_window_of_its_step_and_slot(index: int) -> None:
    windows = training()
    example, window = windows[index], windows.order.window(index // 7, index % 7)
    codes, repeats = read(GENOME, window.interval, reverse=window.reverse)
    inputs, hidden = hide(codes, BERT, seed=3, key=window.key)
    for found, expected in zip(example, (inputs, codes, hidden, repeats), strict=True):
        assert np.array_equal(found.numpy(), expected)
    assert same(example, windows[index])
    assert same(example, pickle.loads(pickle.dumps(windows))[index])


def test_there_are_as_many_examples_as_slots_in_all_steps() -> None:
    assert len(training()) == 77


def test_the_mask_is_drawn_in_the_direction_that_is_read() -> None:
    forwards, backwards = training(reverse_complement=0.0), training(reverse_complement=1.0)
    for index in range(11):
        assert torch.equal(
            forwards[index].targets, torch.from_numpy(reverse_complement(backwards[index].targets.numpy()))
        )
        known = (forwards[index].targets < N) & (backwards[index].targets < N)
        assert torch.equal(forwards[index].hidden[known], backwards[index].hidden[known])


def test_batches_keep_their_names_and_small_types() -> None:
    batch = default_collate([training()[index] for index in range(5)])
    assert isinstance(batch, MaskedBatch)
    assert [field.dtype for field in batch] == [torch.uint8, torch.uint8, torch.bool, torch.bool]
    assert all(field.shape == (5, 127) for field in batch)
    assert int(batch.targets.max()) <= N
    assert set(batch.inputs.unique().tolist()) <= {*range(T + 1), N, MASK}
    assert bool((batch.inputs == batch.targets)[~batch.hidden].all())


@given(st.integers(0, 900), st.integers(1, 61), st.integers(0, 2_000), st.integers(0, 1 << 40))
def test_a_validation_base_is_hidden_or_not_whatever_window_holds_it(
    first: int, shift: int, more: int, seed: int
) -> None:
    one = Interval("chr1", first, first + 127)
    other = Interval("chr1", first + shift, first + 127 + more)
    windows = ValidationWindows(GENOME, [one, other], BERT, seed)
    left, right = windows[0], windows[1]
    both = 127 - shift
    assert same(MaskedBatch(*(field[shift:] for field in left)), MaskedBatch(*(field[:both] for field in right)))


def test_validation_reads_forwards_and_hides_alike_every_time() -> None:
    windows = ValidationWindows(GENOME, [Interval("chr1", 0, 997), Interval("chr2", 0, 997)], BERT, seed=3)
    assert len(windows) == 2
    for index, name in enumerate(["chr1", "chr2"]):
        codes, repeats = GENOME.read(Interval(name, 0, 997))
        assert np.array_equal(windows[index].targets.numpy(), codes)
        assert np.array_equal(windows[index].repeats.numpy(), repeats)
        assert same(windows[index], windows[index])
    both = (windows[0].hidden & windows[1].hidden).float().mean()
    assert both < 0.05, "contigs are hidden in different places"
