"""Memory of reading windows without training on them: what a device holds of them for certain, at one moment."""

from genolong.model.costs.step import weights
from genolong.model.encoder import EncoderSettings
from genolong.model.lean_block import heads_at_once
from genolong.parallel.slices import longest, slice_bounds

STATE_BYTES = 4


def least_memory(
    encoder: EncoderSettings, window_bp: int, batch: int, *, half: bool, device: str, sequence: int = 1
) -> int:  # fmt: skip
    """Bytes: weights, and in a block the states before and behind it, the outputs of all heads, the rows of some.

    Of a model of one block, which may be run for a few positions alone, only its input and rows. `half`: products are
    read and written in 16 bits. The device holds the longest of `sequence` slices of every window.
    """
    length, row = longest(slice_bounds(window_bp, sequence)), 2 if half else 4
    at_once = heads_at_once(encoder.heads, encoder.width // encoder.heads, batch, length, row, device)
    rows = 3 * row * at_once / encoder.heads
    held = STATE_BYTES + rows if encoder.layers == 1 else 2 * STATE_BYTES + row + rows
    return STATE_BYTES * weights(encoder).all + round(batch * length * encoder.width * held)
