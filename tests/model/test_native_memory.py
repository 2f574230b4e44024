"""C++ touches no memory but its own: its tests once more, under the compiler's sanitizers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genolong.model.compilers.cpp import lanes, multiplies_bfloat16, multiplies_squares

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
TESTS = [
    FOLDER / name
    for name in ("attention/test_native_attention.py", "passes/test_native_passes.py", "test_convolution.py")
]
NOT_OF_KERNELS = "not compile"  # nor compiler: tests of how libraries come to be, which make each anew
SANITIZED = "g++ -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1"
PRELOADED = ["libasan.so", "libubsan.so", "libstdc++.so"]  # an interpreter that was built without knows none of them


@pytest.fixture
def sanitized(tmp_path) -> dict[str, str]:
    """The environment of a process whose C++ is compiled with sanitizers."""
    if not lanes() or not shutil.which("g++"):
        pytest.skip("g++ is not there, or nothing is compiled for this processor")
    told = [
        subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in PRELOADED
    ]
    environment = os.environ | {
        "CXX": SANITIZED, "LD_PRELOAD": " ".join(told), "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc",
        "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    tried = subprocess.run([sys.executable, "-c", ""], env=environment, capture_output=True, text=True)
    if tried.returncode or tried.stderr or not all(map(os.path.isabs, told)):
        pytest.skip(f"g++ has no sanitizers that Python can be run under: {told}, {tried.stderr[:200]}")
    return environment


@pytest.mark.nightly
def test_kernels_read_and_write_within_their_bounds(sanitized, tmp_path):
    command = [sys.executable, "-m", "pytest", "-s", "-v", "-p", "no:cacheprovider", "-k", NOT_OF_KERNELS, *TESTS]
    run = subprocess.run(command, env=sanitized, cwd=ROOT, capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[:10000]}"
    made = [path for path in (tmp_path / "genolong").iterdir() if b"__asan_" in path.read_bytes()]
    ways = 1 + multiplies_bfloat16() + multiplies_squares()  # to multiply in vectors of 16
    widths = 6 + 4 * ways * (lanes() == 16)  # of rows in vectors, whose numbers the tests are known to ask for
    assert len([path for path in made if "attention" in path.name]) >= widths, "or PyTorch's kernels were tested"
    assert [path for path in made if "passes" in path.name]
