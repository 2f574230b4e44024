"""States at a few positions are those of the whole window, whatever the last block is spared."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genolong.model import lean_block, recompute
from genolong.model.asked_states import asked_states
from genolong.model.dilated_attention import Geometry
from genolong.model.encoder import Encoder
from genolong.model.few_queries import attend_few
from genolong.parallel.shard import SequenceShard
from tests.builders.models import encoder_settings
from tests.oracles import dilated_attention as oracle


@st.composite
def problems(draw):
    """Rows (2, length, heads, 3), branches, and a few positions, some of them twice."""
    length, heads = draw(st.integers(1, 43)), draw(st.integers(1, 5))
    branches = draw(st.lists(st.tuples(st.integers(1, length + 9), st.integers(1, 7)), min_size=1, max_size=3))
    columns = draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=4))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    return torch.randn(3, 2, length, heads, 3, dtype=torch.float64), tuple(branches), columns


@given(problems())
def test_a_few_queries_get_what_all_of_them_get(problem):
    (queries, keys, values), branches, columns = problem
    _, length, heads, _ = queries.shape
    wanted = oracle.dilated_attention(queries, keys, values, *zip(*branches, strict=True))[:, columns]
    geometry = Geometry(branches, 0, heads, SequenceShard.whole(length))
    assert torch.allclose(attend_few(queries[:, columns], keys, values, columns, geometry), wanted, atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("changes", [{}, {"kernel": 0}, {"kernel": 7}, {"mlp": "swiglu"}, {"layers": 1}], ids=str)
def test_states_at_a_few_positions_are_those_of_the_whole_window(changes, at_once, monkeypatch):
    monkeypatch.setattr(lean_block, "heads_at_once", lambda *_: at_once)
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 11 * 4 * 2 * 12)
    torch.manual_seed(1)
    encoder, codes = Encoder(encoder_settings(**changes)).double().eval(), torch.randint(0, 6, (2, 61))
    columns = [0, 60, 7, 31, 8, 7]
    with torch.no_grad():
        wanted = encoder(codes)[:, columns]
    assert torch.allclose(encoder.at(codes, columns), wanted, atol=1e-12)


def test_so_they_are_in_16_bits():
    torch.manual_seed(1)
    encoder, codes = Encoder(encoder_settings()).eval(), torch.randint(0, 6, (2, 61))
    encoder.mixed = True
    with torch.no_grad():
        found, wanted = encoder.at(codes, [3, 44]), encoder(codes)[:, [3, 44]]
        encoder.mixed = False
        plain = encoder.at(codes, [3, 44])
    assert found.dtype == wanted.dtype and torch.allclose(found, wanted, atol=1e-3)
    assert not torch.allclose(found, plain, atol=3e-3)


@pytest.mark.parametrize(
    ("start", "columns", "spared"),
    [
        (0, [40], True),
        (0, [5, 6, 40], True),
        (0, [], False),
        (0, [*range(20, 35)], True),
        (0, [*range(20, 36)], False),  # a quarter of 61
        (7, [5, 6], False),
    ],
)
def test_a_slice_of_a_window_or_nothing_or_much_asked_takes_all_of_the_last_block(start, columns, spared, monkeypatch):
    torch.manual_seed(1)
    encoder, codes = Encoder(encoder_settings()).eval(), torch.randint(0, 6, (2, 61 - start), dtype=torch.uint8)
    shard = SequenceShard.whole(61)
    seen, at = [], encoder.at
    monkeypatch.setattr(encoder, "at", lambda *given: seen.append(given) or at(*given))
    whole = SequenceShard.whole(61 - start)
    monkeypatch.setattr(encoder, "forward", lambda given, _: Encoder.forward(encoder, given, whole))
    with torch.no_grad():
        found = asked_states(encoder, codes, torch.tensor(columns, dtype=torch.int64), shard)
        assert torch.allclose(found, encoder(codes, whole)[:, columns], atol=1e-5) and bool(seen) == spared


def test_a_gradient_takes_all_of_the_last_block():
    encoder, codes = Encoder(encoder_settings()).eval(), torch.randint(0, 6, (2, 61), dtype=torch.uint8)
    found = asked_states(encoder, codes, torch.tensor([5]), SequenceShard.whole(61))
    assert found.requires_grad
