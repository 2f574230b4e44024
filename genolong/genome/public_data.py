"""Genomes and variants that everyone uses: where their hosts keep them, and how they are left to be read here."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import pysam

from genolong.errors import InputError, SettingsError
from genolong.genome.fetched import CHUNK, Tell, checksum_in, fetch, fetch_text, hash_of
from genolong.genome.partial_file import SUFFIX, PartialFile
from genolong.long_work import follow
from genolong.nearest import nearest

UCSC = "https://hgdownload.soe.ucsc.edu/goldenPath/{build}/bigZips/"
CLINVAR = "https://ftp.ncbi.nlm.nih.gov/pub/clinvar/vcf_GRCh38/"
ORIGINS = "origins.json"  # beside what was fetched: from where, when, and the sha256 of what lies there since
BRCA1 = ("17", 43_044_294, 43_125_364)  # GRCh38, 0-based, half-open


@dataclass(frozen=True)
class Genome:
    """A FASTA of UCSC's, which is plain gzip there, and bgzip in `file`, so that any of its stretches can be read."""

    build: str
    file: str
    about: str

    def get(self, name: str, folder: Path, tell: Tell) -> Path:
        """Fetched, checked, and left as bgzip, without alternates and pieces that have no place.

        They repeat what is in other contigs: who trains on them has seen what is held out there.
        """
        place = folder / name / self.file
        if is_there(place, tell):
            return place
        url = f"{UCSC.format(build=self.build)}{self.build}.fa.gz"
        fetched = place.with_name(f"{self.build}.fa.gz.fetched")
        if not fetched.is_file():
            sums = f"{UCSC.format(build=self.build)}md5sum.txt"
            fetch(url, fetched, checksum_in(fetch_text(sums, tell), f"{self.build}.fa.gz", sums), tell)
        kept, left = as_bgzip(fetched, place, lambda contig: "_" not in contig)
        remember(place, url)
        fetched.unlink()
        tell(f"{place}: {sum(kept.values()):,} bases of {len(kept):,} contigs")
        if left:
            least = ", ".join(list(left)[:2])
            tell(f"{place}: left out {len(left):,} alternates and pieces, {sum(left.values()):,} bases ({least}, ...)")
        return place


@dataclass(frozen=True)
class ClinVar:
    """NCBI's VCF of clinical significance, as it is this week, and its index."""

    about: str

    def get(self, name: str, folder: Path, tell: Tell) -> Path:
        """Fetched and checked; bgzip as it comes."""
        place = folder / name / "clinvar.vcf.gz"
        if is_there(place, tell):
            return place
        for file in (Path(f"{place}.tbi"), place):
            sums = f"{CLINVAR}{file.name}.md5"
            checksum = checksum_in(fetch_text(sums, tell), file.name, sums)
            fetch(f"{CLINVAR}{file.name}", file, checksum, tell)
        remember(place, f"{CLINVAR}{place.name}")
        tell(f"{place}: fetched")
        return place


@dataclass(frozen=True)
class Brca1:
    """The records of ClinVar that lie in BRCA1."""

    about: str

    def get(self, name: str, folder: Path, tell: Tell) -> Path:
        """Cut out of ClinVar, which is fetched first."""
        place = folder / name / "brca1.vcf.gz"
        if is_there(place, tell):
            return place
        whole = PUBLIC["clinvar"].get("clinvar", folder, tell)
        place.parent.mkdir(parents=True, exist_ok=True)
        count = cut_out(whole, place, *BRCA1)
        remember(place, f"{whole}, {BRCA1[0]}:{BRCA1[1] + 1}-{BRCA1[2]}")
        tell(f"{place}: {count:,} records")
        return place


PUBLIC: dict[str, Genome | ClinVar | Brca1] = {
    "yeast": Genome("sacCer3", "sacCer3.fa.gz", "S. cerevisiae, 12 Mb"),
    "celegans": Genome("ce11", "ce11.fa.gz", "C. elegans, 100 Mb"),
    "hg38": Genome("hg38", "hg38.primary.fa.gz", "human, GRCh38, 3.1 Gb: chr1 to chr22, chrX, chrY, chrM"),
    "chm13": Genome("hs1", "hs1.fa.gz", "human, T2T-CHM13 v2.0, 3.1 Gb from end to end"),
    "clinvar": ClinVar("ClinVar on GRCh38, this week's"),
    "brca1": Brca1("of ClinVar the records in BRCA1"),
}


