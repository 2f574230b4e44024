"""A training's step as input for cost estimates, and which settings to change if it does not fit into memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from genolong.commands.reading.attention_choice import wanted_kernels
from genolong.commands.reading.precision_choice import MIXED
from genolong.model.attention.native_attention import why_not
from genolong.model.costs.memory import memory
from genolong.model.costs.step import Step
from genolong.settings import TrainSettings

MOST_DEVICES = 1 << 12


def training_step(settings: TrainSettings, *, cuda: bool) -> Step:
    """The step for settings whose window is filled in, on GPUs or on a CPU."""
    window_bp, context = settings.context.window_bp, settings.context
    assert window_bp is not None
    half = settings.trainer.precision == MIXED or (cuda and settings.trainer.precision == "auto")
    return Step(
        settings.model, window_bp, context.batch, context.accumulation, context.checkpoint_blocks, half=half,
        fused=cuda, kernels=_kernels(settings, cuda=cuda), muon=settings.optimizer.kind == "muon",
        averaged=settings.trainer.ema_decay > 0, devices=settings.trainer.devices, sequence=settings.parallel.sequence,
        share_weights=settings.parallel.share_weights,
    )  # fmt: skip


def _kernels(settings: TrainSettings, *, cuda: bool) -> str:
    """The kernels that attention would use; a GPU need not be present, and is assumed to run the chosen ones."""
    wanted = wanted_kernels(settings.trainer.attention, cuda=cuda)
    return "aten" if wanted == "cpp" and why_not(settings.model.width // settings.model.heads) else wanted


Choices = Iterator[tuple[str, Step]]  # values of a setting, as typed, with the step that they make


class Remedy(NamedTuple):
    """Settings as typed, and the bytes that a device needs with them."""

    settings: str
    peak: int


def peak_of(step: Step) -> int:
    """The bytes that a step needs at its peak."""
    return memory(step).peak


def remedies(step: Step, room: int, needed: Callable[[Step], int] = peak_of) -> list[Remedy]:
    """For every setting that saves memory, the first value that fits into `room` bytes, or else the best one.

    Those that fit come first, and among these the cheapest. `needed` is what a step needs.
    """
    settings = (
        recomputing(step, "context.checkpoint_blocks"),
        _smaller_batches(step),
        _shared_weights(step),
        _slices(step),
        _windows(step),
    )
    return best_of(step, room, settings, needed)


def best_of(
    step: Step, room: int, settings: Iterable[Choices], needed: Callable[[Step], int] = peak_of
) -> list[Remedy]:
    """The same among the choices for these settings, each from the cheapest on."""
    now = needed(step)
    found = []
    for choices in settings:
        tried = [Remedy(typed, needed(other)) for typed, other in choices]
        fitting = [remedy for remedy in tried if remedy.peak <= room]
        best = fitting[:1] or sorted(tried, key=lambda remedy: remedy.peak)[:1]
        found += [remedy for remedy in best if remedy.peak < now]
    return sorted(found, key=lambda remedy: remedy.peak > room)


def recomputing(step: Step, setting: str) -> Choices:
    """Larger values of the setting that decides how much is recomputed rather than kept."""
    for blocks in range(step.checkpoint_blocks + 1, step.encoder.layers + 1):
        yield f"{setting}={blocks}", replace(step, checkpoint_blocks=blocks)


def _smaller_batches(step: Step) -> Choices:
    batch = step.batch
    while batch > 1:
        batch //= 2
        rounds = -(-step.batch * step.accumulation // batch)
        yield (
            f"context.batch={batch} context.accumulation={rounds}",
            replace(step, batch=batch, accumulation=rounds),
        )


def _shared_weights(step: Step) -> Choices:
    if step.devices > 1 and not (step.share_weights or step.muon or step.averaged):
        yield "parallel.share_weights=true", replace(step, share_weights=True)


def _slices(step: Step) -> Choices:
    """More devices per window: first those that so far read other windows; processes on a CPU share its memory."""
    sequence = step.sequence
    while sequence < MOST_DEVICES and step.window_bp >= 2 * sequence * step.branches[0].segment:
        sequence *= 2
        devices = max(step.devices, sequence)
        if devices % sequence == 0 and (step.fused or devices == step.devices):
            more = f"trainer.devices={devices} " if devices > step.devices else ""
            yield f"{more}parallel.sequence={sequence}", replace(step, devices=devices, sequence=sequence)


def _windows(step: Step) -> Choices:
    window_bp = step.window_bp // 2
    while window_bp >= step.sequence * step.branches[0].segment:
        yield f"context.window_bp={window_bp}", replace(step, window_bp=window_bp)
        window_bp //= 2
