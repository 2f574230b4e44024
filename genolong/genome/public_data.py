"""Public genomes and variants: where to fetch them, and how to prepare them for use here."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import pysam

from genolong.counted import counted
from genolong.errors import InputError, SettingsError
from genolong.genome.files.bgzf_writer import BlockedOutput
from genolong.genome.files.fetched import CHUNK, Tell, checksum_in, fetch, fetch_text, part_of
from genolong.genome.files.hashed import sha256_of
from genolong.genome.files.partial_file import PartialFile
from genolong.long_work import follow
from genolong.nearest import nearest

UCSC = "https://hgdownload.soe.ucsc.edu/goldenPath/{build}/bigZips/"
CLINVAR = "https://ftp.ncbi.nlm.nih.gov/pub/clinvar/vcf_GRCh38/"
ORIGINS = "origins.json"  # next to the fetched files: source, time, and sha256 of each
FETCHED = ".fetched"  # suffix of a file as its host sends it, before it is converted
BYTES = "latin-1"  # maps every byte to one character, so bytes survive unchanged
BRCA1 = ("17", 43_044_294, 43_125_364)  # GRCh38, 0-based, half-open


@dataclass(frozen=True)
class Genome:
    """A FASTA file from UCSC: plain gzip there, converted to bgzip in `file` so that any interval can be read."""

    build: str
    file: str
    about: str

    def get(self, place: Path, tell: Tell) -> None:
        """Fetch, check and convert to bgzip, without alternate and unplaced contigs.

        These repeat the sequence of other contigs, so training on them would leak what is held out there.
        """
        there = UCSC.format(build=self.build)
        url, sums = f"{there}{self.build}.fa.gz", f"{there}md5sum.txt"
        fetched = place.with_name(f"{self.build}.fa.gz{FETCHED}")
        _fetch_once(url, fetched, sums, tell)
        with _bgzip(place) as blocks:
            kept, left = as_bgzip(fetched, blocks.write, lambda contig: "_" not in contig)
        _settle(part_of(place), place, url)
        fetched.unlink()
        tell(f"{place}: {counted(sum(kept.values()), 'base')} of {counted(len(kept), 'contig')}")
        if left:
            some = ", ".join([*left][:2]) + ", ..." * (len(left) > 2)
            what = counted(len(left), "alternate or unplaced contig")
            tell(f"{place}: left out {what}, {counted(sum(left.values()), 'base')} ({some})")


@dataclass(frozen=True)
class ClinVar:
    """NCBI's VCF of clinical significance, this week's version, and its index."""

    file: str
    about: str

    def get(self, place: Path, tell: Tell) -> None:
        """Fetch and check; the file is already bgzip, but we index it, as the host's index may be of another week."""
        url, fetched = f"{CLINVAR}{self.file}", place.with_name(f"{self.file}{FETCHED}")
        _fetch_once(url, fetched, f"{url}.md5", tell)
        _index(fetched, place)
        _settle(fetched, place, url)
        tell(f"{place}: fetched")


@dataclass(frozen=True)
class Brca1:
    """The ClinVar records in BRCA1."""

    file: str
    about: str

    def get(self, place: Path, tell: Tell) -> None:
        """Extract the records from ClinVar, which is fetched first."""
        whole = get_public("clinvar", place.parents[1], tell)
        with _bgzip(place) as blocks:
            count = cut_out(whole, blocks.write, *BRCA1)
        _index(part_of(place), place)
        _settle(part_of(place), place, f"{whole}, {BRCA1[0]}:{BRCA1[1] + 1}-{BRCA1[2]}")
        tell(f"{place}: {counted(count, 'record')}")


PUBLIC: dict[str, Genome | ClinVar | Brca1] = {
    "yeast": Genome("sacCer3", "sacCer3.fa.gz", "S. cerevisiae, 12 Mb"),
    "celegans": Genome("ce11", "ce11.fa.gz", "C. elegans, 100 Mb"),
    "hg38": Genome("hg38", "hg38.primary.fa.gz", "human, GRCh38, 3.1 Gb: chr1 to chr22, chrX, chrY, chrM"),
    "chm13": Genome("hs1", "hs1.fa.gz", "human, T2T-CHM13 v2.0, 3.1 Gb from end to end"),
    "clinvar": ClinVar("clinvar.vcf.gz", "ClinVar on GRCh38, this week's"),
    "brca1": Brca1("brca1.vcf.gz", "the records of ClinVar in BRCA1"),
}


