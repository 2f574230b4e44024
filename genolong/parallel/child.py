"""A child process: does its work, reports how it ended, and never outlives the first process."""

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from ctypes import Array, c_uint64
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch

from genolong.errors import InputError, LostProcessError
from genolong.parallel.place import Place
from genolong.parallel.signs_of_life import SignsOfLife
from genolong.parallel.stopped import Stopped

TICK_S = 0.25  # between two signs of life
NEXT_AFTER_S = 2.0  # each child waits this much longer than the one before it, so that only one acts


class LastWord(NamedTuple):
    """How the work of a process ended, and when, on the monotonic clock that all processes of a machine share."""

    error: Exception | None
    at: float


class Orders(NamedTuple):
    """What a new process needs to know."""

    place: Place
    first: int  # its process id
    signs: Array[c_uint64]
    patience_s: int
    threads: int
    start_method: str  # of its data workers, who would otherwise be spawned, as it was
    voice: Connection


def begin(orders: Orders, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """The entry point of a child process, after its imports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the first one decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    logging.disable(logging.WARNING)  # the first process reports for all
    warnings.simplefilter("ignore")
    threading.Thread(target=_watch_the_first, args=(orders,), daemon=True).start()
    torch.set_num_threads(orders.threads)
    multiprocessing.set_start_method(orders.start_method, force=True)
    try:
        work(orders.place, *arguments)
    except (Exception, SystemExit) as error:
        if isinstance(error, Exception):
            _say_last(orders.voice, _told(error, orders.place))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code(error))  # a library in the middle of a message would block a normal exit
    _say_last(orders.voice, None)


def exit_code(error: BaseException) -> int:
    """The exit code of an error, following sysexits: 70 for an error that the user cannot fix."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 70)


def silence_of(rank: int, size: int, patience_s: int) -> LostProcessError:
    """The error for a process that is suspended or hangs."""
    return LostProcessError(
        f"process {rank} of {size} gave no sign of life for {patience_s} s (parallel.patience_s); "
        "all others were stopped, too"
    )


def say(error: BaseException) -> None:
    """Write an ending as one line to stderr, bypassing locks that the main thread may hold; nothing for SystemExit."""
    told = f"error: {error if isinstance(error, InputError) else f'{type(error).__name__}: {error}'}"
    if isinstance(error, KeyboardInterrupt):
        told = "interrupted"
    if isinstance(error, Stopped):
        told = f"stopped by {error.name} while its processes were waiting for each other; start it again"
    if isinstance(error, Stopped) or not isinstance(error, SystemExit):
        os.write(2, f"genolong: {' '.join(told.split())}\n".encode())


def _say_last(voice: Connection, error: Exception | None) -> None:
    with suppress(OSError):  # the first process is gone
        voice.send(LastWord(error, time.monotonic()))


def _told(error: Exception, place: Place) -> Exception:
    """The error in a form that can be pickled, with its traceback as a note."""
    where = "".join(traceback.format_exception(error))[-4000:]
    try:
        sent = pickle.loads(pickle.dumps(error))
    except Exception:  # an exception may hold objects that cannot be pickled
        sent = RuntimeError(f"{type(error).__name__}: {error}")
    sent.add_note(f"raised in process {place.rank} of {place.size}:\n{where}")
    return sent


def _watch_the_first(orders: Orders) -> None:
    """End this process when the first is gone; kill the first, too, if it gives no sign of life for too long.

    Runs in its own thread, because the main thread may be waiting for a message that never comes.
    """
    place, signs = orders.place, SignsOfLife(orders.signs, orders.place.rank, orders.patience_s)
    while True:
        signs.look()
        if os.getppid() != orders.first:
            os._exit(LostProcessError.exit_code)
        if signs.silent_s(0) > orders.patience_s + NEXT_AFTER_S * (place.rank - 1):
            say(silence_of(0, place.size, orders.patience_s))
            os.kill(orders.first, signal.SIGKILL)
            os._exit(LostProcessError.exit_code)
        time.sleep(TICK_S)
