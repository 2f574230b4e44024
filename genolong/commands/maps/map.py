"""`map`: scores every substitution in a region; writes a VCF, tables, browser tracks and pictures."""

import logging
from collections import Counter
from dataclasses import asdict, dataclass
from glob import escape
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from genolong.commands.maps.kept_maps import mapped_blocks
from genolong.commands.maps.map_files import MapFiles
from genolong.commands.maps.map_pictures import MapPictures
from genolong.commands.maps.map_settings import ENDS, MapSettings
from genolong.commands.reading.inputs_kept import files_of, refuse_to_write_over
from genolong.commands.reading.opened_scorer import OpenedScorer, open_scorer
from genolong.commands.same_work import identity, is_file
from genolong.commands.teamed import team_of
from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.coordinates import Interval
from genolong.genome.files.hashed import sha256_of
from genolong.genome.regions import merge, read_bed
from genolong.genome.typed import typed_region
from genolong.loading.windows import absolute
from genolong.parallel.team import Team
from genolong.runs.kept_blocks import KeptBlocks
from genolong.runs.record import beside, finished, forget, now, started, write_json
from genolong.tasks.mutation_map import MutationMapper

logger = logging.getLogger(__name__)

APART = ("region", "regions", "parquet", "pictures", "prefix")  # settings that do not affect what is computed
EDGES = {
    "edge": "read in a window that reaches beyond an end of the contig, padded with N",
    "n_rich": "read in a window that is more than a tenth N",
}


@dataclass(frozen=True)
class MutationMap:
    """The files (VCF first), the number of scored substitutions, and notes for the user."""

    files: tuple[Path, ...]
    substitutions: int
    notes: tuple[str, ...]


def map_regions(settings: MapSettings) -> MutationMap | None:
    """Writes a map's files, complete or not at all, and a record next to the VCF; an interrupted map is continued.

    Several processes (trainer.devices, torchrun, SLURM) share the work, and write what one process would; all but the
    first return None. Raises InputError or a subclass for anything that a user can fix.
    """
    with team_of(settings.trainer.devices, settings.parallel, _serve, settings) as team:
        opened = _open(settings, team)
        if team.place.rank:
            team.serve(MutationMapper(opened.scorer).read)
            return None
        return _written(settings, team, opened)


def _open(settings: MapSettings, team: Team) -> OpenedScorer:
    opened = open_scorer(settings, settings.scoring, team.place)
    team.model = opened.run.weights_sha256  # of all of it, also where the head is not asked
    if not settings.probability:
        opened.scorer.variant_head = None
    return opened


def _serve(team: Team, settings: MapSettings) -> None:
    team.serve(MutationMapper(_open(settings, team).scorer).read)


def _written(settings: MapSettings, team: Team, opened: OpenedScorer) -> MutationMap:
    begun, mapper = now(), MutationMapper(opened.scorer)
    run, genome = opened.run, opened.genome
    refuse_to_write_over("output", [settings.file(end) for end in ENDS], (*genome.sha256, *files_of(run)))
    for note in run.caveats(mapper.scorer.device):
        logger.warning(note)
    if mapper.with_probability:
        logger.info("the trained head of this run reads four more windows per base; probability=false skips it")
    contigs = {name: genome.contigs[name].length for name in sorted(genome.contigs)}
    intervals, notes = _intervals(settings, contigs)
    known = sum(genome.known(interval) for interval in intervals)
    bases = sum(interval.length for interval in intervals)
    if not known:
        raise InputError(f"{_asked(settings)}: has no A, C, G or T, so there is nothing to substitute")
    origin = {
        "version": version("genolong"), "model": run.name, "weights_sha256": run.weights_sha256,
        "fasta": ",".join(Path(path).name for path in genome.sha256), "fasta_sha256": ",".join(genome.sha256.values()),
        "mode": settings.mode, "precision": settings.precision, "window_bp": str(mapper.scorer.window_bp),
    }  # fmt: skip
    counts: Counter[str] = Counter()
    pictures = MapPictures(settings, intervals, f"{run.name}, mode={settings.mode}")
    same = identity(settings, APART, {**origin, "intervals_sha256": _sha256(intervals)}, {})
    with (
        KeptBlocks(settings.vcf, same, resume=settings.resume == "auto") as kept,
        MapFiles(settings, mapper, run.head_is if mapper.with_probability else "", origin, contigs) as files,
    ):
        for mapped in mapped_blocks(team, mapper, intervals, kept):
            files.write(mapped)
            pictures.keep(mapped)
            counts.update(
                str(status) for status, is_known in zip(mapped.statuses, mapped.known, strict=True) if is_known
            )
    if settings.regions is None or is_file(settings.regions):  # a pipe cannot be read a second time
        _record(settings, opened, begun)
    else:
        forget(settings.vcf)
    drawn = pictures.draw()
    told = [f"mapped {counted(bases, 'base')}: {3 * known:,} substitutions"]
    if known < bases:
        told.append(f"  {counted(bases - known, 'base')} N: no substitution, and no value")
    told += [f"  {counted(counts[status], 'base')} {words}" for status, words in EDGES.items() if counts[status]]
    paths = (*files.paths, *drawn)
    told += [f"{path} is not of this map, and was left unchanged" for path in _others(settings) if path not in paths]
    return MutationMap(paths, 3 * known, (*opened.notes, *notes, *files.notes, *pictures.notes, *told))


def _others(settings: MapSettings) -> list[Path]:
    """The files that a map of this name writes, whichever regions it draws, and that are there."""
    start = settings.file("")
    pictures = [*start.parent.glob(f"{escape(start.name)}.*_*-*.[ps][nv]g")]
    return [path for end in ENDS if (path := settings.file(end)).exists()] + sorted(pictures)


def _intervals(settings: MapSettings, contigs: dict[str, int]) -> tuple[list[Interval], tuple[str, ...]]:
    """The intervals to map, by contig and start, and notes for the user."""
    if settings.region is not None:
        asked = typed_region(settings.region, contigs)
        length = contigs[asked.contig]
        if asked.end <= length:
            return [asked], ()
        beyond = f"region={asked}: ends {asked.end - length:,} bases beyond {asked.contig}, which has {length:,}"
        return [Interval(asked.contig, asked.start, length)], (f"{beyond}; mapped up to the end of the contig",)
    assert settings.regions is not None
    read = read_bed(settings.regions, contigs)
    merged = merge(read)
    if len(merged) < len(read):
        told = f"{settings.regions}: {len(read):,} regions, some of which overlap or touch; mapped as {len(merged):,}"
        return merged, (told,)
    return merged, () if merged == read else (
        f"{settings.regions}: its regions are written in order of contig and start",
    )


def _sha256(intervals: list[Interval]) -> str:
    return sha256("\n".join(map(str, intervals)).encode()).hexdigest()


def _asked(settings: MapSettings) -> str:
    return settings.regions or f"region={settings.region}"


def _record(settings: MapSettings, opened: OpenedScorer, begun: str) -> None:
    """Writes the record next to the VCF."""
    plain = settings.found_from_anywhere(opened.run.checkpoint)
    inputs = {absolute(path): sha256 for path, sha256 in opened.genome.sha256.items()}
    beds = {} if plain.regions is None else {plain.regions: sha256_of(plain.regions)}
    record = {
        **started("map", asdict(plain), inputs, beds, begun), "model_sha256": opened.run.weights_sha256,
        "attention": opened.run.model.encoder.kernels,
    }  # fmt: skip
    vcf = settings.vcf
    write_json(beside(vcf), finished(record, {"output_sha256": sha256_of(vcf)}))
