"""A disk whose n-th write, sync, rename or new file fails, whatever of Python it is asked through."""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ERRORS = (errno.ENOSPC, errno.EIO)


class FailingDisk:
    """Counts what a disk is asked for; request number `fails_at` fails, and with `lasting` all after it, too."""

    def __init__(self, fails_at: int | None = None, error: int = errno.ENOSPC, *, lasting: bool = False) -> None:
        self.asked = 0
        self._fails_at, self._error, self._lasting = fails_at, error, lasting

    def ask(self, name: object) -> None:
        """One more request."""
        number, self.asked = self.asked, self.asked + 1
        if self._fails_at is not None and (number == self._fails_at or (self._lasting and number > self._fails_at)):
            raise OSError(self._error, os.strerror(self._error), name if isinstance(name, (str, os.PathLike)) else None)

    @contextmanager
    def mounted(self) -> Iterator["FailingDisk"]:
        """While the block lasts, every file is written to this disk."""
        with pytest.MonkeyPatch.context() as patch:
            for name in ("write", "fsync", "replace", "rename", "ftruncate"):
                patch.setattr(os, name, self._asking(getattr(os, name)))
            patch.setattr(os, "open", self._opening(os.open))
            for module in (io, builtins):
                patch.setattr(module, "open", self._file_opening(io.open))
            yield self

    def _asking(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def asking(first: Any, *args: Any, **kwargs: Any) -> Any:
            self.ask(first)
            return call(first, *args, **kwargs)

        return asking

    def _opening(self, call: Callable[..., int]) -> Callable[..., int]:
        def opening(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_CREAT:
                self.ask(path)
            return call(path, flags, *args, **kwargs)

        return opening

    def _file_opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        disk = self

        class Raw(io.FileIO):
            def write(self, data: Any, /) -> int:
                disk.ask(self.name)
                return super().write(data)

        def opening(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
            if not set("wxa+") & set(mode) or buffering == 0:
                return call(file, mode, buffering, *args, **kwargs)
            if not isinstance(file, int):
                self.ask(file)
            raw = Raw(file, mode.replace("b", "").replace("t", ""), opener=kwargs.pop("opener", None))
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *args, **kwargs)

        return opening


def requests(work: Callable[[], object]) -> int:
    """How many requests a piece of work makes."""
    with FailingDisk().mounted() as disk:
        work()
    return disk.asked
