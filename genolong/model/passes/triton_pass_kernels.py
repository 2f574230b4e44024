"""Triton kernels for norms, short convolutions and rotations: each reads rows in place and writes them once.

Rows of WIDTH numbers are contiguous, those of all windows one after another. Row numbers have 32 bits, addresses 64.
All arithmetic is in float32. Each program adds up the gradients of weights over its rows, and writes them to a place of
its own, so that the result is the same to the bit every time.
"""

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def norm(
    x, weight, out, shrink, rows, tiny,
    WIDTH: tl.constexpr, WIDE: tl.constexpr, TALL: tl.constexpr,
):  # fmt: skip
    """Write x * shrink * weight, and shrink = (mean(x^2) + tiny)^-1/2, for TALL rows."""
    at, there, channels, real = _whole_rows(tl.program_id(0), rows, WIDTH, WIDE, TALL)
    numbers = _load(x, at, there, channels, real, WIDTH)
    factor = tl.rsqrt(tl.sum(numbers * numbers, 1) / WIDTH + tiny)
    _store(out, at, there, channels, real, numbers * factor[:, None] * _weights(weight, channels, real)[None, :], WIDTH)
    tl.store(shrink + at, factor, mask=there)


@triton.jit
@no_type_check
def shrinks(x, shrink, rows, tiny, WIDTH: tl.constexpr, WIDE: tl.constexpr, TALL: tl.constexpr):
    """Write only `shrink`, as `norm` does."""
    at, there, channels, real = _whole_rows(tl.program_id(0), rows, WIDTH, WIDE, TALL)
    numbers = _load(x, at, there, channels, real, WIDTH)
    tl.store(shrink + at, tl.rsqrt(tl.sum(numbers * numbers, 1) / WIDTH + tiny), mask=there)


@triton.jit
@no_type_check
def norm_backward(
    grad, x, weight, shrink, of_x, of_weight, rows, length, gap,
    WIDTH: tl.constexpr, WIDE: tl.constexpr, TALL: tl.constexpr, ADD: tl.constexpr,
):  # fmt: skip
    """Write the gradient of x, or ADD it, and write a share of the weight's: of_weight is (programs, WIDTH).

    In of_x, `gap` rows that are not ours follow every `length` rows.
    """
    channels = tl.arange(0, WIDE)
    weights = _weights(weight, channels, channels < WIDTH)
    total = tl.zeros([TALL, WIDE], tl.float32)
    begin, end = _span(rows, TALL)
    for block in range(begin, end):
        at, there, channels, real = _whole_rows(block, rows, WIDTH, WIDE, TALL)
        above = _load(grad, at, there, channels, real, WIDTH)
        numbers = _load(x, at, there, channels, real, WIDTH)
        factor = tl.load(shrink + at, mask=there, other=0.0)
        of_numbers, along = _norm_backward(above, numbers, weights, factor, WIDTH)
        total += along
        target = at + at // length * gap
        if ADD:
            of_numbers += _load(of_x, target, there, channels, real, WIDTH)
        _store(of_x, target, there, channels, real, of_numbers, WIDTH)
    place = of_weight + tl.program_id(0) * WIDTH + channels
    tl.store(place, tl.sum(total, 0), mask=channels < WIDTH)


