"""reproduce: the same result from a record alone; whatever is not the same is refused, named or judged."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from genolong.commands.evaluation.evaluate import evaluate
from genolong.commands.evaluation.evaluate_variants import evaluate_variants
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.commands.repeating import reproduce as command
from genolong.commands.repeating.reproduce import reproduce
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.commands.repeating.same_inputs import check_inputs
from genolong.commands.training.train import train
from genolong.commands.training.train_variants import train_variants
from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.errors import InputError, MissingInputError, SettingsError, UnsafeInputError
from genolong.genome.fasta import Genome
from genolong.genome.files.hashed import sha256_of
from genolong.settings import CONF, check
from tests.builders.resumed_runs import settings_of
from tests.builders.vcfs import record_line, vcf_text

pytestmark = pytest.mark.filterwarnings("ignore:GPU available")
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


def checked(name: str, schema: type, *overrides: str) -> Any:
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        return check(compose(name, [*overrides]), schema)


def asked(run: Path, **more: Any) -> ReproduceSettings:
    named = {"model": None, "vcf": None, "fasta": None, "cache": None, **more}
    data = GenomeSettings(fasta=named.pop("fasta"), cache=named.pop("cache"))
    return ReproduceSettings(run=str(run), data=data, debug=False, **named)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a genome, a training in it, a VCF, and what predict, evaluate and a variant head made of them."""
    home = tmp_path_factory.mktemp("made")
    train(settings_of(home, "trainer.max_steps=4", "trainer.validate_every=2"), home / "run")
    genome = Genome.open([str(home / "genome.fa")], str(home / "cache"))
    letters = {"one": (home / "genome.fa").read_text().split("\n")[1]}
    assert set(genome.contigs) == {"one", "two"}
    lines = []
    for at in range(60, 800, 10):
        base = letters["one"][at - 1].upper()
        info = f"KIND={'bad' if at % 20 else 'good'}"
        if base in OTHER:
            lines.append(record_line("one", at, base, OTHER[base], info))
    (home / "in.vcf").write_bytes(vcf_text(*lines))
    few = ("longest_allele=8", "flank=2", f"data.cache={home / 'cache'}", "trainer.accelerator=cpu")
    predict(checked("predict", PredictSettings, f"model={home / 'run'}", f"vcf={home / 'in.vcf'}",
                    f"output={home / 'out.vcf.gz'}", f"skipped_to={home / 'skipped.tsv'}", *few))  # fmt: skip
    held_out = ("contexts=false", "device=cpu", f"model={home / 'run'}", f"output={home / 'bases.json'}")
    evaluate(checked("evaluate", EvaluationSettings, *held_out))
    labelled = (f"vcf={home / 'out.vcf.gz'}", "label=KIND", "positive=bad", "negative=good", "bootstrap=40")
    evaluate_variants(checked("evaluate", EvaluationSettings, *labelled, f"output={home / 'alleles.json'}",
                              f"model={home / 'run'}"))  # fmt: skip
    train_variants(
        checked(
            "train_variants", VariantTrainSettings, f"init_from={home / 'run'}", f"data.vcf={home / 'in.vcf'}",
            "data.label=KIND", "data.positive=bad", "data.negative=good", f"run.folder={home / 'runs'}",
            f"data.cache={home / 'cache'}", "trainer.max_steps=3", "head.around=[0]", "head.flank=2",
            "longest_allele=8", "logger.tensorboard=false", "data.validation_share=0.3", "head.hidden=5",
            "trainer.accelerator=cpu",
        ),
        home / "head",
    )  # fmt: skip
    return home


def test_a_run_without_its_metrics_is_compared_by_its_weights(made: Path, tmp_path: Path):
    shutil.copytree(made / "run", tmp_path / "run")
    (tmp_path / "run" / "metrics.csv").unlink()
    done = reproduce(asked(tmp_path / "run", cache=str(tmp_path / "mine")), tmp_path / "again")
    assert done is not None and done.same and done.explained
    assert done.verdict.endswith("; there is no metrics.csv to compare with")
    assert any((tmp_path / "mine").iterdir()), "the genome's index is kept where it was asked for"


