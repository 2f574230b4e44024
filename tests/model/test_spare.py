"""Memory is handed on to whoever needs as much, and to nobody while it is read."""

import torch

from genolong.model.spare import Spare
from tests.oracles.live_memory import most_bytes


def test_what_was_given_back_is_handed_out_once():
    spare, like = Spare(), torch.zeros((), dtype=torch.float64)
    first, second = spare.empty((3, 5), like), spare.empty((3, 5), like)
    assert first.data_ptr() != second.data_ptr() and first.shape == (3, 5) and first.dtype == torch.float64
    spare.give_back(first)
    again, another = spare.empty((3, 5), like), spare.empty((3, 5), like)
    assert again.data_ptr() == first.data_ptr() != another.data_ptr()


def test_of_another_shape_or_type_it_is_let_go():
    spare, like = Spare(), torch.zeros(())

    def held_beside(shape, like) -> None:
        spare.give_back(spare.empty((1000,), torch.zeros(())))
        assert spare.empty(shape, like).shape == shape
        spare.empty((1,), like)

    assert most_bytes(lambda: held_beside((7,), like)) < 5000
    assert most_bytes(lambda: held_beside((1000,), like.double())) < 13000


def test_what_waits_is_let_go_when_it_is_told():
    spare, like = Spare(), torch.zeros(())

    def held_beside() -> None:
        spare.give_back(spare.empty((1000,), like))
        spare.clear()
        spare.empty((1000,), like)

    assert most_bytes(held_beside) < 5000
