"""Triton's kernels compiled for GPUs that need not be there: what each asks of one, as a line of JSON.

A program of its own, for a process whose kernels are interpreted compiles none: NUMBERS WIDTH CAPABILITY, ...
"""

import json
import re
import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from genolong.model import triton_kernels
from genolong.model.triton_attention import HOW, padded, tile_of

KERNELS = ("attend", "attend_backward_queries", "attend_backward_keys")


def compiled(name: str, numbers: str, width: int, capability: int) -> dict:
    """Bytes of shared memory, products of matrices, and copies into shared memory that others do not wait for."""
    kernel = vars(triton_kernels)[name]
    tile = tile_of(width, 4 if numbers == "fp32" else 2)
    fixed = {"WIDTH": width, "WIDE": padded(width), "HELD": tile.held, "READ": tile.read, "WIDEN": False}
    whole = {"residues", "classes", "class_of_block", "specs"}
    single = {"along", "lse"}
    types, divides = {}, {}
    for place, argument in enumerate(kernel.arg_names):
        step = argument.endswith(("_batch", "_row", "_head"))
        if argument in fixed:
            types[argument] = "constexpr"
        elif step or argument in ("period", "branches"):
            types[argument] = "i32"
        elif argument == "scale":
            types[argument] = "fp32"
        else:
            types[argument] = "*i32" if argument in whole else "*fp32" if argument in single else f"*{numbers}"
        if types[argument].startswith("*") or (step and not argument.startswith(("lse", "along"))):
            divides[(place,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=kernel, signature=types, constexprs=fixed, attrs=divides)
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=HOW)
    text = made.asm["ptx"]
    products = len(re.findall(r"\bmma\.sync|\bwgmma\.mma_async|\btcgen05\.mma", text))
    copies = text.count("cp.async.c")
    return {"kernel": name, "shared": made.metadata.shared, "products": products, "copies": copies}


if __name__ == "__main__":
    numbers, width, capability = sys.argv[1:]
    for name in KERNELS:
        sys.stdout.write(json.dumps(compiled(name, numbers, int(width), int(capability))) + "\n")
