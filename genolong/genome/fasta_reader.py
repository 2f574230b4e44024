"""Reads bases of a checked FASTA file with pyfaidx; reopens it in every process and after a change."""

import os
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyfaidx
from jaxtyping import Bool, UInt8

from genolong.errors import InputError, MissingInputError
from genolong.genome.alphabet import N, encode
from genolong.genome.checked_fasta import CheckedFasta
from genolong.genome.files.partial_file import FAILED_DISK

_BLOCKS_HELD = 1024  # of at most 64 KiB each: each worker unpacks a genome of up to 65 Mb only once


class FastaReader:
    """Reads contigs by their number in the index. Safe to pickle and to fork: open files are never shared."""

    def __init__(self, checked: CheckedFasta) -> None:
        self._checked = checked
        self._file: pyfaidx.Faidx | None = None
        self._process = -1

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_process": -1}

    def read(
        self, contig: int, start: int, end: int
    ) -> tuple[UInt8[np.ndarray, " length"], Bool[np.ndarray, " length"]]:
        """Codes of bases start … end - 1, which must lie inside the contig, and whether each is soft-masked.

        Raises InputError if the file's content has changed since it was checked.
        """
        index, path = self._checked.index, self._checked.reading.path
        try:
            letters = str(self._opened(contig).fetch(contig, start + 1, end)).encode("ascii")
            codes = encode(letters)
        except (OSError, ValueError, IndexError, EOFError, RuntimeError, struct.error, zlib.error) as error:
            if isinstance(error, OSError) and error.errno in FAILED_DISK:
                raise
            raise InputError(f"{path} can no longer be read ({error}); did it change? start again") from error
        unknown = end - start - index.known(contig, start, end)
        if len(letters) != end - start or np.count_nonzero(codes == N) != unknown:
            raise InputError(f"{path} no longer holds the bases it had when it was opened; did it change? start again")
        if not index.soft_masked:
            return codes, np.zeros(codes.size, dtype=bool)
        return codes, np.frombuffer(letters, dtype=np.uint8) >= ord("a")

    def _opened(self, contig: int) -> pyfaidx.Faidx:
        """This process's own open file, which knows the contig's place; one shared across a fork reads wrong bases."""
        if self._file is None or self._process != os.getpid():
            self._file, self._process = self._open(), os.getpid()
        elif not self._checked.reading.untouched(self._file.file.fileno()):
            self._file = self._open()
        if contig not in self._file.index:  # a draft has more contigs than are read: each is told when it is needed
            self._file.index[contig] = self._record(contig)
        return self._file

    def _record(self, contig: int) -> pyfaidx.IndexRecord:
        """What a line of a .fai tells of the contig, and the byte behind its last line."""
        length, (first, bases, width) = int(self._checked.index.lengths[contig]), self._checked.index.places[contig]
        lines = -(-length // int(bases))
        end = int(first) + length + lines * int(width - bases)
        return pyfaidx.IndexRecord(length, int(first), int(bases), int(width), bend=end, prev_bend=int(first))

    def _open(self) -> pyfaidx.Faidx:
        path, verify = self._checked.reading.path, self._checked.reading.verify
        try:
            with path.open("rb") as unchanged:
                verify(unchanged.fileno())
            with tempfile.TemporaryDirectory(prefix="genolong-") as folder:
                fai, gzi = Path(folder, "fai"), Path(folder, "gzi")
                self._write_indexes(fai, gzi)
                file: Any = pyfaidx.Faidx(
                    str(path), indexname=str(fai), gzi_indexname=str(gzi), as_raw=True, rebuild=False, build_index=False
                )
        except OSError as error:
            if error.errno in FAILED_DISK:
                raise
            raise MissingInputError(f"{path} cannot be opened again ({error}); was it moved?") from error
        verify(file.file.fileno())
        if len(self._checked.blocks):
            file.file.max_cache = _BLOCKS_HELD
        return file

    def _write_indexes(self, fai: Path, gzi: Path) -> None:
        """Write the two files that pyfaidx reads when it opens a FASTA: no contig yet, and the blocks of bgzip.

        Their times are later than the FASTA file's, or pyfaidx would warn that they are stale; it never rebuilds them.
        """
        known_blocks = self._checked.blocks[1:-1]  # the .gzi format omits the first; the last is the empty end block
        fai.touch()
        gzi.write_bytes(struct.pack("<Q", len(known_blocks)) + known_blocks.astype("<u8").tobytes())
        later = self._checked.reading.path.stat().st_mtime + 2
        for file in (fai, gzi):
            os.utime(file, (later, later))
