"""The command line as people meet it: one line for a mistake, the right exit code, results alone on stdout."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genolong import cli
from genolong.commands.reading.trained_run import open_run
from genolong.runs.checkpoint import load_weights, weights_sha256
from tests.builders.genomes import random_letters
from tests.builders.vcfs import record_line, vcf_text

TINY = [
    "model.width=8", "model.layers=1", "model.heads=2", "model.segment=8", "context.window_bp=32",
    "trainer.max_steps=3", "trainer.validate_every=2", "data.workers=0", "data.validation_windows=3",
    "logger.tensorboard=false",
]  # fmt: skip


@pytest.fixture
def fasta(tmp_path: Path) -> str:
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\n" + random_letters(2003, seed=1) + "\n>chr2\n" + random_letters(1009, seed=2) + "\n")
    return str(path)


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command typed in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genolong"])
    try:
        cli.main([*arguments])
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def refused(tmp_path, monkeypatch, capfd, *arguments: str) -> tuple[int, str]:
    """The exit code and the message, which must be the last line, and the only one that speaks of an error."""
    code = run(tmp_path, monkeypatch, *arguments)
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "Error executing" not in err
    *_, last = err.splitlines()
    assert last.startswith("genolong: error: ")
    assert err.count("error: ") == 1
    return code, last


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.fasat=x", ["data.fasat"]),
        ("model.width=abc", ["model.width", "abc"]),
        ("model=tinyy", ["model=tinyy", "small, tiny"]),
        ("model.width=9", ["model.width=9", "heads"]),
        ("context.window_bp=7", ["context.window_bp=7", "segment"]),
        ("parallel.sequence=2", ["parallel.sequence=2", "trainer.devices=1"]),
        ("trainer.max_steps=0", ["trainer.max_steps=0"]),
        ("optimizer.schedule=linear", ["optimizer.schedule=linear", "cosine or wsd"]),
        ("task.masking.share=1.5", ["task.masking.share=1.5"]),
        ("trainer.accelerator=tpu", ["trainer.accelerator=tpu"]),
        ("run.name=a/b", ["run.name='a/b'"]),
    ],
)
def test_a_wrong_setting_is_one_line(tmp_path, monkeypatch, capfd, fasta, override, words):
    code, line = refused(tmp_path, monkeypatch, capfd, "train", f"data.fasta={fasta}", *TINY, override)
    assert code == 64
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (">p\nMKVLAAGIVE\n", 65, ["genome.fa", "protein"]),
        ("", 65, ["genome.fa"]),
        (">a\nACGT\n", 65, ["shorter than the window of 32", "context"]),
        (None, 66, ["genome.fa"]),
    ],
)
def test_bad_data_is_one_line(tmp_path, monkeypatch, capfd, content, code, words):
    path = tmp_path / "genome.fa"
    if content is not None:
        path.write_text(content)
    found, line = refused(tmp_path, monkeypatch, capfd, "train", f"data.fasta={path}", *TINY)
    assert found == code
    assert all(word in line for word in words), line


def test_train_then_evaluate(tmp_path, monkeypatch, capfd, fasta):
    assert run(tmp_path, monkeypatch, "train", f"data.fasta={fasta}", *TINY, "context.accumulation=2") == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "evaluate model=runs/train/latest" in err
    assert not [word for word in ("GPU", "Tip", "weights_only", "Trainer.fit", "logs directory") if word in err]
    folder = tmp_path / "runs/train/latest"
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "finished"
    assert record["weights_sha256"] == weights_sha256(load_weights(folder / "checkpoints/last.ckpt")[1])
    header, *rows = (line.split(",") for line in (folder / "metrics.csv").read_text().splitlines())
    losses = [row for row in rows if row[header.index("train/loss")]]
    assert [row[header.index("step")] for row in losses] == ["0", "1", "2"]
    assert run(tmp_path, monkeypatch, "evaluate", "model=runs/train/latest", "contexts=false") == 0
    out, _ = capfd.readouterr()
    assert "nats/base" in out
    figures = json.loads((folder / "evaluation.json").read_text())
    assert {"model/loss", "composition/loss"} <= {figure["name"] for figure in figures}


def write_scored(folder: Path, fasta: str) -> None:
    """Substitutions of chr1, every third disrupting; the score tells half of them apart, and k-mers nothing."""
    letters = Path(fasta).read_text().splitlines()[1]
    lines = ["##fileformat=VCFv4.2", '##INFO=<ID=GENOLONG_LLR,Number=A,Type=Float,Description="x">']
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for at in range(200):
        label, score = ("disrupting", -at) if at % 3 == 0 else ("neutral", -(at // 2))
        other = "ACGT"["CGTA".index(letters[at])]
        lines.append(f"1\t{at + 1}\t.\t{letters[at]}\t{other}\t.\t.\tLABEL={label};GENOLONG_LLR={score};A=[/x]")
    (folder / "scored.vcf").write_text("\n".join(lines) + "\n")


def test_scores_of_a_vcf_beside_k_mers(tmp_path, monkeypatch, capfd, fasta):
    write_scored(tmp_path, fasta)
    assert run(tmp_path, monkeypatch, "train", f"data.fasta={fasta}", *TINY) == 0
    asked = ("evaluate", "vcf=scored.vcf", "model=runs/train/latest", "label=LABEL", "bootstrap=40", "strata=A")
    capfd.readouterr()
    assert run(tmp_path, monkeypatch, *asked) == 0
    out, err = capfd.readouterr()
    assert "-GENOLONG_LLR" in out and "k-mer counter" in out and "[/x]" in out
    assert "the model was trained on the bases of 200 of 200 alleles" in err
    assert "wrote scored.vcf.evaluation.json, scored.vcf.evaluation.png" in err
    figures = {each["name"]: each for each in json.loads((tmp_path / "scored.vcf.evaluation.json").read_text())}
    assert figures["vcf/GENOLONG_LLR/auroc"]["value"] > 0.7 > figures["vcf/best_kmer/auroc"]["value"] > 0.3
    record = json.loads((tmp_path / "scored.vcf.evaluation.record.json").read_text())
    assert record["model_sha256"] == open_run(str(tmp_path / "runs/train/latest")).weights_sha256


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["label=LABLE"], 65, ["scored.vcf: no allele has a value of LABLE", "the header declares GENOLONG_LLR"]),
        (["label=LABEL", "positive=[x]", "negative=[neutral]"], 65, ["neutral (133), disrupting (67)"]),
        (["label=LABEL", "positive=x,y"], 64, ["positive=[x,y]"]),
        (["label=LABEL", "bootstrap=3"], 64, ["bootstrap=3"]),
        (["label=LABEL", "vcf=none.vcf"], 66, ["none.vcf"]),
        (["label=LABEL", "model=none"], 66, ["model=none"]),
        ([], 64, ["label: wanted"]),
    ],
)
def test_a_vcf_that_cannot_be_evaluated_is_one_line(tmp_path, monkeypatch, capfd, fasta, arguments, code, words):
    write_scored(tmp_path, fasta)
    found, line = refused(tmp_path, monkeypatch, capfd, "evaluate", "vcf=scored.vcf", *arguments)
    assert found == code
    assert all(word in line for word in words), line


def test_the_same_seed_gives_the_same_weights_for_any_number_of_workers(tmp_path, monkeypatch, capfd, fasta):
    hashes = []
    for workers in (0, 0, 2):
        assert run(tmp_path, monkeypatch, "train", f"data.fasta={fasta}", *TINY, f"data.workers={workers}") == 0
        hashes.append(json.loads((tmp_path / "runs/train/latest/record.json").read_text())["weights_sha256"])
    assert len(set(hashes)) == 1
    assert run(tmp_path, monkeypatch, "train", f"data.fasta={fasta}", *TINY, "seed=2") == 0
    assert json.loads((tmp_path / "runs/train/latest/record.json").read_text())["weights_sha256"] not in hashes


def test_help_shows_every_setting_without_loading_torch():
    code = (
        "import sys\nfrom genolong.cli import main\n"
        "try: main(['train', '--help', 'all'])\nexcept SystemExit: pass\nsys.exit('torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for word in ("window_bp", "segment", "bases per window", "learning_rate", "fasta", "max_steps", "tiny"):
        assert word in shown


@pytest.mark.parametrize(
    ("word", "code"), [("trainer.max_steps=0", 64), ("model.heads=7", 64), ("data.fasta=missing.fa", 66)]
)
def test_what_is_typed_wrong_for_a_training_is_told_before_pytorch_is_imported(word: str, code: int):
    program = f"import sys\nfrom genolong.cli import main\ntry: main(['train', {word!r}])\n"
    program += "except SystemExit as ending: sys.exit(1 if 'torch' in sys.modules else ending.code)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == code and done.stderr.count("\n") == 1, done.stderr


def test_what_a_command_imports_is_not_searched_for_garbage():
    code = (
        "import gc, sys\nfrom genolong.cli import main\n"
        "try: main(['report', 'run=missing'])\nexcept SystemExit: pass\nsys.exit(gc.get_freeze_count() < 10_000)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_a_table_goes_to_a_stdout_that_knows_ascii_alone(tmp_path):
    header = [
        b"##fileformat=VCFv4.2\n",
        *(
            f'##INFO=<ID={name},Number=1,Type={kind},Description="x">\n'.encode()
            for name, kind in (("P", "String"), ("S", "Float"))
        ),
        b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
    ]
    lines = [record_line(pos=at, info=f"P={'no' if at % 2 else 'yes'};S={at}") for at in range(1, 6)]
    (tmp_path / "x.vcf").write_bytes(vcf_text(*lines, header=header))
    words = ["evaluate", "vcf=x.vcf", "label=P", "positive=[yes]", "negative=['no']", "baselines=[S]"]
    typed = [sys.executable, "-m", "genolong", *words]
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(typed, capture_output=True, cwd=tmp_path, env=plain)
    assert shown.returncode == 0, shown.stderr
    assert b"AUROC" in shown.stdout and b"?" in shown.stdout
    assert (tmp_path / "x.vcf.evaluation.report.html").is_file()


def test_no_command_is_a_usage_error_and_help_is_not(tmp_path, monkeypatch, capfd):
    assert run(tmp_path, monkeypatch) == 64
    assert "usage" in capfd.readouterr().err
    assert run(tmp_path, monkeypatch, "--help") == 0
    assert "usage" in capfd.readouterr().out


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a model was trained for three steps, with a VCF beside its genome."""
    folder = tmp_path_factory.mktemp("trained")
    letters = random_letters(2003, seed=1)
    (folder / "genome.fa").write_text(f">chr1\n{letters}\n")
    with pytest.MonkeyPatch.context() as patch:
        assert run(folder, patch, "train", "data.fasta=genome.fa", *TINY) == 0
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    lines = [record_line(pos=pos, ref=letters[pos - 1], alt=other[letters[pos - 1]]) for pos in range(50, 90)]
    (folder / "in.vcf").write_bytes(vcf_text(*lines))
    (folder / "elsewhere.vcf").write_bytes(vcf_text(record_line("chrZ"), record_line(alt="<DEL>")))
    (folder / "symbolic.vcf").write_bytes(vcf_text(record_line(alt="<DEL>"), record_line(alt="*")))
    (folder / "empty.vcf").write_bytes(vcf_text())
    wrong = [record_line(pos=pos, ref=other[letters[pos - 1]], alt="A,C") for pos in range(50, 90)]
    (folder / "wrong.vcf").write_bytes(vcf_text(*wrong))
    (folder / "no.vcf").write_bytes(b"what is this\n")
    return folder


