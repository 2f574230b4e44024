"""Triton's kernels compiled for GPUs that need not be there: what each asks of one, as a line of JSON.

A program of its own, for a process whose kernels are interpreted compiles none: attention NUMBERS WIDTH CAPABILITY,
... or passes or parts NUMBERS WIDTH CAPABILITY, numbers being those of gradients and rows.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import triton
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from genolong.model.attention import part_kernels, triton_kernels
from genolong.model.attention.branch_parts import ALIGNED, READ, ROWS, WARPS
from genolong.model.attention.triton_attention import HOW, tile_of
from genolong.model.compilers.triton import padded
from genolong.model.passes import triton_pass_kernels
from genolong.model.passes.triton_passes import near_tile, norm_backward_tile, rows_tile, taps_tile, turn_tile

STEPS = ("_batch", "_row", "_head", "_position", "_kind")
TAPS, HEADS, BRANCHES = 9, 8, 7


def compiled(name: str, kernel: Any, capability: int, fixed: dict, how: dict, type_of: Callable[[str], str]) -> dict:
    """Bytes of shared memory, registers of a thread and bytes that had no room in them, ...

    ... products of matrices, copies into shared memory that others do not wait for, and if 16 bytes are read at once.
    """
    types, divides = {}, {}
    for place, argument in enumerate(kernel.arg_names):
        types[argument] = "constexpr" if argument in fixed else type_of(argument)
        if types[argument].startswith("*") or (argument.endswith(STEPS) and not argument.startswith(("lse", "along"))):
            divides[(place,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=kernel, signature=types, constexprs=fixed, attrs=divides)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=how)
    text = made.asm["ptx"]
    products = len(re.findall(r"\bmma\.sync|\bwgmma\.mma_async|\btcgen05\.mma", text))
    found = {"kernel": name, "shared": made.metadata.shared, "products": products, "copies": text.count("cp.async.c")}
    found["wide"] = bool(re.search(r"ld\.global[.\w]*\.v4\.b32", text))
    return found | _registers(made.asm["cubin"])


def _registers(cubin: bytes) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(cubin)
        command = [knobs.nvidia.cuobjdump.path, "--dump-resource-usage", str(path)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack = (int(found) for found in re.findall(r"(?:REG|STACK):(\d+)", told))
    return {"registers": registers, "spilled": stack}


def attention(numbers: str, width: int, capability: int) -> Iterator[dict]:
    """Its kernels for heads of so many channels."""
    tile, single = tile_of(width, 4 if numbers == "fp32" else 2), {"along": "*fp32", "lse": "*fp32", "scale": "fp32"}
    fixed = {"WIDTH": width, "WIDE": padded(width), "HELD": tile.held, "READ": tile.read, "WIDEN": False}
    whole = dict.fromkeys(("residues", "classes", "class_of_block", "specs"), "*i32")
    whole |= {"period": "i32", "branches": "i32"}

    def type_of(argument: str) -> str:
        return "i32" if argument.endswith(STEPS) else (whole | single).get(argument, f"*{numbers}")

    for name in ("attend", "attend_backward_queries", "attend_backward_keys"):
        yield compiled(name, vars(triton_kernels)[name], capability, fixed, HOW, type_of)


def passes(numbers: str, width: int, capability: int) -> Iterator[dict]:
    """Its kernels for states of so many channels."""
    tiles = {
        "norm": rows_tile(width), "norm_backward": norm_backward_tile(width, add=True), "shrinks": rows_tile(width),
        "convolve": near_tile(TAPS, width), "convolve_backward": rows_tile(width) | {"TAPS": TAPS},
        "convolve_backward_taps": taps_tile(TAPS, width), "turn": turn_tile(HEADS, width // HEADS),
    }  # fmt: skip
    narrow = {("norm", "out"), ("norm_backward", "grad"), ("turn", "rows"), ("turn", "out")}
    for name, tile in tiles.items():

        def type_of(argument: str, kernel: str = name) -> str:
            if (kernel, argument) in narrow:
                return f"*{numbers}"
            counts = argument in ("rows", "length", "start", "count", "gap", "places") or argument.endswith(STEPS)
            return "i32" if counts else "fp32" if argument in ("tiny", "sign") else "*fp32"

        how = {"num_warps": tile.pop("num_warps")}
        yield compiled(name, vars(triton_pass_kernels)[name], capability, tile, how, type_of)


def parts(numbers: str, width: int, capability: int) -> Iterator[dict]:
    """What puts branches together, of heads of so many channels."""
    fixed = {"BRANCHES": BRANCHES, "WIDTH": width, "WIDE": padded(width), "ROWS": ROWS, "ALIGNED": ALIGNED}
    fixed |= {"PLACES": ROWS, "READ": READ, "WIDEN": False, "DENSE": True}
    how = {"num_warps": WARPS[4 if numbers == "fp32" else 2]}
    kinds = {"places": "*i32", "specs": "*i32", "steps": "*i64", "length": "i32", "part_sums": "*fp32", "lse": "*fp32"}

    def type_of(argument: str) -> str:
        return "i32" if argument.endswith(STEPS) else kinds.get(argument, f"*{numbers}")

    for name, more in (("join", {}), ("add_up", {"KINDS": 3})):
        yield compiled(name, vars(part_kernels)[name], capability, fixed | more, how, type_of)


if __name__ == "__main__":
    kind, numbers, width, capability = sys.argv[1:]
    for made in {"attention": attention, "passes": passes, "parts": parts}[kind](numbers, int(width), int(capability)):
        sys.stdout.write(json.dumps(made) + "\n")