def test_files_after_which_contigs_are_called_are_to_keep_their_names(made: Path, tmp_path: Path):
    shutil.copytree(made / "run", tmp_path / "run")
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    (tmp_path / "run" / "record.json").write_text(json.dumps(record | {"fasta_titles": ["human"]}))
    with pytest.raises(
        InputError, match="told apart by the files' names, which are genome now, and were human; restore those"
    ):
        reproduce(asked(tmp_path / "run", fasta=str(made / "genome.fa")), tmp_path / "again")


RESULTS = {
    "run": "the weights are the same to the last bit (sha256 {}); in metrics.csv, all 20 figures are the same",
    "head": "the weights are the same to the last bit (sha256 {}); in metrics.csv, all ",
    "out.vcf.gz": "out.vcf.gz is the same byte for byte (sha256 {})",
    "out.vcf.gz.record.json": "out.vcf.gz is the same byte for byte (sha256 {})",
    "bases.json": "bases.json is the same byte for byte (sha256 {})",
    "alleles.json": "alleles.json is the same byte for byte (sha256 {})",
}


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_the_same_and_lies_elsewhere(made: Path, tmp_path: Path, name: str):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file() and "cache" not in path.parts}
    settings = asked(made / name, cache=str(made / "cache"))
    record = json.loads(settings.record.read_text())
    done = reproduce(settings, tmp_path / "again")
    assert done is not None and done.same and done.explained and not done.differences
    sha256 = record.get("weights_sha256", record.get("output_sha256"))
    assert done.verdict.startswith(RESULTS[name].format(sha256))
    told = json.loads((tmp_path / "again" / "reproduction.json").read_text())
    assert told == {"of": str(settings.record), "same": True, "verdict": done.verdict, "differences": []}
    after = {path: path.stat().st_mtime_ns for path in made.rglob("*") if path.is_file() and "cache" not in path.parts}
    assert after == before, "what was made at first is left alone"


def test_a_prediction_made_again_has_its_own_record_and_table(made: Path, tmp_path: Path):
    reproduce(asked(made / "out.vcf.gz", cache=str(made / "cache")), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "out.vcf.gz", "out.vcf.gz.tbi", "out.vcf.gz.record.json", "skipped.tsv", "reproduction.json",
    }  # fmt: skip
    assert (tmp_path / "skipped.tsv").read_bytes() == (made / "skipped.tsv").read_bytes()
    assert reproduce(asked(tmp_path / "out.vcf.gz"), tmp_path / "third").same  # type: ignore[union-attr]


@pytest.fixture
def moved(made: Path, tmp_path: Path) -> Path:
    """A copy of the home elsewhere, whose records still name the first place, which holds nothing for them."""
    home = tmp_path / "moved"
    shutil.copytree(made, home, symlinks=True)
    for path in [*home.rglob("*record.json")]:
        path.write_text(path.read_text().replace(f"{made}/", f"{made}/gone/"))
    return home


@pytest.mark.parametrize(
    ("name", "missing", "remedy"),
    [
        ("run", "genome.fa", "data.fasta=, vcf="),
        ("out.vcf.gz", "genome.fa", "data.fasta=, vcf="),
        ("head", "genome.fa", "data.fasta=, vcf="),
        ("bases.json", "genome.fa", "data.fasta=, vcf="),
    ],
)
def test_inputs_that_were_moved_are_named_anew(moved: Path, tmp_path: Path, name: str, missing: str, remedy: str):
    with pytest.raises(
        MissingInputError, match=f"/gone/{missing}: is no longer there; name its new location .{remedy}"
    ):
        reproduce(asked(moved / name), tmp_path / "again")
    named = {"fasta": str(moved / "genome.fa"), "cache": str(moved / "cache")}
    if name in ("out.vcf.gz", "head"):
        named["vcf"] = str(moved / "in.vcf")
    if name != "run":
        named["model"] = str(moved / "run")
    done = reproduce(asked(moved / name, **named), tmp_path / "again")
    assert done is not None and done.same


