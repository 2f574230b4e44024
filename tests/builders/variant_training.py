"""Small trainings of a variant head: labels that one base tells apart, a model that knows nothing, settings."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from hydra import compose, initialize_config_dir

from genolong.commands.training.variant_training_settings import VariantTrainSettings
from genolong.settings import CONF, check
from tests.builders.genomes import random_letters, write_fasta
from tests.builders.saved_runs import save_run
from tests.builders.vcfs import HEADER, record_line, vcf_text

GENOME = {"chr1": random_letters(6000, 1), "chr2": random_letters(3000, 2)}
LABEL = b'##INFO=<ID=KIND,Number=1,Type=String,Description="what it is">\n'


def substitutions(genome: Mapping[str, str], every: int) -> Iterator[tuple[int, str, int, str, str]]:
    """One every so many bases: its number within the contig, contig, 1-based position, reference and alternate."""
    for contig, letters in genome.items():
        for number, at in enumerate(range(5, len(letters) - 5, every)):
            ref = letters[at].upper()
            yield number, contig, at + 1, ref, [base for base in "ACGT" if base != ref][number % 3]


def labelled_lines(genome: Mapping[str, str], every: int) -> list[bytes]:
    """Bad where the alternate is G or C."""
    return [
        record_line(contig, pos, ref, alt, _label(alt)) for _, contig, pos, ref, alt in substitutions(genome, every)
    ]


def _label(alt: str) -> str:
    return "KIND=bad" if alt in "GC" else "KIND=good"


def labelled(every: int = 11) -> bytes:
    """Bad where the alternate is G or C; some have no label or a third one, one is not of this genome."""
    lines = [record_line("chr1", 7, "A" if GENOME["chr1"][6] != "A" else "C", "T", "KIND=good")]
    for number, contig, pos, ref, alt in substitutions(GENOME, every):
        kind = "KIND=other" if number % 17 == 0 else "." if number % 19 == 0 else ""
        lines.append(record_line(contig, pos, ref, alt, kind or _label(alt)))
    deleted = GENOME["chr2"][40:43]
    lines.append(record_line("chr2", 41, deleted, deleted[0], "KIND=good"))
    return vcf_text(*lines, header=(HEADER[0], LABEL, *HEADER[2:]))


def make_home(folder: Path) -> Path:
    """The folder, with a genome, a model and labelled variants."""
    fasta = write_fasta(folder, GENOME)
    save_run(folder / "base", fasta, 32, folder / "cache")
    (folder / "labelled.vcf").write_bytes(labelled())
    return folder


def overrides(folder: Path, *changes: str) -> list[str]:
    return [
        f"init_from={folder / 'base'}", f"data.vcf={folder / 'labelled.vcf'}", "data.label=KIND", "data.positive=[bad]",
        "data.negative=[good]", f"data.cache={folder / 'cache'}", "trainer.max_steps=150", "trainer.validate_every=75",
        "head.around=[0,4]", "head.flank=4", "longest_allele=20", "trainer.accelerator=cpu",
        f"run.folder={folder / 'runs'}", "logger.tensorboard=false",
        *changes,
    ]  # fmt: skip


def settings(folder: Path, *changes: str) -> VariantTrainSettings:
    with initialize_config_dir(str(CONF / "trained"), version_base="1.3"):
        return check(compose("train_variants", overrides(folder, *changes)), VariantTrainSettings)
