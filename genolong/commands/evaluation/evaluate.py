"""`evaluate`: a trained model on held-out bases, compared with baselines, and with less and less context."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from genolong.commands.evaluation.evaluated import (
    Evaluation,
    picture_of,
    record_evaluation,
    refuse_unwritable,
    write_figures,
)
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings, HeldOutSettings
from genolong.commands.evaluation.measuring import HeldOut, Measured, measure
from genolong.commands.evaluation.own_figures import place_of_figures
from genolong.commands.reading.file_titles import renamed
from genolong.commands.reading.inputs_kept import files_of, refuse_to_write_over
from genolong.commands.reading.reading_check import Reading, check_reading
from genolong.commands.reading.reading_choice import choose_reading
from genolong.commands.reading.trained_before import read_before
from genolong.commands.reading.trained_run import TrainedRun, open_run
from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.regions import read_bed
from genolong.kept_memory import keep_freed_memory
from genolong.loading.contexts import doubling_contexts
from genolong.loading.masking import MaskingSettings
from genolong.loading.truth import perfect_readers
from genolong.loading.windows import DataSettings, Split, split
from genolong.report.context_use import draw_context_use, panels_of
from genolong.report.curves import draw_curves
from genolong.report.figures import Table, contexts_table, readers_table
from genolong.runs.record import now
from genolong.tasks.batches import batch_of

logger = logging.getLogger(__name__)

ENOUGH_BASES = 500_000  # bases to read if the number of windows is not set


def evaluate(settings: EvaluationSettings) -> Evaluation:
    """Evaluates a trained model; writes figures and pictures into its run's folder, or to `output`."""
    begun = now()
    assert settings.model is not None, "wanted by the settings where there is no VCF"
    run = open_run(settings.model)
    genome, parts, beds, notes = _data(run, settings.data)
    output = _output(run, settings, genome)
    refuse_to_write_over("output", [settings.output], (*genome.sha256, *beds, *files_of(run)))
    refuse_unwritable(output)
    windows, thinning = thinned(parts.validation, settings.windows)
    cuda = settings.torch_device.type == "cuda"
    chosen = choose_reading(run.model.encoder, settings.attention, settings.precision, cuda=cuda, name="attention")
    contexts = doubling_contexts(run.window_bp, settings.longest_context) if settings.contexts else []
    if settings.check_memory:
        longest = max([run.window_bp, *contexts])
        reading = Reading(run.model.encoder, longest, batch_of(longest), 1, settings.torch_device.type)
        check_reading(reading, 1, free=(), switch="check_memory")
    truth, truth_notes = perfect_readers(genome)
    share = run.masking.share if settings.share is None else settings.share
    masking = MaskingSettings(share, as_mask=1.0, as_random=0.0)  # otherwise some bases to predict would stay visible
    held_out = HeldOut(genome, windows, parts.train, masking, run.seed, truth)
    keep_freed_memory()
    measured = measure(run.model, held_out, contexts, settings.torch_device)
    names = ", ".join(Path(path).name for path in genome.sha256)
    files = _write(output, run, measured, contexts, names)
    about = {"model_sha256": run.weights_sha256, "attention": run.model.encoder.kernels}
    caveats = run.caveats(settings.torch_device)
    sides = f"held out: {parts.held_out}", f"baselines learn from {parts.for_training}"
    notes = (*genome.notes, *caveats, *notes, *sides, *parts.notes, *thinning, *truth_notes, *chosen, *measured.notes)
    record_evaluation(settings, output, genome.sha256, beds, about, notes, begun)
    for note in notes:
        logger.info(note)
    return Evaluation(measured.figures, _tables(run, measured, contexts, names), notes, files)


