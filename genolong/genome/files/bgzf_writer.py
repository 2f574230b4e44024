"""Writes BGZF (the format of bgzip): a second thread deflates the blocks, in order."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO

from Bio.bgzf import BgzfWriter

from genolong.genome.files.partial_file import Stream

BLOCK_BYTES = 65_280  # of text, as in htslib: incompressible text still fits into 65,536 bytes
_GATHERED_BYTES = 16 * BLOCK_BYTES
_WAITING_BLOCKS = 32


def as_block(text: bytes) -> bytes:
    """Text of at most BLOCK_BYTES as one BGZF block; empty text gives the end block."""
    deflated = BytesIO()
    writer = BgzfWriter(fileobj=deflated)
    writer.write(text)
    writer.flush()
    return deflated.getvalue()


END_BLOCK = as_block(b"")


class BlockedOutput:
    """Writes text to a file as BGZF blocks; the same text, flushed at the same places, gives the same bytes."""

    end = END_BLOCK

    def __init__(self, file: Stream) -> None:
        self._file = file
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._waiting: deque[Future[bytes]] = deque()
        self._thread = ThreadPoolExecutor(1, "bgzf")

    def write(self, text: bytes) -> None:
        """Add text."""
        self._held.append(text)
        self._held_bytes += len(text)
        if self._held_bytes >= _GATHERED_BYTES:
            self._deflate_whole_blocks()

    def flush(self) -> None:
        """End the current block, and write all blocks to the file."""
        rest = self._deflate_whole_blocks()
        if rest:
            self._deflate(rest)
            self._held, self._held_bytes = [], 0
        self._hand_over(0)

    def close(self) -> None:
        """Drop the text that is not in the file yet."""
        self._thread.shutdown(cancel_futures=True)

    def _deflate_whole_blocks(self) -> bytes:
        text = b"".join(self._held)
        whole = len(text) // BLOCK_BYTES * BLOCK_BYTES
        for start in range(0, whole, BLOCK_BYTES):
            self._deflate(text[start : start + BLOCK_BYTES])
        rest = text[whole:]
        self._held, self._held_bytes = [rest], len(rest)
        return rest

    def _deflate(self, text: bytes) -> None:
        self._waiting.append(self._thread.submit(as_block, text))
        self._hand_over(_WAITING_BLOCKS)

    def _hand_over(self, most_waiting: int) -> None:
        while len(self._waiting) > most_waiting:
            self._file.write(self._waiting.popleft().result())


class PlainOutput:
    """Writes text to a file unchanged."""

    end = b""

    def __init__(self, file: Stream) -> None:
        self._file = file
        self._held: list[bytes] = []
        self._held_bytes = 0

    def write(self, text: bytes) -> None:
        """Add text."""
        self._held.append(text)
        self._held_bytes += len(text)
        if self._held_bytes >= _GATHERED_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write all of the text to the file."""
        text = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        self._file.write(text)

    def close(self) -> None:
        """Drop the text that is not in the file yet."""
