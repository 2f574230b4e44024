"""Finished blocks of a long job, kept next to its output so that it can resume."""

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
from genolong.long_work import follow
from genolong.runs.journal import Journal, can_be_gone_on_with

logger = logging.getLogger(__name__)

NOTED_EVERY_S = 1.0
_SIZE_BYTES = 8  # length of the number before each block: its size in bytes


class KeptBlocks:
    """A file `<output>.kept.partial` of named arrays, block after block, and a journal of how much of it is complete.

    Leaving the `with` block removes both files, unless an error left work that can be resumed or came before kept
    blocks were read. Work that takes less than a second creates neither. Blocks of an earlier run are looked at only
    when they are asked for: by then the output belongs to this process alone.
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

    def before(self, done: str) -> Iterator[dict[str, np.ndarray]]:
        """The blocks kept by an earlier run; logs their number, `done` being what was done to them (such as "mapped").

        Raises what Journal.state raises, InputError if they cannot be read, and BusyError if another process is doing
        this work.
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
        """Keeps the next finished block."""
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
            return  # the files belong to another process
        of_no_use = self._used and not can_be_gone_on_with(error)
        if error is None or of_no_use or not self._journal.path.exists():
            self._journal.remove()
            self._partial.unlink(missing_ok=True)
        if self._file is not None:  # while it is open, no other process can resume from it
            self._file.close()

    def _reopened(self, size: int) -> PartialFile:
        try:
            return PartialFile(self._path, size)
        except (BusyError, OutputError):
            raise
        except InputError as error:
            raise InputError(f"{error} (resume=no)") from None

    def _read(self, file: PartialFile, at: int) -> tuple[dict[str, np.ndarray], int]:
        """The block at this offset, and the offset of the next one."""
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
            self._journal.remove()  # it belongs to other work, whose blocks are gone
        self._file.write(b"".join(self._held))
        self._held = []
        self._file.sync()
        self._journal.note({"blocks": self._blocks, "bytes": self._file.size})
        self._noted = time.monotonic()
