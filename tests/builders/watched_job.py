"""A job in several processes that do what a test wants: `python -m tests.builders.watched_job SIZE PATIENCE_S WHAT`."""

import os
import select
import signal
import sys
import time

import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from genolong.errors import InputError
from genolong.parallel.launcher import launched
from genolong.parallel.place import Place


class Peculiar(Exception):
    """An exception that cannot be sent."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def work(place: Place, what: str) -> None:
    """What the new ones do; only the last of them does what is wrong."""
    meet(place)
    if place.rank == place.size - 1:
        misbehave(what)
    if what == "go on":
        go_on(place)
    leave()


def misbehave(what: str) -> None:
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if what == "exit":
        sys.exit(0)
    if what == "raise":
        raise InputError("thirteen")
    if what == "peculiar":
        raise Peculiar(1, 3)
    if what == "hang":
        time.sleep(1000)


def meet(place: Place) -> list[int]:
    """The process ids of all."""
    host, _, port = place.address.rpartition(":")
    store = TCPStore(host, int(port), place.size, is_master=False)
    dist.init_process_group("gloo", store=store, rank=place.rank, world_size=place.size)
    ids: list[int] = [0] * place.size
    dist.all_gather_object(ids, os.getpid())
    return ids


def leave() -> None:
    dist.barrier()
    dist.destroy_process_group()


def go_on(place: Place) -> None:
    """Round after round, until the first one's stdin is closed."""
    more = torch.ones(1)
    while more:
        time.sleep(0.05)
        if place.rank == 0:
            more.fill_(not select.select([sys.stdin], [], [], 0)[0])
        dist.broadcast(more, 0)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(size: int, patience_s: int, what: str) -> None:
    with launched(size, work, what, patience_s=patience_s) as place:
        say(*meet(place))
        if what == "go on":
            go_on(place)
        if what == "stay away":
            time.sleep(1000)
        leave()
    say("done")


if __name__ == "__main__":
    size, patience_s, what = sys.argv[1:]
    try:
        main(int(size), int(patience_s), what)
    except InputError as error:
        say(f"raised: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
