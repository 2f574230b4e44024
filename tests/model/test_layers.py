"""States of any layer are those that stand there, and the mean of both strands does not know which one is given."""

import pytest
import torch

from genolong.errors import SettingsError
from genolong.genome.alphabet import reverse_complement
from genolong.model.encoder import Encoder
from genolong.model.layers import both_strands, check_layer, layer_states
from tests.builders.models import encoder_settings

LENGTH = 31


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(3)
    made = Encoder(encoder_settings(layers=3)).double()
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return made


@pytest.fixture
def codes() -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randint(0, 6, (2, LENGTH), dtype=torch.uint8)


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_a_layer_is_what_leaves_its_block(encoder: Encoder, codes: torch.Tensor, layer: int):
    seen = [encoder.embedding(codes.int())]
    hooks = [block.register_forward_hook(lambda _module, _given, out: seen.append(out)) for block in encoder.blocks]
    normed = encoder(codes)
    for hook in hooks:
        hook.remove()
    assert torch.equal(layer_states(encoder, codes, layer), seen[layer])
    assert torch.equal(layer_states(encoder, codes, None), normed)
    assert torch.equal(encoder.norm(layer_states(encoder, codes, 3)), normed)


@pytest.mark.parametrize("layer", [0, 2, None])
def test_the_mean_of_both_strands_is_that_of_the_other_strand_backwards(encoder, codes, layer: int | None):
    other = torch.stack([torch.from_numpy(reverse_complement(window.numpy())) for window in codes])
    one, back = both_strands(encoder, codes, layer), both_strands(encoder, other, layer)
    torch.testing.assert_close(one, back.flip(1))
    forward, backward = layer_states(encoder, codes, layer), layer_states(encoder, other, layer)
    torch.testing.assert_close(one, (forward + backward.flip(1)) / 2)


@pytest.mark.parametrize("layer", [-1, 4])
def test_a_layer_that_is_not_there_is_refused(encoder: Encoder, layer: int):
    with pytest.raises(SettingsError) as refusal:
        check_layer(layer, encoder.settings)
    assert str(refusal.value) == (
        f"layer={layer}: wanted 0 (the bases as they enter) to 3 (after the last block), or null/None for the last "
        "one's normed states"
    )
