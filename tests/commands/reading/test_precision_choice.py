"""Reading in 16 bits is the products of blocks in 16 bits, and nothing else; and it is told where it gains nothing."""

import pytest
import torch

from genolong.commands.reading import precision_choice
from genolong.commands.reading.precision_choice import check_precision, choose_precision
from genolong.errors import SettingsError
from genolong.model.encoder import Encoder
from genolong.model.heads import MaskedBaseHead
from tests.builders.models import encoder_settings


@pytest.mark.parametrize(("asked", "cuda", "able", "told"), [
    ("32-true", False, False, ()), ("bf16-mixed", False, True, ()), ("bf16-mixed", True, False, ()),
    ("bf16-mixed", False, False,
     ("precision=bf16-mixed is no faster here, and may be four times slower: PyTorch reports no bfloat16 arithmetic "
      "on this processor; use precision=32-true",)),
])  # fmt: skip
def test_the_encoder_is_told_and_so_is_the_person(asked, cuda, able, told, monkeypatch):
    monkeypatch.setattr(precision_choice, "multiplies_bfloat16", lambda: able)
    encoder = Encoder(encoder_settings())
    encoder.mixed = True
    assert choose_precision(encoder, asked, cuda=cuda) == told
    assert encoder.mixed == (asked == "bf16-mixed")


def test_another_word_is_refused():
    with pytest.raises(SettingsError, match=r"^precision=16: wanted 32-true or bf16-mixed$"):
        check_precision("16")


def test_blocks_are_those_of_mixed_precision_and_norm_and_head_are_not():
    torch.manual_seed(1)
    encoder, codes = Encoder(encoder_settings()).eval(), torch.randint(0, 6, (1, 61))
    head = MaskedBaseHead(encoder.settings.width)
    torch.nn.init.normal_(head.logits.weight)
    layers = encoder.settings.layers
    with torch.inference_mode():
        plain = encoder.after(codes, layers)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            wanted = encoder.after(codes, layers)
        choose_precision(encoder, "bf16-mixed", cuda=False)
        found = encoder.after(codes, layers)
        assert torch.equal(found, wanted) and found.dtype == torch.float32
        assert 0 < float((found - plain).abs().max()) < 0.05
        assert torch.equal(encoder(codes), encoder.norm(wanted))
        assert torch.equal(encoder(codes, head=head), head(encoder.norm(wanted)))
