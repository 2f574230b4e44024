"""Rotation keeps lengths, makes scores depend on distance alone, and holds its angles at a million bases."""

import numpy as np
import torch

from genolong.model.rotary import rotate, rotation


def test_scores_depend_on_distance_alone():
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 8, dtype=torch.float64)
    turned = [
        float((rotate(query, rotation(at, 1, 8, 100.0, query)) * rotate(key, rotation(at + 5, 1, 8, 100.0, key))).sum())
        for at in (0, 17, 4001)
    ]
    assert np.allclose(turned, turned[0], atol=1e-12)


def test_rotation_keeps_the_length_of_a_row():
    rows = torch.randn(2, 13, 3, 8, dtype=torch.float64)
    assert torch.allclose(rotate(rows, rotation(7, 13, 8, 1e4, rows)).norm(dim=-1), rows.norm(dim=-1))


def test_a_window_that_starts_later_is_the_tail_of_one_that_starts_at_0():
    like = torch.zeros((), dtype=torch.float64)
    whole, tail = rotation(0, 31, 8, 1e4, like), rotation(11, 20, 8, 1e4, like)
    assert torch.equal(whole.cosine[11:], tail.cosine)
    assert torch.equal(whole.sine[11:], tail.sine)


def test_angles_at_a_million_bases_are_right_in_float32():
    table = rotation(1_000_003, 2, 6, 10_000.0, torch.zeros((), dtype=torch.float32))
    angles = np.array([[1_000_003], [1_000_004]], np.longdouble) / 10_000.0 ** (np.array([0, 2, 4]) / np.longdouble(6))
    assert np.abs(table.cosine[:, 0].numpy() - np.cos(angles)).max() < 1e-6
    assert np.abs(table.sine[:, 0].numpy() - np.sin(angles)).max() < 1e-6
