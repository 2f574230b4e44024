"""Attention in C++ is that of one softmax over the multiset of keys, and nobody needs a compiler."""

import ctypes
import mmap
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from unittest.mock import Mock

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from genolong.errors import OutputError
from genolong.model.attention import native_attention as native
from genolong.model.compilers import cpp
from genolong.model.dilated_attention import dilated_attention
from tests.builders.processor import with_vectors_of
from tests.model.test_dilated_attention import largest_difference, with_gradients
from tests.oracles import dilated_attention as oracle

attend = partial(dilated_attention, kernels="cpp")
needs_it = pytest.mark.skipif(bool(native.why_not(1)), reason=native.why_not(1))


@pytest.fixture
def anew(monkeypatch, tmp_path):
    """Nothing is compiled yet, and a new cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cpp.compiled.cache_clear()
    yield tmp_path / "genolong"
    cpp.compiled.cache_clear()


any_vectors = pytest.mark.usefixtures("vectors")
some = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def problems(draw, longest: int, widest: int, most_heads: int):
    """Tensors (2, length, heads, width) and a geometry, ragged more often than not."""
    length, heads, width = (draw(st.integers(1, most)) for most in (longest, most_heads, widest))
    branches = draw(st.lists(st.tuples(st.integers(1, length + 9), st.integers(1, 7)), min_size=1, max_size=3))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    rows = [torch.randn(2, length, heads, width, requires_grad=True) for _ in range(4)]
    return rows, [segment for segment, _ in branches], [dilation for _, dilation in branches]


def close(found, exact, tolerance: float) -> None:
    for got, right in zip(found, exact, strict=True):
        assert largest_difference([got], [right]) <= tolerance * float(right.detach().abs().max().clamp_min(1))


def output(function: Callable[..., torch.Tensor], rows, *geometry) -> torch.Tensor:
    return function(*rows, *geometry)


def doubled(rows):
    return [tensor.detach().double().requires_grad_() for tensor in rows]


def rows_may_lie_anywhere_and_are_left_alone(attend: Callable[..., torch.Tensor], length: int, heads: int, rows):
    packed = torch.randn(2, length, 3, heads, 4, requires_grad=True)
    before, grad = packed.detach().clone(), torch.randn(()).expand(2, length, heads, 4)
    out = output(attend, packed.unbind(2), [7, length], [1, 3])
    out.backward(grad)
    queries, keys, values = doubled(before.unbind(2))
    wanted = with_gradients(dilated_attention, [queries, keys, values, grad], [7, length], [1, 3])
    assert torch.equal(packed, before) and packed.grad is not None
    close([out, *packed.grad.unbind(2)], wanted, 1e-5)
    across = [tensor.detach().float().mT.contiguous().mT for tensor in rows[:3]]  # channels do not adjoin
    geometry = [rows[0].shape[1]], [1]
    close([output(attend, across, *geometry)], [output(dilated_attention, across, *geometry)], 1e-5)


def a_position_no_branch_covers_gets_zeros_and_no_gradient(attend: Callable[..., torch.Tensor], rows):
    rows = [tensor[:, :, :1].detach().float().requires_grad_() for tensor in rows]
    for tensor in with_gradients(attend, rows, [rows[0].shape[1]], [2]):
        assert not tensor[:, 1::2].any()
        assert tensor[:, ::2].any()


def a_number_that_is_none_is_not_hidden(attend: Callable[..., torch.Tensor], rows, of: str):
    rows = [tensor.detach().float() for tensor in rows]
    rows[("queries", "keys", "values").index(of)][0, 5, 1, 2] = float("nan")
    rows, geometry = [tensor.requires_grad_() for tensor in rows], ([rows[0].shape[1]], [1])
    found, wanted = (with_gradients(each, rows, *geometry) for each in (attend, oracle.dilated_attention))
    for got, right in zip(found, wanted, strict=True):
        assert torch.equal(got.isnan(), right.isnan()) and not got[0, :, 0].isnan().any()
    assert found[0][0, 5, 1].isnan().any()


@needs_it
@any_vectors
@given(problems(longest=41, widest=5, most_heads=7))
@some
def test_it_is_one_softmax_over_the_multiset_of_keys(problem):
    rows, *geometry = problem
    wanted = with_gradients(oracle.dilated_attention, doubled(rows), *geometry)
    close(with_gradients(attend, rows, *geometry), wanted, 1e-5)


@needs_it
@pytest.mark.parametrize("vectors", [16, 8, pytest.param(4, marks=pytest.mark.nightly)], indirect=True)
@pytest.mark.usefixtures("vectors")
@given(problems(longest=307, widest=native.WIDEST, most_heads=3))
@some
def test_tiles_and_blocks_of_any_size_agree_with_pytorchs_kernels_in_float64(problem):
    rows, *geometry = problem
    wanted = with_gradients(dilated_attention, doubled(rows), *geometry)
    close(with_gradients(attend, rows, *geometry), wanted, 1e-5)


@pytest.fixture(
    params=[("squares", 16), ("pairs", 16), ("widened", 16), ("widened", 8), ("widened", 4)],
    ids=["squares", "pairs", "widened", "AVX2", "ARM"],
)
def of_16_bits(request, monkeypatch):
    """With products of squares or pairs of bfloat16, where the processor has them, or of such numbers made float32."""
    way, lanes = request.param
    if (way == "squares" and not cpp.multiplies_squares()) or (way == "pairs" and not cpp.multiplies_bfloat16()):
        pytest.skip(f"this processor does not multiply {way} of bfloat16")
    monkeypatch.setattr(native, "multiplies_squares", lambda: way == "squares")
    monkeypatch.setattr(native, "multiplies_bfloat16", lambda: way != "widened")
    with_vectors_of(lanes, monkeypatch)
    yield
    cpp.compiled.cache_clear()


@needs_it
@pytest.mark.parametrize(
    ("width", "length", "geometry"),
    [
        *((width, 331, ([37, 128, 331], [1, 2, 5])) for width in (5, 16, 24, 32, 48, 64)),
        (19, 2111, ([31, 2111], [1, 1])),  # more keys than are taken at a time, and queries in two parts
    ],
)
def test_16_bit_rows_stay_within_their_rounding(width, length, geometry, of_16_bits):
    torch.manual_seed(7)
    rows = [torch.randn(1, length, 3, width).bfloat16().requires_grad_() for _ in range(4)]
    found = with_gradients(attend, rows, *geometry)
    assert all(tensor.dtype == torch.bfloat16 for tensor in found)
    close(found, with_gradients(dilated_attention, doubled(rows), *geometry), 3e-2)


@needs_it
@given(problem=problems(longest=41, widest=native.WIDEST, most_heads=3))
@some
def test_16_bit_rows_of_any_number_and_width_do(problem, of_16_bits):
    rows, *geometry = problem
    rows = [tensor.detach().bfloat16().requires_grad_() for tensor in rows]
    found = with_gradients(attend, rows, *geometry)
    close(found, with_gradients(dilated_attention, doubled(rows), *geometry), 3e-2)


def guarded(numbers: int) -> torch.Tensor:
    """Numbers that are none, float32, the last of them right before memory that nobody may touch."""
    size = -(-4 * numbers // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, size + mmap.PAGESIZE)
    beyond = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + size
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(beyond), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    return torch.frombuffer(memory, dtype=torch.float32, count=numbers, offset=size - 4 * numbers).fill_(torch.nan)


def work_space_is_neither_left_nor_read_before_it_is_written(rows, segments, monkeypatch: pytest.MonkeyPatch):
    geometry = segments, [1] * len(segments)
    wanted, empty, asked = with_gradients(attend, rows, *geometry), torch.empty, []

    def of_work(*size, **how):
        if how != {"dtype": torch.float32, "device": "cpu"}:
            return empty(*size, **how)
        asked.append(size)
        return guarded(*size)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "empty", of_work)
        found = with_gradients(attend, rows, *geometry)
    assert asked and all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


in_work_space = pytest.mark.parametrize(
    ("length", "width", "segments"),
    [(5, 7, [5]), (97, 32, [31, 97]), (331, 16, [331]), (289, 64, [97, 289]), (2111, 19, [2111])],
)


@needs_it
@any_vectors
@in_work_space
def test_work_space_is_neither_left_nor_read_before_it_is_written(length, width, segments, monkeypatch):
    work_space_is_neither_left_nor_read_before_it_is_written(rows_of(length, width), segments, monkeypatch)


@needs_it
@in_work_space
def test_nor_is_that_of_16_bits(length, width, segments, of_16_bits, monkeypatch):
    rows = [tensor.detach().bfloat16().requires_grad_() for tensor in rows_of(length, width)]
    work_space_is_neither_left_nor_read_before_it_is_written(rows, segments, monkeypatch)


def rows_of(length: int, width: int = 11, factor: float = 1.0):
    torch.manual_seed(3)
    return [(factor * torch.randn(1, length, 3, width)).requires_grad_() for _ in range(4)]


@pytest.fixture
def with_threads():
    """What PyTorch and C++ find on so many threads."""

    def run(threads: int, *problem):
        torch.set_num_threads(threads)
        return with_gradients(attend, *problem)

    yield run
    torch.set_num_threads(1)


@needs_it
@any_vectors
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("length", "dilation"), [(701, 2), (4507, 1)])  # or queries in three parts
def test_the_number_of_threads_changes_no_bit(length, dilation, dtype, with_threads):
    rows = [tensor.detach().to(dtype).requires_grad_() for tensor in rows_of(length)]
    found = [with_threads(threads, rows, [length], [dilation]) for threads in (1, 2, 5)]
    for other in found[1:]:
        for got, wanted in zip(other, found[0], strict=True):
            assert torch.equal(got, wanted)


@needs_it
@any_vectors
@pytest.mark.parametrize("segments", [[4507], [331, 4507]])
def test_the_parts_of_a_long_segment_add_up(segments, with_threads):
    rows, geometry = rows_of(4507, width=3), (segments, [1] * len(segments))
    close(with_threads(3, rows, *geometry), with_gradients(dilated_attention, doubled(rows), *geometry), 1e-5)


@needs_it
@any_vectors
def test_large_scores_neither_overflow_nor_lose_the_weights():
    rows, geometry = rows_of(139, factor=20.0), ([17, 139], [1, 2])
    close(with_gradients(attend, rows, *geometry), with_gradients(dilated_attention, doubled(rows), *geometry), 1e-3)


@needs_it
@any_vectors
def test_roundings_do_not_grow_with_the_number_of_keys():
    """Sums took up one key after the other: of 4,099 keys they were off by 4.7e-6 and 3.6e-5."""
    torch.manual_seed(3)
    rows = [(torch.randn(1, 4099, 1, 7) + mean).requires_grad_() for mean in (0, 0, 1, 1)]
    found, wanted = (with_gradients(*of, [4099], [1]) for of in ((attend, rows), (dilated_attention, doubled(rows))))
    for got, right, tolerance in zip(found, wanted, (1e-6, 1e-5, 2e-6, 2e-6), strict=True):
        assert largest_difference([got], [right]) <= tolerance * float(right.detach().abs().max())


@needs_it
@any_vectors
@pytest.mark.parametrize("power", [17, 34, 59])
def test_scores_as_large_as_numbers_go_give_numbers(power):
    """Beyond 3.9e9 they gave none: a product less its own rounding was too much for an exponential."""
    rows, geometry = rows_of(139), ([17, 139], [1, 2])
    rows = [*((tensor.detach() * 2**power).requires_grad_() for tensor in rows[:2]), *rows[2:]]
    found, *grads = with_gradients(attend, rows, *geometry)
    close([found], [output(oracle.dilated_attention, doubled(rows[:3]), *geometry)], 1e-5)
    assert all(grad.isfinite().all() for grad in grads)


@needs_it
@any_vectors
@pytest.mark.parametrize("some", [slice(256), slice(289, 601)], ids=["the first", "the last"])
@pytest.mark.parametrize("geometry", [([601], [1]), ([127, 601], [1, 1])])
def test_keys_whose_scores_float32_cannot_hold_weigh_nothing(some, geometry):
    """A tile, or a branch, all of whose scores were -inf gave numbers that are none."""
    queries, keys, values, grad = (tensor.detach()[:, :, :1] for tensor in rows_of(601))
    queries, keys = (1 + queries.abs()) * 2.0**66, keys * 2.0**-66
    keys[:, some] = -(2.0**70)
    rows = [*(tensor.requires_grad_() for tensor in (queries, keys, values)), grad]
    found, wanted = (
        with_gradients(*of, *geometry) for of in ((attend, rows), (oracle.dilated_attention, doubled(rows)))
    )
    for got, right in zip(found, wanted, strict=True):
        assert largest_difference([got], [right]) <= 1e-5 * float(right.detach().abs().max())


@needs_it
@any_vectors
@pytest.mark.parametrize("geometry", [([307], [1]), ([31, 307], [1, 1])])
def test_a_row_without_a_key_that_weighs_anything_gets_zeros(geometry):
    queries, keys, values, grad = (tensor.detach() for tensor in rows_of(307))
    rows = [
        queries.abs().requires_grad_(),
        *(x.requires_grad_() for x in (torch.full_like(keys, -torch.inf), values)),
        grad,
    ]
    found, wanted = (with_gradients(each, rows, *geometry) for each in (attend, dilated_attention))
    for got, right in zip(found, wanted, strict=True):
        assert torch.equal(got.isnan(), right.isnan()) and not got.nan_to_num().any() and not right.nan_to_num().any()


@needs_it
@any_vectors
def test_no_key_weighs_more_than_all_of_a_row_however_its_scores_are_rounded():
    queries, keys, values, grad = (tensor.detach() for tensor in rows_of(307, factor=1e4))
    rows = [*(tensor.requires_grad_() for tensor in (queries, keys, values)), grad]
    *_, of_values = with_gradients(attend, rows, [307], [1])
    assert (of_values.abs() <= 1.00001 * grad.abs().sum(dim=1, keepdim=True)).all()


@needs_it
@any_vectors
@pytest.mark.parametrize("of", ["queries", "keys", "values"])
def test_a_number_that_is_none_is_not_hidden(of):
    a_number_that_is_none_is_not_hidden(attend, rows_of(67), of)


@needs_it
@pytest.mark.parametrize("of", ["queries", "keys", "values"])
def test_nor_is_one_of_16_bits(of, of_16_bits):
    rows = [tensor.detach().float() for tensor in rows_of(67)]
    rows[("queries", "keys", "values").index(of)][0, 5, 1, 2] = float("nan")
    out = output(attend, [tensor.bfloat16() for tensor in rows[:3]], [67], [1])
    assert out[0, 5, 1].isnan().any() and not out[0, :, 0].isnan().any()


@needs_it
@any_vectors
def test_rows_may_lie_anywhere_and_are_left_alone():
    rows_may_lie_anywhere_and_are_left_alone(attend, 83, 5, rows_of(29))


@needs_it
@any_vectors
def test_a_position_no_branch_covers_gets_zeros_and_no_gradient():
    a_position_no_branch_covers_gets_zeros_and_no_gradient(attend, rows_of(11))


@pytest.mark.parametrize(("dtype", "width"), [(torch.float64, 3), (torch.float32, native.WIDEST + 1)])
def test_what_it_is_not_made_for_pytorchs_kernels_do(dtype, width):
    rows = [tensor.detach().to(dtype) for tensor in rows_of(23, width)[:3]]
    assert native.native_attention(rows) is None
    assert torch.equal(output(attend, rows, [23], [1]), output(dilated_attention, rows, [23], [1]))


@pytest.mark.parametrize(
    ("compiler", "reason"),
    [
        ("no-such-compiler", "could not be compiled and loaded .*no-such-compiler"),
        ("false", "false could not compile it .no message."),
        ("true", "could not be compiled and loaded .*attention-"),
    ],
)
@needs_it
def test_without_a_compiler_that_works_pytorchs_kernels_do_the_work(compiler, reason, monkeypatch, anew):
    monkeypatch.setenv("CXX", compiler)
    cpp.compiled.cache_clear()
    rows = [tensor.detach() for tensor in rows_of(23)[:3]]
    assert torch.equal(output(attend, rows, [23], [1]), output(dilated_attention, rows, [23], [1]))
    assert re.search(reason, native.why_not(11))


def test_without_any_compiler_or_another_processor_that_is_said(monkeypatch, anew):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(cpp.shutil, "which", lambda _name: None)
    assert native.why_not(11) == "no C++ compiler was found"
    cpp.compiled.cache_clear()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    monkeypatch.setattr(cpp.platform, "machine", lambda: "x86_64")
    assert native.why_not(11) == "it needs a processor with AVX2, or ARM under Linux"
    assert native.why_not(native.WIDEST + 1) == "heads of 65 channels are wider than 64"


@pytest.mark.parametrize(
    ("system", "machine", "capability", "lanes"),
    [
        ("Linux", "x86_64", "AVX512", 16),
        ("Linux", "x86_64", "AVX512_VNNI", 16),
        ("Linux", "x86_64", "AVX2", 8),
        ("Linux", "x86_64", "DEFAULT", 0),
        ("Linux", "x86_64", "NO AVX", 0),
        ("Linux", "aarch64", "DEFAULT", 4),
        ("Linux", "aarch64", "SVE256", 4),
        ("Darwin", "arm64", "DEFAULT", 0),
        ("Windows", "AMD64", "AVX2", 8),
        ("Linux", "ppc64le", "DEFAULT", 0),
    ],
)
def test_vectors_are_as_long_as_the_processors_registers(system, machine, capability, lanes, monkeypatch):
    monkeypatch.setattr(cpp.platform, "system", lambda: system)
    monkeypatch.setattr(cpp.platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert cpp.lanes() == lanes


@needs_it
def test_it_is_compiled_once(monkeypatch, anew, tmp_path):
    runs = []
    run = subprocess.run
    monkeypatch.setattr(cpp.subprocess, "run", lambda *args, **options: runs.append(run(*args, **options)))
    for _ in range(2):
        assert not native.why_not(11)
        cpp.compiled.cache_clear()
    assert len(runs) == 1 and len(list(anew.iterdir())) == 1
    (library,) = anew.iterdir()
    other = tmp_path / "other" / "genolong"  # for this process has the first one open
    other.mkdir(parents=True)
    (other / library.name).write_bytes(b"no library")
    monkeypatch.setenv("XDG_CACHE_HOME", str(other.parent))
    assert not native.why_not(11) and len(runs) == 2  # what cannot be loaded is made anew


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: kept[:100],
        lambda kept: kept[:4096],
        lambda kept: kept[:-1],
        lambda kept: kept[:9000] + bytes([kept[9000] ^ 1]) + kept[9001:],
    ],
    ids=["a header", "a page", "all but a byte", "another bit"],
)
@needs_it
def test_a_library_that_was_damaged_is_made_anew(damage, monkeypatch, anew, tmp_path):
    """The system killed the process that loaded one of which the end was lost."""
    source = tmp_path / "answer.cpp"
    source.write_text('extern "C" { int numbers[3000] = {7}; int answer() { return numbers[0]; } }')
    cpp.compiled(source)
    (kept,) = anew.iterdir()
    other = tmp_path / "other" / "genolong" / kept.name  # for this process has the first one open
    other.parent.mkdir(parents=True)
    damaged = damage(kept.read_bytes())
    other.write_bytes(damaged)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    cpp.compiled.cache_clear()
    library = cpp.compiled(source)
    assert not isinstance(library, str) and library.answer() == 7
    assert other.read_bytes() != damaged


@pytest.mark.parametrize("level", ["x86-64-v4", "haswell", "x86-64-v4 -mavx512bf16"])
@needs_it
@pytest.mark.skipif(cpp.lanes() == 4, reason="compilers for ARM know no other lengths")
def test_a_compiler_that_makes_it_for_another_processor_is_noticed(level, monkeypatch, anew, tmp_path):
    """It gave wrong numbers: rows are as wide as the vectors that the caller counts on."""
    monkeypatch.setenv("CXX", str(tmp_path / "c++"))
    (tmp_path / "c++").write_text(f'#!/bin/sh\nexec {shutil.which("c++") or "g++"} "$@" -march={level}\n')
    (tmp_path / "c++").chmod(0o755)
    same = level == {16: "x86-64-v4", 8: "haswell"}[cpp.lanes()]
    found = native.why_not(11)
    assert not found if same else re.search(r"could not compile it \(.*", found)
    rows = [tensor.detach() for tensor in rows_of(23)[:3]]
    found_out, wanted = (output(each, rows, [23], [1]) for each in (attend, dilated_attention))
    assert torch.allclose(found_out, wanted, atol=1e-5)


@needs_it
def test_messages_of_a_compiler_may_be_in_any_letters_and_no_home_may_be_known(monkeypatch, anew, tmp_path):
    (tmp_path / "c++").write_bytes(b'#!/bin/sh\necho "\xff\xfe warning" >&2\nexec ' + b'"${0%/*}/real" "$@"\n')
    (tmp_path / "c++").chmod(0o755)
    (tmp_path / "real").symlink_to(shutil.which("c++") or shutil.which("g++") or "g++")
    monkeypatch.setenv("CXX", str(tmp_path / "c++"))
    assert not native.why_not(11)

    def homeless() -> None:
        raise OutputError("no home folder is known")

    cpp.compiled.cache_clear()
    monkeypatch.setattr(cpp, "CacheFolder", homeless)
    assert "no home folder is known" in native.why_not(11)


@pytest.mark.parametrize("rows", ["none", "elsewhere", "stand-ins"])
@needs_it
def test_rows_without_numbers_are_never_read(rows):
    made = [tensor.detach() for tensor in rows_of(23)[:3]]
    if rows == "none":
        made = [tensor[:0] for tensor in made]
    elif rows == "elsewhere":
        made[1] = made[1].to("meta")
    else:
        made = [FakeTensorMode().from_tensor(tensor) for tensor in made]
    assert native.native_attention(made) is None


@needs_it
@pytest.mark.skipif(
    not cpp.multiplies_bfloat16() or cpp.lanes() < 16, reason="this processor does not multiply bfloat16"
)
def test_where_the_processor_multiplies_bfloat16_it_does(monkeypatch):
    made, asked = native.compiled, []
    monkeypatch.setattr(native, "compiled", lambda *how: asked.append(how) or made(*how))
    fastest = native.SQUARES if cpp.multiplies_squares() else native.PAIRS
    for dtype, way in ((torch.bfloat16, fastest), (torch.float32, native.WIDENED)):
        asked.clear()
        assert native.native_attention([tensor.detach().to(dtype) for tensor in rows_of(23)[:3]]) is not None
        assert len(asked) == 1 and asked[0][-len(way) :] == way


@needs_it
@pytest.mark.parametrize("why", ["the compiler", "the system"])
@pytest.mark.parametrize("way", [native.SQUARES, native.PAIRS])
def test_where_such_products_are_not_to_be_had_numbers_become_float32_before(way, why, monkeypatch):
    rows = [tensor.detach().bfloat16() for tensor in rows_of(23)[:3]]
    with monkeypatch.context() as patch:
        for able in ("multiplies_squares", "multiplies_bfloat16"):
            patch.setattr(native, able, lambda: False)
        wanted = output(attend, rows, [23], [1])
    monkeypatch.setattr(native, "multiplies_squares", lambda: way == native.SQUARES)
    monkeypatch.setattr(native, "multiplies_bfloat16", lambda: True)
    made, refused = native.compiled, []

    def compiled(*how):
        if "-mavx512bf16" not in how:
            return made(*how)
        refused.append(how)
        return "unknown flag" if why == "the compiler" else Mock(ctypes.CDLL, genolong_allowed=lambda: 0)

    monkeypatch.setattr(native, "compiled", compiled)
    assert torch.equal(output(attend, rows, [23], [1]), wanted)
    assert refused or cpp.lanes() < 16


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("name", ["avx512_bf16", "bf16"])  # on x86, and on ARM
def test_what_the_processor_multiplies_is_pytorchs_to_tell(name, able, monkeypatch):
    told = {name: able, "amx_bf16": able}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told)
    assert cpp.multiplies_bfloat16() == cpp.multiplies_squares() == able
    told.clear()
    assert not cpp.multiplies_bfloat16() and not cpp.multiplies_squares(), "of other kinds, nothing is told"
