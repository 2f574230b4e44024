"""Writes a VCF: complete or not at all, resumable to the byte, and indexed if its records are sorted."""

import errno
import gzip
import os
import re
import stat
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType

from genolong.errors import InputError, OutputError
from genolong.genome.files.bgzf import MAGIC
from genolong.genome.files.bgzf_writer import BlockedOutput, PlainOutput
from genolong.genome.files.other_kinds import of_other_kind
from genolong.genome.files.partial_file import OTHER_BYTES, PartialFile, Stream, open_descriptor
from genolong.genome.vcf import Record, VcfReader
from genolong.genome.vcf_index import RecordOrder, remove_indexes, write_index
from genolong.genome.vcf_text import BYTE_ORDER_MARK

_BGZIP = (".gz", ".bgz", ".bgzf")
_BEGINS = re.compile(b"(?:" + BYTE_ORDER_MARK + rb")?#(?:#\w|CHROM)")


class VcfWriter:
    """Writes header and records to a path: bgzip if it ends in .gz, .bgz or .bgzf, else plain; `-` is standard output.

    The file grows as `path`.partial and gets its name in `finish`, which is called when a `with` block ends without an
    error. `resume_at` is what `flush` returned: the partial file is cut there and continued. Pipes and devices are
    written to directly. Raises OutputError if it cannot open the output, InputError if it cannot resume, and OSError
    while writing (BrokenPipeError if the reader has closed the pipe); the partial file stays.
    """

    def __init__(self, path: str | Path, resume_at: int | None = None) -> None:
        self.notes: list[str] = []  # messages for the user at the end
        self._path = Path(os.path.realpath(os.path.expanduser(path)))  # so that a link stays a link
        self._file = _open(str(path), self._path, resume_at)
        self._is_bgzip = self._path.name.lower().endswith(_BGZIP) and open_descriptor(path) is None
        self._output = BlockedOutput(self._file) if self._is_bgzip else PlainOutput(self._file)
        self._order = RecordOrder()

    def write_header(self, lines: Iterable[bytes]) -> None:
        """Write the header's lines, which include their terminators, before the first record."""
        for number, line in enumerate(lines):
            if number == 0 and line.startswith(BYTE_ORDER_MARK):
                self.notes.append(
                    "the header begins with a byte order mark, so bcftools and pysam read neither this file nor what "
                    "is written from it; remove the mark, its first three bytes: tail -c +4 in.vcf > out.vcf"
                )
            elif number == 0 and not line.startswith(b"##fileformat="):
                self.notes.append(
                    "the header does not begin with ##fileformat, so bcftools and pysam read neither this file nor "
                    "what is written from it; put ##fileformat=VCFv4.2 before its first line"
                )
            self._output.write(line)

    def write(self, record: Record, additions: bytes = b"", removed: Collection[bytes] = ()) -> None:
        """Write a record, with fields added to INFO and others removed as in `Record.pieces`."""
        for piece in record.pieces(additions, removed):
            self._output.write(piece)
        self._order.follow(record)

    def pass_over(self, record: Record) -> None:
        """Note a record that the partial file already holds; call it before the first `write`."""
        self._order.follow(record)

    def end_block(self) -> None:
        """End the bgzip block here, as `flush` does."""
        self._output.flush()

    def flush(self) -> int:
        """Sync everything to the disk; returns the size of the partial file, at which a later writer can resume.

        This ends a block: for the same bytes however often a file is flushed, call `end_block` at all these places.
        """
        self._output.flush()
        self._file.sync()
        return self._file.size

    def finish(self) -> None:
        """Complete the file, give it its name, and index it."""
        self._output.flush()
        self._file.write(self._output.end)
        self._output.close()
        if not isinstance(self._file, PartialFile):
            self._file.complete()
            return
        if not self._file.ends_with(self._output.end):
            raise OSError(errno.EIO, OTHER_BYTES, self._file.name)
        self.notes += remove_indexes(self._path)
        self._file.complete()
        if self._is_bgzip:
            self.notes += self._index()

    def close(self) -> None:
        """Stop, and keep the partial file."""
        self._output.close()
        self._file.close()

    def discard(self) -> None:
        """Stop, and remove the partial file."""
        self._output.close()
        self._file.discard()

    def __enter__(self) -> "VcfWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.finish()
        finally:
            self.close()

    def _index(self) -> list[str]:
        if self._order.broken:
            return [f"{self._path} has no index, because {self._order.broken}"]
        return write_index(self._path)


def _open(name: str, path: Path, resume_at: int | None) -> Stream:
    if path.suffix.lower() == ".bcf":
        raise OutputError(f"{name}: BCF is not written; wanted a name that ends in .vcf.gz or .vcf")
    opened = open_descriptor(name)
    if opened is None and path.is_dir():
        raise OutputError(f"{name} is a folder; wanted a file; name one in it, such as {name}/scored.vcf.gz")
    if opened is None and _is_file_or_nothing(path):
        if path.is_file() and not _may_be_replaced(path):
            raise of_other_kind(name, "a VCF")
        return PartialFile(path, resume_at)
    if resume_at is not None:
        raise OutputError(f"{name} cannot be resumed, because it is not a file; start again")
    try:
        if opened is None:
            return Stream(os.open(path, os.O_WRONLY), name)
        return Stream(os.dup(opened), "standard output" if opened == 1 else name)
    except OSError as error:
        raise OutputError(f"{name} cannot be written to ({error.strerror}); name another place") from error


def _may_be_replaced(path: Path) -> bool:
    """Whether a file is empty, begins like a VCF, compressed or not, or is one with another beginning."""
    try:
        with path.open("rb") as file:
            opened = gzip.open if file.read(len(MAGIC)) == MAGIC else open
        with opened(path, "rb") as file:
            begin = file.read(len(BYTE_ORDER_MARK) + len(b"#CHROM"))
    except (OSError, EOFError, zlib.error):
        return False
    if not begin or _BEGINS.match(begin):
        return True
    try:
        with VcfReader(path):
            return True
    except InputError:
        return False


def _is_file_or_nothing(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:  # PartialFile will report the problem
        return True
