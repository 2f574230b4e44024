"""train task=variant_effect: a head that learns what labels mean, and a run that predict takes as any other."""

import csv
import json
import logging
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
import torch
from hydra import compose, initialize_config_dir

from genolong.commands.evaluation.evaluate_variants import evaluate_variants
from genolong.commands.reading import reading_check
from genolong.commands.reading.trained_run import open_run
from genolong.commands.training import memory_check
from genolong.commands.training.train_variants import _made, train_variants
from genolong.commands.training.tuned_step import check_tuned_memory, kept_blocks, tuned_step
from genolong.commands.training.variant_data import VariantData
from genolong.commands.variants.predict import predict
from genolong.commands.variants.predict_settings import PredictSettings
from genolong.errors import InputError, SettingsError
from genolong.loading.variant_batches import VariantDataModule
from genolong.long_work import watched_by
from genolong.model.costs.memory import memory
from genolong.model.variant_head import VariantHead
from genolong.parallel.place import Place
from genolong.settings import CONF, check
from genolong.tasks.trained_effect import FrozenEffect, TunedEffect
from tests.builders.c_library import watch_heap
from tests.builders.evaluations import evaluation_settings
from tests.builders.variant_training import GENOME, make_home, settings
from tests.builders.vcfs import record_line

pytestmark = pytest.mark.filterwarnings("ignore:Experiment logs directory", "ignore:GPU available")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make_home(tmp_path_factory.mktemp("variants"))


def scored(folder: Path, model: Path, name: str, *changes: str) -> list[pysam.VariantRecord]:
    asked = [f"model={model}", f"vcf={folder / 'labelled.vcf'}", f"output={folder / name}", "longest_allele=20",
             "flank=4", "trainer.accelerator=cpu", f"data.cache={folder / 'cache'}", *changes]  # fmt: skip
    with initialize_config_dir(str(CONF / "trained"), version_base="1.3"):
        predict(check(compose("predict", asked), PredictSettings))
    with pysam.VariantFile(str(folder / name)) as file:
        return list(file)


def test_a_head_learns_and_predict_writes_its_probabilities(made, caplog):
    with caplog.at_level(logging.INFO, "genolong"):
        done = train_variants(settings(made), made / "runs" / "variants" / "1")
    assert "left out 1 labelled allele: ref_mismatch" in caplog.text
    assert "left out 49 alleles with other labels: other (49)" in caplog.text
    assert done.record["metrics"]["validation/auroc"] > 0.9
    assert 0.2 < done.record["zero_shot"]["auroc"] < 0.8, "an untrained model knows nothing of labels"
    assert done.record["weights_sha256"] == open_run(str(done.folder)).weights_sha256
    assert (made / "runs" / "variants" / "latest").resolve() == done.folder.resolve()
    stored = json.loads((done.folder / "record.json").read_text())
    assert stored["status"] == "finished"
    assert str(made / "labelled.vcf") in stored["inputs_sha256"]
    with (done.folder / "metrics.csv").open() as file:
        steps = {int(row["step"]) for row in csv.DictReader(file) if row["train/loss"]}
    assert steps == set(range(150))

    before = scored(made, made / "base", "plain.vcf", "mode=unmasked")
    after = scored(made, done.folder, "headed.vcf", "mode=unmasked")
    exact = scored(made, done.folder, "exact.vcf")
    probabilities, bad = [], []
    for plain, record, other in zip(before, after, exact, strict=True):
        assert plain.info.get("GENOLONG_LLR") == record.info.get("GENOLONG_LLR")
        if record.info["GENOLONG_STATUS"] == ("ref_mismatch",):
            assert "GENOLONG_PROB" not in record.info
            continue
        assert record.info["GENOLONG_PROB"] == pytest.approx(other.info["GENOLONG_PROB"], abs=2e-4)
        if record.info.get("KIND") in ("bad", "good"):
            probabilities.append(record.info["GENOLONG_PROB"][0])
            bad.append(record.info["KIND"] == "bad")
    probabilities, bad = np.array(probabilities), np.array(bad)
    assert probabilities[bad].mean() > probabilities[~bad].mean() + 0.3
    described = next(line for line in (made / "headed.vcf").read_text().splitlines() if "ID=GENOLONG_PROB" in line)
    assert "KIND bad against good, calibrated on" in described
    assert "ID=GENOLONG_PROB" not in (made / "plain.vcf").read_text()


