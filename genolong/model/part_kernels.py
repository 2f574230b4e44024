"""Kernels in Triton that put together what attention gave branch by branch: outputs and gradients, written once.

A table tells, for every branch and head, 22 numbers: where the branch's first segment begins, where its whole ones end,
and where its last one does; a segment, the head's offset, and the dilation; of the part made of whole segments and of
the last, shorter one, how far its first row is from the tensor given, and how far it is to the next batch, segment and
row; and of the parts' log-sum-exps the same.
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def join(
    parts, part_sums, out, lse, table, branches, length,
    out_batch, out_row, out_head, lse_batch, lse_row, lse_head,
    WIDTH: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, ALIGNED: tl.constexpr,
):  # fmt: skip
    """Writes outputs, weighted by their parts' softmax denominators, and log-sum-exps: program (rows, head, batch)."""
    head, batch = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    at = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    there = at < length
    top = tl.full([ROWS], float("-inf"), tl.float32)
    sums = tl.zeros([ROWS], tl.float32)
    total = tl.zeros([ROWS, WIDE], tl.float32)
    for number in range(branches):
        entry = table + (number * tl.num_programs(1) + head) * 22
        takes, last, segment, row = _held(entry, at)
        takes = takes & there
        part_lse = tl.load(
            part_sums + _place(entry + 14, batch, last, segment, row, 1), mask=takes, other=float("-inf")
        )
        higher = tl.maximum(top, part_lse)
        level = tl.where(higher == float("-inf"), 0.0, higher)  # of rows that no branch has held so far
        before, share = tl.exp(top - level), tl.exp(part_lse - level)
        part = _rows(parts, _place(entry + 6, batch, last, segment, row, ALIGNED), takes, WIDTH, WIDE)
        total = total * before[:, None] + share[:, None] * part
        sums = sums * before + share
        top = higher
    sums = tl.where(top == float("-inf"), 1.0, sums)  # of rows that no branch holds: zeros, and -inf
    _write(out + batch * out_batch + head * out_head, at, out_row, there, total / sums[:, None], WIDTH, WIDE)
    tl.store(lse + batch * lse_batch + head * lse_head + at.to(tl.int64) * lse_row, top + tl.log(sums), mask=there)


@triton.jit
@no_type_check
def add_up(
    parts, out, table, branches, length,
    out_batch, out_row, out_kind, out_head,
    KINDS: tl.constexpr, WIDTH: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, ALIGNED: tl.constexpr,
):  # fmt: skip
    """Writes sums over branches of KINDS tensors, each by its table: program (rows, head, batch * KINDS + kind)."""
    head, heads = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    batch, kind = (tl.program_id(2) // KINDS).to(tl.int64), (tl.program_id(2) % KINDS).to(tl.int64)
    at = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    there = at < length
    total = tl.zeros([ROWS, WIDE], tl.float32)
    for number in range(branches):
        entry = table + ((kind * branches + number) * heads + head) * 22
        takes, last, segment, row = _held(entry, at)
        total += _rows(parts, _place(entry + 6, batch, last, segment, row, ALIGNED), takes & there, WIDTH, WIDE)
    _write(out + batch * out_batch + kind * out_kind + head * out_head, at, out_row, there, total, WIDTH, WIDE)


@triton.jit
@no_type_check
def _held(entry, at):
    """Which rows a branch holds for a head, which of them in the last, shorter segment; segments, and rows of them."""
    begin, whole_end, end = _load32(entry), _load32(entry + 1), _load32(entry + 2)
    segment, offset, dilation = _load32(entry + 3), _load32(entry + 4), _load32(entry + 5)
    number = (at - begin) // segment
    within = at - begin - number * segment - offset
    row = within // dilation
    takes = (at >= begin) & (at < end) & (within >= 0) & (row * dilation == within)
    return takes, at >= whole_end, number, row


@triton.jit
@no_type_check
def _load32(entry):
    return tl.load(entry).to(tl.int32)


@triton.jit
@no_type_check
def _place(steps, batch, last, segment, row, ALIGNED: tl.constexpr):
    """Where rows of a part are, at multiples of ALIGNED; `steps` of whole segments, 4 further on of the last one."""
    whole = tl.load(steps) + batch * tl.load(steps + 1)
    ragged = tl.load(steps + 4) + batch * tl.load(steps + 5)
    at_whole = whole + segment.to(tl.int64) * tl.load(steps + 2) + row.to(tl.int64) * tl.load(steps + 3)
    place = tl.where(last, ragged + row.to(tl.int64) * tl.load(steps + 7), at_whole)
    return tl.multiple_of(place, ALIGNED)  # said here, for the compiler to know it


@triton.jit
@no_type_check
def _rows(parts, place, takes, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    """Rows in float32, and zeros for those that are not held."""
    channels = tl.arange(0, WIDE)
    mask = takes[:, None] & (channels < WIDTH)[None, :]
    return tl.load(parts + (place[:, None] + channels[None, :]), mask=mask, other=0.0).to(tl.float32)


@triton.jit
@no_type_check
def _write(rows, at, step, there, numbers, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    channels = tl.arange(0, WIDE)
    mask = there[:, None] & (channels < WIDTH)[None, :]
    place = rows + at.to(tl.int64)[:, None] * step + channels[None, :]
    tl.store(place, numbers.to(rows.dtype.element_ty), mask=mask)
