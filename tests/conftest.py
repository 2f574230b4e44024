"""Every test runs with the shapes and types of signatures checked, on one thread, and without a clock in hypothesis."""

import gc
import os
import signal
from collections.abc import Iterator

from tests.builders.checked_types import check_types
from tests.builders.gpu import hide_gpus

gc.disable()  # until all tests are collected: what libraries import stays, and would be searched again and again
hide_gpus()
os.environ["TRITON_INTERPRET"] = "1"  # Triton's kernels run on a CPU; here, before anything imports triton

check_types()  # here, before anything imports genolong, in each test process

import hypothesis  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(1)  # several test processes share the cores
hypothesis.settings.register_profile("genolong", deadline=None, print_blob=True)
hypothesis.settings.load_profile("genolong")


def pytest_collection_finish() -> None:
    """From here on, garbage is collected; what was imported is not searched for it."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def signals_are_heard() -> Iterator[None]:
    """Also where nohup or a shell's background job makes this process, and all that it starts, ignore them."""
    usual = {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    ignored = [each for each in usual if signal.getsignal(each) == signal.SIG_IGN]
    for each in ignored:
        signal.signal(each, usual[each])
    yield
    for each in ignored:
        signal.signal(each, signal.SIG_IGN)