def test_a_head_that_is_measured_on_what_it_learned_from_is_told(made, tmp_path, caplog):
    done = train_variants(settings(made, "trainer.max_steps=2"), tmp_path / "run")
    with caplog.at_level(logging.WARNING, "genolong"):
        scored(made, done.folder, "seen.vcf", "mode=unmasked")
    assert (
        "labelled.vcf is the VCF that the head of this run was trained on: GENOLONG_PROB looks better here than"
        in caplog.text
    )
    asked = f"vcf={made / 'seen.vcf'}", "label=KIND", "positive=bad", "negative=good", "bootstrap=0"
    seen = "GENOLONG_PROB is from a head trained on labels of this very VCF"
    assert any(line.startswith(seen) for line in evaluate_variants(evaluation_settings(*asked)).notes)
    report = json.loads((made / "seen.vcf.evaluation.record.json").read_text())
    assert any(line.startswith(seen) for line in report["notes"])
    (made / "seen.vcf.record.json").unlink()
    notes = evaluate_variants(evaluation_settings(*asked)).notes
    assert "GENOLONG_PROB is from a trained head: its figures mean nothing if it learned from these alleles" in notes
    others = made / "others.vcf"
    others.write_bytes(b"".join((made / "labelled.vcf").read_bytes().splitlines(keepends=True)[:-1]))
    caplog.clear()
    scored(made, done.folder, "unseen.vcf", "mode=unmasked", f"vcf={others}")
    assert "was trained on" not in caplog.text


def test_alleles_that_do_not_fit_into_the_window_are_left_out_and_counted(made, tmp_path, caplog):
    header, _, records = (made / "labelled.vcf").read_bytes().partition(b"#CHROM")
    long = record_line("chr2", 41, GENOME["chr2"][40:66], GENOME["chr2"][40], "KIND=bad")  # 32 bases less twice 4: 24
    columns, _, rest = records.partition(b"\n")
    (tmp_path / "long.vcf").write_bytes(header + b"#CHROM" + columns + b"\n" + long + b"\n" + rest)
    asked = f"data.vcf={tmp_path / 'long.vcf'}", "longest_allele=1000", "trainer.max_steps=2"
    with caplog.at_level(logging.INFO, "genolong"):
        train_variants(settings(made, *asked), tmp_path / "run")
    assert "left out 1 labelled allele: too_long" in caplog.text
    with pytest.raises(
        SettingsError, match=r"^flank=16: a base with that many on either side does not fit into the wind"
    ):
        train_variants(settings(made, *asked, "head.flank=16"), tmp_path / "other")