def get_public(name: str, folder: Path, tell: Tell) -> Path:
    """The public file of this name, fetched into the folder if missing.

    Raises what `fetch` and `is_there` raise, and SettingsError for an unknown name.
    """
    if name not in PUBLIC:
        raise SettingsError(f"{name}: is not known; wanted one of {', '.join(PUBLIC)}{nearest(name, PUBLIC)}")
    place = folder / name / PUBLIC[name].file
    if not is_there(place, tell):
        PUBLIC[name].get(place, tell)
    return place


def is_there(place: Path, tell: Tell) -> bool:
    """Whether a file was fetched before; raises InputError if it has changed since or was not fetched by us."""
    if not place.is_file():
        return False
    origin = _origins(place).get(place.name)
    if origin is None:
        raise InputError(f"{place}: exists, but was not fetched by this command; name another folder, or move it away")
    if sha256_of(place) != origin["sha256"]:
        raise InputError(f"{place}: has changed since it was fetched; move it away to fetch it again")
    tell(f"{place}: was already fetched at {origin['fetched']}")
    return True


def _settle(whole: Path, place: Path, source: str) -> None:
    """Record a file's source, time and sha256, and only then give the file its name."""
    about = {
        "from": source, "fetched": datetime.now(UTC).isoformat(timespec="seconds"), "sha256": sha256_of(whole),
    }  # fmt: skip
    file = PartialFile(place.with_name(ORIGINS))
    file.write((json.dumps({**_origins(place), place.name: about}, indent=1) + "\n").encode())
    file.complete()
    whole.replace(place)


@contextmanager
def _bgzip(place: Path) -> Iterator[BlockedOutput]:
    """Takes text and writes it as bgzip to `part_of(place)`; removes that file after an error."""
    place.parent.mkdir(parents=True, exist_ok=True)
    file = PartialFile(place)
    blocks = BlockedOutput(file)
    try:
        yield blocks
        blocks.flush()
        file.write(blocks.end)
        file.sync()
        file.close()
    except BaseException:
        file.discard()
        raise
    finally:
        blocks.close()


def _index(vcf: Path, place: Path) -> None:
    """Write the tabix index of a VCF that will be renamed to `place`."""
    index = Path(f"{place}.tbi")
    pysam.tabix_index(str(vcf), preset="vcf", force=True, keep_original=True, index=str(part_of(index)))
    part_of(index).replace(index)


def _fetch_once(url: str, fetched: Path, sums: str, tell: Tell) -> None:
    """Fetch `url` and check it against the file of checksums at `sums`; uses what an interrupted command fetched."""
    if not fetched.is_file():
        fetch(url, fetched, checksum_in(fetch_text(sums, tell), Path(url).name, sums), tell)


def as_bgzip(
    fetched: Path, write: Callable[[bytes], object], wanted: Callable[[str], bool]
) -> tuple[dict[str, int], dict[str, int]]:  # fmt: skip
    """Pass the wanted contigs of a gzip FASTA to `write`; returns the lengths of the wanted and of the other contigs.

    Raises InputError if the file is damaged.
    """
    lengths: dict[bool, dict[str, int]] = {True: {}, False: {}}
    try:
        with fetched.open("rb") as file:
            for name, text in by_contig(_unpacked(file, fetched)):
                chosen = wanted(name)
                if text.startswith(b">"):
                    lengths[chosen][name] = 0
                else:
                    lengths[chosen][name] += len(text) - text.count(b"\n") - text.count(b"\r")
                if chosen:
                    write(text)
    except (EOFError, gzip.BadGzipFile, zlib.error, KeyError) as error:
        raise InputError(f"{fetched}: is damaged ({error}); remove it to fetch it again") from error
    return lengths[True], lengths[False]


def by_contig(parts: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Split FASTA text, cut anywhere, into (contig, text) pieces; each header line is a piece; no byte is lost."""
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
    """The text of a gzip file, with the progress through the file reported."""
    advance, read = follow(f"writing {path.name}", path.stat().st_size), 0
    with gzip.open(file) as text:
        while part := text.read(CHUNK):
            yield part
            at = file.tell()
            advance(at - read)
            read = at
    advance(path.stat().st_size - read)


def cut_out(vcf: Path, write: Callable[[bytes], object], contig: str, start: int, end: int) -> int:
    """Pass the header and the records of an interval of an indexed VCF to `write`, byte for byte; returns how many."""
    count = 0
    with pysam.TabixFile(str(vcf), encoding=BYTES) as source:
        for line in source.header:
            write(f"{line}\n".encode(BYTES))
        for line in source.fetch(contig, start, end):
            write(f"{line}\n".encode(BYTES))
            count += 1
    return count


def _origins(place: Path) -> dict[str, dict[str, str]]:
    try:
        return json.loads(place.with_name(ORIGINS).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{place.with_name(ORIGINS)}: cannot be read ({error}); move it away") from error
