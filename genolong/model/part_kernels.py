"""Kernels in Triton that put together what attention gave branch by branch: outputs and gradients, written once.

A table tells, for every branch and head, 22 numbers: where the branch's first segment begins, where its whole ones end,
and where its last one does; a segment, the head's offset, and the dilation; of the part made of whole segments how far
its first row is from the tensor given, and how far it is to the next batch, segment and row; the same of the part made
of the last, shorter segment; and eight more of the parts' log-sum-exps. They count in numbers, but those of parts in
vectors of ALIGNED numbers, with which all rows begin.
"""

from typing import no_type_check

import triton
import triton.language as tl

from genolong.model.triton_kernels import write_rows


@triton.jit
@no_type_check
def join(
    parts, part_sums, out, lse, table, length,
    out_batch, out_row, out_head, lse_batch, lse_row, lse_head,
    BRANCHES: tl.constexpr, WIDTH: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, ALIGNED: tl.constexpr,
):  # fmt: skip
    """Writes outputs, weighted by their parts' softmax denominators, and log-sum-exps: program (rows, head, batch)."""
    head, heads, batch = tl.program_id(1).to(tl.int64), tl.num_programs(1), tl.program_id(2).to(tl.int64)
    at = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    there = at < length
    top = tl.full([ROWS], float("-inf"), tl.float32)
    sums = tl.zeros([ROWS], tl.float32)
    total = tl.zeros([ROWS, WIDE], tl.float32)
    for number in range(BRANCHES):
        takes, place, place_lse = _find(table + (number * heads + head) * 22, at, length, batch, ROWS)
        part_lse = tl.load(part_sums + place_lse, mask=takes, other=float("-inf"))
        part = _rows(parts, place * ALIGNED, takes, WIDTH, WIDE)
        higher = tl.maximum(top, part_lse)
        level = tl.where(higher == float("-inf"), 0.0, higher)  # of rows that no branch has held so far
        before, share = tl.exp(top - level), tl.exp(part_lse - level)
        total = total * before[:, None] + share[:, None] * part
        sums = sums * before + share
        top = higher
    sums = tl.where(top == float("-inf"), 1.0, sums)  # of rows that no branch holds: zeros, and -inf
    write_rows(out + batch * out_batch + head * out_head, at, out_row, there, total / sums[:, None], WIDTH, WIDE)
    place = lse + batch * lse_batch + head * lse_head + at.to(tl.int64) * lse_row
    tl.store(place, top + tl.log(sums), mask=there)


@triton.jit
@no_type_check
def add_up(
    parts, out, table, length,
    out_batch, out_row, out_kind, out_head,
    BRANCHES: tl.constexpr, KINDS: tl.constexpr, WIDTH: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr,
    ALIGNED: tl.constexpr,
):  # fmt: skip
    """Writes sums over branches of KINDS tensors, each by its table: program (rows, head, batch * KINDS + kind)."""
    head, heads = tl.program_id(1).to(tl.int64), tl.num_programs(1)
    batch, kind = (tl.program_id(2) // KINDS).to(tl.int64), (tl.program_id(2) % KINDS).to(tl.int64)
    at = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    there = at < length
    total = tl.zeros([ROWS, WIDE], tl.float32)
    for number in range(BRANCHES):
        entry = table + ((kind * BRANCHES + number) * heads + head) * 22
        takes, place, _ = _find(entry, at, length, batch, ROWS)
        total += _rows(parts, place * ALIGNED, takes, WIDTH, WIDE)
    write_rows(out + batch * out_batch + kind * out_kind + head * out_head, at, out_row, there, total, WIDTH, WIDE)


@triton.jit
@no_type_check
def _find(entry, at, length, batch, ROWS: tl.constexpr):
    """Which of ROWS positions side by side a branch holds for a head, and where its part has them, and their sums."""
    begin, whole_end, end = _load32(entry), _load32(entry + 1), _load32(entry + 2)
    segment, offset, dilation = _load32(entry + 3), _load32(entry + 4), _load32(entry + 5)
    first = tl.min(at, 0)
    last = tl.minimum(first + ROWS, length) - 1
    number = (first - begin) // segment
    if (first >= begin) & (last < end) & ((last - begin) // segment == number):  # of one segment: little to divide
        start = begin + number * segment + offset
        skipped = tl.maximum(0, (first - start + dilation - 1) // dilation)
        beyond = at - (start + skipped * dilation)
        row = tl.floor((beyond.to(tl.float32) + 0.5) * (1.0 / dilation)).to(tl.int32)
        takes = (beyond >= 0) & (row * dilation == beyond) & (at < length)
        steps = entry + 6 + tl.where(first >= whole_end, 4, 0)
        place = _place(steps, batch, number, skipped + row)
        place_lse = _place(steps + 8, batch, number, skipped + row)
    else:
        numbers = (at - begin) // segment
        within = at - begin - numbers * segment - offset
        row = within // dilation
        takes = (at >= begin) & (at < end) & (within >= 0) & (row * dilation == within) & (at < length)
        ragged = at >= whole_end
        place = tl.where(ragged, _place(entry + 10, batch, numbers, row), _place(entry + 6, batch, numbers, row))
        place_lse = tl.where(ragged, _place(entry + 18, batch, numbers, row), _place(entry + 14, batch, numbers, row))
    return takes, place, place_lse


@triton.jit
@no_type_check
def _load32(entry):
    return tl.load(entry).to(tl.int32)


@triton.jit
@no_type_check
def _place(steps, batch, segment, row):
    """Where rows of a part are, of its first row and its steps to the next batch, segment and row."""
    first = tl.load(steps) + batch * tl.load(steps + 1) + segment.to(tl.int64) * tl.load(steps + 2)
    return first + row.to(tl.int64) * tl.load(steps + 3)


@triton.jit
@no_type_check
def _rows(parts, place, takes, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    """Rows in float32, and zeros for those that are not held."""
    channels = tl.arange(0, WIDE)
    mask = takes[:, None] & (channels < WIDTH)[None, :]
    return tl.load(parts + (place[:, None] + channels[None, :]), mask=mask, other=0.0).to(tl.float32)
