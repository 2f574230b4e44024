"""A VCF's header: reads its lines up to #CHROM, lists the INFO fields they declare, and adds new lines."""

import re
from collections.abc import Collection, Iterable, Sequence

from genolong.counted import counted
from genolong.errors import InputError
from genolong.genome.vcf_text import BYTE_ORDER_MARK

COLUMNS = b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
LONGEST_BYTES = 1 << 27
LINE_BYTES = 64  # memory of a line besides its text, so that a header of empty lines also reaches the limit

_SHOWN = COLUMNS.decode().replace("\t", " ")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_ID = re.compile(rb"[<,]\s*ID=([^,>]*)")
_TYPE = re.compile(rb"[<,]\s*Type=([^,>]*)")
_NUMBER = re.compile(rb"[<,]\s*Number=([^,>]*)")


class HeaderReader:
    """Takes the lines of a VCF one by one until its header is complete: `lines` then end with #CHROM.

    Raises InputError for text that is not a header, and for a header that ends too early.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._bytes = 0
        self._near_miss = ""  # a line that may have been meant as #CHROM
        self.lines: list[bytes] = []
        self.is_whole = False

    def take(self, line: bytes) -> None:
        """Take the next line, with its terminator."""
        where = f"{self._name}, line {len(self.lines) + 1}"
        self.refuse_longer(len(line))
        self._bytes += len(line) + LINE_BYTES
        text = line.removeprefix(BYTE_ORDER_MARK) if not self.lines else line
        if text.startswith(b"#CHROM"):
            _check_columns(text, where)
            self.is_whole = True
        elif text.strip(b"\r\n") and not text.startswith(b"#"):
            raise self._missing(f"{where}: found a record, {_excerpt(text)}, and no #CHROM line before it")
        elif not text.startswith(b"##") and b"POS" in text:
            self._near_miss = f"; line {len(self.lines) + 1} is {_excerpt(text)}: is it meant to be that line?"
        self.lines.append(line)

    def refuse_longer(self, size: int) -> None:
        """Raise InputError if one more line of `size` bytes would make the header too long."""
        if self._bytes + size + LINE_BYTES > LONGEST_BYTES:
            raise InputError(
                f"{self._name}, line {len(self.lines) + 1}: the header is longer than {LONGEST_BYTES:,} bytes; "
                "wanted a VCF; is it one?"
            )

    def cut_short(self) -> InputError:
        """The error to raise when the text ends before the header is complete."""
        if any(b"\r" in line.rstrip(b"\r\n") for line in self.lines):
            return InputError(
                f"{self._name}, line 1: lines end in CR alone, as on old Macintoshes; wanted LF or CRLF; "
                "convert: tr '\\r' '\\n' < old.vcf > new.vcf"
            )
        return self._missing(f"{self._name}, line {len(self.lines)}: the text ends without a #CHROM line")

    def _missing(self, found: str) -> InputError:
        hint = self._near_miss or "; was the header cut? put the original header before the records"
        return InputError(f"{found}; wanted a header that ends in {_SHOWN}, with tabs{hint}")


def declared_info(header: Iterable[bytes]) -> set[bytes]:
    """The IDs of the INFO fields that a header declares."""
    return {identity for line in header if (identity := _info_id(line)) is not None}


def info_types(header: Iterable[bytes]) -> dict[str, str]:
    """The INFO fields that a header declares, in header order: ID → Type (Float, Integer, String, ...)."""
    return _said_of_info(header, _TYPE)


def info_numbers(header: Iterable[bytes]) -> dict[str, str]:
    """The INFO fields that a header declares, in header order: ID → Number (1, A, ., ...)."""
    return _said_of_info(header, _NUMBER)


def _said_of_info(header: Iterable[bytes], key: re.Pattern[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in header:
        identity = _info_id(line)
        if identity is not None:
            said = key.search(_QUOTED.sub(b'""', line))
            found[identity.decode("utf-8", "replace")] = said[1].strip().decode("utf-8", "replace") if said else ""
    return found


def with_lines(header: Sequence[bytes], lines: Iterable[bytes], removed_info: Collection[bytes] = ()) -> list[bytes]:
    """A header (ending with #CHROM) without the INFO lines of the removed IDs, and with new lines before #CHROM.

    New lines are given without a terminator and get that of the #CHROM line.
    """
    *others, columns = header
    end = b"\r\n" if columns.endswith(b"\r\n") else b"\n"
    kept = [line for line in others if _info_id(line) not in removed_info]
    return [*kept, *(line + end for line in lines), columns]


def _info_id(line: bytes) -> bytes | None:
    if not line.startswith(b"##INFO=<"):
        return None
    found = _ID.search(_QUOTED.sub(b'""', line))
    return found[1].rstrip() if found else None


def _check_columns(line: bytes, where: str) -> None:
    text = line.rstrip(b"\r\n")
    if text == COLUMNS or text.startswith(COLUMNS + b"\t"):
        return
    columns = text.split(b"\t")
    if len(columns) == 1 and len(text.split()) >= 8:
        raise InputError(
            f"{where}: the columns of the #CHROM line are separated by spaces; wanted tabs, here and in every record; "
            "did an editor replace them?"
        )
    if len(columns) < 8:
        raise InputError(
            f"{where}: the #CHROM line has {counted(len(columns), 'column')}, {_excerpt(text)}; "
            f"wanted the 8 columns of every VCF, with tabs: {_SHOWN}; complete the line"
        )
    begin = _excerpt(b"\t".join(columns[:8]))
    raise InputError(
        f"{where}: the #CHROM line begins with {begin}; wanted, with tabs: {_SHOWN}; correct its column names"
    )


def _excerpt(text: bytes) -> str:
    shown = text.rstrip(b"\r\n")[:80].decode("ascii", "backslashreplace").replace("\t", " ")
    return repr(shown)
