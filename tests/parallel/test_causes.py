"""Of several failures people are told the one that caused the others."""

import pytest
import torch.distributed as dist

from genolong.errors import InputError, LostProcessError
from genolong.parallel.causes import Cause, breaks_connection, first_cause

CLOSED = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:26534")


@pytest.mark.parametrize("error", [CLOSED, dist.DistNetworkError("x"), dist.DistBackendError("NCCL")])
def test_what_follows_from_a_broken_connection_is_known(error):
    assert breaks_connection(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes"), InputError("gloo/"), LostProcessError("x"), OSError()])
def test_what_has_another_cause_is_known(error):
    assert not breaks_connection(error)


def test_the_first_failure_that_follows_from_no_other_is_the_cause():
    closed, early, late = Cause(True, 1, CLOSED), Cause(False, 2, InputError("a")), Cause(False, 3, InputError("b"))
    for causes in ([closed, early, late], [late, early, closed], [early, late], [early, closed]):
        assert first_cause(causes) is early
    assert first_cause([closed]) is closed
    assert first_cause([]) is None
