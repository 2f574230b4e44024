"""What a machine has: memory, less where a container's group is limited, and rates that are measured."""

import os
from pathlib import Path

import pytest

from genolong.commands.machine import copy_rate, memory_there, peak_memory, product_rate

ALL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def machine(root: Path, groups: str, **limits: str) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for place, text in limits.items():
        file = root / "sys/fs/cgroup" / place.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_name(file.name.replace("_dot_", ".")).write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("groups", "limits", "there"),
    [
        ("0::/job/one\n", {"job__memory_dot_max": "5000", "job__one__memory_dot_max": "max"}, 5000),
        ("0::/job/one\n", {"job__memory_dot_max": "5000", "job__one__memory_dot_max": "4000"}, 4000),
        ("0::/\n", {"memory_dot_max": "max"}, ALL),
        ("0::/job\n", {}, ALL),
        ("3:cpu:/a\n2:memory:/a\n", {"memory__a__memory_dot_limit_in_bytes": "3000"}, 3000),
        ("3:cpu:/a\n", {"memory__a__memory_dot_limit_in_bytes": "3000"}, ALL),
        ("2:memory:/a\n", {"memory__memory_dot_limit_in_bytes": str(1 << 63)}, ALL),
    ],
)
def test_memory_is_the_machines_or_what_its_groups_may_have(tmp_path, groups, limits, there):
    assert memory_there(cuda=False, root=machine(tmp_path, groups, **limits)) == there


def test_a_system_without_groups_has_the_machines_memory(tmp_path):
    assert memory_there(cuda=False, root=tmp_path) == ALL


def test_rates_are_those_of_a_computer():
    rate = product_rate(cuda=False, half=False)
    assert 1e8 < rate < 1e14
    # a product of which no side is transposed takes 100 times longer where bfloat16 is not multiplied
    assert rate / 40 < product_rate(cuda=False, half=True) < 100 * rate
    assert 1e8 < copy_rate(cuda=False) < 1e13


def test_the_memory_that_was_used_is_what_the_system_says():
    before = peak_memory()["host"]
    held = bytearray(1 << 20)
    assert 1 << 24 < before <= peak_memory()["host"] and held is not None
