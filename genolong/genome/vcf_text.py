"""A VCF's text as chunks of bytes, from a plain, bgzip, gzip or BCF file or from standard input."""

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import IO

import pysam

from genolong.errors import InputError, MissingInputError
from genolong.genome.files.bgzf import MAGIC, BlockedText, is_bgzip, refuse_cut
from genolong.nearest import nearest_path

CHUNK_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_BCF = b"BCF"
_HEAD_BYTES = 64
_UTF_16 = "is it UTF-16? convert it: iconv -f UTF-16 -t UTF-8"
_STARTS = (  # first bytes of other files that people mistake for a VCF
    (b"\xff\xfe", _UTF_16),
    (b"\xfe\xff", _UTF_16),
    (b"#\0", _UTF_16),
    (b"\0", _UTF_16),
    (b"BAM\1", "it is BAM: call its variants first, with bcftools mpileup and bcftools call"),
    (b"CRAM", "it is CRAM: call its variants first, with bcftools mpileup and bcftools call"),
    (b"TBI\1", "it is an index: name the file that it belongs to"),
    (b"CSI\1", "it is an index: name the file that it belongs to"),
    (b"PK\x03\x04", "it is a zip archive: unpack it"),
    (b"BZh", "it is compressed with bzip2: unpack it"),
    (b"\xfd7zXZ", "it is compressed with xz: unpack it"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it"),
    (b"\x89PNG", "it is a picture"),
    (b"%PDF", "it is a PDF"),
    (b"<", "is it HTML? open the address in a browser and download the file itself"),
    (b">", "is it FASTA?"),
    (b"@", "is it SAM or FASTQ?"),
    (b"version https://git-lfs", "it is a git-lfs pointer: run git lfs pull"),
)


class VcfText:
    """The text of a VCF or BCF (`-` is standard input), in chunks of about `chunk_bytes`; can be read only once.

    Raises MissingInputError for a file that cannot be opened, and, while reading, InputError for one that is
    truncated, corrupt or not a VCF.
    """

    def __init__(self, path: str | Path, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self._chunk_bytes = chunk_bytes
        self._path = os.path.expanduser(path)  # not a Path, which would turn ./- into standard input
        file = _open(self._path)
        status = os.fstat(file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None  # in bytes, if known
        self._file = _Counted(file)
        self._bcf: pysam.VariantFile | None = None

    @property
    def bytes_read(self) -> int:
        """How many of the file's `size` bytes have been read, compressed or not."""
        if self._bcf is not None and self._bcf.is_open:
            return self._bcf.tell() >> 16  # a virtual offset without its low 16 bits is the block's place in the file
        return self._file.tell()

    def __iter__(self) -> Iterator[bytes]:
        chunks = self._unpacked()
        first = next(chunks, b"")
        if first.startswith(_BCF):
            yield from self._from_bcf()
            return
        _refuse_what_is_no_vcf(first, self.name)
        yield first
        yield from chunks

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._file.close()
        if self._bcf is not None:
            with suppress(OSError):  # htslib reports a damaged block a second time
                self._bcf.close()

    def _unpacked(self) -> Iterator[bytes]:
        head = self._file.peek(_HEAD_BYTES)
        if is_bgzip(head):
            return self._from_bgzip()
        return self._from_gzip() if head.startswith(MAGIC) else self._plain()

    def _plain(self) -> Iterator[bytes]:
        while chunk := self._file.read(self._chunk_bytes):
            yield chunk

    def _from_bgzip(self) -> Iterator[bytes]:
        if self.size is not None and self._path != "-":  # fail now, not after hours of work
            refuse_cut(Path(self._path), self.name)
        blocks = BlockedText(self._file, Path(self.name)).blocks()
        return _joined((text for _, text in blocks), self._chunk_bytes)

    def _from_gzip(self) -> Iterator[bytes]:
        try:
            with gzip.GzipFile(fileobj=self._file, mode="rb") as text:
                while chunk := text.read(self._chunk_bytes):
                    yield chunk
        except EOFError as error:
            raise InputError(
                f"{self.name}: the gzip file ends early, so it was cut short; download or copy it again"
            ) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{self.name}: the gzip file is corrupt ({error}); download or copy it again") from error

    def _from_bcf(self) -> Iterator[bytes]:
        if self.size is None or self._path == "-":
            raise InputError(
                f"{self.name} is BCF, which is only read from a file; wanted VCF; convert it in the pipe: bcftools view"
            )
        verbosity = pysam.set_verbosity(0)  # the error below replaces what htslib would print
        try:
            self._bcf = pysam.VariantFile(self._path)
            yield str(self._bcf.header).encode("utf-8", "surrogateescape")
            yield from _joined(
                (str(record).encode("utf-8", "surrogateescape") for record in self._bcf), self._chunk_bytes
            )
        except (OSError, ValueError, NotImplementedError) as error:
            raise InputError(
                f"{self.name}: the BCF cannot be read ({error}); wanted a complete, valid file; "
                f"see whether bcftools can read it: bcftools view {quote(self.name)}"
            ) from error
        finally:
            pysam.set_verbosity(verbosity)


class _Counted(io.BufferedIOBase):
    """A file, possibly a pipe, that counts the bytes read and allows peeking."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._peeked = b""
        self._read = 0

    def peek(self, size: int) -> bytes:
        self._peeked += self._file.read(size - len(self._peeked))
        return self._peeked

    def read(self, size: int | None = -1, /) -> bytes:
        size = sys.maxsize if size is None or size < 0 else size
        found, self._peeked = self._peeked[:size], self._peeked[size:]
        found += self._file.read(size - len(found) if size < sys.maxsize else -1)
        self._read += len(found)
        return found

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._read

    def close(self) -> None:
        self._file.close()
        super().close()


def _open(path: str) -> IO[bytes]:
    try:
        return open(0, "rb", closefd=False) if path == "-" else open(path, "rb")
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{path} does not exist; wanted a VCF; check its spelling{nearest_path(path)}"
        ) from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder; wanted a VCF; name the file in it") from error
    except OSError as error:
        raise MissingInputError(f"{path} cannot be read ({error.strerror}); wanted a VCF") from error


def _joined(parts: Iterator[bytes], chunk_bytes: int) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= chunk_bytes:
            yield b"".join(held)
            held, size = [], 0
    if size:
        yield b"".join(held)


def _refuse_what_is_no_vcf(text: bytes, name: str) -> None:
    """Refuse a text that does not start like a VCF, that is with #; blank lines may come first."""
    if not text:
        raise InputError(f"{name} is empty; wanted a VCF; did the program that wrote it fail?")
    begin = text.removeprefix(BYTE_ORDER_MARK).lstrip(b"\r\n")
    if not begin or (begin.startswith(b"#") and b"\0" not in begin[:_HEAD_BYTES]):
        return
    line = 1 + text.count(b"\n", 0, len(text) - len(begin))
    first = begin.split(b"\n", 1)[0]
    found = first[:40].decode("ascii", "backslashreplace")
    hints = [hint for start, hint in _STARTS if begin.startswith(start)] or [_hint(first)]
    raise InputError(
        f"{name}, line {line}: found {found!r}; wanted a VCF, which begins with a header such as ##fileformat=VCFv4.2; "
        f"{hints[0]}"
    )


def _hint(line: bytes) -> str:
    columns = line.split(b"\t")
    if len(columns) >= 5 and columns[1].isdigit():
        return "it has records but no header: put the header of the file that they come from before them"
    return "is it the right file?"
