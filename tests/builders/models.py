"""Settings of encoders small enough to test."""

from genolong.model.encoder_settings import EncoderSettings


def encoder_settings(**changes) -> EncoderSettings:
    """Width 12, 2 layers, 3 heads, segments 8, 16, ... ; each field can be changed by name."""
    values = {
        "width": 12, "layers": 2, "heads": 3, "mlp": "gelu", "mlp_ratio": 2.0, "kernel": 3, "rotary_base": 100.0,
        "dropout": 0.0, "segment": 8, "growth": 2, "dilation_growth": 2, "segments": None, "dilations": None,
    }  # fmt: skip
    return EncoderSettings(**(values | changes))
