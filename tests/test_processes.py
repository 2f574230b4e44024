"""The command line in several processes: one of them leaves files and speaks, and all end with the right code."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import save_run
from tests.builders.vcfs import record_line, vcf_text

LIMIT_S = 240
GENOLONG = [sys.executable, "-m", "genolong"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "genolong"]
TINY = [
    "model.width=8", "model.layers=1", "model.heads=2", "model.segment=8", "context.window_bp=64",
    "trainer.max_steps=1", "data.workers=0", "data.validation_windows=3", "logger.tensorboard=false",
    "trainer.accelerator=cpu",
]  # fmt: skip
PREDICT = ["predict", "model=run", "longest_allele=16", "trainer.accelerator=cpu", "records_at_once=2"]
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a genome, a run, a short VCF and a long one."""
    folder = tmp_path_factory.mktemp("home")
    letters = random_letters(1009, seed=1)
    save_run(folder / "run", write_fasta(folder, {"chr1": letters}), 64, folder / "cache")
    lines = [record_line("chr1", pos, letters[pos - 1], OTHER[letters[pos - 1]]) for pos in range(50, 61)]
    (folder / "in.vcf").write_bytes(vcf_text(*lines))
    (folder / "long.vcf").write_bytes(vcf_text(*lines * 3000))
    return folder


