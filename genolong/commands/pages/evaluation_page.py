"""The page of an evaluation: of a labelled VCF's scores, or of a model on held-out bases."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genolong.commands.evaluation.evaluated import read_figures
from genolong.commands.evaluation.evaluation_settings import EvaluationSettings
from genolong.commands.evaluation.scored_vcf import ScoredVcf, read_scored
from genolong.commands.pages.report_settings import ReportSettings
from genolong.commands.reading.reading_settings import GenomeSettings
from genolong.commands.repeating.recorded_settings import recorded_settings
from genolong.commands.repeating.reproduce_settings import ReproduceSettings
from genolong.errors import InputError, MissingInputError
from genolong.genome.alleles import SCORED
from genolong.genome.files.hashed import sha256_of
from genolong.loading.status_counts import StatusCounts
from genolong.nearest import nearest_path
from genolong.report import record_sections as told
from genolong.report.calibration import is_probability
from genolong.report.discrimination import Group
from genolong.report.discrimination_tables import labelled_tables
from genolong.report.figures import Figure, everything_table
from genolong.report.held_out import best_bits, held_out
from genolong.report.html import Markup, joined
from genolong.report.page import Section, folded, note, page, pictures, table, tiles
from genolong.report.variant_figures import COMMON, groups_of, scores_in
from genolong.report.variant_pictures import (
    Compared,
    Stratum,
    calibration_picture,
    discrimination_pictures,
    distribution_picture,
    strata_picture,
)
from genolong.runs.folder import RECORD

Record = Mapping[str, Any]
MOST_FIGURES, MOST_STRATA = 1_000, 12  # shown, at most


def evaluation_page(asked: ReportSettings, record: Record) -> str:
    """The page's HTML; raises InputError or MissingInputError if figures or the VCF are missing or have changed."""
    path = _figures_of(asked)
    if sha256_of(path) != record.get("output_sha256"):
        raise InputError(
            f"{path}: its content has changed since evaluate wrote it (its sha256 is another); evaluate again"
        )
    figures = read_figures(path)
    opening, sections = (
        _bases(figures, record) if record["settings"].get("vcf") is None else _alleles(figures, asked, record)
    )
    shown = figures[:MOST_FIGURES]
    count = f"{len(figures):,}" if len(shown) == len(figures) else f"the first {len(shown):,} of {len(figures):,}"
    everything = folded("all figures", count, table(everything_table(f"as stored in {path.name}", shown)))
    last = sections.pop()
    sections += [
        last._replace(content=joined((last.content, everything))),
        Section("files", "Input files", told.files_read(record)),
        Section("settings", "Settings", told.settings(record)),
        Section("provenance", "Provenance", told.provenance(record)),
        Section("again", "How to reproduce it", told.made_again(record, str(path.resolve()))),
    ]
    lead = f"Evaluated {told.moment(record, 'finished')}; figures in {path.resolve()}"
    return page(f"Evaluation {path.name}", lead, [tiles(opening)], sections, told.footer(record))


def _figures_of(asked: ReportSettings) -> Path:
    """The path of the figures, even if their record was named instead."""
    place = Path(asked.run).expanduser()
    if place.name.endswith(RECORD):
        bare = place.with_name(place.name.removesuffix(f".{RECORD}"))
        place = bare if bare.is_file() else bare.with_name(f"{bare.name}.json")
    if not place.is_file():
        raise MissingInputError(
            f"{place}: is not there; name the file of figures that evaluate wrote{nearest_path(place)}"
        )
    return place


def _bases(figures: list[Figure], record: Record) -> tuple[list[tuple[str, str, str]], list[Section]]:
    model, kmer = best_bits(figures)
    named = (("bits a base", model), ("best k-mer counter", kmer))
    first = [(name, f"{figure.value:.3f}", figure.unit) for name, figure in named if figure is not None]
    if model is not None:
        first.append(("hidden bases", f"{model.n:,}", ""))
    shown = joined((held_out(figures), _noted(told.notes(record))))
    return first, [Section("held-out", "Held-out bases", shown)]


def _noted(lines: Iterable[str]) -> Markup:
    return joined(note(line) for line in lines)