def get_public(name: str, folder: Path, tell: Tell) -> Path:
    """What is called so, below the folder; raises what fetching does, SettingsError for an unknown name."""
    if name not in PUBLIC:
        raise SettingsError(f"{name}: is not known; there are {', '.join(PUBLIC)}{nearest(name, PUBLIC)}")
    return PUBLIC[name].get(name, folder, tell)


def is_there(place: Path, tell: Tell) -> bool:
    """Whether a file was fetched before, and holds what it held then; raises InputError where it does not."""
    if not place.is_file():
        return False
    origin = _origins(place).get(place.name)
    if origin is None:
        raise InputError(f"{place}: is there, but was not fetched by this; name another folder, or move it away")
    if hash_of(place, "sha256") != origin["sha256"]:
        raise InputError(f"{place}: has changed since it was fetched; move it away, and it is fetched again")
    tell(f"{place}: is there already, fetched {origin['fetched']}")
    return True


def remember(place: Path, source: str) -> None:
    """Writes down from where a file is, when it came, and its sha256."""
    about = {
        "from": source, "fetched": datetime.now(UTC).isoformat(timespec="seconds"), "sha256": hash_of(place, "sha256"),
    }  # fmt: skip
    file = PartialFile(place.with_name(ORIGINS))
    file.write((json.dumps({**_origins(place), place.name: about}, indent=1) + "\n").encode())
    file.complete()


def as_bgzip(fetched: Path, place: Path, wanted: Callable[[str], bool]) -> tuple[dict[str, int], dict[str, int]]:
    """Writes the wanted contigs of a FASTA that is plain gzip as bgzip; how long these are, and those left out.

    Raises InputError where it is damaged.
    """
    lengths: dict[bool, dict[str, int]] = {True: {}, False: {}}
    partial = place.with_name(f"{place.name}{SUFFIX}")
    try:
        with fetched.open("rb") as file, pysam.BGZFile(str(partial), "wb", None) as blocks:
            for name, text in by_contig(_unpacked(file, fetched)):
                chosen = wanted(name)
                if text.startswith(b">"):
                    lengths[chosen][name] = 0
                else:
                    lengths[chosen][name] += len(text) - text.count(b"\n") - text.count(b"\r")
                if chosen:
                    blocks.write(text)
    except (EOFError, gzip.BadGzipFile, zlib.error, KeyError) as error:
        raise InputError(f"{fetched}: is damaged ({error}); remove it, and it is fetched again") from error
    partial.replace(place)
    return lengths[True], lengths[False]


def by_contig(parts: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """FASTA text, cut anywhere, as stretches of one contig each, a header's line apart; nothing of it is lost."""
    name, held, begins_line = "", b"", True
    for part in parts:
        held += part
        while held:
            if begins_line and held.startswith(b">"):
                end = held.find(b"\n") + 1
                if not end:
                    break  # the header goes on
                name = (held[1:end].split() or [b""])[0].decode(errors="replace")
            else:
                end = held.find(b"\n>") + 1 or len(held)
            yield name, held[:end]
            begins_line, held = held[end - 1 : end] == b"\n", held[end:]
    if held:
        yield (held[1:].split() or [b""])[0].decode(errors="replace"), held


def _unpacked(file: BufferedReader, path: Path) -> Iterator[bytes]:
    """The text of a gzip file; who watches is told how much of the file was read."""
    advance, read = follow(f"writing {path.name}", path.stat().st_size), 0
    with gzip.open(file) as text:
        while part := text.read(CHUNK):
            yield part
            at = file.tell()
            advance(at - read)
            read = at
    advance(path.stat().st_size - read)


def cut_out(vcf: Path, place: Path, contig: str, start: int, end: int) -> int:
    """Writes the header and the records of an interval of an indexed VCF, byte for byte, with an index; how many."""
    partial, count = place.with_name(f"{place.name}{SUFFIX}"), 0
    with pysam.TabixFile(str(vcf)) as source, pysam.BGZFile(str(partial), "wb", None) as kept:
        for line in source.header:
            kept.write(f"{line}\n".encode())
        for line in source.fetch(contig, start, end):
            kept.write(f"{line}\n".encode())
            count += 1
    partial.replace(place)
    with suppress(FileNotFoundError):
        Path(f"{place}.tbi").unlink()
    pysam.tabix_index(str(place), preset="vcf", force=True)
    return count


def _origins(place: Path) -> dict[str, dict[str, str]]:
    try:
        return json.loads(place.with_name(ORIGINS).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{place.with_name(ORIGINS)}: cannot be read ({error}); move it away") from error
