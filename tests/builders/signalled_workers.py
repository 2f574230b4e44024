"""A program whose window-reading processes are met by a signal before they obey the mother alone."""

import multiprocessing
import os
import signal
import sys
from functools import partial

from torch.utils.data import Dataset

from genolong.loading.step_loader import StepLoader
from genolong.loading.worker_signals import obey_the_mother_alone
from genolong.parallel.stop_request import StopRequest
from genolong.parallel.stopped import EXIT_CODES


class Numbers(Dataset[int]):
    """Examples that are their own index."""

    def __len__(self) -> int:
        return 7

    def __getitem__(self, at: int) -> int:
        return at


def signal_all_and_obey(number: int, worker: int) -> None:
    """As a scheduler's signal that comes while the first of them has just been started."""
    if worker == 0:
        os.killpg(0, number)
    obey_the_mother_alone(worker)


def main(start_method: str) -> None:
    """Prints, for each signal, which one the mother noted and what she read."""
    multiprocessing.set_start_method(start_method)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which is ignored in the background of a shell
    for number in EXIT_CODES:
        loader, request = StepLoader(Numbers(), workers=2, batch_size=None), StopRequest()
        loader.worker_init_fn = partial(signal_all_and_obey, number)
        with request.listening():
            read = list(loader)
        sys.stdout.write(f"{request.agreed() == number} {read}\n")


if __name__ == "__main__":
    main(sys.argv[1])
