"""Triton kernels that combine the branches' attention results: outputs and gradients, each written once.

A program handles ROWS consecutive positions of a head. A branch has results for some of them: `places` lists the
candidates as (branch, segment, row), where segments and rows count from the first that reaches these positions. The
program reads one row per existing place. A matrix product moves each row to its position: the matrix holds, for each
position and place, the row's weight if the place belongs to the position, and 0 otherwise. So positions need not check
branch by branch whether they are covered; with dilation r only every r-th is.

`specs` holds for every branch and head: the start of the first segment, the end of the full-length segments, the end of
the last segment, the segment length, the head's offset, and the dilation. `steps` locates the parts: for the part made
of full-length segments, the distance of its first row from the given tensor, and the steps to the next batch, segment
and row; then the same for the part made of the last, shorter segment. Steps of sums are in numbers, those of rows in
vectors of ALIGNED numbers.
"""

from typing import no_type_check

import triton
import triton.language as tl

from genolong.model.attention.triton_kernels import LOG2E, write_rows


@triton.jit
@no_type_check
def join(
    parts, part_sums, out, lse, places, specs, steps, length,
    out_batch, out_row, out_head, lse_batch, lse_row, lse_head,
    BRANCHES: tl.constexpr, PLACES: tl.constexpr, READ: tl.constexpr, WIDTH: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, ALIGNED: tl.constexpr, WIDEN: tl.constexpr, DENSE: tl.constexpr,
):  # fmt: skip
    """Write outputs, weighted by their parts' softmax denominators, and log-sum-exps: program (rows, head, batch).

    In `steps`, those of the sums follow those of the parts.
    """
    head, heads, batch = tl.program_id(1).to(tl.int64), tl.num_programs(1), tl.program_id(2).to(tl.int64)
    start, steps_of_sums = tl.program_id(0) * ROWS, steps + BRANCHES * heads * 8
    top = tl.full([ROWS], float("-inf"), tl.float32)
    sums = tl.zeros([ROWS], tl.float32)
    total = tl.zeros([ROWS, WIDE], tl.float32)
    if DENSE:
        at, takes, way = _side_by_side(specs, start, length, head, ROWS)
        top = tl.load(part_sums + _place(steps_of_sums, batch, way), mask=takes, other=float("-inf")) * LOG2E
        sums = tl.where(takes, 1.0, 0.0)
        total = _rows(parts, _place(steps, batch, way) * ALIGNED, takes, WIDTH, WIDE).to(tl.float32)
    for read in tl.static_range(0, PLACES, READ):
        at, takes, way = _find(places + read, PLACES, specs, start, length, head, heads, READ)
        level_here = tl.load(part_sums + _place(steps_of_sums, batch, way), mask=takes, other=float("-inf")) * LOG2E
        part = _rows(parts, _place(steps, batch, way) * ALIGNED, takes, WIDTH, WIDE)
        scores = tl.where(_meet(at, takes, ROWS), level_here[:, None], float("-inf"))
        higher = tl.maximum(top, tl.max(scores, 0))
        level = tl.where(higher == float("-inf"), 0.0, higher)  # for rows that no branch has covered so far
        shares, shrink = tl.exp2(scores - level[None, :]), tl.exp2(top - level)
        total = _add(total * shrink[:, None], shares, part, WIDEN)
        if part.dtype != tl.float32:  # the rounding error of the weights
            total = _add(total, shares - shares.to(part.dtype).to(tl.float32), part, WIDEN)
        sums = sums * shrink + tl.sum(shares, 0)
        top = higher
    sums = tl.where(top == float("-inf"), 1.0, sums)  # rows that no branch covers get zeros and -inf
    at = start + tl.arange(0, ROWS)
    there, total = at < length, total * (1.0 / sums)[:, None]
    write_rows(out + batch * out_batch + head * out_head, at, out_row, there, total, WIDTH, WIDE)
    place = lse + batch * lse_batch + head * lse_head + at.to(tl.int64) * lse_row
    tl.store(place, (top + tl.log2(sums)) / LOG2E, mask=there)


