"""Reads a VCF record by record; records keep their exact bytes, and only INFO can be changed."""

from collections.abc import Collection, Iterable, Iterator
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.files.spool import Spool, SpooledLine
from genolong.genome.vcf_header import HeaderReader
from genolong.genome.vcf_info import edited, extended, held_keys
from genolong.genome.vcf_text import CHUNK_BYTES, VcfText

FIXED_BYTES = 1 << 26  # limit for columns 1 to 5 with their tabs; the whole line may be of any length

BLANK = "a blank line"  # what is wrong with a record without a column
_HASH = ord("#")
_LONGEST_NUMBER = 19  # digits: numbers with fewer fit into 64 bits


class Record(NamedTuple):
    """A line after the header; if `malformed` gives a reason, it is not a variant and is copied unchanged."""

    line: int  # its number in the file, from 1
    contig: str  # bytes that are not UTF-8 are kept as lone surrogates
    position: int | None  # 0-based, so POS 0, the telomere, is -1; None if POS is not a whole number
    reference: bytes
    alternates: tuple[bytes, ...]  # as written, so a missing one is b"."
    text: bytes | SpooledLine  # the whole line with its terminator; spooled if it is longer than a chunk
    info_start: int  # in the text
    info_end: int
    malformed: str = ""

    @property
    def size(self) -> int:
        """Length of the line in bytes."""
        return len(self.text) if isinstance(self.text, bytes) else self.text.size

    @property
    def id(self) -> str:
        """The ID column; a dot if there is no ID."""
        before_info = b"".join(self._pieces(0, self.info_start))
        return before_info.split(b"\t", 3)[2].decode("utf-8", "replace")

    @property
    def info(self) -> bytes:
        """The whole INFO column in memory; `held_keys` reads it in pieces."""
        return b"".join(self._pieces(self.info_start, self.info_end))

    def held_keys(self, keys: Collection[bytes]) -> set[bytes]:
        """The given keys that already occur in INFO."""
        return held_keys(self._pieces(self.info_start, self.info_end), keys)

    def pieces(self, additions: bytes = b"", removed: Collection[bytes] = ()) -> Iterable[bytes]:
        """The line with the removed keys taken out of INFO and new fields (`KEY=value;FLAG`) added to it.

        Raises ValueError for any change to a malformed record.
        """
        if not additions and not removed:
            return self._pieces(0, None)
        if self.malformed:
            raise ValueError(f"line {self.line} cannot take INFO: {self.malformed}")
        start, end = self.info_start, self.info_end
        if isinstance(self.text, bytes):
            info = self.text[start:end]
            if not removed or not any(key in info for key in removed):  # the usual case, several times faster
                return (self.text[:start] + extended(info, additions) + self.text[end:],)
        changed = edited(self._pieces(start, end), additions, removed)
        return chain(self._pieces(0, start), changed, self._pieces(end, None))

    def _pieces(self, start: int, end: int | None) -> Iterable[bytes]:
        if isinstance(self.text, bytes):
            return (self.text[start:end],)
        return self.text.pieces(start, end)


