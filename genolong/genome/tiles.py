"""Reads a genome in tiles and caches recent ones, so that neighbouring windows read the file once."""

from collections import OrderedDict

import numpy as np
from jaxtyping import UInt8

from genolong.genome.alphabet import BASES, N
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome

TILE_BP = 1 << 16
KEPT = 512  # tiles in the cache: 32 MB

_LETTERS = np.frombuffer(f"{BASES}N".encode(), dtype=np.uint8)


class GenomeTiles:
    """A genome with its most recently read tiles in memory; N beyond a contig's ends."""

    def __init__(self, genome: Genome, tile_bp: int = TILE_BP, kept: int = KEPT) -> None:
        self.genome, self._tile_bp, self._kept = genome, tile_bp, kept
        self._tiles: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()

    def codes(self, interval: Interval) -> UInt8[np.ndarray, " length"]:
        """The codes of an interval; read-only, because other intervals may share the array."""
        first, last = interval.start // self._tile_bp, (interval.end - 1) // self._tile_bp
        if first == last:
            tile, begin = self._tile(interval.contig, first), interval.start - first * self._tile_bp
            return tile[begin : begin + interval.length]
        if last - first >= self._kept // 2:  # it would flush much of the cache: read it past the cache
            return _read_only(self.genome.read(interval)[0])
        codes = _read_only(np.concatenate([self._tile(interval.contig, number) for number in range(first, last + 1)]))
        begin = interval.start - first * self._tile_bp
        return codes[begin : begin + interval.length]

    def letters(self, contig: str, start: int, end: int) -> bytes:
        """The letters of start … end - 1 in upper case; IUPAC letters other than A C G T read as N."""
        return _LETTERS[self.codes(Interval(contig, start, end))].tobytes() if end > start else b""

    def _tile(self, contig: str, number: int) -> UInt8[np.ndarray, " tile"]:
        key = contig, number
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        begin, end = number * self._tile_bp, (number + 1) * self._tile_bp
        if end <= 0 or begin >= self.genome.contigs[contig].length:
            return _read_only(np.full(self._tile_bp, N, dtype=np.uint8))
        tile = _read_only(self.genome.read(Interval(contig, begin, end))[0])
        self._tiles[key] = tile
        if len(self._tiles) > self._kept:
            self._tiles.popitem(last=False)
        return tile


def _read_only(codes: np.ndarray) -> np.ndarray:
    codes.flags.writeable = False
    return codes