def test_a_bed_file_cannot_be_named_anew_and_is_put_back(tmp_path: Path):
    bed = tmp_path / "x.bed"
    bed.write_text("one\t1\t9\n")
    record = {"inputs_sha256": {}, "regions_sha256": {str(bed): sha256_of(bed)}}
    check_inputs(record, asked(tmp_path))
    bed.write_text("one\t1\t8\n")
    with pytest.raises(InputError, match=r"x.bed: its content has changed since .*; put back the file that was read$"):
        check_inputs(record, asked(tmp_path))
    bed.unlink()
    with pytest.raises(MissingInputError, match=r"x.bed: is no longer there; put it back$"):
        check_inputs(record, asked(tmp_path))
    with pytest.raises(MissingInputError, match=r"y.fa: does not exist; check its spelling$"):
        check_inputs(record, asked(tmp_path, fasta=str(tmp_path / "y.fa")))


def rewrite(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The training and the prediction, to be changed."""
    home = tmp_path / "copy"
    shutil.copytree(made, home, symlinks=True)
    return home


def test_a_changed_input_is_refused(made: Path, copy: Path, tmp_path: Path):
    rewrite(
        copy / "run" / "record.json", lambda record: record["inputs_sha256"].update({str(made / "genome.fa"): "f" * 64})
    )
    with pytest.raises(InputError, match=r"genome.fa: its content has changed since .sha256 f{12}… then, .* now"):
        reproduce(asked(copy / "run"), tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_file_that_was_not_read_is_refused(made: Path, tmp_path: Path):
    other = tmp_path / "other.fa"
    other.write_text(">one\nACGT\n")
    with pytest.raises(
        InputError, match=r"other.fa: is not one of the files that were read \(sha256 .*…\): genome.fa "
    ):
        reproduce(asked(made / "run", fasta=str(other)), tmp_path / "again")


def test_another_order_of_files_is_refused(made: Path, copy: Path, tmp_path: Path):
    rewrite(
        copy / "out.vcf.gz.record.json",
        lambda record: record.update(inputs_sha256=dict(reversed(record["inputs_sha256"].items()))),
    )
    with pytest.raises(InputError, match=r"data.fasta: wanted the files in the order in which they were read: in.vcf "):
        reproduce(
            asked(copy / "out.vcf.gz", fasta=str(made / "genome.fa"), vcf=str(made / "in.vcf")), tmp_path / "again"
        )


@pytest.mark.parametrize(
    ("name", "named", "line"),
    [
        ("run", {"vcf": "x.vcf"}, "vcf=x.vcf: .*/run was made without one; leave it out"),
        ("run", {"model": "x"}, "model=x: .*/run was made without one; leave it out"),
        ("bases.json", {"vcf": "x.vcf"}, "vcf=x.vcf: .*/bases.json was made without one; leave it out"),
    ],
)
def test_what_was_not_used_is_not_named_anew(made: Path, tmp_path: Path, name: str, named: dict, line: str):
    with pytest.raises(SettingsError, match=line):
        reproduce(asked(made / name, **named), tmp_path / "again")


def test_another_model_is_refused(made: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"head: its weights are not those that were used .*name the checkpoint"):
        reproduce(asked(made / "out.vcf.gz", model=str(made / "head")), tmp_path / "again")


@pytest.mark.parametrize(
    ("change", "kind", "line"),
    [
        (lambda record: record.update(status="started"), InputError, "did not finish, so there is nothing to compare"),
        (lambda record: record.update(made_by="fold"), InputError, "made by 'fold'; wanted train, "),
        (lambda record: record.update(settings=[1]), InputError, "holds no settings; wanted the record of a run"),
        (lambda record: record.update(inputs_sha256=[1]), InputError, "inputs_sha256 holds no sha256 of files"),
        (lambda record: record["settings"].update(colour=1), InputError, "do not match this version .colour: no such"),
        (lambda record: record["settings"].update(data=1), InputError, "do not match this version"),
        (lambda record: record["settings"].update(_target_="os.system"), UnsafeInputError, "its settings: _target_"),
        (lambda record: record["settings"].update(model="${oc.env:HOME}"), UnsafeInputError, "its settings: model="),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_taken_is_refused_in_one_line(copy: Path, tmp_path: Path, change, kind, line: str):
    path = copy / "run" / "record.json"
    rewrite(path, change)
    with pytest.raises(kind, match=line) as caught:
        reproduce(asked(copy / "run"), tmp_path / "again")
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 99_999, "null", "\xff"])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str):
    (tmp_path / "record.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"record.json: (is not JSON|holds no settings)"):
        reproduce(asked(tmp_path), tmp_path / "again")


def test_what_is_not_there_is_missing(tmp_path: Path):
    with pytest.raises(MissingInputError, match=r"x.vcf.record.json: no such record; name a run's folder, or a file"):
        reproduce(asked(tmp_path / "x.vcf"), tmp_path / "again")


def test_a_strangers_record_writes_nowhere_else(copy: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"

    def change(record: dict) -> None:
        record["settings"]["run"] = {"name": "x", "folder": str(elsewhere)}
        record["settings"]["data"]["cache"] = str(elsewhere)
        record["settings"]["logger"]["wandb"] = True
        record["settings"]["resume"] = str(elsewhere)

    rewrite(copy / "run" / "record.json", change)
    done = reproduce(asked(copy / "run", cache=str(copy / "cache")), tmp_path / "again")
    assert done is not None and done.same and not elsewhere.exists()
    record = copy / "out.vcf.gz.record.json"
    for setting, path in (("skipped_to", "/x/.."), ("output", "/")):
        rewrite(record, lambda record, one=setting, other=path: record["settings"].update({one: other}))
        with pytest.raises(InputError, match=f"{setting}={path}: wanted the path of a file"):
            reproduce(asked(copy / "out.vcf.gz"), tmp_path / "third")


def test_what_an_older_record_lacks_is_as_by_default_and_told(copy: Path, tmp_path: Path, caplog):
    caplog.set_level(logging.INFO, logger="genolong")

    def change(record: dict) -> None:
        del record["made_by"], record["regions_sha256"]
        del record["settings"]["checkpoint"], record["settings"]["trainer"]["check_memory"]

    rewrite(copy / "run" / "record.json", change)
    done = reproduce(asked(copy / "run", cache=str(copy / "cache")), tmp_path / "again")
    assert done is not None and done.same
    for key in ("checkpoint.every_n_steps=500", "checkpoint.keep=2", "trainer.check_memory=True"):
        assert f"{key}: not in the record, so the default is used" in caplog.messages


def test_a_difference_is_named_with_its_likeliest_cause(copy: Path, tmp_path: Path):
    def change(record: dict) -> None:
        record["settings"]["seed"] = 2
        record["machine"]["threads"] = 97

    rewrite(copy / "run" / "record.json", change)
    done = reproduce(asked(copy / "run", cache=str(copy / "cache")), tmp_path / "again")
    assert done is not None and not done.same and done.explained
    assert done.verdict.startswith("not the same: the weights have a different sha256; in metrics.csv, ")
    assert done.verdict.endswith("; the likeliest cause: threads (OMP_NUM_THREADS): 97 then, 1 now")


def test_attention_is_what_it_was_where_that_is_everywhere(copy: Path, tmp_path: Path):
    def change(record: dict) -> None:
        record["attention"], record["settings"]["trainer"]["attention"] = "aten", "auto"

    rewrite(copy / "run" / "record.json", change)
    reproduce(asked(copy / "run", cache=str(copy / "cache")), tmp_path / "again")
    assert json.loads((tmp_path / "again" / "record.json").read_text())["attention"] == "aten"


def test_attention_that_is_another_here_is_named(copy: Path, tmp_path: Path, monkeypatch):
    def change(record: dict) -> None:
        record["attention"], record["weights_sha256"] = "cpp", "another"

    rewrite(copy / "run" / "record.json", change)
    monkeypatch.setattr("genolong.model.attention.native_attention.why_not", lambda _: "no C++ compiler was found")
    done = reproduce(asked(copy / "run", cache=str(copy / "cache")), tmp_path / "again")
    assert done is not None and done.verdict.endswith("the likeliest cause: attention: cpp then, aten now")


def test_a_difference_without_a_cause_is_not_explained(copy: Path, tmp_path: Path):
    rewrite(copy / "run" / "record.json", lambda record: record["settings"].update(seed=2))
    done = reproduce(asked(copy / "run", cache=str(copy / "cache")), tmp_path / "again")
    assert done is not None and not done.explained
    assert done.verdict.endswith("nothing that is known to matter is different here")


def test_scores_of_two_files_are_compared(copy: Path, tmp_path: Path):
    def change(record: dict) -> None:
        record["settings"]["mode"] = "unmasked"

    rewrite(copy / "out.vcf.gz.record.json", change)
    settings = asked(copy / "out.vcf.gz", cache=str(copy / "cache"))
    done = reproduce(settings, tmp_path / "again")
    assert done is not None and "out.vcf.gz has a different sha256; " in done.verdict
    assert "GENOLONG_" in done.verdict and "of allele 1 of record " in done.verdict
    (copy / "out.vcf.gz").unlink()
    done = reproduce(settings, tmp_path / "third")
    assert done is not None and f"and {copy}/out.vcf.gz is missing or has changed since" in done.verdict


@pytest.mark.parametrize("name", ["out.vcf.gz", "bases.json"])
def test_a_result_that_was_changed_after_it_was_written_is_not_the_same(copy: Path, tmp_path: Path, name: str):
    with (copy / name).open("ab") as file:
        file.write(b"\n")
    done = reproduce(asked(copy / name, cache=str(copy / "cache")), tmp_path / "again")
    assert done is not None and not done.same and not done.explained
    wanted = sha256_of(tmp_path / "again" / name)
    told = f"{name} is as the record says (sha256 {wanted}); {copy / name} has changed since it was written"
    assert done.verdict == f"not the same: {told}"
    (copy / name).unlink()
    done = reproduce(asked(copy / name, cache=str(copy / "cache")), tmp_path / "third")
    assert done is not None and done.same, "the record alone can be repeated"


def test_figures_of_two_evaluations_are_compared(copy: Path, tmp_path: Path):
    rewrite(copy / "bases.record.json", lambda record: record["settings"].update(share=0.5))
    done = reproduce(asked(copy / "bases.json", cache=str(copy / "cache")), tmp_path / "again")
    assert (
        done is not None
        and "bases.json has a different sha256; " in done.verdict
        and " figures differ, " in done.verdict
    )


def test_names_that_the_output_states_are_the_cause_if_nothing_else_is(made: Path, tmp_path: Path):
    shutil.copy(made / "genome.fa", tmp_path / "renamed.fa")
    named = {"fasta": str(tmp_path / "renamed.fa"), "cache": str(tmp_path)}
    done = reproduce(asked(made / "out.vcf.gz", **named), tmp_path / "again")
    assert done is not None and not done.same and " figures are the same to the last bit; " in done.verdict
    assert done.verdict.endswith(
        "the likeliest cause: files were called genome.fa, in.vcf, run then, renamed.fa, in.vcf, run here; the output "
        "states names of its genome and model"
    )


def test_figures_are_compared_whatever_their_file_is_called(copy: Path, tmp_path: Path):
    (copy / "bases.json").rename(copy / "bases")  # the record's name does not change
    rewrite(copy / "bases.record.json", lambda record: record["settings"].update(share=0.5, output=str(copy / "bases")))
    done = reproduce(asked(copy / "bases", cache=str(copy / "cache")), tmp_path / "again")
    assert done is not None and "bases has a different sha256; " in done.verdict and " figures differ, " in done.verdict


def test_of_several_processes_the_first_one_judges(made: Path, tmp_path: Path, monkeypatch):
    place = replace(command.Place.alone(), rank=1)
    monkeypatch.setattr(command.Place, "joined", lambda: place)
    assert reproduce(asked(made / "run"), tmp_path) is None
    assert not (tmp_path / "reproduction.json").exists()
    monkeypatch.setattr(command.Place, "joined", lambda: replace(place, rank=0))
    done = reproduce(asked(made / "run"), tmp_path / "first")
    assert done is not None and done.same and (tmp_path / "first" / "reproduction.json").exists()


def test_on_a_cpu_deterministic_kernels_are_those_that_run_anyway(made: Path, copy: Path, tmp_path: Path):
    try:
        rewrite(copy / "run" / "record.json", lambda record: record["settings"]["trainer"].update(deterministic=True))
        done = reproduce(asked(copy / "run", cache=str(copy / "cache")), tmp_path / "again")
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert done is not None and done.same
