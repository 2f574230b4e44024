"""The encoder: any length, information across every boundary, recomputation that changes nothing, settings refused."""

import pytest
import torch

from genolong.errors import SettingsError
from genolong.model import recompute
from genolong.model.attention.geometry import Branch
from genolong.model.encoder import Block, Encoder
from genolong.model.heads import MaskedBaseHead
from tests.builders.models import encoder_settings
from tests.oracles.live_memory import most_bytes


def codes_of(length: int, batch: int = 2) -> torch.Tensor:
    torch.manual_seed(length)
    return torch.randint(0, 6, (batch, length), dtype=torch.uint8)


def made(checkpoint_blocks: int = 0, **changes) -> Encoder:
    torch.manual_seed(3)
    return Encoder(encoder_settings(**changes), checkpoint_blocks).double()


@pytest.mark.parametrize("length", [1, 7, 8, 9, 31, 64, 67])
@pytest.mark.parametrize("mlp", ["gelu", "swiglu"])
def test_any_length_gives_a_state_a_position(length, mlp):
    states = made(mlp=mlp)(codes_of(length))
    assert states.shape == (2, length, 12)
    assert states.isfinite().all()


@pytest.mark.parametrize("shape", [(0, 7), (2, 0)])
def test_no_codes_are_refused(shape):
    with pytest.raises(
        ValueError, match=rf"codes \({shape[0]}, {shape[1]}\): wanted \(batch, length\), both 1 or more"
    ):
        made()(torch.zeros(shape, dtype=torch.uint8))


def test_unknown_kernels_are_refused_before_any_is_set():
    encoder = made()
    with pytest.raises(ValueError, match="kernels 'bogus': wanted one of aten, cpp, flash, triton"):
        encoder.kernels = "bogus"
    assert encoder.kernels == "aten"


@pytest.mark.parametrize("kernel", [0, 3])
def test_every_base_reaches_every_other(kernel):
    encoder = made(kernel=kernel, layers=5, heads=4, width=16)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight += 0.1 * torch.randn_like(weight)
    embedded = encoder.embedding(codes_of(61, 1).int()).detach().requires_grad_()
    encoder.embedding.forward = lambda codes: embedded  # type: ignore[method-assign]
    for position in (0, 30, 60):
        reached = torch.autograd.grad(encoder(codes_of(61, 1))[0, position].sum(), embedded)[0]
        assert (reached[0].abs().sum(-1) > 0).all()


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_recomputation_changes_no_number(keep):
    plain, lean = made(layers=5), made(keep, layers=5)
    outs = [encoder(codes_of(29)) for encoder in (plain, lean)]
    for out in outs:
        out.square().sum().backward()
    assert torch.allclose(*outs, atol=1e-12)
    for (name, a), b in zip(plain.named_parameters(), lean.parameters(), strict=True):
        assert a.grad is not None, name
        assert b.grad is not None, name
        assert torch.allclose(a.grad, b.grad, atol=1e-9), name


def test_dropout_is_drawn_once_a_step_however_much_is_recomputed():
    grads = []
    for keep in (0, 3):
        encoder = made(keep, layers=5, dropout=0.3)
        torch.manual_seed(11)
        encoder(codes_of(29)).square().sum().backward()
        grads.append([weight.grad for weight in encoder.parameters()])
    for plain, lean in zip(*grads, strict=True):
        assert torch.allclose(plain, lean, atol=1e-9)


@pytest.mark.parametrize("keep", [0, 2])
def test_in_use_blocks_run_in_little_memory_and_states_are_the_same(keep, monkeypatch):
    encoder, codes = made(layers=3), codes_of(29)
    wanted = [encoder(codes), *(encoder.after(codes, layer) for layer in range(4))]
    encoder.checkpoint_blocks = keep
    monkeypatch.setattr(Block, "forward", None)
    with torch.no_grad():
        found = [encoder(codes), *(encoder.after(codes, layer) for layer in range(4))]
    for got, right in zip(found, wanted, strict=True):
        assert torch.allclose(got, right, atol=1e-12)


def test_in_use_a_long_window_takes_states_queries_keys_values_and_outputs(monkeypatch):
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 1 << 16)
    encoder, codes = made(layers=3, width=32, heads=4, mlp_ratio=4.0).float(), codes_of(1 << 15, 1)
    with torch.no_grad():
        encoder(codes)
        taken = most_bytes(lambda: encoder(codes))
    state = 4 * 32 * codes.numel()
    assert 6 * state < taken < 9 * state, "whole blocks take more than 10"


