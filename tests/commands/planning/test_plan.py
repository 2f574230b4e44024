"""`plan` counts what a training would cost, says what does not fit, and trains nothing."""

import errno
import json
import os
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from genolong import cli
from genolong.commands.planning.plan import Plan, figures, notes, plan, table
from genolong.commands.planning.plan_settings import PlanSettings
from genolong.counted import size
from genolong.errors import OutputError, SettingsError
from genolong.model.costs.memory import memory
from genolong.model.costs.starts import starts
from genolong.settings import CONF, on_a_genome
from tests.builders.genomes import random_letters


def settings(*overrides: str) -> PlanSettings:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return on_a_genome(compose("plan", ["device=h100", *overrides]), PlanSettings)


def shown(made: Plan) -> dict[str, str]:
    return {row[0]: row[1] for row in table(made).rows}


def test_a_million_bases_on_eight_gpus():
    made = plan(settings("model=base", "context=1m", "trainer.devices=8", "parallel.sequence=8"))
    step = made.step
    assert (step.longest_slice, step.half, step.fused, step.devices) == (1 << 17, True, True, 8)
    assert made.fits and made.remedies == ()
    assert made.peak == made.memory.peak + 600_000_000 and made.room == 84_900_000_000
    assert made.recomputed == made.memory.activations < made.kept
    assert made.seconds.arithmetic == made.flops.all / (0.3 * 989e12)
    assert made.seconds.link == made.traffic.all / 337e9
    assert made.seconds.limit == "arithmetic"
    rows = shown(made)
    assert rows["parameters"].startswith("37,864,964, ")
    assert rows["received, branch 65536/16"] == "0 bytes" != rows["received, branch 1048576/64"]
    assert table(made).title.startswith("one device of 8, 8 to a window; window 1,048,576")


def test_what_does_not_fit_says_what_to_turn_and_what_that_gives():
    made = plan(settings("model=large", "context=1m", "context.checkpoint_blocks=2", "device=rtx4090"))
    assert not made.fits
    _, first, *rest = notes(made)
    assert first.startswith("does not fit: ") and "25.3 GB available" in first
    assert any(
        line.startswith("  trainer.devices=2 parallel.sequence=2: ") and line.endswith(", fits") for line in rest
    )
    assert any(line.endswith(", not enough alone") for line in rest)


def test_what_a_remedy_promises_is_what_it_takes_on_a_cpu():
    asked = ["device=cpu", "device.memory_gb=2.2", "model=mini", "context.window_bp=4096", "context.batch=17"]
    made = plan(settings(*asked))
    assert not made.fits and len(made.remedies) == 3
    for remedy in made.remedies:
        again = plan(settings(*asked, *remedy.settings.split()))
        assert (again.peak, again.fits) == (remedy.peak, remedy.peak <= made.room)
    assert f"  {made.remedies[0].settings}: {size(made.remedies[0].peak)}, fits" in notes(made)


def test_recomputation_is_shown_where_none_is_asked_for():
    made = plan(settings("model=small", "context=8k"))
    assert made.step.checkpoint_blocks == 0
    assert made.memory.activations == made.kept > made.recomputed
    assert "activations, recomputed (context.checkpoint_blocks=1)" in shown(made)


def test_a_gpu_that_waits_for_its_cpu_is_given_more_windows_at_once():
    words = ["model=base", "context=8k", "device=h200"]
    one, many, quick = (plan(settings(*words, more)) for more in ("seed=1", "context.batch=64", "device.start_us=1"))
    assert one.seconds.limit == "starting" and one.seconds.all == pytest.approx(75e-6 * starts(one.step))
    assert any(line.startswith(f"a step starts {starts(one.step):,} operations on the GPU") for line in notes(one))
    for made in (many, quick):
        assert made.seconds.limit == "arithmetic" and not any("starts" in line for line in notes(made))


def test_a_cpu_is_measured_and_its_memory_shared():
    one, two = (plan(settings("device=cpu", f"trainer.devices={n}", "device.memory_gb=null")) for n in (1, 2))
    assert two.room == one.room // 2 and not one.step.half and not one.step.fused
    given = plan(settings("device=cpu", "device.tflops_32=2", "device.memory_gb_s=3", "device.memory_gb=1"))
    assert given.rates == (0.5 * 2e12, 3e9, 1e9, 0) and given.room == 1_000_000_000


def test_a_cpus_heap_has_gaps_and_a_gpus_memory_none():
    gpu, cpu = (plan(settings(f"device={name}", "model=small", "context=8k")) for name in ("h100", "cpu"))
    assert gpu.gaps == 0 < cpu.gaps and cpu.peak == cpu.memory.peak + 470_000_000 + cpu.gaps
    large = plan(settings("device=cpu", "model=small", "context=131k", "context.checkpoint_blocks=0"))
    assert large.gaps == 0, "such large tensors go back at once"
    with_room, without = (plan(settings("device=cpu", "model=mini", "context.window_bp=32768",
        "context.checkpoint_blocks=0", f"device.memory_gb={there}")) for there in (16, 2))  # fmt: skip
    assert with_room.gaps > without.gaps > 0, "a training with room keeps what it frees"


