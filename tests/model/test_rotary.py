"""Rotation keeps lengths, makes scores depend on distance alone, and holds its angles at a million bases."""

import numpy as np
import torch

from genolong.model.rotary import rotate, rotation


def turned_whole(row: torch.Tensor, at: int, base: float) -> torch.Tensor:
    """Each pair of channels as a complex number, times one of length 1."""
    half = row.shape[-1] // 2
    angles = at * base ** -(torch.arange(half, dtype=torch.float64) * 2 / row.shape[-1])
    pairs = torch.complex(row[..., :half], row[..., half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat((pairs.real, pairs.imag), dim=-1)


def test_queries_and_keys_are_turned_and_values_are_not():
    torch.manual_seed(0)
    rows = torch.randn(2, 13, 3, 5, 8, dtype=torch.float64)
    found = rotate(rows, rotation(7, 13, 8, 1e4, rows))
    for at in range(13):
        assert torch.allclose(found[:, at, :2], turned_whole(rows[:, at, :2], 7 + at, 1e4), atol=1e-12)
    assert torch.equal(found[:, :, 2], rows[:, :, 2])


def test_scores_depend_on_distance_alone():
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 3, 1, 8, dtype=torch.float64)
    turned = [
        float(
            (rotate(query, rotation(at, 1, 8, 100.0, query)) * rotate(key, rotation(at + 5, 1, 8, 100.0, key)))[
                :, :, 0
            ].sum()
        )
        for at in (0, 17, 4001)
    ]
    assert np.allclose(turned, turned[0], atol=1e-12)


def test_gradients_are_turned_back():
    torch.manual_seed(0)
    rows = torch.randn(1, 3, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    by = rotation(5, 3, 4, 10.0, rows)
    assert torch.autograd.gradcheck(lambda rows: rotate(rows, by), rows)


def test_a_window_that_starts_later_is_the_tail_of_one_that_starts_at_0():
    like = torch.zeros((), dtype=torch.float64)
    whole, tail = rotation(0, 31, 8, 1e4, like), rotation(11, 20, 8, 1e4, like)
    assert torch.equal(whole.cosine[11:], tail.cosine)
    assert torch.equal(whole.stretch(11, 20).sine, tail.sine)
    assert torch.equal(whole.sine[11:], tail.sine)


def test_angles_at_a_million_bases_are_right_in_float32():
    table = rotation(1_000_003, 2, 6, 10_000.0, torch.zeros((), dtype=torch.float32))
    angles = np.array([[1_000_003], [1_000_004]], np.longdouble) / 10_000.0 ** (np.array([0, 2, 4]) / np.longdouble(6))
    assert np.abs(table.cosine[:, 0, 0].numpy() - np.cos(angles)).max() < 1e-6
    assert np.abs(table.sine[:, 0, 0].numpy() - np.sin(angles)).max() < 1e-6
