"""C++ for each length of vectors that this processor has."""

from collections.abc import Iterator

import pytest

from genolong.model.compilers import cpp
from tests.builders.processor import with_vectors_of


@pytest.fixture(params=[16, 8, 4], ids=["AVX-512", "AVX2", "ARM"])
def vectors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is compiled during a test has such vectors."""
    with_vectors_of(request.param, monkeypatch)
    yield
    cpp.compiled.cache_clear()
