"""A process that reads windows and dies is told as one that was lost; what one meets that lives is told as it is."""

import os
import signal
import time
from traceback import clear_frames

import pytest
from torch.utils.data import Dataset

from genolong.errors import InputError, LostProcessError
from genolong.loading.lost_workers import naming_broken_ways, naming_lost_workers
from genolong.loading.step_loader import StepLoader


class Failing(Dataset[int]):
    """Examples at whose third something happens in the process that reads them."""

    def __init__(self, what: object) -> None:
        self.what = what

    def __len__(self) -> int:
        return 5

    def __getitem__(self, at: int) -> int:
        if at != 2:
            return at
        if isinstance(self.what, Exception):
            raise self.what
        os.kill(os.getpid(), signal.SIGKILL)
        return time.sleep(60) or 0


def read(what: object, workers: int) -> None:
    try:
        for _ in StepLoader(Failing(what), workers=workers, batch_size=None):
            pass
    except Exception as error:
        clear_frames(error.__traceback__)  # else the loader lives on in it, and takes five seconds to be collected
        raise


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_one_is_lost(workers: int):
    with (
        pytest.raises(
            LostProcessError,
            match=r"^data.workers: a process that reads windows .*; run the same command again to continue",
        ) as told,
        naming_lost_workers(),
    ):
        read(None, workers)
    assert told.value.exit_code == 75 and "\n" not in str(told.value)


@pytest.mark.parametrize(("error", "kind"), [
    (InputError("x.fa: no"), InputError), (RuntimeError("x"), RuntimeError),
    (ConnectionResetError(104, "reset"), ConnectionResetError),
    (FileNotFoundError(2, "none", "x.fa"), FileNotFoundError),
])  # fmt: skip
def test_what_one_meets_that_lives_is_told_as_it_is(error: Exception, kind: type):
    with pytest.raises(kind), naming_lost_workers():
        read(error, 1)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that"),
         "data.workers: a process that reads windows is killed by signal: Bus error. It is possible that ("),
        (RuntimeError("DataLoader worker (pid(s) 7, 9) exited unexpectedly"),
         "data.workers: a process that reads windows exited unexpectedly ("),
    ],
)  # fmt: skip
def test_what_pytorch_says_is_told(said: Exception, told: str):
    with pytest.raises(LostProcessError) as caught, naming_lost_workers():
        raise said
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("broken", [ConnectionResetError(104, "Connection reset by peer"), EOFError()])
def test_a_way_that_broke_is_one_whose_process_is_gone(broken: Exception):
    words = r"^data.workers: a process that reads windows is gone"
    with pytest.raises(LostProcessError, match=words), naming_broken_ways():
        raise broken
    with pytest.raises(FileExistsError), naming_broken_ways():
        raise FileExistsError
