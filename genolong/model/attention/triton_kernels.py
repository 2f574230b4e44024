"""Triton kernels: a block of rows attends over all its branches with one running softmax, and is written once.

Every program holds rows of one class (query_classes.py), which belong to the same branches, and goes through the rows
of their segments, branch by branch. If a block touches several segments of a branch, a mask excludes pairs from
different segments. Keys in several branches count several times. No two programs add to the same memory, so the result
is the same to the bit every time.
"""

from typing import no_type_check

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
@no_type_check
def attend(
    queries, keys, values, out, lse,
    queries_batch, queries_row, queries_head, keys_batch, keys_row, keys_head, values_batch, values_row, values_head,
    out_batch, out_row, out_head, lse_batch, lse_row, lse_head,
    residues, classes, class_of_block, specs, period, branches, scale,
    WIDTH: tl.constexpr, WIDE: tl.constexpr, HELD: tl.constexpr, READ: tl.constexpr,
    WIDEN: tl.constexpr,
):  # fmt: skip
    """Write `out` and `lse` of a block of queries: program (block, batch)."""
    head, bits, at, held = _block(residues, classes, class_of_block, period, HELD)
    batch, head64 = tl.program_id(1).to(tl.int64), head.to(tl.int64)
    queries += batch * queries_batch + head64 * queries_head
    keys += batch * keys_batch + head64 * keys_head
    values += batch * values_batch + head64 * values_head
    own = _rows(queries, at, queries_row, held, WIDTH, WIDE)
    top = tl.full([HELD], float("-inf"), tl.float32)
    sums = tl.zeros([HELD], tl.float32)
    total = tl.zeros([HELD, WIDE], tl.float32)
    for number in range(branches):
        spec = specs + (head * branches + number) * 6
        begin, end, of_held, origin, segment, dilation, each = _span(spec, bits, number, at, held)
        if _even(begin, end, of_held, READ):
            first = origin + begin // each * segment
            for start in range(0, end - begin, READ):
                there = first + (start + tl.arange(0, READ)) * dilation
                key_rows = _rows(keys, there, keys_row, None, WIDTH, WIDE)
                value_rows = _rows(values, there, values_row, None, WIDTH, WIDE)
                top, sums, total = _take(own, key_rows, value_rows, None, scale, top, sums, total, WIDEN)
        else:
            for start in tl.range(begin, end, READ, num_stages=1):
                there, read, pairs = _read(start, end, of_held, origin, segment, dilation, each, READ)
                key_rows = _rows(keys, there, keys_row, read, WIDTH, WIDE)
                value_rows = _rows(values, there, values_row, read, WIDTH, WIDE)
                top, sums, total = _take(own, key_rows, value_rows, pairs, scale, top, sums, total, WIDEN)
    sums = tl.where(top == float("-inf"), 1.0, sums)  # rows without any key get zeros and -inf
    write_rows(out + batch * out_batch + head64 * out_head, at, out_row, held, total / sums[:, None], WIDTH, WIDE)
    place = lse + batch * lse_batch + head64 * lse_head + at.to(tl.int64) * lse_row
    tl.store(place, (top + tl.log2(sums)) / LOG2E, mask=held)