@pytest.mark.parametrize("keep", [0, 1, 2])
@pytest.mark.parametrize("frozen", ["mlp", "convolution.taps", "attention.inward", "norm"])
def test_a_part_may_be_frozen(frozen, keep):
    grads = []
    for encoder in (made(layers=3), made(keep, layers=3)):
        for name, weight in encoder.named_parameters():
            weight.requires_grad = frozen not in name
        encoder(codes_of(29)).square().sum().backward()
        grads.append([weight.grad for weight in encoder.parameters() if weight.requires_grad])
    for wanted, found in zip(*grads, strict=True):
        assert torch.allclose(wanted, found, atol=1e-9)


def test_the_kernel_of_0_leaves_the_convolution_out():
    assert not any("convolution" in name for name, _ in made(kernel=0).named_parameters())


def head_of(width: int = 12) -> MaskedBaseHead:
    torch.manual_seed(5)
    return MaskedBaseHead(width).double()


def test_the_head_gives_four_logits_a_base():
    assert head_of()(made()(codes_of(13))).shape == (2, 13, 4)


@pytest.mark.parametrize("checkpoint_blocks", [0, 1, 2])
@pytest.mark.parametrize("trained", ["all", "head", "encoder"])
def test_a_head_within_gives_the_numbers_of_one_behind(checkpoint_blocks, trained, monkeypatch):
    monkeypatch.setitem(recompute.STRETCH_BYTES, "cpu", 5 * 4 * 2 * 12)
    found = []
    for within in (False, True):
        encoder, head = made(checkpoint_blocks, layers=3), head_of()
        weights = [*encoder.parameters(), *head.parameters()]
        for weight in weights:
            weight.requires_grad = trained == "all" or any(weight is own for own in vars()[trained].parameters())
        logits = encoder(codes_of(29), head=head) if within else head(encoder(codes_of(29)))
        logits.square().sum().backward()
        found.append([logits, *(weight.grad for weight in weights if weight.requires_grad)])
    assert len(found[0]) == len(found[1]) > 1
    for got, wanted in zip(*found, strict=True):
        assert torch.allclose(got, wanted, atol=1e-9)


def test_in_little_memory_a_head_within_keeps_the_states_alone():
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim > 2 and tensor.shape[1] == 41:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    encoder = made(1, layers=1, kernel=0)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        encoder(codes_of(41), head=head_of())
    block = 2 * 12 + encoder.settings.heads  # its input, the heads' outputs and a number a head
    assert sum(kept.values()) == 8 * (2 * 41 * (block + 12) + 1)


def test_branches_follow_the_lists_when_they_are_given():
    settings = encoder_settings(segments=[8, 64, 128], dilations=[1, 4, 8])
    assert settings.branches(40) == (Branch(8, 1), Branch(40, 4))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 10}, r"model.width=10 does not divide into model.heads=3"),
        ({"width": 9}, r"even number"),
        ({"layers": 0}, r"model.layers=0: wanted more than 0"),
        ({"mlp": "relu"}, r"model.mlp=relu: wanted gelu or swiglu"),
        ({"kernel": 4}, r"model.kernel=4: wanted 0 .* or an odd"),
        ({"dropout": 1.0}, r"model.dropout=1.0"),
        ({"growth": 1}, r"model.growth=1: wanted 2 or more"),
        ({"segments": [8]}, r"model.segments has 1 entries and model.dilations has 0"),
        ({"segments": [8], "dilations": [2]}, r"model.dilations starts with 2: wanted 1"),
        ({"segments": [8, 8], "dilations": [1, 2]}, r"wanted rising segments"),
        ({"segments": [0, 8], "dilations": [1, 2]}, r"wanted rising segments"),
        ({"segments": [8, 16], "dilations": [1, 0]}, r"dilations >= 1"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        encoder_settings(**changes)


@pytest.mark.parametrize(
    ("changes", "window", "message"),
    [
        ({}, 7, r"context.window_bp=7 is shorter than the first segment \(8 bases, model.segment\)"),
        ({"segments": [8, 16], "dilations": [1, 2]}, 40, r"longest is 16"),
        ({"segments": [8, 16], "dilations": [1, 2]}, 5, r"model.segments"),
    ],
)
def test_windows_that_the_geometry_cannot_serve_are_refused(changes, window, message):
    with pytest.raises(SettingsError, match=message):
        encoder_settings(**changes).check_window(window)
