"""Long-context models of genomes at single-base resolution; `genolong.load` opens a trained model."""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    import genolong.loaded


def load(
    path: str | PathLike[str], device: "str | torch.device" = "auto", precision: str = "32-true"
) -> "genolong.loaded.LoadedModel":
    """Loads a trained model for use in Python; the result has the methods `logits`, `embed`, `score` and `map`.

    `path` is a run's folder (such as runs/quickstart/latest), one of its checkpoint files, or a folder written by
    `export`. `device` is "auto" (a GPU if there is one), "cpu", "cuda", one of several GPUs ("cuda:1") or a
    torch.device. `precision` is "32-true", or "bf16-mixed", which is faster on devices that support bfloat16. Mistakes
    that the caller can correct raise genolong.errors.InputError.
    """
    from genolong.loaded import LoadedModel  # imported here, since it imports torch, which takes seconds

    return LoadedModel.opened(path, device, precision)


def __getattr__(name: str) -> str:
    """`genolong.__version__`, looked up only when it is asked for."""
    if name != "__version__":
        raise AttributeError(f"module 'genolong' has no attribute {name!r}")
    from importlib.metadata import version

    return version("genolong")
