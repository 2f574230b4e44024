"""An evaluation is a training's own if it read the same files and held out the same bases, however it says so."""

import json
from pathlib import Path
from typing import Any

import pytest

from genolong.commands.evaluation.evaluation_settings import HeldOutSettings
from genolong.commands.evaluation.own_figures import are_of_training, place_of_figures, says_own_bases

TRAINED = {"fasta": "g.fa", "validation": ["chr8"], "regions": "on.bed", "validation_share": 0.05}


def held_out(**changes: Any) -> HeldOutSettings:
    return HeldOutSettings(**{"fasta": None, "cache": None, "validation": None, "regions": None} | changes)


@pytest.mark.parametrize(
    ("asked", "sha256", "own"),
    [
        ({}, ["1", "2"], True), ({"validation": ["chr8"]}, ["2", "1"], True), ({"regions": "on.bed"}, ["1", "2"], True),
        ({"validation": ["chr9"]}, ["1", "2"], False), ({"regions": "off.bed"}, ["1", "2"], False), ({}, ["1"], False),
        ({}, ["1", "2", "3"], False), ({"validation": ["chr8"], "regions": "off.bed"}, ["1", "2"], False),
    ],
)  # fmt: skip
def test_settings_and_hashes_must_be_the_trainings(asked: dict[str, Any], sha256: list[str], own: bool, tmp_path: Path):
    inputs = {f"/d/new.{name}.fa": name for name in sha256}
    found = place_of_figures(tmp_path, held_out(**asked), inputs, TRAINED, {"1", "2"})
    assert found == tmp_path / ("evaluation.json" if own else "evaluation_of_new.json")
    record = {"settings": {"data": vars(held_out(**asked))}, "inputs_sha256": inputs}
    assert says_own_bases(record, TRAINED, {"1", "2"}) == own


def test_a_file_whose_name_begins_with_a_point_gives_another_name(tmp_path: Path):
    assert place_of_figures(tmp_path, held_out(), {"/d/.fa": "3"}, TRAINED, {"1"}).name == "evaluation_of_other.json"


@pytest.mark.parametrize(
    "record",
    [
        {"settings": {}, "inputs_sha256": {"a": "1"}}, {"settings": {"data": {}}},
        {"settings": {"data": []}, "inputs_sha256": {"a": "1"}}, {"settings": {"data": {}}, "inputs_sha256": ["1"]},
    ],
)  # fmt: skip
def test_a_record_that_does_not_say_is_not_taken_for_the_trainings(record: dict[str, Any]):
    assert not says_own_bases(record, TRAINED, {"1"})
    assert says_own_bases({"settings": {"data": {}}, "inputs_sha256": {"a": "1"}}, TRAINED, {"1"})


@pytest.mark.parametrize(
    ("made_by", "name", "own"),
    [
        ("train", "evaluation.json", True), ("train", "evaluation_of_other.json", False),
        ("train_variants", "evaluation.json", False), (None, "evaluation.json", False),
    ],
)  # fmt: skip
def test_figures_are_on_the_page_of_the_training_in_their_folder(
    tmp_path: Path, made_by: str | None, name: str, own: bool
):
    (tmp_path / name).touch()
    if made_by is not None:
        (tmp_path / "record.json").write_text(json.dumps({"made_by": made_by, "settings": {}}))
    assert are_of_training(tmp_path / name) == own
