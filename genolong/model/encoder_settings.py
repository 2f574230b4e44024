"""The settings of the encoder, checked without importing PyTorch, so that what is typed wrong is told at once."""

from dataclasses import dataclass
from itertools import pairwise

from genolong.errors import SettingsError
from genolong.model.attention.geometry import Branch, growing_branches, keep_needed
from genolong.parallel.slices import slice_bounds


@dataclass(frozen=True)
class EncoderSettings:
    """conf/model/*.yaml: the size of the encoder and the geometry of its attention."""

    width: int
    layers: int
    heads: int
    mlp: str
    mlp_ratio: float
    kernel: int
    rotary_base: float
    dropout: float
    segment: int
    growth: int
    dilation_growth: int
    segments: list[int] | None
    dilations: list[int] | None

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads", "mlp_ratio", "rotary_base", "segment", "dilation_growth"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"model.{name}={getattr(self, name)}: wanted more than 0")
        if self.width % self.heads:
            raise SettingsError(f"model.width={self.width} does not divide into model.heads={self.heads} heads")
        if self.width // self.heads % 2:
            raise SettingsError(
                f"model.width={self.width} gives each of model.heads={self.heads} heads {self.width // self.heads} "
                "channels; rotary positions need an even number"
            )
        if self.mlp not in ("gelu", "swiglu"):
            raise SettingsError(f"model.mlp={self.mlp}: wanted gelu or swiglu")
        if self.kernel < 0 or (self.kernel and self.kernel % 2 == 0):
            raise SettingsError(f"model.kernel={self.kernel}: wanted 0 (no convolution) or an odd number of bases")
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"model.dropout={self.dropout}: wanted at least 0 and less than 1")
        if self.growth < 2:
            raise SettingsError(f"model.growth={self.growth}: wanted 2 or more, or segments never span the window")
        self._check_lists()

    def _check_lists(self) -> None:
        if self.segments is None and self.dilations is None:
            return
        segments, dilations = self.segments or [], self.dilations or []
        if not segments or len(segments) != len(dilations):
            raise SettingsError(
                f"model.segments has {len(segments)} entries and model.dilations has {len(dilations)}; "
                "give as many of each, or null for both"
            )
        if dilations[0] != 1:
            raise SettingsError(
                f"model.dilations starts with {dilations[0]}: wanted 1, or some bases would see nothing"
            )
        if min(dilations) < 1 or sorted(set(segments)) != segments or segments[0] < 1:
            raise SettingsError(
                f"model.segments={segments} and model.dilations={dilations}: wanted rising segments, dilations >= 1"
            )

    @property
    def hidden(self) -> int:
        """Channels of the MLP's inner layer."""
        return round(self.width * self.mlp_ratio)

    @property
    def gates(self) -> int:
        """How many outputs the MLP's first layer has per channel of `hidden`."""
        return 2 if self.mlp == "swiglu" else 1

    def branches(self, length: int) -> tuple[Branch, ...]:
        """The attention's branches for a window of `length` bases."""
        if self.segments is not None and self.dilations is not None:
            return keep_needed([Branch(*pair) for pair in zip(self.segments, self.dilations, strict=True)], length)
        return growing_branches(length, self.segment, self.growth, self.dilation_growth)

    def check_window(self, window_bp: int, slices: int = 1) -> None:
        """Raise SettingsError for a window that this geometry cannot cover, or that is too short for so many slices."""
        first = self.segments[0] if self.segments else self.segment
        if window_bp < first:
            raise SettingsError(
                f"context.window_bp={window_bp} is shorter than the first segment ({first} bases, "
                f"model.{'segments' if self.segments else 'segment'}); take a longer window or a shorter segment"
            )
        self.branches(window_bp)
        if window_bp < slices * first:
            raise SettingsError(
                f"parallel.sequence={slices}: slices of a window of {window_bp:,} bases would be shorter than the "
                f"first segment ({first} bases); take at most {window_bp // first}, or a longer context.window_bp"
            )
        reach, shortest = self.kernel // 2, min(end - start for start, end in pairwise(slice_bounds(window_bp, slices)))
        if slices > 1 and reach > shortest:
            raise SettingsError(
                f"model.kernel={self.kernel}: reaches {reach} bases, further than the shortest of {slices} slices "
                f"({shortest} bases); take a shorter one, fewer devices a window (parallel.sequence), or a longer one"
            )