PREDICT = ["predict", "model=runs/train/latest", "longest_allele=16", "trainer.accelerator=cpu"]


def test_train_then_predict(trained, monkeypatch, capfd):
    assert run(trained, monkeypatch, *PREDICT, "vcf=in.vcf", "output=out.vcf.gz") == 0
    out, err = capfd.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert "read 40 records with 40 alleles; scored 40" in lines and lines[-1] == "wrote out.vcf.gz"
    assert ["ok", "40", "first:", "line", "5,", "chr1:50"] in [line.split()[:6] for line in lines]
    assert run(trained, monkeypatch, *PREDICT, "vcf=in.vcf", "output=-") == 0
    out, err = capfd.readouterr()
    assert out.count("GENOLONG_STATUS=ok") == 40 and "wrote" not in err
    assert gzip.decompress((trained / "out.vcf.gz").read_bytes()).decode() == out


def test_nothing_to_score_is_done(trained, monkeypatch, capfd):
    assert run(trained, monkeypatch, *PREDICT, "vcf=empty.vcf", "output=empty.out.vcf") == 0
    assert "read 0 records" in capfd.readouterr().err
    assert run(trained, monkeypatch, *PREDICT, "vcf=symbolic.vcf", "output=symbolic.out.vcf") == 0
    assert "scored 0\n  star " in capfd.readouterr().err


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["vcf=elsewhere.vcf", "output=out.vcf"], 65, "no allele could be scored; all records are in out.vcf"),
    (["vcf=wrong.vcf", "output=out.vcf"], 65, "wrong.vcf: REF differs from the genome in 40 of the first 40"),
    (["vcf=no.vcf", "output=out.vcf"], 65, "no.vcf"),
    (["vcf=none.vcf", "output=out.vcf"], 66, "none.vcf"),
    (["vcf=in.vcf", "output=out.vcf", "data.fasta=none.fa"], 66, "none.fa"),
    (["vcf=in.vcf", "output=nowhere/out.vcf"], 73, "there is no folder"),
    (["vcf=in.vcf", "output=in.vcf"], 64, "output=in.vcf: is the input itself"),
    (["vcf=in.vcf"], 64, "output"),
    (["vcf=in.vcf", "output=out.vcf", "mdoe=exact"], 64, "mode"),
    (["vcf=in.vcf", "output=out.vcf", "window_bp=15"], 64, "does not fit into the window of 15"),
    (["vcf=in.vcf", "output=out.vcf", "model=none"], 66, "model=none: no such run"),
])  # fmt: skip
def test_a_prediction_that_cannot_be_is_one_line(trained, monkeypatch, capfd, arguments, code, words):
    before = {path.name for path in trained.iterdir()}
    found, line = refused(trained, monkeypatch, capfd, *PREDICT, *arguments)
    assert found == code
    assert words in line
    left = {path.name for path in trained.iterdir()} - before
    assert left == ({"out.vcf", "out.vcf.record.json"} if "elsewhere" in arguments[0] else set())
    for name in left:
        (trained / name).unlink()


