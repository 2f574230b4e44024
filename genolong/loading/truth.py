"""Finds the truth files of a synthetic genome next to its FASTA file."""

import json
from collections.abc import Mapping
from pathlib import Path

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from genolong.genome.synthetic.files import FLOOR, TRUTH
from genolong.genome.synthetic.perfect_reader import PerfectReader
from genolong.genome.synthetic.truth import Truth


def perfect_readers(genome: Genome) -> tuple[Mapping[str, PerfectReader], tuple[str, ...]]:
    """A perfect reader for every contig, if the genome is a single synthetic FASTA next to its truth, and notes.

    Empty for any other genome, and if the truth belongs to a different genome, which a note reports.
    """
    if len(genome.sha256) != 1:
        return {}, ()
    ((fasta, sha256),) = genome.sha256.items()
    folder = Path(fasta).expanduser().parent
    rules, bed = folder / FLOOR, folder / TRUTH
    if not (rules.is_file() and bed.is_file()):
        return {}, ()
    if sha256 not in _described(rules):
        return {}, (f"{fasta} is not the genome that {rules} describes, so the perfect reader is left out",)
    truth = Truth.read(bed, rules)
    return {name: PerfectReader.of(truth, name, _letters(genome, name)) for name in truth.contigs}, ()


def _described(rules: Path) -> tuple[str, ...]:
    try:
        facts = json.loads(rules.read_text())
    except (OSError, ValueError):
        return ()
    return (str(facts.get("fasta_file_sha256")),) if isinstance(facts, dict) else ()


def _letters(genome: Genome, contig: str):
    return genome.read(Interval(contig, 0, genome.contigs[contig].length))[0]
