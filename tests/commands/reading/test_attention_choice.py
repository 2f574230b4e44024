"""What is insisted on and cannot be is refused; else C++ is taken where it can be, and PyTorch's kernels where not."""

import pytest

from genolong.commands.reading.attention_choice import choose_attention
from genolong.errors import SettingsError
from genolong.model.attention import native_attention, triton_attention
from genolong.model.compilers import triton
from genolong.model.encoder import Encoder
from tests.builders.models import encoder_settings


@pytest.mark.parametrize(
    ("asked", "reason", "cuda", "kernels", "told"),
    [
        ("auto", "", False, "cpp", ()),
        ("cpp", "", False, "cpp", ()),
        ("aten", "", False, "aten", ()),
        ("auto", "", True, "flash", ()),
        ("flash", "", True, "flash", ()),
        ("aten", "", True, "aten", ()),
        (
            "cpp", "no C++ compiler was found", True, "aten",
            ("attention by PyTorch's kernels: trainer.attention=cpp is for CPUs, and this is a GPU; flash is faster",),
        ),
        (
            "auto", "no C++ compiler was found", False, "aten",
            ("attention by PyTorch's kernels, not in C++: no C++ compiler was found",),
        ),
        (
            "auto", "triton is not installed here", True, "aten",
            ("attention by PyTorch's kernels, without Triton's: triton is not installed here",),
        ),
    ],
)  # fmt: skip
def test_the_encoder_is_told_and_so_is_the_person(asked, reason, cuda, kernels, told, monkeypatch):
    monkeypatch.setattr(native_attention, "why_not", lambda width: reason if width == 4 else "another width")
    monkeypatch.setattr(triton, "no_triton", lambda *, cuda: reason if cuda else "this is a CPU")
    encoder = Encoder(encoder_settings())
    assert choose_attention(encoder, asked, cuda=cuda) == told
    assert encoder.kernels == kernels


def test_cpp_is_refused_where_it_cannot_be(monkeypatch):
    monkeypatch.setattr(native_attention, "why_not", lambda _width: "no C++ compiler was found")
    with pytest.raises(SettingsError, match=r"attention=cpp: no C\+\+ compiler was found; use auto or aten"):
        choose_attention(Encoder(encoder_settings()), "cpp", cuda=False, name="attention")


def test_flash_is_refused_where_it_cannot_be(monkeypatch):
    monkeypatch.setattr(triton, "no_triton", lambda *, cuda: "no GPU")
    with pytest.raises(SettingsError, match=r"^trainer.attention=flash: no GPU; use auto or aten$"):
        choose_attention(Encoder(encoder_settings()), "flash", cuda=False)


@pytest.mark.parametrize("cuda", [False, True])
def test_triton_is_taken_where_it_is_asked_for_and_refused_where_it_cannot_be(cuda, monkeypatch):
    encoder = Encoder(encoder_settings())
    monkeypatch.setattr(triton_attention, "why_not", lambda width, *, cuda: "" if cuda and width == 4 else "no GPU")
    if cuda:
        assert choose_attention(encoder, "triton", cuda=True) == ()
        assert encoder.kernels == "triton"
    else:
        with pytest.raises(SettingsError, match=r"^trainer.attention=triton: no GPU; use auto or aten$"):
            choose_attention(encoder, "triton", cuda=False)
        assert encoder.kernels == "aten"
