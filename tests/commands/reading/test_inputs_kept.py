"""inputs_kept: which files of a run are read, and what is refused."""

from pathlib import Path

import pytest

from genolong.commands.reading.inputs_kept import files_of, refuse_to_write_over
from genolong.commands.reading.trained_run import open_run
from genolong.errors import SettingsError
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import save_run


def test_a_runs_files_are_its_checkpoints_settings_and_record_but_not_what_was_made_of_it(tmp_path: Path):
    save_run(tmp_path / "run", write_fasta(tmp_path, {"one": random_letters(300, 1)}), 64, tmp_path / "cache")
    for name in ("record.json", "evaluation.json", "config.yaml", "metrics.csv"):
        (tmp_path / "run" / name).write_text("{}")
    (tmp_path / "run/checkpoints/step-7.ckpt").write_text("older")
    (tmp_path / "run/checkpoints/folder.ckpt").mkdir()
    found = {
        path.resolve().relative_to(tmp_path.resolve()).as_posix() for path in files_of(open_run(str(tmp_path / "run")))
    }
    names = "record.json", "config.yaml", "metrics.csv", "checkpoints/last.ckpt", "checkpoints/step-7.ckpt"
    assert found == {f"run/{name}" for name in names}


def test_links_are_followed_and_what_is_no_file_is_let_be(tmp_path: Path):
    read, other = tmp_path / "read", tmp_path / "other"
    read.write_text("kept")
    other.symlink_to(read)
    refuse_to_write_over("output", [None, "-", tmp_path / "new"], [read])
    with pytest.raises(
        SettingsError, match=r"^output=.*/other: .*/read is an input, and would be overwritten; name another"
    ):
        refuse_to_write_over("output", ["-", other], [read])
