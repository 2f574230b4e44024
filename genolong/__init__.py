"""Sequence models over single nucleotides, at chromosome length."""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    import genolong.loaded


def load(
    path: str | PathLike[str], device: "str | torch.device" = "auto", precision: str = "32-true"
) -> "genolong.loaded.LoadedModel":
    """A trained model to be asked from Python: `logits`, `embed`, `score` and `map`.

    `path` is a run's folder, like runs/quickstart/latest, one of its checkpoint files, or a folder that `export` wrote.
    `device` is auto (a GPU if there is one), cpu, cuda, one of several GPUs (cuda:1) or a torch.device; `precision` is
    32-true or bf16-mixed, which is faster where the device multiplies bfloat16. Mistakes that the caller can correct
    raise genolong.errors.InputError.
    """
    from genolong.loaded import LoadedModel  # not before: it takes torch along, which takes seconds

    return LoadedModel.opened(path, device, precision)