@pytest.fixture(autouse=True)
def place(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def as_srun_would(*command: str, size: int = 2) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of every process."""
    job = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_ID": "0", "SLURM_NNODES": "1", "SLURM_NTASKS": str(size)}
    started = []
    for rank in map(str, range(size)):
        own = job | {"SLURM_STEP_NODELIST": "localhost", "SLURM_PROCID": rank, "SLURM_LOCALID": rank}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen([*GENOLONG, *command], env=os.environ | own, text=True, **pipes))  # type: ignore[call-overload]
    told = [process.communicate(timeout=LIMIT_S) for process in started]
    return [(process.returncode, *out) for process, out in zip(started, told, strict=True)]


def test_torchrun_sweeps_with_one_folder_a_job(home, tmp_path):
    asked = ["train", "-m", "seed=1,2", "data.fasta=genome.fa", "run.folder=swept", *TINY]
    asked += ["trainer.devices=2", "parallel.sequence=2"]
    done = subprocess.run([*TORCHRUN, *asked], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    assert [done.stdout.count(said) for said in ("seed=1", "seed=2", "of this sweep")] == [1, 1, 1]
    assert done.stderr.count("the run is in") == 2 and done.stderr.count("wrote swept/train/report.html") == 1
    folders = [path for path in (home / "swept/train").iterdir() if path.is_dir() and not path.is_symlink()]
    assert len(folders) == 2 and all((path / "record.json").exists() for path in folders)
    assert len(list(home.rglob("multirun.yaml"))) == 1
    assert not list(tmp_path.glob("genolong-*"))


@pytest.mark.nightly
def test_torchrun_passes_over_a_run_that_has_finished(home):
    asked = ["train", "-m", "data.fasta=genome.fa", "hydra.sweep.dir=named", "hydra.sweep.subdir=s${seed}", *TINY]
    asked += ["trainer.devices=2", "parallel.sequence=2"]
    for seeds, trained in (("seed=1", 1), ("seed=1,2", 1), ("seed=1,2", 0)):
        done = subprocess.run([*TORCHRUN, *asked, seeds], capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("the run is in") == trained
        assert done.stderr.count("already holds this run, finished at step 1") == seeds.count(",") + 1 - trained


def test_srun_predicts_as_one_process_does_time_and_again(home, tmp_path):
    before = {path.name for path in home.iterdir()}
    one = subprocess.run([*GENOLONG, *PREDICT, "vcf=in.vcf", "output=one.vcf"], capture_output=True, text=True)
    assert one.returncode == 0, one.stderr
    asked = [
        "predict",
        "-m",
        *PREDICT[1:],
        "vcf=in.vcf",
        "parallel.sequence=1,2",
        "output='by-${parallel.sequence}.vcf'",
    ]
    first, other = as_srun_would(*asked, "hydra.sweep.dir=sweep")
    assert first[:2] == (0, "") and first[2].count("wrote by-") == 2
    assert other == (0, "", "")
    for sequence in (1, 2):
        assert (home / f"by-{sequence}.vcf").read_bytes() == (home / "one.vcf").read_bytes()
    written = {"one.vcf", "by-1.vcf", "by-2.vcf"}
    left = {path.name for path in home.iterdir()} - before
    assert left == {"sweep", *written, *(f"{name}.record.json" for name in written)}
    assert not list(tmp_path.glob("genolong-*"))


def test_a_result_for_a_closed_stream_is_not_lost_in_silence(home):
    words = " ".join([*GENOLONG, *PREDICT, "vcf=in.vcf", "output=-", ">&-"])
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 74
    assert done.stderr.splitlines()[-1] == "genolong: error: standard output: Bad file descriptor"


def test_what_the_first_process_refuses_ends_all_with_its_code(home):
    first, other = as_srun_would(*PREDICT, "vcf=none.vcf", "output=none.out.vcf")
    assert first[:2] == (66, "") and first[2].startswith("genolong: error: ") and "none.vcf" in first[2]
    assert other == (66, "", "")


def test_what_all_refuse_all_say_in_one_line():
    for ended in as_srun_would(*PREDICT, "vcf=in.vcf", "output=x.vcf", "model=none"):
        told = "model=none: no such run; name a run's folder, like runs/quickstart/latest"
        assert ended == (66, "", f"genolong: error: {told}\n")


@pytest.mark.parametrize(("command", "sent", "code", "told"), [
    ([*PREDICT, "vcf=in.vcf", "output=alone.vcf"], signal.SIGTERM, 143, "stopped by SIGTERM; run the same command"),
    pytest.param(
        [*PREDICT, "vcf=in.vcf", "output=alone.vcf"], signal.SIGINT, 130, "stopped by SIGINT; run the same command",
        marks=pytest.mark.nightly,
    ),
    (
        ["train", "data.fasta=genome.fa", "run.folder=alone", *TINY, "trainer.devices=2"], signal.SIGHUP, 129,
        "stopped by SIGHUP outside of its steps; ",
    ),
])  # fmt: skip
def test_a_process_whose_partners_do_not_come_can_be_stopped(home, command, sent, code, told):
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
    own = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with (
        background_ignores_no_interrupt(),
        subprocess.Popen([*GENOLONG, *command], env=os.environ | own, stderr=subprocess.PIPE, text=True) as alone,
    ):
        try:
            until = time.monotonic() + LIMIT_S
            while not listens(port):
                assert alone.poll() is None and time.monotonic() < until
                time.sleep(0.05)
            alone.send_signal(sent)
            _, err = alone.communicate(timeout=20)
        finally:
            alone.kill()
    assert alone.returncode == code
    assert err.splitlines()[-1].startswith(f"genolong: {told}") and "Traceback" not in err


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@contextmanager
def background_ignores_no_interrupt() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def children_of(process: int) -> list[int]:
    """Those that work: what multiprocessing starts to tidy up after them is none of these."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it has ended
            continue
    return sorted(found)


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
@pytest.mark.parametrize(("sent", "code", "last"), [
    (signal.SIGKILL, 75, "genolong: error: process 1 of 2 was killed by signal 9"),
    (signal.SIGINT, 130, "genolong: stopped by SIGINT; run the same command again to continue"),
])  # fmt: skip
def test_a_prediction_that_is_stopped_leaves_no_process_and_can_be_continued(home, tmp_path, sent, code, last):
    output = tmp_path / "out.vcf"
    command = [*GENOLONG, *PREDICT, "vcf=long.vcf", f"output={output}", "trainer.devices=2"]
    with (
        background_ignores_no_interrupt(),
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as first,
    ):
        try:
            until, partial = time.monotonic() + LIMIT_S, Path(f"{output}.partial")
            while not partial.exists() or partial.stat().st_size < 5000:
                assert first.poll() is None and time.monotonic() < until
                time.sleep(0.05)
            (other,) = children_of(first.pid)
            if sent == signal.SIGKILL:
                os.kill(other, sent)
            else:
                os.killpg(first.pid, sent)  # as a terminal does
            _, err = first.communicate(timeout=LIMIT_S)  # which ends when the last process that holds stderr does
        finally:
            if first.poll() is None:
                os.killpg(first.pid, signal.SIGKILL)
    assert first.returncode == code
    assert "Traceback" not in err and err.splitlines()[-1].startswith(last)
    assert Path(f"{output}.journal").exists()