def _alleles(
    figures: list[Figure], asked: ReportSettings, record: Record
) -> tuple[list[tuple[str, str, str]], list[Section]]:
    settings = _checked(asked, record)
    statuses = StatusCounts(settings.prefix)
    scored = read_scored(settings, None, statuses.add)
    groups = groups_of(figures, scores_in(figures))
    whole = next((group for group in groups if not group.name), None)
    if whole is None:
        raise InputError(f"{asked.run}: holds no figures of a VCF's scores; evaluate again")
    titles = {name: "best k-mer counter" if name == "best_kmer" else name for name in whole.found}
    titles |= {score.name: score.title for score in scored.scores if score.name in whole.found}
    compared = {
        score.name: Compared(score.title, _areas(whole, score.name), score.values)
        for score in scored.scores
        if score.name in whole.found
    }
    tables = labelled_tables(scored.title, groups, titles, draws=settings.bootstrap, strata=settings.strata)
    sections = [
        Section("scores", "How well scores separate the classes", joined((
            pictures(*discrimination_pictures(scored.classes.positive, list(compared.values()), whole.base_rate)),
            *map(table, tables),
            note("The k-mer counter's curves need the genome: see the picture that evaluate drew.")
            if "best_kmer" in whole.found else None,
        ))),
        Section("distributions", "Score distributions", pictures(*_distributions(scored, compared, groups, settings))),
        Section("statuses", "Statuses of the alleles", _statuses(statuses, settings)),
    ]  # fmt: skip
    chance = compared.get(f"{settings.prefix}_PROB")
    if chance is not None and is_probability(chance.values):
        drawn = pictures(calibration_picture(0, scored.classes.positive, chance))
        sections.insert(1, Section("calibration", "Calibration of the probabilities", drawn))
    sections.append(Section("figures", "Figures and notes", _noted(told.notes(record) or scored.notes)))
    return list(_first(whole, titles)), sections


def _checked(asked: ReportSettings, record: Record) -> EvaluationSettings:
    """The settings to read the evaluated VCF again, after checking that it is unchanged; without the k-mer baseline."""
    plain = {
        **record["settings"], "model": None, "synonyms": None, "device": "auto",
        "data": dict.fromkeys(("fasta", "validation", "regions", "cache")),
    }  # fmt: skip
    genome = GenomeSettings(fasta=None, cache=None)
    again = ReproduceSettings(run=asked.run, model=None, vcf=asked.vcf, data=genome, debug=asked.debug)
    settings, _ = recorded_settings({**record, "settings": plain}, "evaluate", EvaluationSettings, again, Path())
    assert settings.vcf is not None
    wanted = dict(record.get("inputs_sha256") or {}).get(record["settings"]["vcf"])
    try:
        now = sha256_of(settings.vcf)
    except OSError as error:
        raise MissingInputError(
            f"{settings.vcf}: cannot be read ({error.strerror}); name where the VCF lies now (vcf=)"
        ) from error
    if now != wanted:
        raise InputError(
            f"{settings.vcf}: its content has changed since it was evaluated (sha256 {str(wanted)[:12]}… then, "
            f"{now[:12]}… now); evaluate it again, or name the VCF that was read (vcf=)"
        )
    return settings


def _areas(whole: Group, score: str) -> tuple[float, float]:
    found = whole.found[score]
    return found.auroc.value, found.auprc.value


def _first(whole: Group, titles: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    yield "positive alleles", f"{whole.positives:,}", ""
    yield "negative alleles", f"{whole.negatives:,}", ""
    for score, found in whole.found.items():
        interval = "" if found.auroc.low is None else f"{found.auroc.low:.3f}–{found.auroc.high:.3f}"
        yield f"AUROC of {titles[score]}", f"{found.auroc.value:.3f}", interval


def _distributions(
    scored: ScoredVcf, compared: Mapping[str, Compared], groups: Sequence[Group], settings: EvaluationSettings
) -> Iterator[Markup]:
    stratum, positive = scored.classes.alleles.stratum, scored.classes.positive
    strata = []
    if settings.strata:
        names = [group.name.removeprefix(f"{settings.strata}=") for group in groups if group.name not in ("", COMMON)]
        strata = [Stratum(name, stratum.are(name)) for name in names[:MOST_STRATA]]
    for number, score in enumerate(compared.values()):
        yield distribution_picture(number, positive, score)
        if strata:
            yield strata_picture(number, str(settings.strata), positive, score, strata)


def _statuses(statuses: StatusCounts, settings: EvaluationSettings) -> Markup:
    field = f"{settings.prefix}_STATUS"
    if not statuses.counts:
        return note(f"No record of the VCF has a {field}: predict did not score it.")
    return told.statuses(f"all alleles of the VCF, labelled or not, by {field}", statuses.counts, tuple(SCORED))
