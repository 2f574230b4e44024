"""What a long work has made of its first blocks, kept beside its output, so that it goes on where it was stopped."""

import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from genolong.errors import BusyError, InputError, OutputError
from genolong.genome.files.partial_file import SUFFIX, PartialFile
from genolong.long_work import Follow
from genolong.runs.journal import Journal, can_be_gone_on_with

logger = logging.getLogger(__name__)

NOTED_EVERY_S = 1.0
_SIZE_BYTES = 8  # of the number before each block: its bytes


class KeptBlocks:
    """A file `<output>.kept.partial` of arrays by name, a block behind another, and a journal of how far it is whole.

    Leaving the `with` block removes both, unless an error leaves something that can be gone on with, or comes before
    any of it was asked for. Work that takes less than a second makes neither. What was kept before is looked at when
    it is asked for: by then the output is this process's alone.
    """

    def __init__(self, output: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
        self._path = output.with_name(f"{output.name}.kept")
        self._partial = self._path.with_name(self._path.name + SUFFIX)
        self._journal = Journal(output, identity)
        self._resume = resume
        self._file: PartialFile | None = None
        self._blocks = 0
        self._held: list[bytes] = []
        self._used = False
        self._noted = time.monotonic()

    def before(self, done: str, follow: Follow) -> Iterator[dict[str, np.ndarray]]:
        """The blocks that were kept before; tells of them, `done` being what was done to them.

        Raises what Journal.state raises, InputError where they cannot be read, and BusyError where another process
        does this work.
        """
        state = self._journal.state() if self._resume and self._partial.exists() else None
        if state is None:
            return
        self._used = True
        self._file = self._reopened(state["bytes"])
        self._blocks, at = state["blocks"], 0
        logger.info("resuming after %s blocks that were already %s", f"{self._blocks:,}", done)
        advance = follow(f"reading what was already {done}", self._blocks)
        for _ in range(self._blocks):
            block, at = self._read(self._file, at)
            yield block
            advance(1)

    def keep(self, block: Mapping[str, np.ndarray]) -> None:
        """The next block is done."""
        self._used = True
        content = save({name: np.asarray(values, order="C") for name, values in block.items()})
        self._held += [len(content).to_bytes(_SIZE_BYTES, "little"), content]
        self._blocks += 1
        if time.monotonic() - self._noted > NOTED_EVERY_S:
            self._note()

    def __enter__(self) -> "KeptBlocks":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, BusyError):
            return  # what is kept is another process's
        of_no_use = self._used and not can_be_gone_on_with(error)
        if error is None or of_no_use or not self._journal.path.exists():
            self._journal.remove()
            self._partial.unlink(missing_ok=True)
        if self._file is not None:  # while it is open, no other process goes on with it
            self._file.close()

    def _reopened(self, size: int) -> PartialFile:
        try:
            return PartialFile(self._path, size)
        except (BusyError, OutputError):
            raise
        except InputError as error:
            raise InputError(f"{error} (resume=no)") from None

    def _read(self, file: PartialFile, at: int) -> tuple[dict[str, np.ndarray], int]:
        """The block there, and where the next one begins."""
        begin = at + _SIZE_BYTES
        size = int.from_bytes(file.read(_SIZE_BYTES, at), "little")
        try:
            if begin + size > file.size:
                raise ValueError("it ends too soon")
            return load(file.read(size, begin)), begin + size
        except (SafetensorError, ValueError) as error:
            raise InputError(f"{self._partial}: cannot be read ({error}); start over with resume=no") from error

    def _note(self) -> None:
        if self._file is None:
            self._file = PartialFile(self._path)
            self._journal.remove()  # of other work, whose blocks are gone
        self._file.write(b"".join(self._held))
        self._held = []
        self._file.sync()
        self._journal.note({"blocks": self._blocks, "bytes": self._file.size})
        self._noted = time.monotonic()
