"""Runs of a sweep never write over each other's output."""

import pytest

from genolong.errors import SettingsError
from genolong.sweeps import refuse_shared_places


@pytest.mark.parametrize(("words", "line"), [
    (
        ["layer=0,1", "output=x/a.b.parquet"],
        "output=x/a.b.parquet: every run of a sweep (-m) would write there; give each its own, like "
        "output='x/a_${layer}.b.parquet', or leave out -m",
    ),
    (
        ["output=a", "model=runs/a,runs/b", "seed=choice(1,2)", "batch=1,2"],
        "output=a: every run of a sweep (-m) would write there; give each its own, like output='a_${seed}', or leave "
        "out -m",
    ),
    (["output=a", "model=runs/a,runs/b"], "output=a: every run of a sweep (-m) would write there; give each its own,"),
    (["output=-", "seed=1,2"], "output=-: every run of a sweep (-m) would write there; give each its own, or leave"),
    (["json=a.json", "model=tiny,small"], "json=a.json: every run of a sweep (-m) would write there; give each its"),
    (["hydra.run.dir=here", "seed=1,2"], "hydra.run.dir=here: a sweep (-m) has a folder for each run; choose where"),
])  # fmt: skip
def test_a_place_that_all_runs_would_share_is_refused(words, line):
    with pytest.raises(SettingsError) as told:
        refuse_shared_places(words)
    assert str(told.value).startswith(line)


@pytest.mark.parametrize("words", [
    ["output=a,b", "layer=0"], ["output='a_${layer}'", "layer=0,1"], ["hydra.sweep.dir=here", "seed=1,2"], [],
    ["output=null", "seed=1,2"], ["~output", "seed=1,2"],
])  # fmt: skip
def test_places_of_their_own_are_accepted(words):
    refuse_shared_places(words)
