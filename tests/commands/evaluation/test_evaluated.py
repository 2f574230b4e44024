"""Files of figures: what evaluate did not write is refused, and says which file it is."""

from pathlib import Path

import pytest

from genolong.commands.evaluation import evaluated
from genolong.commands.evaluation.evaluated import read_figures, write_figures
from genolong.errors import InputError, MissingInputError
from genolong.report.figures import Figure


def test_what_was_written_is_read(tmp_path: Path):
    figures = [Figure("model/loss", 1.25, "nats/base", 7, 0.5), Figure("x/auroc", 0.5, "", 3, None)]
    assert read_figures(write_figures(tmp_path / "x.json", figures)) == figures


def test_figures_that_cannot_be_read_are_missing(tmp_path: Path):
    with pytest.raises(MissingInputError, match=r"none.json: cannot be read \(No such file .*\); wanted figures of ev"):
        read_figures(tmp_path / "none.json")


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, monkeypatch):
    path = write_figures(tmp_path / "x.json", [Figure("model/loss", 1.25, "nats/base", 7, None)])
    size = path.stat().st_size
    monkeypatch.setattr(evaluated, "LARGEST", size)
    assert len(read_figures(path)) == 1
    monkeypatch.setattr(evaluated, "LARGEST", size - 1)
    with pytest.raises(
        InputError, match=rf"x.json: holds no figures \(larger than {size - 1:,} bytes\); wanted what eva"
    ):
        read_figures(path)
