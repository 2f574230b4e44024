"""Freed memory is used again rather than asked for again, unless the user has decided about that, or it is large."""

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from genolong import kept_memory
from genolong.kept_memory import FREE, KEPT, KEPT_ANYWAY, keep_freed_memory, return_freed_memory
from tests.builders.c_library import undecided

PAGE, MIB = os.sysconf("SC_PAGESIZE"), 1 << 20
FAULTS = """
import resource
from genolong.kept_memory import keep_freed_memory, return_freed_memory

keep_freed_memory()

def faults(size):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

for size in (100 << 20, 160 << 20):
    faults(size)
    print(faults(size))
return_freed_memory()
faults(100 << 20)  # still takes what was kept
print(faults(100 << 20))
"""


def faults(**environment: str) -> list[int]:
    """Pages that the system hands out for 100 MiB and for 160, each of which has been used before, and for 100 again.

    What is freed is kept at first, and returned before the third number.
    """
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env=undecided() | environment, capture_output=True, text=True, check=True
    )
    return [int(line) for line in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_is_freed_is_used_again_unless_it_is_large():
    medium, large, returned = faults()
    assert medium < 100 < 160 * MIB // PAGE <= large
    assert returned >= 100 * MIB // PAGE


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
@pytest.mark.parametrize(
    "environment", [{"MALLOC_MMAP_THRESHOLD_": "1048576"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1048576"}]
)
def test_what_a_user_has_set_is_left(environment):
    assert min(faults(**environment)) >= 100 * MIB // PAGE


class Library:
    """A C library that accepts thresholds up to `most`, and notes what it is told."""

    def __init__(self, most: int) -> None:
        self.most, self.told = most, []

    def mallopt(self, name: int, value: int) -> int:
        self.told.append((name, value))
        return int(value <= self.most or name == kept_memory.M_TRIM_THRESHOLD)

    def loaded(self, monkeypatch: pytest.MonkeyPatch) -> "Library":
        """This library in place of the real one, in an environment that does not decide."""
        for name in os.environ.keys() - undecided().keys():
            monkeypatch.delenv(name)
        monkeypatch.setattr(ctypes, "CDLL", lambda _: self)
        return self


@pytest.mark.parametrize(
    ("most", "told"),
    [
        (KEPT, [(-3, KEPT), (-1, FREE)]),
        (KEPT_ANYWAY, [(-3, KEPT), (-3, KEPT_ANYWAY), (-1, FREE)]),
        (0, [(-3, KEPT), (-3, KEPT_ANYWAY)]),  # trimming less would map every tensor anew
    ],
)
def test_an_older_library_keeps_what_it_accepts(monkeypatch, most, told):
    library = Library(most).loaded(monkeypatch)
    keep_freed_memory()
    assert library.told == told


def test_a_library_returns_as_much_as_on_its_own(monkeypatch):
    library = Library(KEPT).loaded(monkeypatch)
    return_freed_memory()
    assert library.told == [(-3, KEPT_ANYWAY), (-1, 2 * KEPT_ANYWAY)]


def test_a_library_without_such_choices_is_left(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()