@triton.jit
@no_type_check
def convolve(
    x, norm, taps, bias, shrink, out, rows, length,
    WIDTH: tl.constexpr, TAPS: tl.constexpr, TALL: tl.constexpr, BROAD: tl.constexpr,
):  # fmt: skip
    """Write x + bias + sum over taps of tap * normed[position + tap - TAPS / 2], for TALL rows and BROAD channels."""
    across: tl.constexpr = (WIDTH + BROAD - 1) // BROAD
    at = tl.program_id(0) // across * TALL + tl.arange(0, TALL)
    channels = tl.program_id(0) % across * BROAD + tl.arange(0, BROAD)
    there, real, position = at < rows, channels < WIDTH, at % length
    weights = _weights(norm, channels, real)
    total = _load(x, at, there, channels, real, WIDTH) + _weights(bias, channels, real)[None, :]
    for tap in range(TAPS):
        beside = position + (tap - TAPS // 2)
        near = there & (beside >= 0) & (beside < length)
        numbers = _load(x + (tap - TAPS // 2) * WIDTH, at, near, channels, real, WIDTH)
        factor = tl.load(shrink + at + (tap - TAPS // 2), mask=near, other=0.0)
        weight = _weights(taps + tap * WIDTH, channels, real) * weights
        total += numbers * factor[:, None] * weight[None, :]
    _store(out, at, there, channels, real, total, WIDTH)


@triton.jit
@no_type_check
def convolve_backward(
    grad, x, norm, taps, shrink, of_x, of_norm, rows, length, start, count,
    WIDTH: tl.constexpr, WIDE: tl.constexpr, TALL: tl.constexpr, TAPS: tl.constexpr,
):  # fmt: skip
    """Write the gradient of x, and a share of that of the norm's weight: of_norm is (programs, WIDTH).

    `grad` is that of positions start ... start + count - 1 of each window of `length`; others are zero.
    """
    channels = tl.arange(0, WIDE)
    weights = _weights(norm, channels, channels < WIDTH)
    total = tl.zeros([TALL, WIDE], tl.float32)
    begin, end = _span(rows, TALL)
    for block in range(begin, end):
        at, there, channels, real = _whole_rows(block, rows, WIDTH, WIDE, TALL)
        own, window = _load(x, at, there, channels, real, WIDTH), at // length
        position = at - window * length - start
        place = window * count + position
        above = tl.zeros([TALL, WIDE], tl.float32)
        for tap in range(TAPS):
            beside = position + (TAPS // 2 - tap)
            near = there & (beside >= 0) & (beside < count)
            numbers = _load(grad + (TAPS // 2 - tap) * WIDTH, place, near, channels, real, WIDTH)
            above += numbers * _weights(taps + tap * WIDTH, channels, real)[None, :]
        factor = tl.load(shrink + at, mask=there, other=0.0)
        of_numbers, along = _norm_backward(above, own, weights, factor, WIDTH)
        total += along
        of_numbers += _load(grad, place, there & (position >= 0) & (position < count), channels, real, WIDTH)
        _store(of_x, at, there, channels, real, of_numbers, WIDTH)
    place = of_norm + tl.program_id(0) * WIDTH + channels
    tl.store(place, tl.sum(total, 0), mask=channels < WIDTH)


@triton.jit
@no_type_check
def convolve_backward_taps(
    grad, x, norm, shrink, of_taps, rows, length, start, count,
    WIDTH: tl.constexpr, TAPS: tl.constexpr, DEEP: tl.constexpr, TALL: tl.constexpr, BROAD: tl.constexpr,
):  # fmt: skip
    """Write a share of the gradients of DEEP taps and BROAD channels: of_taps is (programs, TAPS + 1, WIDTH).

    The last tap is the bias: it reads ones at the position itself. Program (rows, channels, taps). `grad` is as above.
    """
    channels = tl.program_id(1) * BROAD + tl.arange(0, BROAD)
    number = tl.program_id(2) * DEEP + tl.arange(0, DEEP)
    real, tap = channels < WIDTH, number < TAPS
    shift = tl.where(tap, TAPS // 2 - number, 0)
    offset = shift.to(tl.int64)[:, None, None] * WIDTH + channels[None, None, :]
    total = tl.zeros([DEEP, TALL, BROAD], tl.float32)
    begin, end = _span(rows, TALL)
    for block in range(begin, end):
        at = block * TALL + tl.arange(0, TALL)
        there = at < rows
        factor = tl.load(shrink + at, mask=there, other=0.0)
        normed = _load(x, at, there, channels, real, WIDTH) * factor[:, None]
        position = at % length - start
        beside = position[None, :] + shift[:, None]
        near = there[None, :] & (number <= TAPS)[:, None] & (beside >= 0) & (beside < count)
        row = at // length * count + position
        place = grad + (row.to(tl.int64) * WIDTH)[None, :, None] + offset
        above = tl.load(place, mask=near[:, :, None] & real[None, None, :], other=0.0).to(tl.float32)
        total += above * tl.where(tap[:, None, None], normed[None, :, :], 1.0)
        total = tl.where((number <= TAPS)[:, None, None], total, 0.0)  # shows early which need no registers
    shares = tl.sum(total, 1) * tl.where(tap[:, None], _weights(norm, channels, real)[None, :], 1.0)
    place = of_taps + (tl.program_id(0) * (TAPS + 1) + number)[:, None] * WIDTH + channels[None, :]
    tl.store(place, shares, mask=(number <= TAPS)[:, None] & real[None, :])


@triton.jit
@no_type_check
def turn(
    rows, cosine, sine, out, sign, places, length, rows_batch, rows_position, out_batch, out_position,
    HEADS: tl.constexpr, HALF: tl.constexpr, WIDE: tl.constexpr, TALL: tl.constexpr,
):  # fmt: skip
    """Write rotated queries and keys, and values, of TALL places; places are (batch, length, 3, HEADS), flattened."""
    place = tl.program_id(0) * TALL + tl.arange(0, TALL)
    channels = tl.arange(0, WIDE)
    there, real = place < places, channels < HALF
    at, head = place // (3 * HEADS), place % (3 * HEADS)
    batch, position, offset = (at // length).to(tl.int64), at % length, head * (2 * HALF)
    turns, mask = head < 2 * HEADS, there[:, None] & real[None, :]
    read = rows + (batch * rows_batch + position.to(tl.int64) * rows_position + offset)[:, None] + channels[None, :]
    left = tl.load(read, mask=mask, other=0.0).to(tl.float32)
    right = tl.load(read + HALF, mask=mask, other=0.0).to(tl.float32)
    cosines = _load(cosine, position, there & turns, channels, real, HALF)
    sines = _load(sine, position, there & turns, channels, real, HALF) * sign
    to_left = tl.where(turns[:, None], left * cosines - right * sines, left)
    to_right = tl.where(turns[:, None], left * sines + right * cosines, right)
    write = out + (batch * out_batch + position.to(tl.int64) * out_position + offset)[:, None] + channels[None, :]
    tl.store(write, to_left.to(out.dtype.element_ty), mask=mask)
    tl.store(write + HALF, to_right.to(out.dtype.element_ty), mask=mask)


@triton.jit
@no_type_check
def _whole_rows(block, rows, WIDTH: tl.constexpr, WIDE: tl.constexpr, TALL: tl.constexpr):
    """The rows of a block and which of them exist; and its channels and which of them exist."""
    at, channels = block * TALL + tl.arange(0, TALL), tl.arange(0, WIDE)
    return at, at < rows, channels, channels < WIDTH


@triton.jit
@no_type_check
def _span(rows, TALL: tl.constexpr):
    """The blocks of rows that a program goes through: consecutive ones, because neighbours read the same rows."""
    blocks = tl.cdiv(rows, TALL)
    each = tl.cdiv(blocks, tl.num_programs(0))
    begin = tl.program_id(0) * each
    return begin, tl.minimum(begin + each, blocks)


@triton.jit
@no_type_check
def _norm_backward(above, numbers, weights, factor, WIDTH: tl.constexpr):
    """The gradient of numbers, given that of their norm, and the terms that sum to the weight's gradient."""
    normed = numbers * factor[:, None]
    along = above * normed
    mean = tl.sum(along * weights[None, :], 1) / WIDTH
    return (above * weights[None, :] - normed * mean[:, None]) * factor[:, None], along


@triton.jit
@no_type_check
def _load(rows, at, there, channels, real, WIDTH: tl.constexpr):
    """Load rows as float32, with zeros for those that do not exist."""
    place = rows + (at.to(tl.int64) * WIDTH)[:, None] + channels[None, :]
    return tl.load(place, mask=there[:, None] & real[None, :], other=0.0).to(tl.float32)


@triton.jit
@no_type_check
def _weights(weights, channels, real):
    return tl.load(weights + channels, mask=real, other=0.0).to(tl.float32)


@triton.jit
@no_type_check
def _store(rows, at, there, channels, real, numbers, WIDTH: tl.constexpr):
    place = rows + (at.to(tl.int64) * WIDTH)[:, None] + channels[None, :]
    tl.store(place, numbers.to(rows.dtype.element_ty), mask=there[:, None] & real[None, :])
