"""Indexes that are stale or corrupt, and files that change behind them: the right bases, or a refusal; never others."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from tests.builders.genomes import bgzip, fasta_text, random_letters
from tests.faults.judged import works_or_refuses

OLD = {"chr1": random_letters(200, 1), "chr2": random_letters(90, 2)}
NEW = {"chr1": random_letters(200, 3), "chr2": random_letters(90, 4)}
FAI = "chr1\t200\t6\t20\t21\nchr2\t90\t222\t20\t21\n"
LATER = {  # what happens to the FASTA after it was opened, and the contigs it has then; None: it can't be opened
    "newer": (lambda text: fasta_text(NEW, 20), NEW, 9),
    "older": (lambda text: fasta_text(NEW, 20), NEW, -9),
    "as old": (lambda text: fasta_text(NEW, 20), NEW, 0),
    "wrapped otherwise": (lambda text: fasta_text(OLD, 33), OLD, 0),
    "other order": (lambda text: fasta_text(dict(reversed(OLD.items())), 20), OLD, 0),
    "cut": (lambda text: text[:150], {"chr1": OLD["chr1"][:138]}, 0),
    "longer": (lambda text: text + b">chr3\nACGT\n", {**OLD, "chr3": "ACGT"}, 0),
    "emptied": (lambda text: b"", None, 0),
}
INDEXES = {
    "empty": "", "garbage": "\0\1\2", "short line": "chr1\t200\n", "no number": FAI.replace("200", "x"),
    "negative length": FAI.replace("200", "-200"), "huge length": FAI.replace("200", "99999999999"),
    "no bases a line": FAI.replace("\t20\t", "\t0\t"), "beyond the end": FAI.replace("222", "99999"),
    "of another file": "chr1\t9\t1\t2\t3\n", "another contig": FAI.replace("chr2", "chr9"),
}  # fmt: skip


def read(genome: Genome) -> dict[str, str]:
    return {
        name: "".join("ACGTN"[code] for code in genome.read(Interval(name, 0, contig.length))[0])
        for name, contig in genome.contigs.items()
    }


def written(folder: Path, name: str, text: bytes) -> Path:
    (folder / name).write_bytes(bgzip(text, block=50) if name.endswith(".gz") else text)
    return folder / name


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@pytest.mark.parametrize("change", LATER)
@pytest.mark.parametrize("renamed", [False, True], ids=["in place", "by another file"])
def test_a_file_that_changes_is_noticed(tmp_path: Path, name: str, change: str, renamed: bool):
    text = fasta_text(OLD, 20)
    path = written(tmp_path, name, text)
    (tmp_path / f"{name}.fai").write_text(FAI)
    genome = Genome.open([path], tmp_path / "cache")
    assert read(genome) == OLD
    make, wanted, seconds = LATER[change]
    before = path.stat()
    changed = written(tmp_path, f"new-{name}" if renamed else name, make(text))
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + seconds * 10**9))
    os.replace(changed, path)
    assert works_or_refuses(lambda: read(genome)) in (None, OLD)
    fresh: Callable[[], dict[str, str]] = lambda: read(Genome.open([path], tmp_path / "cache"))  # noqa: E731
    assert works_or_refuses(fresh, name) == wanted


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@pytest.mark.parametrize("index", INDEXES)
def test_an_index_beside_the_file_is_never_believed(tmp_path: Path, name: str, index: str):
    path = written(tmp_path, name, fasta_text(OLD, 20))
    (tmp_path / f"{name}.fai").write_text(INDEXES[index])
    (tmp_path / f"{name}.gzi").write_text(INDEXES[index])
    os.utime(tmp_path / f"{name}.fai", (4e9, 4e9))
    assert read(Genome.open([path], tmp_path / "cache")) == OLD


def test_names_of_contigs_are_no_paths(tmp_path: Path):
    names = ["../../x", "/etc/passwd", "-rf", "a:b", "~", "$HOME", "..", "con|aux"]
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = written(folder, "genome.fa", fasta_text({name: f"ACGT\n{'AC' * at}A" for at, name in enumerate(names)}, 50))
    genome = Genome.open([path], folder / "cache")
    assert list(read(genome)) == names
    found = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    assert {file.parts[:2] for file in found} == {("a", "b")} and len(found) <= 3
