"""The k-mer baseline for variants: scores by the counter that is best on the run's held-out part."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from genolong.commands.evaluation.evaluation_settings import HeldOutSettings
from genolong.commands.reading.trained_run import TrainedRun
from genolong.counted import counted
from genolong.errors import InputError, MissingInputError
from genolong.genome.alleles import ContigNames
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.synonyms import read_synonyms
from genolong.genome.tiles import GenomeTiles
from genolong.loading.baselines import best_on, fit_on, score_substitutions
from genolong.loading.labelled_alleles import Substitutions
from genolong.loading.stretches import count_bases
from genolong.loading.windows import split
from genolong.long_work import follow

SHOWN = 5  # contigs that a message names


class KmerEffects(NamedTuple):
    """log p(REF) - log p(ALT) of every allele (NaN if not scored), the counter's name as title, and notes.

    `sha256` maps the FASTA files that were read to their hashes, `model_sha256` is that of the run's weights.
    """

    title: str
    values: Float64[np.ndarray, " alleles"]
    notes: tuple[str, ...]
    sha256: Mapping[str, str]
    model_sha256: str


def fastas_of(run: TrainedRun, asked: HeldOutSettings) -> list[str]:
    """The FASTA files in which k-mers are counted, and those in which variants are scored."""
    return [*run.data.paths, *_of_variants(run, asked)]


def _of_variants(run: TrainedRun, asked: HeldOutSettings) -> list[str]:
    """The FASTA files in which variants are scored, unless they are those in which k-mers are counted."""
    own, _ = run.own_fasta
    return asked.paths or (own if own != run.data.paths else [])


def kmer_effects(
    run: TrainedRun, asked: HeldOutSettings, sites: Substitutions, synonyms: str | None = None
) -> KmerEffects:  # fmt: skip
    """Fits k-mer counters on the run's training part, and scores variants of the requested genome with the best one.

    `synonyms` is the path of a file with other names of its contigs. Raises InputError if the genome has none of the
    variants' contigs, or if no REF matches it: it is another build, or another genome.
    """
    cache = asked.cache or run.data.cache
    own = _open_own(run.data.paths, cache)
    elsewhere = _of_variants(run, asked)
    genome = Genome.open(elsewhere, cache) if elsewhere else own
    parts = split(own, run.data, run.window_bp)
    counters, notes = fit_on(own, parts.train, advance=follow("counting k-mers", count_bases(parts.train)))
    counter = best_on(counters, own, parts.validation)
    names = ContigNames(genome.lengths, read_synonyms(synonyms, genome.lengths))
    if all(names.find(text) is None for text in sites.contig.texts):
        listed = ", ".join(sites.contig.texts[:SHOWN])
        raise InputError(
            f"{', '.join(genome.sha256)}: has no contig called {listed}, as in the VCF, so k-mers score no allele; "
            "name a file of synonyms (synonyms=), the FASTA that the variants were called on (data.fasta=), or leave "
            "model= out"
        )
    values = score_substitutions(counter, GenomeTiles(genome), names, sites)
    if np.isnan(values).all():
        raise InputError(
            f"{', '.join(genome.sha256)}: no allele replaces a single base that stands here, so k-mers score none; "
            "name the FASTA that the variants were called on (data.fasta=), or leave model= out"
        )
    changed = set(own.sha256.values()) != run.sha256
    if changed:
        path = ", ".join(own.sha256)
        notes = (*notes, f"{path} is not what the run was trained on: its sha256 is different")
    if not changed and not run.sha256.isdisjoint(genome.sha256.values()):
        notes = (*notes, _seen(sites, names, own.named_in(genome, parts.train)))
    files = {**own.sha256, **genome.sha256}
    return KmerEffects(counter.name, values, (*genome.notes, *notes), files, run.weights_sha256)


def _open_own(fasta: list[str], cache: str | None) -> Genome:
    try:
        return Genome.open(fasta, cache)
    except MissingInputError as error:
        raise MissingInputError(
            f"the FASTA of the training is not there, so that no k-mers can be counted ({error}); leave model= out"
        ) from error


def _seen(sites: Substitutions, names: ContigNames, trained: Sequence[Interval]) -> str:
    """A note on how many alleles lie in bases that the model was trained on."""
    seen = np.zeros(len(sites.position), bool)
    for text in sites.contig.texts:
        stretches = sorted((each.start, each.end) for each in trained if each.contig == names.find(text))
        starts, ends = np.array(stretches, np.int64).reshape(-1, 2).T
        at = np.searchsorted(starts, sites.position, side="right") - 1
        seen |= sites.contig.are(text) & (at >= 0) & (sites.position < np.append(ends, 0)[at])
    return f"the model was trained on the bases of {seen.sum():,} of {counted(len(seen), 'allele')}"
