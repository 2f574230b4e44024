"""Genomes and variants that everyone uses: where their hosts keep them, and how they are left to be read here."""

import gzip
import json
import zlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pysam

from genolong.errors import InputError, SettingsError
from genolong.genome.fetched import CHUNK, Tell, checksum_in, fetch, fetch_text, hash_of
from genolong.genome.partial_file import PartialFile
from genolong.long_work import follow
from genolong.nearest import nearest

UCSC = "https://hgdownload.soe.ucsc.edu/goldenPath/{build}/bigZips/"
CLINVAR = "https://ftp.ncbi.nlm.nih.gov/pub/clinvar/vcf_GRCh38/"
ORIGINS = "origins.json"  # beside what was fetched: from where, when, and the sha256 of what lies there since
BRCA1 = ("17", 43_044_294, 43_125_364)  # GRCh38, 0-based, half-open


@dataclass(frozen=True)
class Genome:
    """A FASTA of UCSC's, which is plain gzip there, and bgzip here, so that any of its stretches can be read."""

    build: str
    about: str

    def get(self, name: str, folder: Path, tell: Tell) -> Path:
        """Fetched, checked, and left as bgzip, with its main contigs as primary.bed."""
        place = folder / name / f"{self.build}.fa.gz"
        if is_there(place, tell):
            return place
        base = UCSC.format(build=self.build)
        fetched = place.with_name(f"{place.name}.gzip")
        if not fetched.is_file():
            checksum = checksum_in(fetch_text(f"{base}md5sum.txt", tell), place.name, f"{base}md5sum.txt")
            fetch(f"{base}{place.name}", fetched, checksum, tell)
        lengths = as_bgzip(fetched, place)
        main = [(contig, length) for contig, length in lengths.items() if "_" not in contig]
        bed = place.with_name("primary.bed")
        bed.write_text("".join(f"{contig}\t0\t{length}\n" for contig, length in main))
        fetched.unlink()
        remember(place, f"{base}{place.name}")
        tell(f"{place}: {sum(lengths.values()):,} bases of {len(lengths):,} contigs; {bed} names {len(main)} main ones")
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
    "yeast": Genome("sacCer3", "S. cerevisiae, 12 Mb"),
    "celegans": Genome("ce11", "C. elegans, 100 Mb"),
    "hg38": Genome("hg38", "human, GRCh38, 3.1 Gb, with alternate contigs"),
    "chm13": Genome("hs1", "human, T2T-CHM13 v2.0, 3.1 Gb from end to end"),
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


def as_bgzip(fetched: Path, place: Path) -> dict[str, int]:
    """Writes a FASTA that is plain gzip as bgzip; the bases of its contigs. Raises InputError where it is damaged."""
    contigs = _Contigs()
    advance, read = follow(f"writing {place.name}", fetched.stat().st_size), 0
    partial = place.with_name(f"{place.name}.partial")
    try:
        with fetched.open("rb") as file, gzip.open(file) as text, pysam.BGZFile(str(partial), "wb", None) as blocks:
            while part := text.read(CHUNK):
                contigs.see(part)
                blocks.write(part)
                at = file.tell()
                advance(at - read)
                read = at
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{fetched}: is damaged ({error}); remove it, and it is fetched again") from error
    finally:
        advance(fetched.stat().st_size - read)
    partial.replace(place)
    return contigs.lengths


def cut_out(vcf: Path, place: Path, contig: str, start: int, end: int) -> int:
    """Writes the header and the records of an interval of an indexed VCF, byte for byte, with an index; how many."""
    partial, count = place.with_name(f"{place.name}.partial"), 0
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


class _Contigs:
    """The names and lengths of contigs, counted while their text goes by."""

    def __init__(self) -> None:
        self.lengths: dict[str, int] = {}
        self._name, self._rest = "", b"\n"

    def see(self, part: bytes) -> None:
        """The next bytes of the text, cut anywhere."""
        part = self._rest + part
        self._rest = b"\n" if part.endswith(b"\n") else b""  # a header may begin with the next part
        letters, *headers = part.removesuffix(b"\n").split(b"\n>")
        self._count(letters)
        for number, header in enumerate(headers, start=1):
            title, newline, letters = header.partition(b"\n")
            if number == len(headers) and not newline:  # it may go on
                self._rest = b"\n>" + header + self._rest
                return
            self._name = title.split()[0].decode() if title.split() else ""
            self.lengths[self._name] = 0
            self._count(letters)

    def _count(self, letters: bytes) -> None:
        if self._name:
            self.lengths[self._name] += len(letters) - letters.count(b"\n") - letters.count(b"\r")


def _origins(place: Path) -> dict[str, dict[str, str]]:
    try:
        return json.loads(place.with_name(ORIGINS).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{place.with_name(ORIGINS)}: cannot be read ({error}); move it away") from error
