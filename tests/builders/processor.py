"""A processor with other vectors than this machine's: C++ is compiled for it."""

import pytest

from genolong.model.attention import native_attention
from genolong.model.compilers import cpp


def with_vectors_of(lanes: int, patch: pytest.MonkeyPatch) -> None:
    """C++ is compiled for vectors of so many numbers from now on; skips the test if this processor's are shorter.

    Vectors of 4 are ARM's. Other processors have such, too, and the code names no instruction.
    """
    if lanes > cpp.lanes():
        pytest.skip("this processor has shorter vectors")
    if lanes == 4 and cpp.lanes() != 4:
        patch.setitem(cpp.LEVELS, 4, "-march=x86-64")
    for module in (cpp, native_attention):
        patch.setattr(module, "lanes", lambda: lanes)
    cpp.compiled.cache_clear()
