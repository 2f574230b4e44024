"""Attention in C++ on rows where they lie, compiled by this machine's own compiler when it is first asked for."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genolong.errors import InputError
from genolong.genome.cache_folder import CacheFolder

SOURCE = Path(__file__).with_suffix(".cpp")
FLAGS = ("-std=c++17", "-O3", "-march=x86-64-v4", "-fno-math-errno", "-shared", "-fPIC", "-pthread")
LANES = 16
WIDEST = 64  # channels of a head, for which tests and measurements were made


class NativeAttention(NamedTuple):
    """The compiled library for heads of some width.

    Tensors are (batch, segments, offsets, heads, positions[, width]) with any strides, but adjoining channels. All are
    of one type, float32 or bfloat16; `out` of the forward pass, sums and log-sum-exps are float32.
    """

    library: ctypes.CDLL

    def attend(self, rows: Sequence[Tensor], out: Tensor, lse: Tensor, *, overwrite: bool) -> None:
        """Takes `rows`, queries, keys and values, into the running output and log-sum-exp, or overwrites both."""
        self._call(self.library.genolong_attend, (*rows, out, lse), *rows[:2], overwrite=overwrite)

    def attend_backward(self, rows: Sequence[Tensor], grads: Sequence[Tensor], *, overwrite: bool) -> None:
        """Adds to `grads`, of queries, keys and values, or overwrites them.

        `rows` are the output's gradient, queries, keys, values, each row's sum of gradient * output, and log-sum-exp.
        """
        function = self.library.genolong_attend_backward
        self._call(function, (*rows, *grads), *rows[1:3], overwrite=overwrite, backward=True)

    def _call(
        self, function: Any, tensors: Sequence[Tensor], queries: Tensor, keys: Tensor, *, overwrite: bool,
        backward: bool = False,
    ) -> None:  # fmt: skip
        *outer, positions, width = queries.shape
        threads = torch.get_num_threads()
        half = queries.dtype == torch.bfloat16
        sizes = (ctypes.c_int64 * 10)(*outer, positions, keys.shape[4], width, half, threads, overwrite)
        places = [
            number
            for tensor in tensors
            for number in (tensor.data_ptr(), *(step * tensor.element_size() for step in tensor.stride()[:5]))
        ]
        room = self.library.genolong_room(sizes, backward)
        scratch = torch.empty(threads * room, dtype=torch.float32)
        function(sizes, (ctypes.c_int64 * len(places))(*places), scratch.data_ptr(), room)


def native_attention(rows: Sequence[Tensor]) -> NativeAttention | None:
    """For queries, keys and values such as these; None where it cannot be compiled here, or is not made for them."""
    first = rows[0]
    if first.device.type != "cpu" or first.dtype not in (torch.float32, torch.bfloat16) or first.shape[-1] > WIDEST:
        return None
    if any(tensor.dtype != first.dtype for tensor in rows):
        return None
    built = _built(-(-first.shape[-1] // LANES))
    return built if isinstance(built, NativeAttention) else None


def why_not(width: int) -> str:
    """Why heads of so many channels are not attended in C++ on this machine's CPU; empty if they are."""
    if width > WIDEST:
        return f"heads of {width} channels are wider than {WIDEST}"
    built = _built(-(-width // LANES))
    return "" if isinstance(built, NativeAttention) else built


@cache
def _built(wide: int) -> NativeAttention | str:
    """The library for heads of so many vectors of channels, from the cache if it is there; or why there is none."""
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return "this processor has no AVX-512"
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        return "no C++ compiler was found"
    command = [*compiler.split(), *FLAGS, f"-DWIDE={wide}"]
    folder = CacheFolder()
    name = f"attention-{sha256(SOURCE.read_bytes() + repr(command).encode()).hexdigest()[:32]}.so"
    try:
        path = folder.path(name) if folder.path(name).exists() else _compiled(command, folder, name)
        library = ctypes.CDLL(str(path))
    except subprocess.CalledProcessError as error:
        return f"{compiler} could not compile it ({(error.stderr.strip() or 'no message').splitlines()[0]})"
    except (OSError, subprocess.SubprocessError, InputError) as error:
        return f"it could not be compiled and loaded ({error})"
    library.genolong_room.restype = ctypes.c_int64
    for function in (library.genolong_attend, library.genolong_attend_backward):
        function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
        function.restype = None
    library.genolong_room.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    return NativeAttention(library)


def _compiled(command: Sequence[str], folder: CacheFolder, name: str) -> Path:
    with tempfile.TemporaryDirectory() as work:
        made = Path(work, name)
        subprocess.run(
            [*command, SOURCE, "-o", made], check=True, capture_output=True, text=True, timeout=120, cwd=work
        )  # fmt: skip
        content = made.read_bytes()

    def write(file: BufferedIOBase) -> None:
        file.write(content)

    return folder.write(name, write)
