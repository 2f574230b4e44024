"""A step that trains an encoder on labelled alleles: what it keeps, and whether it fits into memory."""

from dataclasses import replace

from genolong.commands.reading.trained_run import TrainedRun
from genolong.commands.training.memory_check import check_step
from genolong.commands.training.training_step import Choices, Remedy, best_of, recomputing
from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.model.costs.step import Step
from genolong.parallel.place import Place

WINDOWS = 4  # of an allele: the reference's and its own, each read on both strands


def check_tuned_memory(settings: VariantTrainSettings, run: TrainedRun, place: Place, *, cuda: bool) -> None:
    """Raises SettingsError if a step needs more than there is; the model must know its kernels and precision."""
    if settings.trainer.check_memory:
        step, windows = tuned_step(settings, run, place, cuda=cuda), WINDOWS * settings.batch
        what = (
            f"batch={settings.batch}: one step of a tuned encoder, with {windows} windows of {run.window_bp:,} bases,"
        )
        check_step(step, what, _remedies, place.local_size)


def tuned_step(settings: VariantTrainSettings, run: TrainedRun, place: Place, *, cuda: bool) -> Step:
    """The step as input for cost estimates; the head and its features need little beside the encoder."""
    encoder = run.model.encoder
    return Step(
        encoder.settings, run.window_bp, WINDOWS * settings.batch, 1, kept_blocks(settings, run), half=encoder.mixed,
        fused=cuda, kernels=encoder.kernels, muon=False, averaged=False, devices=place.size, sequence=place.size,
        share_weights=False,
    )  # fmt: skip


def kept_blocks(settings: VariantTrainSettings, run: TrainedRun) -> int:
    """The encoder's checkpoint_blocks: as asked for, or as in the model's own training."""
    return run.checkpoint_blocks if settings.checkpoint_blocks is None else settings.checkpoint_blocks


def _remedies(step: Step, room: int) -> list[Remedy]:
    return best_of(step, room, (recomputing(step, "checkpoint_blocks"), _smaller_batches(step)))


def _smaller_batches(step: Step) -> Choices:
    batch = step.batch // WINDOWS
    while batch > 1:
        batch //= 2
        yield f"batch={batch}", replace(step, batch=WINDOWS * batch)
