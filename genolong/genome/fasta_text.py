"""Parses a FASTA file's text into headers and letters; refuses anything else with its line and a remedy."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from genolong.errors import InputError
from genolong.genome.alphabet import AMBIGUOUS, BASES

# Kinds of letters as bits, so that one bitwise "or" over a chunk shows which kinds occur in it.
UPPER, LOWER, UNKNOWN, AMBIGUOUS_LETTER, FOREIGN = 1, 2, 4, 8, 16

_BLANK = b"\r\n\t "
_NEWLINE = b"\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LONGEST_HEADER = 1 << 20
_STARTS = (  # first bytes of other files that people mistake for FASTA
    (b"\xff\xfe", "is it UTF-16? convert it: iconv -f UTF-16 -t ASCII"),
    (b"\xfe\xff", "is it UTF-16? convert it: iconv -f UTF-16 -t ASCII"),
    (b"\x00", "is it UTF-16? convert it: iconv -f UTF-16 -t ASCII"),
    (b"<", "is it HTML? open the address in a browser and download the file itself"),
    (b"##fileformat=VCF", "is it a VCF?"),
    (b"##gff", "is it a GFF?"),
    (b"@", "is it FASTQ? convert it: seqtk seq -A"),
    (b"LOCUS", "is it GenBank? download it as FASTA"),
    (b"ID   ", "is it EMBL? download it as FASTA"),
    (b"version https://git-lfs", "it is a git-lfs pointer: run git lfs pull"),
    (b"PK\x03\x04", "it is a zip archive: unpack it"),
    (b"BZh", "it is compressed with bzip2: unpack it, then bgzip"),
    (b"\xfd7zXZ", "it is compressed with xz: unpack it, then bgzip"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it, then bgzip"),
    (b"C\x27A\x1a", "it is 2bit: convert it with twoBitToFa"),
    (b";", "comments are not supported: remove them"),
)


class Header(NamedTuple):
    """A line that starts a contig: its name ends at the first blank; the letters start at byte `start`."""

    name: str
    line: int
    start: int


class Letters(NamedTuple):
    """Some lines, or a part of one: the bytes, which start at byte `start` of the file, and the letters in them."""

    body: bytes
    start: int
    letters: bytes
    kinds: UInt8[np.ndarray, " letters"]
    present: int  # the kinds that occur, combined with "or"


def _kind_of_every_byte() -> bytes:
    kinds = bytearray([FOREIGN] * 256)
    for letters, kind in (
        (BASES, UPPER),
        (BASES.lower(), LOWER),
        ("Nn", UNKNOWN),
        (AMBIGUOUS + AMBIGUOUS.lower(), AMBIGUOUS_LETTER),
        (_BLANK.decode(), 0),
    ):
        for letter in letters:
            kinds[ord(letter)] = kind
    return bytes(kinds)


_KINDS = _kind_of_every_byte()


def read_text(chunks: Iterable[bytes], path: Path) -> Iterator[Header | Letters]:
    """The headers of a FASTA file, each followed by its letters in one or more parts; chunks may be cut anywhere.

    Raises InputError for text that is not FASTA of DNA, and for missing or repeated names.
    """
    chunks = iter(chunks)
    first = next(chunks, b"")
    line, start = 1, len(_BYTE_ORDER_MARK) if first.startswith(_BYTE_ORDER_MARK) else 0
    lines: dict[str, int] = {}
    for is_header, piece in _pieces(chain((first[start:],), chunks)):
        if is_header:
            name = _name(piece, path, line)
            if name in lines:
                raise InputError(
                    f"{path}, line {line}: contig {name} was already defined in line {lines[name]}; "
                    "give every contig its own name"
                )
            lines[name] = line
            yield Header(name, line, start + len(piece))
        elif lines:
            yield _letters(piece, start, path, line)
        else:
            _refuse_text_before_headers(piece, path, line)
        start += len(piece)
        line += piece.count(b"\n")


def _pieces(chunks: Iterable[bytes]) -> Iterator[tuple[bool, bytes]]:
    """(is it a header?, its bytes): whole header lines, and the text between them in one or more pieces."""
    rest = b""
    line_begins = True
    for chunk in chain(chunks, (b"\n",)):  # the extra newline ends the last line
        data, at = rest + chunk, 0
        # Hold back a final carriage return until the next chunk, so that "\r\n" is never split.
        data, rest = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")
        while at < len(data):
            if is_header := line_begins and data[at : at + 1] == b">":
                stop = data.find(b"\n", at) + 1
                if not stop and len(data) - at <= _LONGEST_HEADER:
                    break
            else:
                stop = data.find(b"\n>", at) + 1
            stop = stop or len(data)
            yield is_header, data[at:stop]
            line_begins = data[stop - 1 : stop] == b"\n"
            at = stop
        rest = data[at:] + rest


def _name(header: bytes, path: Path, line: int) -> str:
    where = f"{path}, line {line}"
    if len(header) > _LONGEST_HEADER and b"\r" not in header:
        raise InputError(f"{where}: a header longer than {_LONGEST_HEADER:,} characters; is its line break missing?")
    text = header[1:].rstrip(b"\r\n")
    if b"\0" in text:
        raise InputError(f"{where}: a NUL byte in a header; is it UTF-16? convert it: iconv -f UTF-16 -t ASCII")
    if b"\r" in text:
        raise _carriage_return(where)
    words = text.split(maxsplit=1)
    if not words or not text.startswith(words[0]):
        raise InputError(f"{where}: a header without a name; wanted the name right after '>', such as >chr1")
    try:
        name = words[0].decode()
    except UnicodeDecodeError:
        name = "\0"
    if not name.isprintable():
        raise InputError(f"{where}: the contig name {words[0]!r} contains unprintable bytes; rename it in plain ASCII")
    return name


def _letters(body: bytes, start: int, path: Path, line: int) -> Letters:
    letters = body.translate(None, _BLANK)
    kinds = np.frombuffer(letters.translate(_KINDS), dtype=np.uint8)
    present = int(np.bitwise_or.reduce(kinds))
    if present & FOREIGN:
        at = body.translate(_KINDS).index(FOREIGN)
        raise InputError(f"{path}, line {line + body.count(_NEWLINE, 0, at)}: {_why_foreign(body[at])}")
    if body.count(b"\r") != body.count(b"\r\n"):
        raise _carriage_return(f"{path}, line {line}")
    return Letters(body, start, letters, kinds, present)


def _why_foreign(byte: int) -> str:
    letter = chr(byte)
    found = f"found {letter!r}" if byte < 128 else f"found the byte 0x{byte:02X}"
    if letter in "Uu":
        return f"{found}; wanted DNA; is this RNA? write T for U"
    if letter in "-.":
        return f"{found}, an alignment gap; wanted a sequence without gaps; remove them"
    if letter == "*" or (byte < 128 and letter.isalpha()):
        return f"{found}, which is not a letter of DNA; is this a protein? wanted A C G T N or {' '.join(AMBIGUOUS)}"
    if byte == 0:
        return f"{found}, a NUL byte; wanted plain text; is the file damaged? download or copy it again"
    if byte >= 128:
        return f"{found}, which is not ASCII; wanted A C G T N or {' '.join(AMBIGUOUS)}; remove it"
    return f"{found}, which is not a letter of DNA; wanted A C G T N or {' '.join(AMBIGUOUS)}; remove it"


def _carriage_return(where: str) -> InputError:
    return InputError(
        f"{where}: lines end in CR alone, as on old Macintoshes; wanted LF or CRLF; "
        "convert: tr '\\r' '\\n' < old.fa > new.fa"
    )


def _refuse_text_before_headers(piece: bytes, path: Path, line: int) -> None:
    text = piece.lstrip(_BLANK)
    if not text:
        return
    line += piece.count(_NEWLINE, 0, len(piece) - len(text))
    found = text[:40].split(_NEWLINE)[0].rstrip().decode("ascii", "backslashreplace")
    hints = [hint for beginning, hint in _STARTS if text.startswith(beginning)]
    raise InputError(
        f"{path}, line {line}: found {found!r} before any header; wanted FASTA, whose first line looks like >chr1"
        + "".join(f"; {hint}" for hint in hints)
    )
