"""Writes a synthetic genome as files: FASTA, truth, labelled variants, and the loss of a perfect reader."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from jaxtyping import Bool, UInt8

from genolong.errors import OutputError, SettingsError
from genolong.genome.alphabet import N, decode
from genolong.genome.synthetic.chance import Chance
from genolong.genome.synthetic.genome import AssemblySettings, SyntheticContig, draw_genome
from genolong.genome.synthetic.grammar import GrammarSettings, draw_grammar
from genolong.genome.synthetic.perfect_reader import PerfectReader, centred
from genolong.genome.synthetic.truth import Truth
from genolong.genome.synthetic.variants import draw_variants, vcf_lines

GENOME, TRUTH, VARIANTS, FLOOR = "genome.fa.gz", "truth.bed.gz", "variants.vcf.gz", "floor.json"
CONTEXTS_BP = tuple(128 << power for power in range(10))
SHARES = {"chr1": 0.44, "chr2": 0.28, "chr3": 0.18, "chr4": 0.10}
SMALLEST_BP = 10_000
LINE_BP = 80

GRAMMAR = GrammarSettings(
    paired_motifs=10,
    shortest_bp=10,
    longest_bp=11,
    weak=1,
    strong_chance=0.97,
    weak_chances=(0.4, 0.3, 0.2, 0.1),
    follow=0.9,
    nearest_bp=3,
    farthest_bp=12,
    voting_motifs=3,
    voting_share=0.06,
    slots=1,
    types=4,
    vote=0.65,
    domain_bp=32_768,
    gap_bp=15,
    shortest_gap_bp=4,
    background=0.22,
    weak_pairs=1.4,
)
ASSEMBLY = AssemblySettings(
    unknown_every_bp=150_000, unknown_longest_bp=400, soft_masked_every_bp=20_000, soft_masked_longest_bp=600
)


def write_synthetic_genome(folder: str | Path, bases: int, seed: int, variants: int) -> dict[str, Any]:
    """Write the four files into `folder` (created if missing) and return the content of floor.json.

    Draws `variants` variants of each label. The same arguments give the same letters on any machine.
    """
    if bases < SMALLEST_BP:
        raise SettingsError(f"--bases={bases}: wanted {SMALLEST_BP} or more, or the last contig is almost empty")
    for name, value in (("seed", seed), ("variants", variants)):
        if value < 0:
            raise SettingsError(f"--{name}={value}: wanted 0 or more")
    chance = Chance(seed)
    grammar = draw_grammar(GRAMMAR, chance)
    contigs = list(draw_genome(grammar, ASSEMBLY, _lengths(bases), chance))
    truth = Truth(grammar, {contig.name: contig.truth for contig in contigs})
    codes = {contig.name: contig.codes for contig in contigs}
    lengths = {contig.name: len(contig.codes) for contig in contigs}
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        letters = _write(folder / GENOME, (part for contig in contigs for part in _fasta(contig)))
        _write(folder / TRUTH, (line for name in truth.contigs for line in truth.bed_lines(name)))
        _write(folder / VARIANTS, vcf_lines(draw_variants(truth, codes, variants, chance), lengths))
        facts = {
            "seed": seed,
            "bases": bases,
            "contigs": lengths,
            "fasta_letters_sha256": letters,
            "fasta_file_sha256": hashlib.sha256((folder / GENOME).read_bytes()).hexdigest(),
            **measure_floor(truth, codes),
            "rules": grammar.as_json(),
        }
        (folder / FLOOR).write_text(json.dumps(facts, indent=1) + "\n")
    except OSError as problem:
        raise OutputError(f"{folder}: cannot write the genome here ({problem})") from problem
    return facts


def measure_floor(truth: Truth, codes: Mapping[str, UInt8[np.ndarray, " _"]]) -> dict[str, Any]:
    """The perfect reader's mean loss in nats over the whole genome, by context, with each base in the middle of it.

    Only slots profit from context. `planted` includes the slots, `known` includes every A C G T.
    """
    slot_sums, rest_sum, background_sum = np.zeros(len(CONTEXTS_BP)), 0.0, 0.0
    slots = planted = known = 0
    for name, letters in codes.items():
        reader = PerfectReader.of(truth, name, letters)
        is_slot, is_planted, is_known = truth.slots(name), truth.planted(name), letters < N
        for index, context_bp in enumerate(CONTEXTS_BP):
            slot_sums[index] += _total(reader, is_slot, context_bp)
        rest_sum += _total(reader, is_planted & ~is_slot, CONTEXTS_BP[0])
        background_sum += _total(reader, is_known & ~is_planted, CONTEXTS_BP[0])
        slots, planted, known = slots + int(is_slot.sum()), planted + int(is_planted.sum()), known + int(is_known.sum())
    floor = [
        {
            "context_bp": context_bp,
            "slot_nats": round(slot_sum / slots, 6),
            "planted_nats": round((slot_sum + rest_sum) / planted, 6),
            "known_nats": round((slot_sum + rest_sum + background_sum) / known, 6),
        }
        for context_bp, slot_sum in zip(CONTEXTS_BP, slot_sums, strict=True)
    ]
    return {"slots": slots, "planted": planted, "known": known, "floor": floor}


def _total(reader: PerfectReader, chosen: Bool[np.ndarray, " length"], context_bp: int) -> float:
    positions = np.flatnonzero(chosen)
    return float(reader.losses(positions, *centred(positions, context_bp)).sum())


def _lengths(bases: int) -> dict[str, int]:
    lengths = {name: int(bases * share) for name, share in SHARES.items()}
    return lengths | {"chr1": bases - sum(lengths.values()) + lengths["chr1"]}


def _fasta(contig: SyntheticContig) -> Iterable[str]:
    letters = np.frombuffer(decode(contig.codes).encode(), np.uint8)
    letters = np.where(contig.soft_masked & (contig.codes < N), letters + np.uint8(32), letters)
    whole = len(letters) // LINE_BP * LINE_BP
    lines = np.pad(letters[:whole].reshape(-1, LINE_BP), ((0, 0), (0, 1)), constant_values=ord("\n"))
    yield f">{contig.name}\n"
    yield lines.tobytes().decode()
    if whole < len(letters):
        yield letters[whole:].tobytes().decode() + "\n"


def _write(path: Path, parts: Iterable[str]) -> str:
    """Write text as bgzip, whose header contains no time; returns the sha256 of the text."""
    digest = hashlib.sha256()
    with pysam.BGZFile(str(path), "wb", None) as file:
        for part in parts:
            file.write(part.encode())
            digest.update(part.encode())
    return digest.hexdigest()
