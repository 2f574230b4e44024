"""Which kernels a GPU is given; what they compute is compared on one (tests/test_gpu.py)."""

import pytest
import torch

from genolong.model.attention import flash_kernels

ENOUGH = (64, 8, 256, 64)  # problems, heads, positions, channels


@pytest.fixture(autouse=True)
def hopper(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (9, 0))
    monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: True)


def rows(shape=ENOUGH, dtype=torch.bfloat16) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def test_cudnn_is_taken_on_hopper_where_there_is_enough_to_do():
    assert flash_kernels._by_cudnn(rows())
    assert flash_kernels._by_cudnn(rows((1, 1, 1 << 20, 128)))


@pytest.mark.parametrize(
    "shape",
    [(64, 8, 128, 32), (64, 8, 256, 136), (1 << 14, 8, 31, 64)],
    ids=["too few numbers", "heads too wide", "too few positions"],
)
def test_it_is_not_for_little_work_or_wide_heads(shape):
    assert not flash_kernels._by_cudnn(rows(shape))


def test_it_is_not_for_rows_that_lie_further_apart_than_32_bits_count():
    wide = rows((1, 1 << 23, 3, 2, 64))[:, :, 0].permute(0, 2, 1, 3)
    near = rows((1, 1 << 22, 3, 2, 64))[:, :, 0].permute(0, 2, 1, 3)
    assert flash_kernels._by_cudnn(near) and not flash_kernels._by_cudnn(wide)


def test_it_is_not_where_the_same_bits_are_wanted():
    torch.use_deterministic_algorithms(True)
    try:
        assert not flash_kernels._by_cudnn(rows())
    finally:
        torch.use_deterministic_algorithms(False)


def test_it_is_not_for_older_gpus_or_without_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (8, 9))
    assert not flash_kernels._by_cudnn(rows())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (12, 0))
    assert flash_kernels._by_cudnn(rows())
    monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: False)
    assert not flash_kernels._by_cudnn(rows())