@pytest.mark.parametrize("rank", [0, 1])
def test_evaluate_refuses_to_be_one_of_several(trained, monkeypatch, capfd, rank):
    for name, value in (("RANK", rank), ("WORLD_SIZE", 2), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, str(value))
    code, line = refused(trained, monkeypatch, capfd, "evaluate", "model=runs/train/latest")
    assert (code, line) == (
        64,
        "genolong: error: evaluate: runs in a single process; start it without torchrun or srun",
    )


def test_one_process_of_several_shows_the_help(tmp_path, monkeypatch, capfd):
    for name, value in (("RANK", 1), ("WORLD_SIZE", 2), ("LOCAL_RANK", 1)):
        monkeypatch.setenv(name, str(value))
    assert run(tmp_path, monkeypatch, "predict", "--help") == 0
    assert run(tmp_path, monkeypatch, "train", "--cfg", "job") == 0
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("RANK", "0")
    assert run(tmp_path, monkeypatch, "predict", "--help") == 0
    assert "window_bp" in capfd.readouterr().out


def test_help_of_predict_shows_units(tmp_path, monkeypatch, capfd):
    assert run(tmp_path, monkeypatch, "predict", "--help", "all") == 0
    shown = capfd.readouterr().out
    for words in ("window_bp=null", "bases read around a variant", "flank=8", "share of the first 200",
                  "records scored and written together", "prefix=GENOLONG"):  # fmt: skip
        assert words in shown


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "30000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_threads_spin_briefly_unless_the_environment_says_otherwise(given, spins):
    unset = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    line = (
        "import os, sys; import genolong.__main__ as it; assert 'torch' not in sys.modules; it.spin_briefly(); "
        "print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    done = subprocess.run([sys.executable, "-c", line], env=unset | given, capture_output=True, text=True, check=True)
    assert done.stdout == f"{spins}\n"
