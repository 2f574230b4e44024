"""C++ compiled by this machine's own compiler when it is first asked for, and kept."""

import ctypes
import os
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
LEVELS = {8: "-march=x86-64-v3", 16: "-march=x86-64-v4"}  # by lanes


@cache
def compiled(source: Path, *flags: str) -> ctypes.CDLL | str:
    """The library of a file, from the cache if it is there; or why there is none. It may count on `lanes()`.

    Its OpenMP threads are those that PyTorch runs on.
    """
    if not lanes():
        return "this processor has no AVX2"
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        return "no C++ compiler was found"
    command = [*compiler.split(), *FLAGS, LEVELS[lanes()], *flags]
    name = f"{source.stem}-{sha256(source.read_bytes() + repr(command).encode()).hexdigest()[:32]}.so"
    try:
        folder = CacheFolder()
        kept = folder.path(name)
        with suppress(OSError):  # not there, or of another system: made anew
            if _is_whole(kept):
                return ctypes.CDLL(str(kept))
        return ctypes.CDLL(str(_compile(command, source, folder, name)))
    except subprocess.CalledProcessError as error:
        return f"{compiler} could not compile it ({(error.stderr.strip() or 'no message').splitlines()[0]})"
    except (OSError, subprocess.SubprocessError, InputError) as error:
        return f"it could not be compiled and loaded ({error})"


def has_memory(tensor: Tensor) -> bool:
    """Whether C++ can read its numbers: a CPU has them, there are some, and it is none of PyTorch's stand-ins."""
    return tensor.device.type == "cpu" and tensor.numel() > 0 and type(tensor) in (Tensor, nn.Parameter)


def lanes() -> int:
    """Float32 numbers of a vector: 16 with AVX-512, 8 with AVX2, 0 with neither."""
    known = torch.backends.cpu.get_cpu_capability()
    return 16 if known.startswith("AVX512") else 8 if known == "AVX2" else 0


def multiplies_bfloat16() -> bool:
    """Whether this machine's processor multiplies pairs of bfloat16 (AVX-512 BF16): twice as many as of float32."""
    known = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.10 does not tell
    return bool(known.get("avx512_bf16"))


def _is_whole(kept: Path) -> bool:
    """Whether it ends with the seal of what is before: the system kills a process that loads a part of a library."""
    content = kept.read_bytes()
    return content[-sha256().digest_size :] == _seal(content[: -sha256().digest_size])


def _seal(content: bytes) -> bytes:
    """What stands behind a library; those who load one do not look there."""
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
