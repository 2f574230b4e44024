"""Whether a contig's lines are all alike, so that a base's place in the file can be computed instead of searched."""

import numpy as np
from jaxtyping import Int64

from genolong.genome.fasta_text import Letters


class LineShape:
    """Fed with a contig's letters part by part; base i stands at `first + i // bases * bytes + i % bases` if `regular`.

        first         bytes = 6 with its line end
          v          |-----|
    >chr1\\nACGTA\\nACGTA\\nAC\\n
                  |---|
                 bases = 5, the last line may be shorter
    """

    def __init__(self) -> None:
        self.first = self.bases = self.bytes = 0
        self.regular = True
        self._whole = 0  # lines seen to their end
        self._open = (0, 0)  # the line that may go on: from byte, to byte
        self._end = 0  # byte after all that was seen, blanks included

    def add(self, part: Letters) -> None:
        """Look at some more of the contig's lines."""
        if b" " in part.body or b"\t" in part.body:
            self.regular = False  # pyfaidx leaves out line ends alone: any other blank would be read as a base
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
            # Other blanks than line ends would be read as bases.
            self.regular &= bool(alike.all()) and b" " not in part.body and b"\\t" not in part.body
            self._whole += starts.size - 1

    def finish(self, *, last: bool) -> None:
        """No more lines follow, and no other contig if it is the last."""
        start, end = self._open
        if not self._whole:
            self.first, self.bases, self.bytes = start, end - start, end - start + 1
        self.regular &= start == self.first + self._whole * self.bytes and end - start <= self.bases
        # After a full line pyfaidx reads its line end, too: were the last one shorter, it would read the next header.
        if end - start == self.bases and not last:
            self.regular &= self._end - end >= self.bytes - self.bases


def _letter_runs(part: Letters) -> tuple[Int64[np.ndarray, " runs"], Int64[np.ndarray, " runs"]]:
    """From byte, to byte of every stretch without blanks."""
    blanks = np.flatnonzero(np.frombuffer(part.body, dtype=np.uint8) <= ord(" "))
    starts = np.append(-1, blanks) + 1
    ends = np.append(blanks, len(part.body))
    keep = ends > starts
    return starts[keep] + part.start, ends[keep] + part.start