def test_the_same_seed_gives_the_same_head_and_a_tuned_encoder_moves(made):
    few = "trainer.max_steps=6", "batch=8"
    hashes = [
        train_variants(settings(made, *few, *more), made / f"run{number}").record["weights_sha256"]
        for number, more in enumerate(([], [], ["seed=2"], ["encoder=tuned"], ["encoder=tuned", "encoder_rate=0.3"]))
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4
    base, tuned = (open_run(str(made / name)).model.state_dict() for name in ("base", "run3"))
    moved = {name for name, weight in base.items() if not np.array_equal(weight, tuned[name])}
    assert moved and all(name.startswith("encoder.") for name in moved)


def test_a_heads_first_weights_its_order_and_its_dropout_follow_the_seed(made, tmp_path, monkeypatch):
    asked, begun = settings(made, "seed=5", "trainer.max_steps=1"), []

    def noted(*given: Any) -> tuple[FrozenEffect, VariantDataModule]:
        module, datamodule = _made(*given)
        begun.append((deepcopy(module.variant_head), module.seed, datamodule.seed))
        return module, datamodule

    monkeypatch.setattr("genolong.commands.training.train_variants._made", noted)
    train_variants(asked, tmp_path / "run")
    ((head, dropout, order),) = begun
    assert (dropout, order) == (5, 5)
    torch.manual_seed(5)
    first = dict(VariantHead(asked.head, 8).named_parameters())
    for name, weight in head.named_parameters():
        assert torch.equal(weight, first[name]), name


@pytest.mark.parametrize("asked", ["auto", "32-true", "bf16-mixed"])
def test_alleles_are_read_in_bfloat16_only_where_it_is_asked_for(made, asked):
    read = VariantData.opened(Place.alone(), settings(made, f"trainer.precision={asked}"))
    assert read.run.model.encoder.mixed == (asked == "bf16-mixed")


def test_which_alleles_are_read_and_how_follows_from_the_settings(made, tmp_path):
    (tmp_path / "renamed.vcf").write_bytes((made / "labelled.vcf").read_bytes().replace(b"chr2\t", b"NC_2\t"))
    (tmp_path / "names.txt").write_text("chr2 NC_2\n")
    renamed = f"data.vcf={tmp_path / 'renamed.vcf'}", f"data.synonyms={tmp_path / 'names.txt'}"
    ways = (), (*renamed, "trainer.attention=aten"), ("data.validation_share=0.5",), ("longest_allele=1",)
    plain, other, halved, short = (VariantData.opened(Place.alone(), settings(made, *way)) for way in ways)
    assert len(other.labelled.variants) == len(plain.labelled.variants) == len(short.labelled.variants) + 1
    assert other.run.model.encoder.kernels == "aten"
    assert set(other.inputs) - set(plain.inputs) == {str(tmp_path / "renamed.vcf"), str(tmp_path / "names.txt")}
    assert halved.parts.validation.sum() > 1.5 * plain.parts.validation.sum()


def test_processes_that_opened_another_checkpoint_are_refused(made, monkeypatch):
    monkeypatch.setattr("genolong.commands.training.placed.told_by_the_first", lambda place, work: "another")
    with pytest.raises(InputError, match=r"^the model's training wrote a new checkpoint while several processes"):
        train_variants(settings(made), made / "refused")


@pytest.mark.parametrize(("encoder", "steps"), [("frozen", 60), pytest.param("tuned", 15, marks=pytest.mark.nightly)])
def test_a_head_learns_as_much_in_bfloat16(made, encoder, steps):
    few = f"encoder={encoder}", f"trainer.max_steps={steps}", f"trainer.validate_every={steps}"
    full, half = (
        train_variants(settings(made, *few, f"trainer.precision={asked}"), made / f"{encoder}{asked}").record
        for asked in ("32-true", "bf16-mixed")
    )
    assert full["weights_sha256"] != half["weights_sha256"]
    for name in ("auroc", "auprc"):
        assert half["metrics"][f"validation/{name}"] == pytest.approx(full["metrics"][f"validation/{name}"], abs=0.02)
        assert half["zero_shot"][name] == pytest.approx(full["zero_shot"][name], abs=0.02)


def test_how_far_the_reading_is_that_comes_before_the_first_step_is_told(made, caplog, monkeypatch):
    monkeypatch.setattr("genolong.commands.training.train_variants.READ_AT_ONCE", 300)
    heard: list[tuple[str, int | None, list[int]]] = []

    def watcher(what: str, total: int | None):
        heard.append((what, total, []))
        return heard[-1][2].append

    with caplog.at_level(logging.INFO, "genolong"), watched_by(watcher):
        done = train_variants(settings(made, "trainer.max_steps=2"), made / "told")
    count = int(done.split.train.sum())
    assert ("reading alleles", count, [300, count - 300]) in heard and 300 < count < 600
    first = next(at for at, message in enumerate(caplog.messages) if message.startswith("step "))
    assert caplog.messages.index("reading the windows of all these alleles once, before the first step") < first


def test_all_positives_together_weigh_as_much_as_all_negatives(made):
    classes = ("data.positive=[other]", "data.negative=[good,bad]")
    done = train_variants(settings(made, "trainer.max_steps=1", *classes), made / "unequal")
    positive = done.labelled.positive[done.split.train]
    assert 0 < 3 * positive.sum() < len(positive)
    assert positive.sum() * done.module.positive_weight == pytest.approx((~positive).sum())


def test_contigs_may_be_held_out(made, caplog):
    with caplog.at_level(logging.INFO, "genolong"):
        done = train_variants(settings(made, "data.validation=[2]", "trainer.max_steps=2"), made / "contigs")
    assert {
        variant.contig for variant, held in zip(done.labelled.variants, done.split.validation, strict=True) if held
    } == {"chr2"}
    assert done.split.dropped == 0


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        (["data.label=NONE"], InputError, "no allele has a value of NONE"),
        (["data.positive=[worse]"], InputError, "no allele is positive: KIND is never worse"),
        (["data.positive=null", "data.negative=null"], InputError, "choose which values to tell apart"),
        (["data.positive=null"], SettingsError, "data.positive: wanted values of KIND too"),
        (["data.positive=[good]"], SettingsError, "both name good"),
        (["data.validation=[chr7]"], InputError, "no labelled allele is on chr7"),
        (["data.validation=[chr1,chr2]"], InputError, "0 positive and 0 negative alleles are left for train"),
        (["data.vcf=-"], SettingsError, "data.vcf=-"),
        (["task=other"], SettingsError, "task=other: wanted variant_effect"),
        (["encoder=half"], SettingsError, "encoder=half: wanted frozen or tuned"),
        (["encoder_rate=0"], SettingsError, "encoder_rate=0"),
        (["batch=0"], SettingsError, "batch=0: wanted 1 or more"),
        (["checkpoint_blocks=-1"], SettingsError, "checkpoint_blocks=-1: wanted 0 or more"),
        (["optimizer.kind=muon"], SettingsError, "optimizer.kind=muon"),
        (["trainer.ema_decay=0.9"], SettingsError, "trainer.ema_decay=0.9"),
        (["data.validation_share=1"], SettingsError, "data.validation_share=1"),
        (
            ["head.around=[0,16]"], SettingsError,
            "head.around=[0, 16]: 16 bases on either side of an allele do not fit into the run's window of 32; wanted "
            "numbers below 16$",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_in_one_line(made, changes, kind, message):
    with pytest.raises(kind, match=message.replace("[", r"\[")) as told:
        train_variants(settings(made, *changes), made / "refused")
    assert "\n" not in str(told.value)
    assert not (made / "refused").exists()


@pytest.mark.parametrize("change", ["window_bp=64", "flank=5"])
def test_predict_refuses_windows_that_the_head_was_not_trained_on(made, change):
    done = train_variants(settings(made, "trainer.max_steps=1"), made / change.partition("=")[0])
    with pytest.raises(SettingsError, match=f"{change}: the variant head of this run was trained with"):
        scored(made, done.folder, "other.vcf", change)


def test_windows_that_cannot_fit_are_refused_before_they_are_read(made, monkeypatch):
    monkeypatch.setattr(reading_check, "memory_there", lambda cuda: 1)
    with pytest.raises(SettingsError, match=r"of 32 bases at once .+; use a machine with more memory, or more devices"):
        train_variants(settings(made), made / "refused")
    VariantData.opened(Place.alone(), settings(made, "trainer.check_memory=false"))


def test_a_tuned_encoder_that_cannot_fit_is_refused_with_what_would(made, monkeypatch):
    run, tuned = open_run(str(made / "base")), settings(made, "encoder=tuned", "batch=7")
    room = memory(tuned_step(settings(made, "batch=3"), run, Place.alone(), cuda=False)).peak
    monkeypatch.setattr(memory_check, "memory_there", lambda cuda: room)
    with pytest.raises(SettingsError) as told:
        train_variants(tuned, made / "refused")
    begins, _, remedy = str(told.value).partition("; use ")
    assert begins.startswith("batch=7: one step of a tuned encoder, with 28 windows of 32 bases, needs about ")
    assert remedy.startswith("batch=3 (") and remedy.endswith("; trainer.check_memory=false tries anyway")
    for fits in ("batch=3", "trainer.check_memory=false"):
        check_tuned_memory(settings(made, "encoder=tuned", "batch=7", fits), run, Place.alone(), cuda=False)
    train_variants(settings(made, "batch=7", "trainer.max_steps=1"), made / "not refused")


def test_a_frozen_encoder_keeps_freed_memory_like_all_that_only_read(made, monkeypatch):
    kept: list[bool] = []
    monkeypatch.setattr("genolong.commands.training.train_variants.keep_freed_memory", lambda: kept.append(True))
    train_variants(settings(made, "trainer.max_steps=1"), made / "keeps")
    assert kept == [True]


def test_a_tuned_encoder_keeps_as_much_as_its_model_did_or_what_is_asked_for(made):
    run = replace(open_run(str(made / "base")), checkpoint_blocks=3)
    assert kept_blocks(settings(made), run) == 3
    asked = settings(made, "checkpoint_blocks=1", "encoder=tuned")
    assert kept_blocks(asked, run) == tuned_step(asked, run, Place.alone(), cuda=False).checkpoint_blocks == 1


def test_a_tuned_encoder_learns_the_same_whatever_it_keeps(made, monkeypatch):
    kept: list[int] = []
    step = TunedEffect.training_step

    def watched(self: TunedEffect, *batch: Any) -> Any:
        kept.append(self.encoder.checkpoint_blocks)
        return step(self, *batch)

    monkeypatch.setattr(TunedEffect, "training_step", watched)
    freed = watch_heap(monkeypatch)
    few = "encoder=tuned", "trainer.max_steps=4", "batch=8", "head.dropout=0"
    whole, little = (
        train_variants(settings(made, *few, f"checkpoint_blocks={blocks}"), made / f"kept{blocks}").module
        for blocks in (0, 2)
    )
    assert kept == [0] * 4 + [2] * 4 and freed == ["keep", "return"]
    for name, weight in whole.state_dict().items():
        torch.testing.assert_close(little.state_dict()[name], weight, rtol=1e-4, atol=1e-5)