class VcfReader:
    """The header and the records of a VCF or BCF (`-` is standard input), in memory that does not grow with the file.

    A line longer than a chunk is kept in a temporary file as long as its record exists. Raises what VcfText and
    HeaderReader raise, and InputError if columns 1 to 5 of a record take more than FIXED_BYTES.
    """

    def __init__(self, path: str | Path, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._text = VcfText(path, chunk_bytes)
        self.name = self._text.name
        self._groups = _lines(self._text, chunk_bytes)
        self._bytes_before, self._share = 0, 0.0  # bytes of earlier groups, and the share of this group yielded so far
        try:
            self.header, self._group = self._read_header()
        except BaseException:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file the records so far took; a chunk's bytes are spread evenly over its lines."""
        return self._bytes_before + round((self._text.bytes_read - self._bytes_before) * self._share)

    @property
    def bytes_total(self) -> int | None:
        """The size of the file, if known."""
        return self._text.size

    def __iter__(self) -> Iterator[Record]:
        line = len(self.header) + 1
        for group in chain((self._group,), self._groups):
            for given, text in enumerate(group, start=1):
                self._share = given / len(group)
                yield self._record(line, text)
                line += 1
            self._bytes_before = self._text.bytes_read

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def __enter__(self) -> "VcfReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_header(self) -> tuple[tuple[bytes, ...], list[bytes | SpooledLine]]:
        """The header's lines, and the lines that follow them in the last group read."""
        header = HeaderReader(self.name)
        for group in self._groups:
            for used, text in enumerate(group, start=1):
                if not isinstance(text, bytes):
                    header.refuse_longer(text.size)  # before it is read into memory
                header.take(text if isinstance(text, bytes) else b"".join(text.pieces()))
                if header.is_whole:
                    return tuple(header.lines), group[used:]
        raise header.cut_short()

    def _record(self, line: int, text: bytes | SpooledLine) -> Record:
        if not isinstance(text, bytes):
            return self._long_record(line, text)
        columns = text.split(b"\t", 8)
        count = len(columns)
        if len(text) > FIXED_BYTES and text[0] != _HASH:
            self._check_width(line, sum(map(len, columns[:5])) + 5 if count > 5 else len(text))
        if count < 8 or text[0] == _HASH:
            return _malformed(line, text, text, count)
        end = len(text) - (len(columns[8]) + 1 if count > 8 else 0)
        start = end - len(columns[7])
        return _placed(line, columns, text, start, end if count > 8 else end - _terminator_bytes(text))

    def _long_record(self, line: int, text: SpooledLine) -> Record:
        tabs = list(islice(_tabs(text), 8))
        fixed_bytes = tabs[4] + 1 if len(tabs) > 4 else text.size
        is_comment = next(iter(text.pieces(0, 1)))[0] == _HASH
        if not is_comment:
            self._check_width(line, fixed_bytes)
        begin = b"".join(text.pieces(0, min(fixed_bytes, FIXED_BYTES)))
        if len(tabs) < 7 or is_comment:
            return _malformed(line, text, begin, len(tabs) + 1)
        tail = b"".join(text.pieces(max(0, text.size - 2)))
        end = tabs[7] if len(tabs) > 7 else text.size - _terminator_bytes(tail)
        return _placed(line, begin.split(b"\t", 5), text, tabs[6] + 1, end)

    def _check_width(self, line: int, fixed_bytes: int) -> None:
        if fixed_bytes > FIXED_BYTES:
            raise InputError(
                f"{self.name}, line {line}: columns 1 to 5 take {fixed_bytes:,} bytes; wanted at most {FIXED_BYTES:,}; "
                "write alleles that long as symbolic ones, such as <DEL> and <INS>"
            )


def _placed(line: int, columns: list[bytes], text: bytes | SpooledLine, start: int, end: int) -> Record:
    position = columns[1]
    return Record(
        line,
        columns[0].decode("utf-8", "surrogateescape"),
        int(position) - 1 if position.isdigit() and len(position) < _LONGEST_NUMBER else None,
        columns[3],
        tuple(columns[4].split(b",")),
        text,
        start,
        end,
    )


def _malformed(line: int, text: bytes | SpooledLine, begin: bytes, count: int) -> Record:
    """`begin` is the text of columns 1 to 5 or more; `count` is the number of columns, at most 9."""
    if begin.startswith(b"#"):
        why = "a line that starts with #, after the header"
    elif not begin.strip():
        why = BLANK
    elif count == 1 and len(begin.split(maxsplit=7)) == 8:
        why = "columns are separated by spaces, wanted tabs"
    else:
        why = f"{counted(count, 'column')}, wanted 8 or more"
    return Record(line, "", None, b"", (), text, 0, 0, why)


def _terminator_bytes(text: bytes) -> int:
    if text.endswith(b"\r\n"):
        return 2
    return int(text.endswith((b"\n", b"\r")))  # a truncated file may end in CR


def _tabs(text: SpooledLine) -> Iterator[int]:
    begin = 0
    for piece in text.pieces():
        at = piece.find(b"\t")
        while at >= 0:
            yield begin + at
            at = piece.find(b"\t", at + 1)
        begin += len(piece)


def _lines(chunks: Iterable[bytes], longest: int) -> Iterator[list[bytes | SpooledLine]]:
    """The lines of a text with their terminators, in groups; a line longer than `longest` bytes is spooled."""
    spool, spooling = Spool(), False
    rest = b""
    for chunk in chunks:
        rest += chunk
        group: list[bytes | SpooledLine] = []
        if spooling or (len(rest) > longest and b"\n" not in rest):
            stop = rest.find(b"\n") + 1 or len(rest)
            spooling = not rest.endswith(b"\n", 0, stop)
            spool.write(rest[:stop])
            rest = rest[stop:]
            if spooling:
                continue
            group.append(spool.end_line())
        whole = rest.rfind(b"\n") + 1
        group += BytesIO(rest[:whole]).readlines()
        rest = rest[whole:]
        yield group
    if spooling or rest:
        yield [spool.end_line() if spooling else rest]
