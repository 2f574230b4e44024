"""Bytes per position that a block keeps for its backward pass, and that the backward pass needs in addition.

They follow from encoder.py and lean_block.py: what autograd keeps of each operation. States (the residual stream) are
32-bit numbers; rows, the inputs and outputs of matrix products, have 16 bits in mixed precision.
"""

from typing import NamedTuple

from genolong.model.costs.step import Step

LOSS = 72  # bytes per position: logits, their softmax and its gradient, targets, losses and weights


class KeptRows(NamedTuple):
    """Bytes per position of a state, of a row, and of what each part of a block keeps, its input included."""

    state: int
    row: int
    sums: int  # a head's softmax denominators
    tables: int  # of the rotation
    convolution: int
    attention: int
    mlp: int
    inner: int  # the output of the MLP's first layer
    all_inner: int  # everything as wide as that, which the MLP keeps or makes for its backward pass
    end: int  # after the last block
    mlp_backward: int  # made in addition to what a block keeps
    norm_backward: int
    end_backward: int
    mlp_stretch: int  # kept and made for one stretch of positions

    @property
    def block(self) -> int:
        return self.convolution + self.attention + self.mlp


def kept_rows(step: Step) -> KeptRows:
    """The bytes for the encoder and precision of a step."""
    encoder, number = step.encoder, 2 if step.half else 4
    state, row, inner = 4 * encoder.width, number * encoder.width, number * encoder.hidden
    sums, half_head = 4 * encoder.heads, encoder.width // encoder.heads // 2
    norm = 4  # one number per position
    dropped = (encoder.width if step.fused else row) if encoder.dropout else 0
    turned = 2 * half_head * number if step.half else 0  # tables in the precision of rows
    layers = (encoder.gates + (2 if encoder.gates == 2 else 1)) * inner  # the first layer's output, and the activations
    widened = 4 * encoder.hidden - row if step.widens else 0
    above = max(encoder.gates * inner, inner + widened)  # gradients within the MLP, as their sources are freed
    return KeptRows(
        state=state,
        row=row,
        sums=sums,
        tables=8 * half_head,
        convolution=state + norm + (0 if step.native_convolution else row) if encoder.kernel else 0,
        # its input, the norm's output, queries, keys and values, the heads' outputs
        attention=state + norm + row + 3 * row + turned + row + sums + dropped,
        mlp=state + norm + row + layers + dropped,
        inner=encoder.gates * inner,
        all_inner=layers + above,
        end=state + LOSS + (0 if step.lean else norm + row),
        mlp_backward=state + (row if step.half else 0) + above,
        norm_backward=(2 if step.fused or step.native else 4) * state,
        end_backward=(3 if step.fused or step.native else 6) * state,
        mlp_stretch=2 * state + norm + 2 * row + layers + inner + above,
    )
