"""What is another here than in a record is named, the likeliest cause of another result first."""

import copy
import hashlib

import pytest

from genolong.runs.differences import differences
from genolong.runs.record import started, surroundings


def test_nothing_is_another_where_the_record_was_written():
    assert differences(started("train", {}, {}), surroundings()) == []


@pytest.mark.parametrize(
    ("part", "name", "value", "line"),
    [
        ("machine", "threads", 97, "threads (OMP_NUM_THREADS): 97 then, 5 now"),
        ("machine", "gpu", "H100", "GPU: H100 then, none now"),
        ("machine", "vectors", "SSE", "vector instructions: SSE then, AVX now"),
        ("machine", "system", "Plan 9\x1b[2J", "system: Plan 9[2J then, Linux now"),
        ("versions", "numpy", "1.0", "numpy: 1.0 then, 2.0 now"),
        ("versions", "pysam", None, "pysam: none then, 0.1 now"),
        ("code", "commit", "0123456789abcdef", "genolong's commit: 0123456789ab then, fedc now"),
        ("code", "diff_sha256", "77", "genolong's uncommitted changes: 77 then, 88 now"),
        ("code", "diff_sha256", hashlib.sha256(b"").hexdigest(), "genolong's uncommitted changes: none then, 88 now"),
    ],
)
def test_each_of_them_is_named(part, name, value, line):
    now = {
        "machine": {"system": "Linux", "processor": "x", "vectors": "AVX", "cores": 2, "threads": 5, "gpu": None},
        "versions": {"python": "3", "genolong": "1", "torch": "2", "numpy": "2.0", "pysam": "0.1"},
        "code": {"commit": "fedc", "diff_sha256": "88"},
    }
    then = copy.deepcopy(now)
    then[part][name] = value
    assert differences(then, now) == [line]


def test_the_likeliest_cause_comes_first_and_the_system_last():
    now = surroundings()
    then = copy.deepcopy(now)
    then["machine"] |= {"system": "x", "threads": 0, "gpu": "y", "cores": -1}
    then["versions"] |= {"python": "2", "torch": "0"}
    assert [line.split(":")[0] for line in differences(then, now)] == [
        "GPU", "threads (OMP_NUM_THREADS)", "torch", "python", "system",
    ]  # fmt: skip


@pytest.mark.parametrize("then", [{}, {"versions": {}, "machine": {}}, {"versions": None, "machine": 7, "code": None}])
def test_what_a_record_does_not_say_is_not_compared(then):
    assert differences(then, surroundings()) == []
