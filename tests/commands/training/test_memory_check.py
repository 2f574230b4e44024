"""What cannot fit is refused before anything begins, with what to turn; what may fit is not."""

import re

import pytest
from hydra import compose, initialize_config_dir

from genolong.commands.training import memory_check
from genolong.commands.training import training_step as step_of
from genolong.commands.training.memory_check import check_memory
from genolong.commands.training.train import train
from genolong.commands.training.training_step import remedies, training_step
from genolong.errors import SettingsError
from genolong.model import recompute
from genolong.model.costs.memory import memory
from genolong.settings import CONF, TrainSettings, train_settings
from tests.builders.steps import step


def settings(*overrides: str) -> TrainSettings:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return train_settings(compose("train", ["model=small", "context=8k", "trainer.attention=aten", *overrides]))


def test_what_cannot_fit_is_refused_with_what_would(monkeypatch):
    monkeypatch.setattr(memory_check, "memory_there", lambda cuda: 500_000_000)
    with pytest.raises(SettingsError) as refused:
        check_memory(settings(), cuda=False, processes=1)
    message = str(refused.value)
    assert message.startswith(
        "context.window_bp=8192: one step needs about 1.34 GB per process, but 500 MB are available;"
    )
    assert re.search(r"use context\.checkpoint_blocks=1 \(\d+ MB\) or context\.window_bp=2048 \(\d+ MB\);", message)
    assert message.endswith("trainer.check_memory=false tries anyway")
    check_memory(settings("context.checkpoint_blocks=1"), cuda=False, processes=1)
    check_memory(settings("trainer.check_memory=false"), cuda=False, processes=1)


def test_processes_of_one_machine_share_its_memory(monkeypatch):
    monkeypatch.setattr(memory_check, "memory_there", lambda cuda: 2_000_000_000)
    check_memory(settings(), cuda=False, processes=1)
    with pytest.raises(SettingsError, match="but 1 GB are available"):
        check_memory(settings(), cuda=False, processes=2)


def test_a_step_that_is_a_little_too_large_by_the_count_is_let_through_and_told(monkeypatch, caplog):
    needed = memory(training_step(settings(), cuda=False)).peak
    for there, fits in ((1.01 * needed, True), (0.86 * needed, True), (0.84 * needed, False)):
        monkeypatch.setattr(memory_check, "memory_there", lambda cuda, there=there: round(there))
        if fits:
            check_memory(settings(), cuda=False, processes=1)
            assert [line.endswith(" are available; it may run out of memory") for line in caplog.messages] == (
                [] if there > needed else [True]
            )
        else:
            with pytest.raises(SettingsError):
                check_memory(settings(), cuda=False, processes=1)


def test_attention_in_triton_gathers_nothing_on_a_gpu_and_flash_holds_what_all_branches_give():
    chosen = [settings("context=1m", f"trainer.attention={kernels}") for kernels in ("triton", "aten", "flash", "auto")]
    triton, aten, flash, auto = (memory(training_step(each, cuda=True)).peak for each in chosen)
    assert triton < aten < flash == auto


def test_where_no_setting_would_do_a_smaller_model_is_named(monkeypatch):
    monkeypatch.setattr(memory_check, "memory_there", lambda cuda: 1000)
    with pytest.raises(SettingsError, match=r"use a smaller model; trainer.check_memory"):
        check_memory(settings(), cuda=False, processes=1)


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({"fused": True}, {"context.checkpoint_blocks=2", "context.batch=1 context.accumulation=2",
                           "trainer.devices=8 parallel.sequence=8", "context.window_bp=12"}),
        ({"fused": True, "checkpoint_blocks": 2, "batch": 1},
         {"trainer.devices=8 parallel.sequence=8", "context.window_bp=12"}),
        ({"fused": True, "devices": 4, "batch": 3},
         {"context.checkpoint_blocks=2", "context.batch=1 context.accumulation=3", "parallel.share_weights=true",
          "trainer.devices=8 parallel.sequence=8", "context.window_bp=12"}),
        ({"fused": True, "devices": 3, "batch": 1, "muon": True},
         {"context.checkpoint_blocks=2", "trainer.devices=8 parallel.sequence=8", "context.window_bp=12"}),
        # more processes on a CPU would have to share its memory
        ({"batch": 1}, {"context.checkpoint_blocks=2", "context.window_bp=12"}),
        ({"devices": 4, "batch": 1}, {"context.checkpoint_blocks=2", "parallel.share_weights=true",
                                      "parallel.sequence=4", "context.window_bp=12"}),
    ],
)  # fmt: skip
def test_every_setting_that_saves_memory_is_offered_at_its_best(changes, offered, monkeypatch):
    for device in recompute.STRETCH_BYTES:  # as of windows of many stretches
        monkeypatch.setitem(recompute.STRETCH_BYTES, device, 1)
    taken = step(**changes)
    found = remedies(taken, 0)
    assert {remedy.settings for remedy in found} == offered
    assert all(remedy.peak < memory(taken).peak for remedy in found)


@pytest.mark.parametrize(("window_bp", "most", "sequence"), [(63, 16, 4), (64, 16, 8), (95, 16, 8), (128, 8, 8)])
def test_slices_are_no_shorter_than_the_first_segment_and_no_more_than_can_be(window_bp, most, sequence, monkeypatch):
    monkeypatch.setattr(step_of, "MOST_DEVICES", most)
    offered = [each.settings for each in remedies(step(window_bp=window_bp, fused=True, batch=1), 0)]
    assert f"trainer.devices={sequence} parallel.sequence={sequence}" in offered


@pytest.mark.parametrize(("decay", "averaged"), [(0.0, False), (0.9, True)])
def test_a_running_mean_takes_memory_only_where_there_is_one(decay, averaged):
    assert (
        training_step(settings(f"trainer.ema_decay={decay}", "context.window_bp=100"), cuda=False).averaged == averaged
    )


def test_what_fits_comes_first_and_costs_no_more_than_it_must():
    taken = step(checkpoint_blocks=1, batch=8)
    room = round(0.6 * memory(taken).peak)
    first, *rest = remedies(taken, room)
    assert first.settings == "context.batch=4 context.accumulation=2" and first.peak <= room
    assert [remedy.peak <= room for remedy in rest] == sorted((remedy.peak <= room for remedy in rest), reverse=True)


def test_train_checks_before_it_leaves_anything(tmp_path, monkeypatch):
    monkeypatch.setattr(memory_check, "memory_there", lambda cuda: 1000)
    with pytest.raises(SettingsError, match=r"one step needs about .* but 1 kB are available"):
        train(settings(f"data.cache={tmp_path}"), tmp_path / "runs" / "now")
    assert not (tmp_path / "runs").exists()
