"""Whether all lines of a contig have the same shape, so that a base's place in the file can be computed."""

import numpy as np
from jaxtyping import Int64

from genolong.genome.fasta_text import Letters


class LineShape:
    """Takes a contig's letters part by part; if `regular`, base i is at `first + i // bases * bytes + i % bases`.

        first         bytes = 6, line end included
          v          |-----|
    >chr1\\nACGTA\\nACGTA\\nAC\\n
                  |---|
                 bases = 5, the last line may be shorter
    """

    def __init__(self) -> None:
        self.first = self.bases = self.bytes = 0
        self.regular = True
        self._whole = 0  # number of complete lines
        self._open = (0, 0)  # start and end byte of the line that may continue
        self._end = 0  # the byte after everything seen, blanks included

    def add(self, part: Letters) -> None:
        """Take the next part of the contig."""
        if not self._end and self._begins_with_equal_lines(part):
            return
        if b" " in part.body or b"\t" in part.body:
            self.regular = False  # pyfaidx skips only line ends: any other blank would be read as a base
        self._end = part.start + len(part.body)
        starts, ends = _letter_runs(part)
        if not starts.size:
            return
        if starts[0] == self._open[1]:
            starts[0] = self._open[0]
        elif self._open[1]:
            starts, ends = np.append(self._open[0], starts), np.append(self._open[1], ends)
        self._open = int(starts[-1]), int(ends[-1])
        if starts.size > 1:
            if not self._whole:
                self.first, self.bases, self.bytes = (
                    int(starts[0]),
                    int(ends[0] - starts[0]),
                    int(starts[1] - starts[0]),
                )
            expected = self.first + self.bytes * (self._whole + np.arange(starts.size - 1))
            alike = (starts[:-1] == expected) & (ends[:-1] - expected == self.bases)
            self.regular &= bool(alike.all())
            self._whole += starts.size - 1

    def _begins_with_equal_lines(self, part: Letters) -> bool:
        """Take a first part of equal lines that end in LF, without looking at each; False if it is no such part."""
        lines = part.body.removesuffix(b"\n")
        breaks = lines.count(b"\n")
        bases = lines.find(b"\n") if breaks else len(lines)
        only_breaks = len(lines) == len(part.letters) + breaks
        if not bases or not only_breaks or lines.endswith(b"\n") or lines[bases :: bases + 1] != b"\n" * breaks:
            return False
        if breaks:
            self.first, self.bases, self.bytes, self._whole = part.start, bases, bases + 1, breaks
        self._open = part.start + breaks * (bases + 1), part.start + len(lines)
        self._end = part.start + len(part.body)
        return True

    def finish(self, *, last: bool) -> None:
        """End the contig; `last` says that no other contig follows."""
        start, end = self._open
        if not self._whole:
            self.first, self.bases, self.bytes = start, end - start, end - start + 1
        self.regular &= start == self.first + self._whole * self.bytes and end - start <= self.bases
        # pyfaidx also reads the line end after a full line: if it is shorter than the others, it reads the next header.
        if end - start == self.bases and not last:
            self.regular &= self._end - end >= self.bytes - self.bases


def _letter_runs(part: Letters) -> tuple[Int64[np.ndarray, " runs"], Int64[np.ndarray, " runs"]]:
    """Start and end byte of every run without blanks."""
    blanks = np.flatnonzero(np.frombuffer(part.body, dtype=np.uint8) <= ord(" "))
    starts = np.append(-1, blanks) + 1
    ends = np.append(blanks, len(part.body))
    keep = ends > starts
    return starts[keep] + part.start, ends[keep] + part.start