def thinned(windows: Sequence[Interval], wanted: int | None) -> tuple[list[Interval], tuple[str, ...]]:
    """`wanted` windows, evenly spread (0: all; None: about half a million bases), and a note about it."""
    if wanted is None:
        wanted = max(1, ENOUGH_BASES // windows[0].length)
    if not 0 < wanted < len(windows):
        return list(windows), ()
    chosen = [windows[(2 * index + 1) * len(windows) // (2 * wanted)] for index in range(wanted)]
    return chosen, (f"read {wanted:,} of {len(windows):,} windows, evenly spread (windows=0 reads all)",)


def data_to_read(run: DataSettings, asked: HeldOutSettings, *, same_genome: bool) -> DataSettings:
    """The run's data settings with the requested genome and validation; its own parts are those of its own genome only.

    The requested regions are not in it: they must not move held-out windows onto bases that were trained on.
    """
    own = (
        {"regions": run.regions, "validation": run.validation} if same_genome else {"regions": None, "validation": None}
    )
    named = {name: value for name, value in vars(asked).items() if value is not None and name != "regions"}
    return replace(run, **{**own, **named, "validation_windows": 0})


class _Data(NamedTuple):
    """The genome, its held-out part, the BED files that define it, and notes on leakage from training."""

    genome: Genome
    parts: Split
    beds: list[str]
    notes: tuple[str, ...]


def _data(run: TrainedRun, asked: HeldOutSettings) -> _Data:
    genome = Genome.open(asked.paths or run.data.paths, asked.cache or run.data.cache)
    same = set(genome.sha256.values()) == run.sha256
    titles = dict(zip(genome.sha256.values(), genome.titles, strict=True)) if genome.titles else {}
    if same and run.titles and run.titles != titles:
        raise InputError(f"data.fasta: {renamed(run.titles.values(), titles.values())}")
    data = data_to_read(run.data, asked, same_genome=same or asked.fasta is None)
    parts, beds, notes = split(genome, data, run.window_bp), data.beds, []
    if asked.regions not in (None, data.regions):
        parts = parts.with_training_part(read_bed(asked.regions, genome.lengths), asked.regions)
        beds = [*beds, asked.regions]
    if not same and asked.fasta is None:
        notes.append(f"{', '.join(genome.sha256)} is not what the run was trained on: its sha256 is different")
    trained, untold = read_before(run.trainings, genome)
    notes += [f"the model {why}" for why in untold]
    on_contig: dict[str, list[Interval]] = {}
    for stretch in trained:
        on_contig.setdefault(stretch.contig, []).append(stretch)
    leaked = sum(any(map(window.overlaps, on_contig.get(window.contig, ()))) for window in parts.validation)
    if leaked:
        notes.append(f"the model was trained on bases in {leaked:,} of {counted(len(parts.validation), 'window')}")
    return _Data(genome, parts, beds, tuple(notes))


def _output(run: TrainedRun, settings: EvaluationSettings, genome: Genome) -> Path:
    if settings.output:
        return Path(settings.output).expanduser()
    return place_of_figures(run.folder, settings.data, genome.sha256, vars(run.data), run.sha256)


def _tables(run: TrainedRun, measured: Measured, contexts: Sequence[int], genome: str) -> tuple[Table, ...]:
    bases = measured.figures[0].n
    windows = counted(round(measured.figures[0].value), "window")
    title = f"{run.title} on {genome}: loss on {counted(bases, 'hidden base')} of {windows}"
    tables = [readers_table(title, measured.figures)]
    if contexts:
        title = "the same bases, with windows cut to each context (nats/base)"
        tables.append(contexts_table(title, contexts, measured.figures))
    return tuple(tables)


def _write(output: Path, run: TrainedRun, measured: Measured, contexts: Sequence[int], genome: str) -> tuple[Path, ...]:
    files = [write_figures(output, measured.figures)]
    if contexts:
        panels = panels_of(measured.figures, contexts)
        title = f"Loss against context: {run.title} on {genome}"
        files.append(draw_context_use(picture_of(output, "context_use.png"), title, contexts, panels))
    metrics = run.folder / "metrics.csv"
    if metrics.is_file():
        title = f"Training of {run.title}"
        files.append(draw_curves(metrics, picture_of(output, "curves.png"), title, run.bases_per_step))
    return tuple(files)
