"""`embed`: from regions or variants to a table of a trained model's states over them."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from genolong.commands.arrow_file import arrow
from genolong.commands.embeddings.embed_settings import EmbedSettings
from genolong.commands.embeddings.embedding_rows import rows_of
from genolong.commands.embeddings.embedding_table import EmbeddingTable
from genolong.commands.embeddings.kept_embeddings import embedded_blocks
from genolong.commands.reading.inputs_kept import files_of, refuse_to_write_over
from genolong.commands.reading.opened_model import open_model
from genolong.commands.reading.reading_check import Reading, check_reading
from genolong.commands.reading.trained_run import TrainedRun
from genolong.commands.same_work import hashes_of, identity, is_file, place
from genolong.commands.teamed import team_of
from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.fasta import Genome
from genolong.genome.files.hashed import sha256_of
from genolong.loading.windows import absolute
from genolong.parallel.team import Team
from genolong.report.tally import Tally
from genolong.runs.kept_blocks import KeptBlocks
from genolong.runs.record import beside, finished, forget, now, started, write_json
from genolong.tasks.embedding import Embedder

logger = logging.getLogger(__name__)

NOT_IN_RESULT = ("on_ref_mismatch", "most_mismatches")


@dataclass(frozen=True)
class Embedding:
    """Where the table is, how many rows it has, and notes for the user."""

    output: Path
    rows: int
    notes: tuple[str, ...]


class _Opened(NamedTuple):
    run: TrainedRun
    genome: Genome
    embedder: Embedder
    notes: tuple[str, ...]


def embed(settings: EmbedSettings) -> Embedding | None:
    """Writes the table, complete or not at all, and a record next to it; interrupted work is continued.

    Several processes (trainer.devices, torchrun, SLURM) share the work, and write what one process would; all but the
    first return None. Raises InputError or a subclass for anything that a user can fix.
    """
    arrow()
    with team_of(settings.trainer.devices, settings.parallel, _serve, settings) as team:
        opened = _open(settings, team)
        if team.place.rank:
            team.serve(opened.embedder.read)
            return None
        return _written(settings, team, opened)


def _open(settings: EmbedSettings, team: Team) -> _Opened:
    """Opens the model in all processes at once; groups of parallel.sequence processes share each window."""
    opened = open_model(settings, settings.window_bp, team.place)
    team.model = opened.run.weights_sha256
    encoder = opened.run.model.to(opened.device).encoder
    embedder = Embedder(
        encoder, opened.tiles, settings.layer, opened.window_bp, opened.device, per_base=settings.per == "base",
        batch=settings.batch, shard=opened.shard,
    )  # fmt: skip
    if settings.trainer.check_memory:
        reading = Reading(encoder, opened.window_bp, embedder.batch, settings.parallel.sequence, opened.device.type)
        check_reading(reading, team.place.local_size)
    return _Opened(opened.run, opened.genome, embedder, opened.notes)


def _serve(team: Team, settings: EmbedSettings) -> None:
    team.serve(_open(settings, team).embedder.read)


def _written(settings: EmbedSettings, team: Team, opened: _Opened) -> Embedding:
    begun, run, embedder = now(), opened.run, opened.embedder
    refuse_to_write_over("output", [settings.output], (*opened.genome.sha256, *files_of(run)))
    for note in run.caveats(embedder.device):
        logger.warning(note)
    again = is_file(settings.source)  # a pipe cannot be read a second time
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        rows = stack.enter_context(rows_of(settings, embedder.tiles, embedder.window_bp))
        hashes = hashes_of(settings, "regions", "vcf", "synonyms") if again else {}
        kept = stack.enter_context(_kept(settings, opened, hashes)) if again else None
        table = stack.enter_context(_table(settings, opened))
        for block, embedded in embedded_blocks(team, embedder, rows, kept):
            table.write(block, embedded)
            counts.update(str(found.status) for found in embedded)
        if not table.rows:
            told = "; ".join(_summary(rows.tally, opened.genome)[1:]) if rows.tally else ""
            raise InputError(f"{settings.vcf}: holds no allele that can be embedded{told and f': {told}'}")
    if again:
        _record(settings, opened, hashes, begun)
    else:
        forget(Path(settings.output))
    tally = rows.tally
    summary = _summary(tally, opened.genome) if tally else [f"embedded {counted(sum(counts.values()), 'region')}"]
    summary += [
        f"  of them, {counted(counts[status], 'window')} {words}" for status, words in _WORDS.items() if counts[status]
    ]  # fmt: skip
    return Embedding(Path(settings.output), table.rows, (*opened.notes, *summary))


def _summary(tally: Tally, genome: Genome) -> list[str]:
    """The summary of a VCF."""
    return [*tally.lines("embedded"), *tally.lost_contigs([*genome.contigs])]


_WORDS = {
    "edge": "reaching beyond an end of a contig, padded with N",
    "n_rich": "with more than a tenth N",
}


def _origin(settings: EmbedSettings, opened: _Opened) -> dict[str, Any]:
    run, genome, embedder, _ = opened
    return {
        "version": version("genolong"), "model": run.name, "weights_sha256": run.weights_sha256,
        "fasta_sha256": {Path(path).name: sha256 for path, sha256 in genome.sha256.items()},
        "window_bp": embedder.window_bp, "precision": settings.precision, "layer": settings.layer, "per": settings.per,
        "strands": "mean of both",
    }  # fmt: skip


def _kept(settings: EmbedSettings, opened: _Opened, hashes: Mapping[str, str | None]) -> KeptBlocks:
    """The blocks kept by an interrupted run of the same command, and by this one."""
    same = identity(settings, NOT_IN_RESULT, _origin(settings, opened), hashes)
    return KeptBlocks(place(settings.output), same, resume=settings.resume == "auto")


@contextmanager
def _table(settings: EmbedSettings, opened: _Opened) -> Iterator[EmbeddingTable]:
    """A table that is completed at the end of the context, or deleted after an error."""
    table = EmbeddingTable(
        Path(settings.output).expanduser(), opened.embedder.encoder.settings.width, _origin(settings, opened),
        alleles=settings.vcf is not None, per_base=opened.embedder.per_base,
    )  # fmt: skip
    try:
        yield table
        table.complete()
    except BaseException:
        table.discard()
        raise


def _record(settings: EmbedSettings, opened: _Opened, hashes: Mapping[str, str | None], begun: str) -> None:
    """Writes the record next to the table."""
    plain = settings.found_from_anywhere(opened.run.checkpoint)
    inputs = {absolute(path): sha256 for path, sha256 in opened.genome.sha256.items()}
    read = {getattr(plain, name): sha256 for name, sha256 in hashes.items() if sha256 is not None}
    beds = {path: sha256 for path, sha256 in read.items() if path == plain.regions}
    inputs |= {path: sha256 for path, sha256 in read.items() if path != plain.regions}
    record = {
        **started("embed", asdict(plain), inputs, beds, begun), "model_sha256": opened.run.weights_sha256,
        "attention": opened.run.model.encoder.kernels,
    }  # fmt: skip
    write_json(beside(Path(plain.output)), finished(record, {"output_sha256": sha256_of(plain.output)}))
