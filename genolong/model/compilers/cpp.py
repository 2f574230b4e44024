"""Compiles C++ with this machine's compiler on first use, and caches the library."""

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from io import BufferedIOBase
from pathlib import Path

import torch
from torch import Tensor, nn

from genolong.errors import InputError
from genolong.genome.files.cache_folder import CacheFolder

FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fopenmp", "-shared", "-fPIC")
LEVELS = {4: "-march=armv8-a", 8: "-march=x86-64-v3", 16: "-march=x86-64-v4"}  # by number of lanes


@cache
def compiled(source: Path, *flags: str) -> ctypes.CDLL | str:
    """The compiled library of a source file, from the cache if it is there; or the reason why there is none.

    The code may rely on vectors of `lanes()` numbers. It shares PyTorch's OpenMP threads.
    """
    if not lanes():
        return "it needs a processor with AVX2, or ARM under Linux"
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        return "no C++ compiler was found"
    command = [*compiler.split(), *FLAGS, LEVELS[lanes()], *flags]
    name = f"{source.stem}-{sha256(source.read_bytes() + repr(command).encode()).hexdigest()[:32]}.so"
    try:
        folder = CacheFolder()
        kept = folder.path(name)
        with suppress(OSError):  # missing, or from another system: compile it
            if _is_whole(kept):
                return ctypes.CDLL(str(kept))
        return ctypes.CDLL(str(_compile(command, source, folder, name)))
    except subprocess.CalledProcessError as error:
        return f"{compiler} could not compile it ({(error.stderr.strip() or 'no message').splitlines()[0]})"
    except (OSError, subprocess.SubprocessError, InputError) as error:
        return f"it could not be compiled and loaded ({error})"


def has_memory(tensor: Tensor) -> bool:
    """Whether C++ can read the tensor's memory: on a CPU, not empty, and not one of PyTorch's tensor subclasses."""
    return tensor.device.type == "cpu" and tensor.numel() > 0 and type(tensor) in (Tensor, nn.Parameter)


def lanes() -> int:
    """Float32 numbers in a vector: 16 with AVX-512, 8 with AVX2, 4 on ARM under Linux, 0 elsewhere."""
    if (platform.system(), platform.machine()) == ("Linux", "aarch64"):
        return 4
    known = torch.backends.cpu.get_cpu_capability()
    return 16 if known.startswith("AVX512") else 8 if known == "AVX2" else 0


def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 (AVX-512 BF16, ARM's BF16), on some at twice the rate of float32."""
    return _can("avx512_bf16") or _can("bf16")


def multiplies_squares() -> bool:
    """Whether the processor multiplies squares of bfloat16 (AMX), at many times the rate of float32."""
    return _can("amx_bf16")


def _can(capability: str) -> bool:
    return bool(torch.cpu.get_capabilities().get(capability))


def _is_whole(kept: Path) -> bool:
    """Whether the file ends with the hash of the rest: loading a truncated library would kill the process."""
    content = kept.read_bytes()
    return content[-sha256().digest_size :] == _seal(content[: -sha256().digest_size])


def _seal(content: bytes) -> bytes:
    """The hash appended to a library; loaders ignore it."""
    return sha256(content).digest()


def _compile(command: Sequence[str], source: Path, folder: CacheFolder, name: str) -> Path:
    with tempfile.TemporaryDirectory() as work:
        made = Path(work, name)
        subprocess.run(
            [*command, source, "-o", made], check=True, capture_output=True, text=True, errors="replace", timeout=120,
            cwd=work,
        )  # fmt: skip
        content = made.read_bytes()

    def write(file: BufferedIOBase) -> None:
        file.write(content + _seal(content))

    return folder.write(name, write)
