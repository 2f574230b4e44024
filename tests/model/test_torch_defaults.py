"""Within PyTorch's own defaults numbers are float32 on the CPU; afterwards, everything is as a notebook has set it."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import torch

from genolong.model.torch_defaults import torch_defaults


@pytest.fixture(
    params=[(torch.float64, "cpu"), (torch.bfloat16, "meta"), (torch.float32, "meta"), (torch.float32, "cpu")]
)
def chosen(request) -> Iterator[tuple[torch.dtype, torch.device]]:
    kind, device = request.param
    torch.set_default_dtype(kind)
    torch.set_default_device(device)
    yield kind, torch.device(device)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


def new() -> tuple[torch.dtype, torch.device]:
    made = torch.empty(1)
    return made.dtype, made.device


def test_they_are_pytorchs_within_and_the_callers_afterwards(chosen):
    with torch_defaults():
        assert new() == (torch.float32, torch.device("cpu"))
    assert new() == chosen
    with suppress(KeyError), torch_defaults():
        raise KeyError
    assert new() == chosen


def test_what_says_otherwise_is_as_it_says(chosen):
    with torch_defaults():
        made = torch.empty(1, dtype=torch.float64, device="meta")
    assert (made.dtype, made.device.type) == (torch.float64, "meta")
