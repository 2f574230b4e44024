"""A model's answers to a few known bases: kept without touching chance, equal here, and noticed where they move."""

from dataclasses import replace

import pytest
import torch

from genolong.model.masked_base_model import MaskedBaseModel
from genolong.tasks.known_answers import LENGTH, TOLERATED, KnownAnswers, known_answers, moved
from tests.builders.resumed_runs import settings_of

CPU = torch.device("cpu")


@pytest.fixture
def model(tmp_path) -> MaskedBaseModel:
    settings = settings_of(tmp_path)
    torch.manual_seed(3)
    model = MaskedBaseModel(settings.model)
    torch.nn.init.normal_(model.head.logits.weight)
    return model


def test_they_are_what_the_model_in_use_says(model):
    state = torch.get_rng_state()
    known = KnownAnswers.of(known_answers(model.encoder.settings, model.state_dict()))
    assert torch.equal(torch.get_rng_state(), state)
    assert known is not None and known.codes.shape == (1, LENGTH) and set(known.codes.unique().tolist()) == {*range(6)}
    assert model.training, "the model itself is left as it was"
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(known.logits, model(known.codes), rtol=0, atol=0)
    assert moved(known, model.encoder, model.head, CPU) == 0


def test_a_first_segment_longer_than_that_is_served(model):
    settings = replace(model.encoder.settings, segment=LENGTH + 7)
    assert known_answers(settings, model.state_dict())["codes"].shape == (1, LENGTH + 8)


@pytest.mark.parametrize(
    ("segments", "length"), [([8, 23], 23), ([2048], 2048), ([8, LENGTH], LENGTH), ([8, LENGTH + 5], LENGTH),
                             ([LENGTH + 2, LENGTH + 9], LENGTH + 3)]
)  # fmt: skip
def test_segments_that_reach_less_far_are_asked_for_less(model, segments, length):
    settings = replace(model.encoder.settings, segments=segments, dilations=[1, 2][: len(segments)])
    assert known_answers(settings, model.state_dict())["codes"].shape == (1, length)


@pytest.mark.parametrize(("kind", "limit"), [(torch.float64, 1e-5), (torch.float32, 0)])
def test_rounding_moves_them_by_less_than_is_tolerated(model, kind, limit):
    known = KnownAnswers.of(known_answers(model.encoder.settings, model.state_dict()))
    model.eval().to(kind)
    assert known is not None and moved(known, model.encoder, model.head, CPU) <= limit < TOLERATED


def test_eight_bits_of_mantissa_move_them_by_more(model):
    known = KnownAnswers.of(known_answers(model.encoder.settings, model.state_dict()))
    model.eval().bfloat16()
    assert known is not None and moved(known, model.encoder, model.head, CPU) > TOLERATED


def test_none_are_none():
    assert KnownAnswers.of({}) is None


@pytest.mark.parametrize(
    "tensors",
    [
        {"codes": torch.zeros(1, 5, dtype=torch.uint8)},
        {"codes": torch.zeros(5, dtype=torch.uint8), "logits": torch.zeros(5, 4)},
        {"codes": torch.zeros(2, 5, dtype=torch.uint8), "logits": torch.zeros(2, 5, 4)},
        {"codes": torch.zeros(1, 5), "logits": torch.zeros(1, 5, 4)},
        {"codes": torch.zeros(1, 5, dtype=torch.uint8), "logits": torch.zeros(1, 5, 4).double()},
        {"codes": torch.full((1, 5), 6, dtype=torch.uint8), "logits": torch.zeros(1, 5, 4)},
        {"codes": torch.zeros(1, 0, dtype=torch.uint8), "logits": torch.zeros(1, 0, 4)},
    ],
)
def test_what_cannot_be_answers_is_refused(tensors):
    with pytest.raises(ValueError, match="wanted codes of bases"):
        KnownAnswers.of(tensors)