@triton.jit
@no_type_check
def attend_backward_queries(
    grad, queries, keys, values, along, lse, of_queries,
    grad_batch, grad_row, grad_head, queries_batch, queries_row, queries_head, keys_batch, keys_row, keys_head,
    values_batch, values_row, values_head, along_batch, along_row, along_head, lse_batch, lse_row, lse_head,
    of_queries_batch, of_queries_row, of_queries_head,
    residues, classes, class_of_block, specs, period, branches, scale,
    WIDTH: tl.constexpr, WIDE: tl.constexpr, HELD: tl.constexpr, READ: tl.constexpr,
    WIDEN: tl.constexpr,
):  # fmt: skip
    """Write the gradients of a block of queries; `along` are the sums of grad * out, `lse` is of all branches."""
    head, bits, at, held = _block(residues, classes, class_of_block, period, HELD)
    batch, head64 = tl.program_id(1).to(tl.int64), head.to(tl.int64)
    keys += batch * keys_batch + head64 * keys_head
    values += batch * values_batch + head64 * values_head
    own = _rows(queries + batch * queries_batch + head64 * queries_head, at, queries_row, held, WIDTH, WIDE)
    own_grad = _rows(grad + batch * grad_batch + head64 * grad_head, at, grad_row, held, WIDTH, WIDE)
    own_along = _sums(along + batch * along_batch + head64 * along_head, at, along_row, held)
    own_lse = _sums(lse + batch * lse_batch + head64 * lse_head, at, lse_row, held) * LOG2E
    total = tl.zeros([HELD, WIDE], tl.float32)
    for number in range(branches):
        spec = specs + (head * branches + number) * 6
        begin, end, of_held, origin, segment, dilation, each = _span(spec, bits, number, at, held)
        if _even(begin, end, of_held, READ):
            first = origin + begin // each * segment
            for start in range(0, end - begin, READ):
                there = first + (start + tl.arange(0, READ)) * dilation
                key_rows = _rows(keys, there, keys_row, None, WIDTH, WIDE)
                value_rows = _rows(values, there, values_row, None, WIDTH, WIDE)
                total += _of_queries(own, own_grad, key_rows, value_rows, own_along, own_lse, None, scale, WIDEN)
        else:
            for start in tl.range(begin, end, READ, num_stages=1):
                there, read, pairs = _read(start, end, of_held, origin, segment, dilation, each, READ)
                key_rows = _rows(keys, there, keys_row, read, WIDTH, WIDE)
                value_rows = _rows(values, there, values_row, read, WIDTH, WIDE)
                total += _of_queries(own, own_grad, key_rows, value_rows, own_along, own_lse, pairs, scale, WIDEN)
    place = of_queries + batch * of_queries_batch + head64 * of_queries_head
    write_rows(place, at, of_queries_row, held, total * scale, WIDTH, WIDE)


@triton.jit
@no_type_check
def attend_backward_keys(
    grad, queries, keys, values, along, lse, of_keys, of_values,
    grad_batch, grad_row, grad_head, queries_batch, queries_row, queries_head, keys_batch, keys_row, keys_head,
    values_batch, values_row, values_head, along_batch, along_row, along_head, lse_batch, lse_row, lse_head,
    of_keys_batch, of_keys_row, of_keys_head, of_values_batch, of_values_row, of_values_head,
    residues, classes, class_of_block, specs, period, branches, scale,
    WIDTH: tl.constexpr, WIDE: tl.constexpr, HELD: tl.constexpr, READ: tl.constexpr,
    WIDEN: tl.constexpr,
):  # fmt: skip
    """Write the gradients of a block of keys and values, from the queries in their branches."""
    head, bits, at, held = _block(residues, classes, class_of_block, period, HELD)
    batch, head64 = tl.program_id(1).to(tl.int64), head.to(tl.int64)
    grad += batch * grad_batch + head64 * grad_head
    queries += batch * queries_batch + head64 * queries_head
    along += batch * along_batch + head64 * along_head
    lse += batch * lse_batch + head64 * lse_head
    own_keys = _rows(keys + batch * keys_batch + head64 * keys_head, at, keys_row, held, WIDTH, WIDE)
    own_values = _rows(values + batch * values_batch + head64 * values_head, at, values_row, held, WIDTH, WIDE)
    own = own_keys, own_values
    key_total = tl.zeros([HELD, WIDE], tl.float32)
    value_total = tl.zeros([HELD, WIDE], tl.float32)
    for number in range(branches):
        spec = specs + (head * branches + number) * 6
        begin, end, of_held, origin, segment, dilation, each = _span(spec, bits, number, at, held)
        if _even(begin, end, of_held, READ):
            first = origin + begin // each * segment
            for start in range(0, end - begin, READ):
                there = first + (start + tl.arange(0, READ)) * dilation
                query_rows = _rows(queries, there, queries_row, None, WIDTH, WIDE)
                grad_rows = _rows(grad, there, grad_row, None, WIDTH, WIDE)
                there_along = _sums(along, there, along_row, None)
                there_lse = _sums(lse, there, lse_row, None) * LOG2E
                seen = query_rows, grad_rows, there_along, there_lse
                key_total, value_total = _of_keys(own, seen, None, scale, key_total, value_total, WIDEN)
        else:
            for start in tl.range(begin, end, READ, num_stages=1):
                there, read, pairs = _read(start, end, of_held, origin, segment, dilation, each, READ)
                query_rows = _rows(queries, there, queries_row, read, WIDTH, WIDE)
                grad_rows = _rows(grad, there, grad_row, read, WIDTH, WIDE)
                there_along = _sums(along, there, along_row, read)
                there_lse = _sums(lse, there, lse_row, read) * LOG2E
                seen = query_rows, grad_rows, there_along, there_lse
                key_total, value_total = _of_keys(own, seen, pairs, scale, key_total, value_total, WIDEN)
    place = of_keys + batch * of_keys_batch + head64 * of_keys_head
    write_rows(place, at, of_keys_row, held, key_total * scale, WIDTH, WIDE)
    place = of_values + batch * of_values_batch + head64 * of_values_head
    write_rows(place, at, of_values_row, held, value_total, WIDTH, WIDE)


