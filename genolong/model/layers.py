"""The states of any layer, of the strand that is given or as the mean of both strands."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from genolong.errors import SettingsError
from genolong.model.encoder import Encoder, EncoderSettings
from genolong.model.window_reading import COMPLEMENT


def check_layer(layer: int | None, settings: EncoderSettings) -> None:
    """Refuses a layer that the encoder does not have; raises SettingsError."""
    if layer is not None and layer not in range(settings.layers + 1):
        raise SettingsError(
            f"layer={layer}: wanted 0 (the bases as they enter) to {settings.layers} (after the last block), or "
            "null/None for the last one's normed states"
        )


def layer_states(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], layer: int | None
) -> Float[Tensor, "batch length width"]:
    """Of the strand that is given: as they leave block `layer` (0: as the bases enter), None: the last, normed."""
    return encoder(codes) if layer is None else encoder.after(codes, layer)


def both_strands(
    encoder: Encoder, codes: UInt8[Tensor, "batch length"], layer: int | None
) -> Float[Tensor, "batch length width"]:
    """The mean of both strands' states; those of the reverse strand stand in the order of the forward strand."""
    complement = torch.tensor(COMPLEMENT, dtype=codes.dtype, device=codes.device)
    backwards = layer_states(encoder, complement[codes.long()].flip(1), layer).flip(1)
    return (layer_states(encoder, codes, layer) + backwards) / 2
