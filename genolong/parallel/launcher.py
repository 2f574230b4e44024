"""Runs work in several processes of this machine, which are started, watched and ended together."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import c_uint64
from multiprocessing import get_context, resource_tracker
from types import TracebackType
from typing import Any, NoReturn

import torch

from genolong.errors import InputError, LostProcessError
from genolong.parallel.causes import Cause, KnownChild, breaks_connection, first_cause
from genolong.parallel.child import TICK_S, Orders, begin, exit_code, say
from genolong.parallel.interruption import Interruption, held_back
from genolong.parallel.meeting import meeting_point
from genolong.parallel.place import Place
from genolong.parallel.sent_call import SentCall
from genolong.parallel.signs_of_life import SignsOfLife

COMES_BACK_S = 5.0  # time for the main thread to notice by itself that the work is over
CAUSE_SHOWS_S = 1.0  # a failure may be noticed this much later than the connections it breaks
TIDIES_S = 30.0  # time to leave files in order after Ctrl-C


@contextmanager
def launched(
    size: int, work: Callable[..., object], *arguments: Any, patience_s: int, interrupts: int = 1
) -> Iterator[Place]:  # fmt: skip
    """Make this process the first of `size`; the new ones call `work(place, *arguments)` while this one continues.

    The first process waits until all have started, and at the end until all are done. It raises what another process
    raised, and LostProcessError if one died or gave no sign of life for `patience_s`; then, and whenever the block ends
    with an exception, the others are killed. If a collective blocks the first process forever, it is ended with one
    line on stderr and the error's exit code. The `interrupts`-th Ctrl-C does the same.
    """
    if size == 1:
        yield Place.alone()
        return
    threads = torch.get_num_threads()
    share = max(1, threads // size)
    with meeting_point(size) as address, _Crew(size, address, patience_s, interrupts) as crew:
        crew.start(share, work, arguments)
        torch.set_num_threads(share)
        try:
            with crew.at_work():
                yield Place(0, size, 0, size, address)
            crew.wait_for(crew.all_done)
        finally:
            torch.set_num_threads(threads)


class _Crew:
    """The other processes and the thread that watches them; raises the cause of a failure, not its consequences."""

    def __init__(self, size: int, address: str, patience_s: int, interrupts: int) -> None:
        self.all_there, self.all_done = threading.Event(), threading.Event()
        self._places = [Place(rank, size, rank, size, address) for rank in range(1, size)]
        self._patience_s = patience_s
        self._context = get_context("spawn")
        self._counters = self._context.RawArray(c_uint64, size)
        self._children: list[KnownChild] = []
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._interruption = Interruption(interrupts)
        self._cause: Cause | None = None
        self._decided, self._over, self._free = threading.Event(), threading.Event(), threading.Event()
        self._free.set()  # the main thread is not at work, so no library can block it

    def start(self, threads: int, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Start all processes, and wait until each has given a sign of life."""
        _track_quietly()
        method = multiprocessing.get_start_method()
        with held_back(signal.SIGINT):
            for place in self._places:
                listens, voice = self._context.Pipe(duplex=False)
                orders = Orders(place, os.getpid(), self._counters, self._patience_s, threads, method, voice)
                process = self._context.Process(target=SentCall(begin, orders, work, arguments))
                process.start()
                voice.close()
                self._children.append(KnownChild(place, process, listens))
        self._watcher.start()
        self.wait_for(self.all_there)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Within this block, a library may block the main thread."""
        self._free.clear()
        try:
            self._raise_cause()  # if the watcher found it while the main thread was free, it leaves it to us
            yield
        finally:
            self._free.set()

    def wait_for(self, event: threading.Event) -> None:
        """Wait for an event; raises the error that ends the work before it."""
        while not event.wait(TICK_S):
            self._raise_cause()

    def __enter__(self) -> "_Crew":
        self._noticing = self._interruption.noticed()
        self._noticing.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cause = self._cause_of(error) if error else None
        self._over.set()
        for child in self._children:
            child.kill()
        if self._watcher.ident is not None:
            self._watcher.join()
        for child in self._children:
            child.close()
        self._noticing.__exit__(None, None, None)
        if cause is not None and cause is not error:
            raise cause from None

    def _raise_cause(self) -> None:
        if self._cause is not None:
            raise self._cause.error

    def _cause_of(self, error: BaseException) -> BaseException | None:
        """The error to raise in place of `error`."""
        lost = isinstance(error, LostProcessError)
        if not isinstance(error, Exception) or (isinstance(error, InputError) and not lost):
            return error
        if ending := self._interruption.ending():  # other processes and their data workers may have failed by it
            return ending
        if breaks_connection(error):
            self._decided.wait(COMES_BACK_S)
        return self._cause.error if self._cause else error

    def _watch(self) -> None:
        signs = SignsOfLife(self._counters, 0, self._patience_s)
        while not self._over.wait(TICK_S):
            signs.look()
            for child in self._children:
                child.look()
            if all(signs.begun(child.rank) for child in self._children):
                self.all_there.set()
            if all(child.done for child in self._children):
                self.all_done.set()
            if self._found_cause(signs):
                return self._end_all()
            if self._interruption.came_s() > COMES_BACK_S and not self._free.is_set():
                return self._end_interrupted()

    def _found_cause(self, signs: SignsOfLife) -> bool:
        causes = (child.cause(signs.silent_s(child.rank), self._patience_s) for child in self._children)
        cause = first_cause(cause for cause in causes if cause is not None)
        if cause is None or (cause.follows and time.monotonic() - cause.at < CAUSE_SHOWS_S):
            return False
        self._cause = cause
        self._decided.set()
        return True

    def _end_all(self) -> None:
        """Kill the other processes, and end this one, too, if its main thread stays blocked."""
        assert self._cause is not None
        for child in self._children:
            child.kill()
        if not self._free.wait(COMES_BACK_S):
            self._exit(self._cause.error)

    def _end_interrupted(self) -> None:
        """Kill the processes that the main thread may be waiting for, so that Python can interrupt it."""
        for child in self._children:
            child.kill()
        if not self._free.wait(TIDIES_S):
            self._exit(KeyboardInterrupt())

    def _exit(self, error: BaseException) -> NoReturn:
        """End this process, even though its main thread is blocked."""
        ending = self._interruption.ending() or error
        say(ending)
        os._exit(exit_code(ending))


def _track_quietly() -> None:
    """Start multiprocessing's resource tracker before signals are held back, because starting it unblocks them.

    It would warn about semaphores that killed processes leave behind.
    """
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    resource_tracker.ensure_running()
    sys.warnoptions.pop()
