"""Dropout draws the same numbers as if everything had been seeded."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from genolong.tasks.dropout_seed import seed_dropout


@given(st.integers(0, 2**63 - 1), st.integers(0, 13))
def test_numbers_are_those_after_seeding_everything(seed, drawn_before):
    torch.manual_seed(seed)
    wanted = torch.rand(31)
    torch.rand(drawn_before)
    seed_dropout(seed, torch.device("cpu"))
    assert torch.equal(torch.rand(31), wanted)
    seed_dropout(seed ^ 1, torch.device("cpu"))
    assert not torch.equal(torch.rand(31), wanted)
