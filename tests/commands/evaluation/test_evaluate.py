"""evaluate: what is read, what is told, and the files that are left behind."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from genolong.commands.evaluation import evaluate as command
from genolong.commands.evaluation.evaluate import data_to_read, evaluate, thinned
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings, HeldOutSettings
from genolong.commands.reading import reading_check, reading_choice
from genolong.commands.reading.trained_before import Earlier
from genolong.commands.reading.trained_run import TrainedRun
from genolong.errors import InputError, OutputError, SettingsError
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.synthetic.files import write_synthetic_genome
from genolong.loading.masking import MaskingSettings
from genolong.loading.windows import DataSettings
from genolong.long_work import watched_by
from genolong.settings import CONF, check
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.trained_models import Neighbours

LETTERS = {"one": random_letters(4_001, 1), "two": random_letters(1_009, 2).lower()}
RUNS_OWN = HeldOutSettings(fasta=None, validation=None, regions=None, cache=None)
SETTINGS = EvaluationSettings(
    model="runs/x/latest", data=RUNS_OWN, windows=None, share=None, contexts=True, longest_context=0, device="cpu",
    precision="32-true", attention="auto", check_memory=True, output=None, debug=False, vcf=None, label=None,
    positive=None, negative=None, baselines=[], strata=None, synonyms=None, prefix="GENOLONG", bootstrap=1_000, seed=1,
)  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch) -> TrainedRun:
    return trained(tmp_path, write_fasta(tmp_path, LETTERS), monkeypatch)


def trained(folder: Path, fasta: Path, monkeypatch) -> TrainedRun:
    cache = str(folder / "cache")
    data = DataSettings(
        fasta=str(fasta), cache=cache, regions=None, validation=None, validation_share=0.2, validation_windows=1,
        min_known=0.5, workers=0, reverse_complement=0.5,
    )  # fmt: skip
    inputs = Genome.open([fasta], cache).sha256
    (folder / "run").mkdir()
    (folder / "run" / "metrics.csv").write_text("step,train/loss,validation/loss\n0,1.4,\n1,1.3,1.35\n")
    run = TrainedRun(
        name="x", folder=folder / "run", checkpoint=folder / "run" / "last.ckpt", model=Neighbours(0.5), data=data,
        masking=MaskingSettings(0.15, 0.8, 0.1), seed=7, window_bp=151, bases_per_step=302, checkpoint_blocks=0,
        sha256=frozenset(inputs.values()), trainings=(Earlier(data, 151, inputs, {}),),
    )  # fmt: skip
    monkeypatch.setattr(command, "open_run", lambda path: run)
    return run


def test_figures_are_written_flat_with_pictures_beside_them(run):
    evaluation = evaluate(SETTINGS)
    assert [path.name for path in evaluation.files] == [
        "evaluation.json", "evaluation.context_use.png", "evaluation.curves.png",
    ]  # fmt: skip
    assert all(path.parent == run.folder for path in evaluation.files)
    figures = json.loads(evaluation.files[0].read_text())
    assert all(set(figure) == {"name", "value", "unit", "n", "standard_error"} for figure in figures)
    found = {figure["name"]: figure["value"] for figure in figures}
    assert found == {figure.name: figure.value for figure in evaluation.figures}
    assert {"model/loss", "model/bits", "model/accuracy", "composition/loss", "best_kmer/loss"} <= set(found)
    assert {"context/128/loss", "context/151/loss", "model/loss_soft_masked", "windows"} <= set(found)
    assert not any(name.startswith("floor") for name in found)
    assert evaluation.value("model/loss") == found["model/loss"]
    assert not list(run.folder.glob("*.partial"))


def test_tables_name_run_genome_and_readers(run):
    readers, contexts = evaluate(SETTINGS).tables
    assert readers.title.startswith("x on genome.fa: loss on ")
    assert readers.title.endswith(" hidden bases of 6 windows")
    assert readers.columns == ("reader", "nats/base", "bits/base", "accuracy", "unmasked", "soft-masked")
    assert (readers.rows[0][0].removesuffix(" (best)"), readers.rows[-1][0]) == ("base composition", "model")
    assert [row[0] for row in contexts.rows] == ["128", "151"]


def test_a_synthetic_genome_is_read_by_a_perfect_reader_too(tmp_path, monkeypatch):
    write_synthetic_genome(tmp_path, 10_000, seed=3, variants=7)
    trained(tmp_path, tmp_path / "genome.fa.gz", monkeypatch)
    evaluation = evaluate(SETTINGS)
    assert evaluation.value("floor/loss_planted") < evaluation.value("best_kmer/loss_planted")
    assert evaluation.tables[0].rows[-1][0] == "perfect reader"
    assert evaluation.tables[1].columns[:3] == ("context", "model", "perfect reader")


def test_the_model_is_told_its_precision_and_kernels_before_it_is_read(run, monkeypatch):
    told = []
    for name in ("choose_attention", "choose_precision"):
        monkeypatch.setattr(
            reading_choice,
            name,
            lambda model, asked, **how: told.append((model, asked, how)) or (f"so it is: {asked}",),
        )
    evaluation = evaluate(replace(SETTINGS, contexts=False, precision="bf16-mixed", attention="aten"))
    assert all(model is run.model.encoder for model, _, _ in told)
    assert [(asked, how) for _, asked, how in told] == [
        ("aten", {"cuda": False, "name": "attention"}), ("bf16-mixed", {"cuda": False}),
    ]  # fmt: skip
    assert {"so it is: aten", "so it is: bf16-mixed"} <= set(evaluation.notes)


def test_without_contexts_there_is_no_table_of_them(run):
    evaluation = evaluate(replace(SETTINGS, contexts=False))
    assert len(evaluation.tables) == 1
    assert [path.name for path in evaluation.files] == ["evaluation.json", "evaluation.curves.png"]


def test_the_same_again_gives_the_same_file(run):
    first = evaluate(SETTINGS).files[0].read_bytes()
    assert evaluate(SETTINGS).files[0].read_bytes() == first


def test_the_genome_of_the_run_is_never_written_over(run):
    (fasta,) = [run.data.fasta] if isinstance(run.data.fasta, str) else run.data.fasta
    before = Path(fasta).read_bytes()
    with pytest.raises(
        SettingsError, match=r"^output=.*: .* is an input, and would be overwritten; name another file$"
    ):
        evaluate(replace(SETTINGS, contexts=False, output=fasta))
    assert Path(fasta).read_bytes() == before


def test_output_names_the_file_and_its_folder_is_made(run, tmp_path):
    output = tmp_path / "new" / "figures.json"
    evaluation = evaluate(replace(SETTINGS, output=str(output)))
    assert evaluation.files[0] == output
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "figures.context_use.png",
        "figures.curves.png",
        "figures.json",
        "figures.record.json",
    ]


def test_names_with_a_point_have_pictures_of_their_own_and_a_device_is_left_alone(run, tmp_path, monkeypatch):
    found = evaluate(replace(SETTINGS, output=str(tmp_path / "of.2021")))
    assert [path.name for path in found.files] == ["of.2021", "of.2021.context_use.png", "of.2021.curves.png"]
    monkeypatch.setattr(command, "measure", lambda *_: pytest.fail("the work had begun"))
    with pytest.raises(OutputError, match="null: is a device or a pipe"):
        evaluate(replace(SETTINGS, output=os.devnull))
    (tmp_path / "README.md").write_text("# ours")
    wanted = r"README.md: exists, and is not a file of figures; name another file, or remove this one$"
    with pytest.raises(OutputError, match=wanted):
        evaluate(replace(SETTINGS, output=str(tmp_path / "README.md")))
    assert (tmp_path / "README.md").read_text() == "# ours"
    (tmp_path / "empty").touch()
    with pytest.raises(pytest.fail.Exception, match="the work had begun"):
        evaluate(replace(SETTINGS, output=str(tmp_path / "empty")))
    with pytest.raises(SettingsError, match="output=new/: is a folder; wanted the name of a file in it"):
        replace(SETTINGS, output="new/")


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(run, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(command, "measure", lambda *_: pytest.fail("the work had begun"))
    with pytest.raises(OutputError, match="file: figures cannot be written to this folder"):
        evaluate(replace(SETTINGS, output=str(tmp_path / "file" / "x.json")))


def test_long_work_is_told_before_and_while_it_is_done(run):
    begun, done = {}, {}

    def watcher(what, bases):
        begun[what], done[what] = bases, 0
        return lambda read: done.update({what: done[what] + read})

    with watched_by(watcher):
        evaluate(SETTINGS)
    read = [what for what in begun if not what.startswith("hashing")]
    assert read == [
        "reading with 151 bases in view", "counting k-mers", "asking k-mer counters", "reading with 128 bases in view",
    ]  # fmt: skip
    assert begun == done


def test_another_genome_is_split_for_itself(run, tmp_path):
    other = write_fasta(tmp_path, {"three": random_letters(2_003, 3)}, name="other.fa")
    evaluation = evaluate(replace(SETTINGS, data=replace(RUNS_OWN, fasta=str(other))))
    assert "held out: 2 windows of 151 bases of 1 contig" in evaluation.notes
    assert "baselines learn from 1,603 bases of 1 contig" in evaluation.notes
    assert "other.fa" in evaluation.tables[0].title
    told = [note for note in evaluation.notes if "was trained" in note]
    assert told == ["the model was trained on other files; it may have read what is held out here"]


def test_of_some_of_its_files_it_is_told_what_was_trained_on(run, tmp_path, monkeypatch):
    """As of all of them: contig two is in one file, and contig one in another."""
    files = [write_fasta(tmp_path, {name: LETTERS[name]}, name=f"{name}.fa") for name in LETTERS]
    data = replace(run.data, fasta=[str(file) for file in files])
    inputs = Genome.open(files, data.cache).sha256
    several = replace(run, data=data, sha256=frozenset(inputs.values()), trainings=(Earlier(data, 151, inputs, {}),))
    monkeypatch.setattr(command, "open_run", lambda path: several)
    bed = tmp_path / "in.bed"
    bed.write_text("one\t0\t302\none\t3700\t4001\n")  # the last fifth was held out
    asked = replace(RUNS_OWN, fasta=str(files[0]), validation=str(bed))
    notes = evaluate(replace(SETTINGS, contexts=False, data=asked, output=str(tmp_path / "x.json"))).notes
    assert "the model was trained on bases in 2 of 3 windows" in notes


def test_files_that_name_contigs_must_have_the_names_of_the_training(run, tmp_path, monkeypatch):
    files = [write_fasta(tmp_path, {"one": letters}, name=f"{name}.fa") for name, letters in LETTERS.items()]
    data = replace(run.data, fasta=[str(file) for file in files], validation=["two:one"])
    genome = Genome.open(files, data.cache)
    titles = dict(zip(genome.sha256.values(), genome.titles, strict=True))
    several = replace(run, data=data, sha256=frozenset(titles), titles=titles)
    monkeypatch.setattr(command, "open_run", lambda path: several)
    evaluate(replace(SETTINGS, contexts=False))
    other_order = replace(RUNS_OWN, fasta=[str(file) for file in reversed(files)])
    evaluate(replace(SETTINGS, contexts=False, data=other_order, output=str(tmp_path / "x.json")))
    new = files[1].rename(tmp_path / "new.fa")
    with pytest.raises(InputError) as refusal:
        evaluate(replace(SETTINGS, data=replace(RUNS_OWN, fasta=[str(files[0]), str(new)], validation=["new:one"])))
    assert str(refusal.value) == (
        "data.fasta: contigs with the same name in several files are told apart by the files' names, which are one, "
        "new now, and were one, two; restore those names (a link of that name will do)"
    )


def test_figures_of_other_bases_never_take_the_place_of_the_runs_own(run, tmp_path):
    own = evaluate(replace(SETTINGS, contexts=False)).files[0].read_bytes()
    other = write_fasta(tmp_path, {"three": random_letters(2_003, 3)}, name="other.v2.fa")
    for asked, name in (
        (replace(RUNS_OWN, fasta=str(other)), "evaluation_of_other.json"),
        (replace(RUNS_OWN, validation=["one"]), "evaluation_of_genome.json"),
    ):
        evaluation = evaluate(replace(SETTINGS, contexts=False, data=asked))
        assert evaluation.files[0] == run.folder / name and evaluation.files[0].read_bytes() != own
    assert (run.folder / "evaluation.json").read_bytes() == own


def test_the_runs_own_bases_are_its_own_wherever_its_genome_lies_now(run, tmp_path):
    copy = write_fasta(tmp_path, LETTERS, name="copy.fa")
    evaluation = evaluate(replace(SETTINGS, contexts=False, data=replace(RUNS_OWN, fasta=str(copy))))
    assert evaluation.files[0] == run.folder / "evaluation.json"


def test_held_out_bases_that_were_trained_on_are_told(run):
    evaluation = evaluate(replace(SETTINGS, data=replace(RUNS_OWN, validation=["one"])))
    assert "the model was trained on bases in 22 of 26 windows" in evaluation.notes
    record = json.loads((run.folder / "evaluation_of_genome.record.json").read_text())
    assert record["notes"] == list(evaluation.notes)


def test_the_runs_own_genome_under_another_name_is_known(run, tmp_path):
    copy = write_fasta(tmp_path, LETTERS, name="copy.fa")
    evaluation = evaluate(replace(SETTINGS, data=replace(RUNS_OWN, fasta=str(copy), validation=["one"])))
    assert "the model was trained on bases in 22 of 26 windows" in evaluation.notes


def test_a_genome_that_changed_since_training_is_told(run):
    write_fasta(Path(run.data.fasta).parent, {"one": random_letters(4_001, 5)})
    evaluation = evaluate(SETTINGS)
    assert any("its sha256 is different" in note for note in evaluation.notes)
    assert evaluation.files[0].name == "evaluation_of_genome.json"


def test_regions_and_validation_of_the_run_are_not_those_of_another_genome(run):
    own = replace(run.data, regions="train.bed", validation=["two"], cache="here")
    asked = replace(RUNS_OWN, fasta="other.fa")
    same = data_to_read(own, asked, same_genome=True)
    assert (same.regions, same.validation) == ("train.bed", ["two"])
    other = data_to_read(own, asked, same_genome=False)
    assert (other.fasta, other.regions, other.validation, other.cache) == ("other.fa", None, None, "here")
    named = data_to_read(own, replace(asked, validation="x.bed", regions="y.bed"), same_genome=False)
    assert (named.regions, named.validation, named.validation_windows) == (None, "x.bed", 0)


@pytest.mark.parametrize("another", [False, True])
def test_regions_are_where_k_mers_are_counted_and_move_no_window(run, tmp_path, another: bool):
    (tmp_path / "at.bed").write_text("one\t100\t103\none\t500\t3500\none\t3990\t4001\n")
    fasta = str(write_fasta(tmp_path, {"one": random_letters(4_001, 5)}, name="other.fa")) if another else None
    alone = replace(SETTINGS, contexts=False, data=replace(RUNS_OWN, fasta=fasta))
    own = evaluate(alone)
    asked = evaluate(replace(alone, data=replace(alone.data, regions=str(tmp_path / "at.bed"))))
    assert asked.value("model/loss") == own.value("model/loss")
    assert asked.value("composition/loss") != own.value("composition/loss")
    assert "baselines learn from 2,715 bases of 1 contig" in asked.notes  # 3 + 2,701 before the windows, 11 behind them
    assert asked.files[0].name == f"evaluation_of_{'other' if another else 'genome'}.json"
    assert not any("was trained on bases in" in note for note in asked.notes)
    record = json.loads(asked.files[0].with_suffix(".record.json").read_text())
    assert list(record["regions_sha256"]) == [str(tmp_path / "at.bed")]


def test_regions_that_are_held_out_as_a_whole_are_refused(run, tmp_path):
    (tmp_path / "at.bed").write_text("one\t3300\t3500\n")
    with pytest.raises(InputError, match=r"at\.bed: all of its bases are held out, and none remain to count"):
        evaluate(replace(SETTINGS, data=replace(RUNS_OWN, regions=str(tmp_path / "at.bed"))))


def test_another_share_may_be_asked_for(run):
    alone = replace(SETTINGS, contexts=False)
    figures = {share: evaluate(replace(alone, share=share)).figures for share in (None, 0.15, 0.5)}
    asked = {share: next(each.n for each in found if each.name == "model/loss") for share, found in figures.items()}
    assert run.masking.share == 0.15 and asked[None] == asked[0.15]
    assert asked[0.5] > 2 * asked[0.15]


def test_as_many_windows_are_read_as_are_asked_for(run):
    evaluation = evaluate(replace(SETTINGS, contexts=False, windows=2))
    assert evaluation.value("windows") == 2
    assert "read 2 of 6 windows, evenly spread (windows=0 reads all)" in evaluation.notes


def test_the_runs_seed_decides_which_bases_are_hidden(run, monkeypatch):
    first = evaluate(replace(SETTINGS, contexts=False)).value("composition/loss")
    monkeypatch.setattr(command, "open_run", lambda path: replace(run, seed=8))
    assert evaluate(replace(SETTINGS, contexts=False)).value("composition/loss") != first


def test_another_cache_may_be_asked_for(run, tmp_path):
    evaluate(replace(SETTINGS, contexts=False, data=replace(RUNS_OWN, cache=str(tmp_path / "mine"))))
    assert any((tmp_path / "mine").iterdir())


def test_bed_files_are_found_from_anywhere_and_contigs_keep_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = replace(RUNS_OWN, validation="held.bed", regions="at.bed").found_from_anywhere()
    assert (asked.validation, asked.regions) == (str(tmp_path / "held.bed"), str(tmp_path / "at.bed"))
    assert replace(RUNS_OWN, validation=["one"]).found_from_anywhere().validation == ["one"]


def test_windows_are_thinned_evenly_and_told():
    windows = [Interval("one", start, start + 1_000) for start in range(0, 10_000, 1_000)]
    assert thinned(windows, 0) == thinned(windows, 10) == thinned(windows, None) == (windows, ())
    chosen, (note,) = thinned(windows, 3)
    assert [window.start for window in chosen] == [1_000, 5_000, 8_000]
    assert note == "read 3 of 10 windows, evenly spread (windows=0 reads all)"
    long = [Interval("one", start, start + 200_000) for start in range(0, 2_000_000, 200_000)]
    assert len(thinned(long, None)[0]) == 2


def test_the_command_line_names_a_run_although_train_has_a_group_of_that_name():
    with initialize_config_dir(str((CONF / "trained").resolve()), version_base="1.3"):
        asked = check(compose("evaluate", overrides=["model=runs/x/latest", "device=cpu"]), EvaluationSettings)
    assert asked == SETTINGS


@pytest.mark.parametrize(("longest", "read"), [(0, 151), (302, 302)])
def test_windows_that_cannot_fit_are_refused_before_they_are_read(run, monkeypatch, longest: int, read: int):
    monkeypatch.setattr(reading_check, "memory_there", lambda cuda: 1_000)
    with pytest.raises(SettingsError, match=rf"reading .+ of {read} bases at once needs .+, but 1 kB are available"):
        evaluate(replace(SETTINGS, longest_context=longest))
    assert evaluate(replace(SETTINGS, longest_context=longest, check_memory=False)).files
