"""C++ is taken where it can be, refused where it cannot be and is insisted on, and never needed."""

import pytest

from genolong.commands import attention_choice
from genolong.commands.attention_choice import choose_attention
from genolong.errors import SettingsError
from genolong.model.encoder import Encoder
from tests.builders.models import encoder_settings


@pytest.mark.parametrize(
    ("asked", "reason", "cuda", "native", "told"),
    [
        ("auto", "", False, True, ()),
        ("cpp", "", False, True, ()),
        ("aten", "", False, False, ()),
        ("auto", "", True, False, ()),
        ("cpp", "no C++ compiler was found", True, False, ()),
        (
            "auto", "no C++ compiler was found", False, False,
            ("attention by PyTorch's kernels, not in C++: no C++ compiler was found",),
        ),
    ],
)  # fmt: skip
def test_the_encoder_is_told_and_so_is_the_person(asked, reason, cuda, native, told, monkeypatch):
    monkeypatch.setattr(attention_choice, "why_not", lambda width: reason if width == 4 else "another width")
    encoder = Encoder(encoder_settings())
    assert choose_attention(encoder, asked, cuda=cuda) == told
    assert encoder.native == native


def test_cpp_is_refused_where_it_cannot_be(monkeypatch):
    monkeypatch.setattr(attention_choice, "why_not", lambda _width: "no C++ compiler was found")
    with pytest.raises(SettingsError, match=r"attention=cpp: no C\+\+ compiler was found; take auto or aten"):
        choose_attention(Encoder(encoder_settings()), "cpp", cuda=False, name="attention")
