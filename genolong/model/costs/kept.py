"""Bytes a position that a block keeps for its backward pass, and that the backward pass makes beside them.

Read off encoder.py and lean_block.py: what autograd keeps of each operation. States, the sum that blocks add to, are
32-bit numbers; rows, what matrix products read and write, have 16 bits in mixed precision.
"""

from typing import NamedTuple

from genolong.model.costs.step import Step

LOSS = 72  # bytes a position: logits, their softmax and its gradient, targets, losses and weights


class KeptRows(NamedTuple):
    """Bytes a position, of a state and a row, and of what the parts of a block keep, their inputs among it."""

    state: int
    row: int
    sums: int  # a head's softmax denominators
    tables: int  # of the rotation
    convolution: int
    attention: int
    mlp: int
    end: int  # behind the last block
    mlp_backward: int  # made beside all that a block keeps
    norm_backward: int
    end_backward: int
    mlp_stretch: int  # kept and made of one stretch of positions

    @property
    def block(self) -> int:
        return self.convolution + self.attention + self.mlp


def kept_rows(step: Step) -> KeptRows:
    """Counted for the encoder and precision of a step."""
    encoder, number = step.encoder, 2 if step.half else 4
    state, row, inner = 4 * encoder.width, number * encoder.width, number * step.hidden
    sums, half_head = 4 * encoder.heads, encoder.width // encoder.heads // 2
    norm = 4  # one number a position
    dropped = (encoder.width if step.fused else row) if encoder.dropout else 0
    turned = 2 * half_head * number if step.half else 0  # tables in the precision of rows
    layers = (step.gates + (2 if step.gates == 2 else 1)) * inner  # what the first layer gives, and what is made of it
    widened = 4 * step.hidden - row if step.widens else 0
    above = max(step.gates * inner, inner + widened)  # gradients within the MLP, while what they come from goes
    return KeptRows(
        state=state,
        row=row,
        sums=sums,
        tables=8 * half_head,
        convolution=state + norm + (0 if step.native_convolution else row) if encoder.kernel else 0,
        # its input, the norm's output, queries, keys and values, the heads' outputs
        attention=state + norm + row + 3 * row + turned + row + sums + dropped,
        mlp=state + norm + row + layers + dropped,
        end=state + LOSS + (0 if step.lean else norm + row),
        mlp_backward=state + (row if step.half else 0) + above,
        norm_backward=(2 if step.fused or step.native else 4) * state,
        end_backward=(3 if step.fused or step.native else 6) * state,
        mlp_stretch=2 * state + norm + 2 * row + layers + inner + above,
    )
