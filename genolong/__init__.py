"""Sequence models over single nucleotides, at chromosome length."""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import genolong.loaded


def load(path: str | PathLike[str], device: str = "auto", precision: str = "32-true") -> "genolong.loaded.LoadedModel":
    """A trained model to be asked from Python: `logits`, `embed`, `score` and `map`.

    `path` is a run's folder, like runs/quickstart/latest, one of its checkpoint files, or a folder that `export` wrote;
    `device` is auto (the GPU where there is one), cpu or cuda, `precision` 32-true or bf16-mixed, which is faster where
    the device multiplies bfloat16. What a person can mend raises genolong.errors.InputError.
    """
    from genolong.loaded import LoadedModel  # not before: it takes torch along, which takes seconds

    return LoadedModel.opened(path, device, precision)
