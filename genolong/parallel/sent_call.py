"""A call that is sent to a new process, which imports the libraries for it without searching them for garbage."""

import pickle
from collections.abc import Callable
from functools import partial
from multiprocessing.reduction import ForkingPickler

from genolong.large_imports import uncollected


class SentCall(partial[object]):
    """A call of a function that can be the target of a process; starting that imports nothing that the call needs."""

    def __reduce__(self) -> tuple[type[partial[None]], tuple[Callable[[bytes], None], bytes]]:
        return partial, (_call, bytes(ForkingPickler.dumps(partial(self.func, *self.args, **self.keywords))))


def _call(packed: bytes) -> None:
    with uncollected():
        call = pickle.loads(packed)
    call()
