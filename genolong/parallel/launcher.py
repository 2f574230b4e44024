"""One work in several processes of this machine: started, watched, and ended together, however it ends."""

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
from genolong.parallel.signs_of_life import SignsOfLife

COMES_BACK_S = 5.0  # so long the main thread has to notice by itself that the work is over
CAUSE_SHOWS_S = 1.0  # so much later than the connections that it breaks
TIDIES_S = 30.0  # so long files may take to be left in order after Ctrl-C


@contextmanager
def launched(
    size: int, work: Callable[..., object], *arguments: Any, patience_s: int, interrupts: int = 1
) -> Iterator[Place]:  # fmt: skip
    """This process becomes the first of `size`; the new ones call `work(place, *arguments)` while this one goes on.

    The first waits, at the beginning until all are there, in the end until all are done. It raises what another one
    raised, and LostProcessError where one died or gave no sign of life for `patience_s`; then, and whenever it leaves
    by an exception, the others are killed. Where it is held by a collective that never returns, it is ended with one
    line on stderr and the error's exit code. So it is by Ctrl-C, when it comes for the `interrupts`-th time.
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
    """The other processes, and the thread that watches them; raises what ended the work instead of what followed."""

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
        self._free.set()  # the main thread is not at work, where a library might hold it

    def start(self, threads: int, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        """Starts all of them, and waits until they are there."""
        _track_quietly()
        with held_back(signal.SIGINT):
            for place in self._places:
                listens, voice = self._context.Pipe(duplex=False)
                orders = Orders(place, os.getpid(), self._counters, self._patience_s, threads, voice)
                process = self._context.Process(target=begin, args=(orders, work, arguments))
                process.start()
                voice.close()
                self._children.append(KnownChild(place, process, listens))
        self._watcher.start()
        self.wait_for(self.all_there)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Within this, the main thread may be held by a library."""
        self._free.clear()
        try:
            self._raise_cause()  # a watcher that found it before saw that the main thread was free
            yield
        finally:
            self._free.set()

    def wait_for(self, event: threading.Event) -> None:
        """Raises what ends the work instead."""
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
        """What is raised in place of an error."""
        lost = isinstance(error, LostProcessError)
        if not isinstance(error, Exception) or (isinstance(error, InputError) and not lost):
            return error
        if ending := self._interruption.ending():  # the others, and who reads for them, may have noticed it before
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
        """Ends the other processes, and this one, too, where it does not come back."""
        assert self._cause is not None
        for child in self._children:
            child.kill()
        if not self._free.wait(COMES_BACK_S):
            self._exit(self._cause.error)

    def _end_interrupted(self) -> None:
        """Ends what the main thread may be waiting for, so that Python can interrupt it."""
        for child in self._children:
            child.kill()
        if not self._free.wait(TIDIES_S):
            self._exit(KeyboardInterrupt())

    def _exit(self, error: BaseException) -> NoReturn:
        """Ends this process, past what holds its main thread."""
        ending = self._interruption.ending() or error
        say(ending)
        os._exit(exit_code(ending))


def _track_quietly() -> None:
    """Starts the process that clears away what others leave; not between signals that are held back, for it frees them.

    Of those that are killed it finds semaphores, and would tell people of them.
    """
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    resource_tracker.ensure_running()
    sys.warnoptions.pop()
