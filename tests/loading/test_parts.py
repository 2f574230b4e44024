"""A part of a window is what the whole window holds there, on either strand, hidden alike."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from genolong.genome.coordinates import Interval
from genolong.loading.datasets import TrainingWindows, ValidationWindows
from genolong.loading.masking import MaskingSettings
from genolong.loading.order import TrainingOrder
from tests.builders.memory_genome import MemoryGenome, random_letters

GENOME = MemoryGenome({"chr1": random_letters(2_003, 1, unknown=0.1, soft=0.3)})
BERT = MaskingSettings(share=0.15, as_mask=0.8, as_random=0.1)
WINDOW = 97

bounds = st.lists(st.integers(0, WINDOW), min_size=2, max_size=2, unique=True).map(sorted)


@given(bounds, st.integers(0, 30), st.floats(0, 1))
def test_a_part_of_a_training_window(ends, index, reverse_complement):
    order = TrainingOrder(GENOME, [Interval("chr1", 0, 2_003)], WINDOW, 0.5, reverse_complement, seed=7)
    begin, end = ends
    whole, part = (TrainingWindows(order, BERT, 11, 3, chosen)[index] for chosen in (None, range(begin, end)))
    for of_whole, of_part in zip(whole, part, strict=True):
        assert torch.equal(of_whole[begin:end], of_part)


@given(bounds, st.integers(0, 5))
def test_a_part_of_a_validation_window(ends, index):
    windows = [Interval("chr1", at, at + WINDOW) for at in range(0, 3 * WINDOW, WINDOW)]
    begin, end = ends
    whole, part = (ValidationWindows(GENOME, windows, BERT, 7, chosen)[index] for chosen in (None, range(begin, end)))
    for of_whole, of_part in zip(whole, part, strict=True):
        assert torch.equal(of_whole[begin:end], of_part)