@triton.jit
@no_type_check
def add_up(
    parts, out, places, specs, steps, length,
    out_batch, out_row, out_kind, out_head,
    BRANCHES: tl.constexpr, PLACES: tl.constexpr, READ: tl.constexpr, WIDTH: tl.constexpr, WIDE: tl.constexpr,
    ROWS: tl.constexpr, ALIGNED: tl.constexpr, WIDEN: tl.constexpr, DENSE: tl.constexpr, KINDS: tl.constexpr,
):  # fmt: skip
    """Write the sums over branches of KINDS tensors, each with its own steps: program (rows, head, batch)."""
    head, heads, batch = tl.program_id(1).to(tl.int64), tl.num_programs(1), tl.program_id(2).to(tl.int64)
    start = tl.program_id(0) * ROWS
    rows = start + tl.arange(0, ROWS)
    out += batch * out_batch + head * out_head
    if PLACES == READ:  # the same for all kinds
        at, takes, way = _find(places, PLACES, specs, start, length, head, heads, READ)
    for kind in tl.static_range(KINDS):
        total = tl.zeros([ROWS, WIDE], tl.float32)
        if DENSE:
            _, near, near_way = _side_by_side(specs, start, length, head, ROWS)
            total = _rows(parts, _place(steps, batch, near_way) * ALIGNED, near, WIDTH, WIDE).to(tl.float32)
        for read in tl.static_range(0, PLACES, READ):
            if PLACES > READ:
                at, takes, way = _find(places + read, PLACES, specs, start, length, head, heads, READ)
            part = _rows(parts, _place(steps, batch, way) * ALIGNED, takes, WIDTH, WIDE)
            total = _add(total, tl.where(_meet(at, takes, ROWS), 1.0, 0.0), part, WIDEN)
        write_rows(out + kind * out_kind, rows, out_row, rows < length, total, WIDTH, WIDE)
        steps += BRANCHES * heads * 8


@triton.jit
@no_type_check
def _find(places, all_places, specs, start, length, head, heads, READ: tl.constexpr):
    """For some places: their positions, counted from `start`, whether they exist, and the way to their rows.

    The way is: entries of `steps`, whether the row is in the last, shorter segment, the segment, and the row in it.
    """
    index = tl.arange(0, READ)
    branch, later = tl.load(places + index), tl.load(places + all_places + index)
    row = tl.load(places + 2 * all_places + index)
    entry = branch * heads + head.to(tl.int32)
    spec = specs + entry * 6
    begin, whole_end, end = tl.load(spec), tl.load(spec + 1), tl.load(spec + 2)
    segment, offset, dilation = tl.load(spec + 3), tl.load(spec + 4), tl.load(spec + 5)
    number = tl.maximum(start - begin, 0) // segment + later
    origin = begin + number * segment
    row += tl.maximum(0, start - origin - offset + dilation - 1) // dilation
    at = origin + offset + row * dilation
    takes = (row >= 0) & (at < tl.minimum(tl.minimum(origin + segment, end), length))
    return at - start, takes, (entry, at >= whole_end, number, row)


@triton.jit
@no_type_check
def _side_by_side(specs, start, length, head, ROWS: tl.constexpr):
    """Like _find, for all positions in the first branch, which holds them consecutively in one segment."""
    entry = head.to(tl.int32)
    spec = specs + entry * 6
    begin, whole_end, end, segment = tl.load(spec), tl.load(spec + 1), tl.load(spec + 2), tl.load(spec + 3)
    number = tl.maximum(start - begin, 0) // segment
    at = start + tl.arange(0, ROWS)
    takes = (at >= begin) & (at < tl.minimum(end, length))
    return at - start, takes, (entry, start >= whole_end, number, at - begin - number * segment)


@triton.jit
@no_type_check
def _place(steps, batch, way):
    """The places of rows. Offsets from a part's first row use 32 bits, because they are computed many times."""
    entry, ragged, segment, row = way
    step = steps + entry * 8 + tl.where(ragged, 4, 0)
    of_batch, of_segment, of_row = _load32(step + 1), _load32(step + 2), _load32(step + 3)
    return tl.load(step) + (batch.to(tl.int32) * of_batch + segment * of_segment + row * of_row)


@triton.jit
@no_type_check
def _load32(entry):
    return tl.load(entry).to(tl.int32)


@triton.jit
@no_type_check
def _meet(at, takes, ROWS: tl.constexpr):
    """(places, positions): whether a place belongs to a position."""
    return (at[:, None] == tl.arange(0, ROWS)[None, :]) & takes[:, None]


@triton.jit
@no_type_check
def _rows(parts, place, takes, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    """Load rows, with zeros for those that do not exist."""
    channels = tl.arange(0, WIDE)
    mask = takes[:, None] & (channels < WIDTH)[None, :]
    return tl.load(parts + (place[:, None] + channels[None, :]), mask=mask, other=0.0)


@triton.jit
@no_type_check
def _add(total, weights, part, WIDEN: tl.constexpr):
    """Add the product of weights, (places, positions), and the places' rows; float32 is exact almost to the last bit.

    WIDEN converts to float32 first, because Triton's interpreter cannot multiply bfloat16.
    """
    weights = tl.trans(weights.to(part.dtype))
    if WIDEN:
        weights, part = weights.to(tl.float32), part.to(tl.float32)
    return tl.dot(weights, part, total, input_precision="tf32x3")
