"""Tells PyTorch's build for CPUs that there are GPUs, whose memory and arithmetic are the CPU's."""

import ctypes
import fcntl
import os
import subprocess
from contextlib import nullcontext
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NUMBER, LIBRARY = "EMULATED_GPUS", "GPU_EMULATOR"  # in the environment
SOURCE = Path(__file__).with_suffix(".cpp")
KEPT = Path(__file__).resolve().parents[3] / ".pytest_cache" / "emulated_gpu"
CAPABILITY = (9, 0)
LIKE = {"name": "emulated", "total_memory": 64 << 30, "major": CAPABILITY[0], "minor": CAPABILITY[1]}


def built() -> Path:
    """What PyTorch asks GPUs, as a library, compiled unless this project's tests did it before.

    Raises CalledProcessError if the compiler does not know PyTorch's C++.
    """
    found = find_spec("torch")
    assert found is not None and found.origin is not None
    home = Path(found.origin).parent
    flags = "-std=c++20", "-w", "-shared", "-fPIC", f"-I{home / 'include'}"
    libraries = f"-L{home / 'lib'}", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{home / 'lib'}"
    command = [*os.environ.get("CXX", "c++").split(), *flags, str(SOURCE), *libraries]
    known = SOURCE.read_bytes() + repr((command, version("torch"))).encode()
    made = KEPT / f"{sha256(known).hexdigest()[:32]}.so"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other test processes wait
        if not made.exists():
            new = made.with_suffix(".new")
            subprocess.run([*command, "-o", str(new)], check=True)
            new.replace(made)
    return made


def plug_in(built: Path, gpus: int, processors: int, *, idle: bool = False) -> ctypes.CDLL:
    """Before anything imports torch, which looks for GPUs once: so many, each of so many multiprocessors.

    `idle` ones compute nothing: what the library returned says of them is how many bytes their tensors took.
    """
    library = ctypes.CDLL(str(built))
    library.emulate(gpus, idle)
    library.most_bytes.restype = ctypes.c_int64
    import torch

    class Stream(torch.Stream):
        def __new__(cls, *_given: Any, **_named: Any):
            return super().__new__(cls, device=torch.device("cuda", library.current()))

    class Event(torch.Event):
        def __new__(cls, *_given: Any, **_named: Any):
            return super().__new__(cls, device="cuda")

    def exchange(gpu: int) -> int:
        before = library.current()
        if gpu >= 0:
            library.choose(gpu)
        return before

    resize = torch.UntypedStorage.resize_

    def resize_(storage: torch.UntypedStorage, size: int) -> torch.UntypedStorage:
        if storage.device.type != "cuda":
            return resize(storage, size)
        whole = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
        torch.ops.emulated_gpu.resize_storage(whole, size)
        return storage

    asked = {
        "_cuda_getDeviceCount": lambda: gpus, "_cuda_getDevice": lambda: library.current(),
        "_cuda_setDevice": exchange, "_cuda_getCurrentRawStream": lambda _gpu: 0,
        "_cuda_synchronize": lambda: None, "_cuda_emptyCache": lambda: None,
    }  # fmt: skip
    for name, function in asked.items():
        setattr(torch._C, name, function)
    instead = {
        "_initialized": True, "_exchange_device": exchange, "_maybe_exchange_device": exchange,
        "default_generators": (torch.default_generator,) * gpus,
        "get_device_properties": lambda _gpu=None: SimpleNamespace(**LIKE, multi_processor_count=processors),
        "get_device_capability": lambda _gpu=None: CAPABILITY, "get_device_name": lambda _gpu=None: LIKE["name"],
        "is_bf16_supported": lambda including_emulation=True: True, "max_memory_allocated": lambda _gpu=None: 0,
        "Stream": Stream, "Event": Event, "stream": lambda _stream: nullcontext(),
        "current_stream": lambda _gpu=None: Stream(),
    }  # fmt: skip
    for name, value in instead.items():
        setattr(torch.cuda, name, value)
    setattr(torch.UntypedStorage, "resize_", resize_)  # noqa: B010 (a type checker objects to an assignment)
    return library