@triton.jit
@no_type_check
def _block(residues, classes, class_of_block, period, HELD: tl.constexpr):
    """For this program: head, branches as bits, its rows, and which of them exist; the first one always does."""
    block = tl.program_id(0)
    entry = classes + tl.load(class_of_block + block) * 6
    head, first, count = tl.load(entry), tl.load(entry + 1), tl.load(entry + 2)
    rows, bits, first_block = tl.load(entry + 3), tl.load(entry + 4), tl.load(entry + 5)
    index = (block - first_block) * HELD + tl.arange(0, HELD)
    held = index < rows
    at = index // count * period + tl.load(residues + first + index % count, mask=held, other=0)
    return head, bits, at, held


@triton.jit
@no_type_check
def _span(spec, bits, number, at, held):
    """The range of a branch's rows in the segments of a block's rows (empty if the class is not in the branch).

    Rows are counted within the branch. Also returns the segment numbers of the block's own rows, -1 for rows that do
    not exist; and of the branch, the position of row 0, the segment, the dilation, and the rows per segment.
    """
    begin, offset, segment = tl.load(spec), tl.load(spec + 1), tl.load(spec + 2)
    dilation, each, every = tl.load(spec + 3), tl.load(spec + 4), tl.load(spec + 5)
    last = tl.max(tl.where(held, at, 0), 0)
    first = tl.min(tl.where(held, at, last), 0)
    start = (first - begin) // segment * each
    end = tl.minimum(((last - begin) // segment + 1) * each, every)
    end = tl.where((bits >> number) & 1 == 1, end, start)
    of_held = tl.where(held, (at - begin) // segment, -1)
    return start, end, of_held, begin + offset, segment, dilation, each


@triton.jit
@no_type_check
def _even(start, end, of_held, READ: tl.constexpr):
    """Whether a block reads only one segment, in whole tiles, so that no mask is needed; missing rows do no harm."""
    low = tl.min(tl.where(of_held < 0, 2147483647, of_held), 0)
    return (low == tl.max(of_held, 0)) & ((end - start) % READ == 0)


@triton.jit
@no_type_check
def _take(own, key_rows, value_rows, pairs, scale, top, sums, total, WIDEN: tl.constexpr):
    """Add some keys to the running softmax: largest scores times log2(e), sums, and the output before division."""
    scores = _product(own, tl.trans(key_rows), WIDEN)
    if pairs is not None:
        scores = tl.where(pairs, scores, float("-inf"))
    higher = tl.maximum(top, tl.max(scores, 1) * (scale * LOG2E))
    level = higher
    if pairs is not None:
        level = tl.where(higher == float("-inf"), 0.0, higher)  # for rows without a key so far
    chances = tl.exp2(scores * (scale * LOG2E) - level[:, None])
    shrink = tl.exp2(top - level)
    total = total * shrink[:, None]
    total += _product(chances.to(value_rows.dtype), value_rows, WIDEN)
    return higher, sums * shrink + tl.sum(chances, 1), total


@triton.jit
@no_type_check
def _of_queries(own, own_grad, key_rows, value_rows, along, lse, pairs, scale, WIDEN: tl.constexpr):
    """The contribution of some keys and values to the gradients of queries, without the scale."""
    chances = _chances(own, key_rows, lse[:, None], pairs, scale, WIDEN)
    slopes = chances * (_product(own_grad, tl.trans(value_rows), WIDEN) - along[:, None])
    return _product(slopes.to(key_rows.dtype), key_rows, WIDEN)


@triton.jit
@no_type_check
def _of_keys(own, seen, pairs, scale, key_total, value_total, WIDEN: tl.constexpr):
    """Add the contribution of some queries, `seen`, to the gradients of keys (without the scale) and values."""
    own_keys, own_values = own
    query_rows, grad_rows, along, lse = seen
    chances = _chances(own_keys, query_rows, lse[None, :], pairs, scale, WIDEN)
    value_total += _product(chances.to(grad_rows.dtype), grad_rows, WIDEN)
    slopes = chances * (_product(own_values, tl.trans(grad_rows), WIDEN) - along[None, :])
    key_total += _product(slopes.to(query_rows.dtype), query_rows, WIDEN)
    return key_total, value_total


@triton.jit
@no_type_check
def _chances(own, rows, lse, pairs, scale, WIDEN: tl.constexpr):
    """Softmax probabilities; `lse` holds the denominators as logarithms to base 2."""
    scores = _product(own, tl.trans(rows), WIDEN) * (scale * LOG2E) - lse
    if pairs is not None:
        scores = tl.where(pairs, scores, float("-inf"))
    return tl.exp2(scores)


@triton.jit
@no_type_check
def _read(start, end, of_held, origin, segment, dilation, each, READ: tl.constexpr):
    """The positions of READ rows of a branch from `start` on, which of them exist, and which pairs share a segment."""
    index = start + tl.arange(0, READ)
    read, of = index < end, index // each
    there = origin + of * segment + (index - of * each) * dilation
    return there, read, of_held[:, None] == tl.where(read, of, -2)[None, :]


@triton.jit
@no_type_check
def _rows(rows, at, step, there, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    """Load rows of WIDTH channels, padded with zeros; zeros for rows not `there` (None: all are there)."""
    channels = tl.arange(0, WIDE)
    places = rows + at.to(tl.int64)[:, None] * step + channels[None, :]
    if there is not None:
        found = tl.load(places, mask=there[:, None] & (channels < WIDTH)[None, :], other=0.0)
    elif WIDTH < WIDE:
        found = tl.load(places, mask=(channels < WIDTH)[None, :], other=0.0)
    else:
        found = tl.load(places)
    return found


@triton.jit
@no_type_check
def _product(left, right, WIDEN: tl.constexpr):
    """The product in float32; WIDEN converts the inputs, too, because Triton's interpreter cannot multiply bfloat16."""
    if WIDEN:
        left, right = left.to(tl.float32), right.to(tl.float32)
    return tl.dot(left, right, input_precision="ieee")


@triton.jit
@no_type_check
def _sums(sums, at, step, there):
    if there is None:
        found = tl.load(sums + at.to(tl.int64) * step)
    else:
        found = tl.load(sums + at.to(tl.int64) * step, mask=there, other=0.0)
    return found


@triton.jit
@no_type_check
def write_rows(rows, at, step, there, numbers, WIDTH: tl.constexpr, WIDE: tl.constexpr):
    """Write rows of WIDTH channels, rounded to their type, if they are `there`."""
    channels = tl.arange(0, WIDE)
    mask = there[:, None] & (channels < WIDTH)[None, :]
    place = rows + at.to(tl.int64)[:, None] * step + channels[None, :]
    tl.store(place, numbers.to(rows.dtype.element_ty), mask=mask)