def test_a_whole_chromosome_asks_the_genome(tmp_path):
    (tmp_path / "g.fa").write_text(f">one\n{random_letters(811, seed=1)}\n")
    words = ["context=chromosome", f"data.fasta={tmp_path / 'g.fa'}", f"data.cache={tmp_path}", "model.segment=8"]
    assert plan(settings(*words)).step.window_bp == 405


def test_figures_are_those_of_the_plan(tmp_path):
    file = tmp_path / "plan.json"
    made = plan(settings("model=base", "context=131k", "trainer.devices=2", "parallel.sequence=2", f"json={file}"))
    written = json.loads(file.read_text())
    assert written == figures(made)
    assert written["memory_bytes"]["peak"] == memory(made.step).peak
    assert sum(part["bytes"] for part in written["received_bytes"]["branches"]) < written["received_bytes"]["all"]


def test_figures_that_cannot_be_written_are_told(tmp_path):
    with pytest.raises(OutputError, match=r"nowhere/x.json: there is no folder .*nowhere; wanted one to write to"):
        plan(settings(f"json={tmp_path / 'nowhere' / 'x.json'}"))
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(OutputError, match=r"pipe.json: is a device or a pipe; wanted a file to write"):
        plan(settings(f"json={tmp_path / 'pipe.json'}"))
    (tmp_path / "x.json").write_text("[1, 2]")
    with pytest.raises(OutputError, match=r"x.json: exists, and is not a file of figures; name another file"):
        plan(settings(f"json={tmp_path / 'x.json'}"))
    assert (tmp_path / "x.json").read_text() == "[1, 2]"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("genome.fa", r"^json=.*genome\.fa: wanted the name of a file of figures, which ends in \.json$"),
        ("last.ckpt", r"wanted the name of a file of figures"),
        ("record.json", r"^json=.*record\.json: is the name of a record of what was made; name another file$"),
        ("out.vcf.gz.record.json", r"is the name of a record"),
    ],
)
def test_what_is_no_file_of_figures_is_not_written_over(tmp_path, name, words):
    (tmp_path / name).write_text("kept")
    with pytest.raises(SettingsError, match=words):
        plan(settings(f"json={tmp_path / name}"))
    assert (tmp_path / name).read_text() == "kept"


def test_a_full_disk_leaves_the_figures_that_were_there(tmp_path, monkeypatch):
    (tmp_path / "plan.json").write_text('{"kept": 1}')

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("genolong.genome.files.partial_file.os.replace", fail)
    with pytest.raises(OSError, match="No space left"):
        plan(settings(f"json={tmp_path / 'plan.json'}"))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("plan.json", '{"kept": 1}')]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("device.kind=tpu", "device.kind=tpu: wanted auto, cpu or cuda"),
        ("device.reached=0", "device.reached=0.0: wanted more than 0"),
        ("device.link_gb_s=-1", "device.link_gb_s=-1.0: wanted more than 0"),
        ("device.process_gb=-1", "device.process_gb=-1.0: wanted 0 or more"),
        ("device.start_us=-1", "device.start_us=-1.0: wanted 0 or more"),
        ("context.window_bp=100", "context.window_bp=100 is shorter than the first segment"),
        ("parallel.sequence=2", "parallel.sequence=2 does not divide trainer.devices=1"),
    ],
)
def test_what_cannot_be_right_is_refused(override, words):
    with pytest.raises(SettingsError, match=words):
        plan(settings(override))


def test_a_gpu_that_is_not_here_cannot_be_measured(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(
        SettingsError, match=r"device.tflops_16=null: torch sees no GPU here to measure; give the number"
    ):
        settings("device.tflops_16=null")


def test_the_command_prints_a_table_and_leaves_nothing_else(tmp_path: Path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["genolong"])
    with pytest.raises(SystemExit) as left:
        cli.main(
            [
                "plan",
                "model=base",
                "context=1m",
                "trainer.devices=8",
                "parallel.sequence=8",
                "device=h200",
                "json=p.json",
            ]
        )
    out, err = capfd.readouterr()
    assert left.value.code == 0
    assert "one device of 8, 8 to a window" in out and "received, branch 1048576/64" in out
    assert err.splitlines()[0].startswith("rates: 297 TFLOP/s") and err.splitlines()[-1] == "wrote p.json"
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]
    assert "e+" not in out + err, "numbers are written out"
