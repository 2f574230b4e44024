// Softmax attention of many small problems on a CPU, tile by tile, directly on strided tensors.
//
// Queries are in the lanes of vectors, so that each row's maximum and sum stay within a lane:
//
//     weights[key][query]   TILE queries (ALL vectors), BLOCK keys           scores, then probabilities
//     rows[...][channel]    width rounded up to whole vectors (WIDE)         accumulators of products
//
// Products read units of 32 bits: a float, or two bfloat16 that are adjacent on the axis of summation, if the processor
// multiplies such pairs (__AVX512BF16__) or squares of 16 by 16 of them (__AMX_BF16__). Units are `along` channels if
// products sum over channels, and `across` (a row with its neighbour) if they sum over rows. Positions beyond the last query
// are zero; beyond the last key they repeat the last key (along) or are zero (across); products over them are never written
// out.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#ifdef __AVX2__
#include <immintrin.h>
#endif
#ifdef __AMX_BF16__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

// SUMS: accumulator vectors at most, one register each; other registers hold the operands
#if defined(__AVX512F__)
constexpr int LANES = 16, VECTORS = 4, SUMS = 24;
#elif defined(__AVX2__)
constexpr int LANES = 8, VECTORS = 2, SUMS = 12;
#else
constexpr int LANES = 4, VECTORS = 4, SUMS = 24;
#endif
#ifdef __AMX_BF16__
constexpr bool SQUARES = true;
constexpr int KEYS = 32;  // keys whose scores are computed at a time
#else
constexpr bool SQUARES = false;
constexpr int KEYS = LANES == 16 ? 4 : SUMS / VECTORS;
#endif
constexpr int TILE = 64, ALL = TILE / LANES;
constexpr int WIDTH = LANES * WIDE;
#ifdef __AVX512BF16__
constexpr int PAIR = 2;  // numbers in a unit
#else
constexpr int PAIR = 1;
#endif
// what the caller relies on; fails if the compiler was configured for another processor
static_assert(LANES == WANTED_LANES && PAIR == WANTED_PAIR && SQUARES == WANTED_SQUARES,
              "the compiler was given other vectors than are asked for");
constexpr int QUERIES = TILE / PAIR;  // units in a tile's queries
constexpr int UNITS = (WIDE + PAIR - 1) / PAIR, ALONG = LANES * UNITS;  // a row along channels, in vectors and in units
constexpr int power_of_two(int most) { return most < 2 ? 1 : 2 * power_of_two(most / 2); }
constexpr int NEAR = WIDE < VECTORS ? WIDE : VECTORS;  // vectors of a row that a product accumulates at a time
constexpr int ROWS = SQUARES ? KEYS : LANES == 16 ? power_of_two(SUMS / NEAR) : VECTORS / NEAR * KEYS;  // rows of these
constexpr int whole_groups(int keys) { return (keys + ROWS - 1) / ROWS * ROWS; }
constexpr int BLOCK = whole_groups(256);  // keys whose weights for a tile of queries fit into a low-level cache
constexpr int BLOCK_BACKWARD = whole_groups(128);
static_assert(BLOCK % KEYS == 0 && BLOCK_BACKWARD % KEYS == 0, "blocks would reach into the next keys");
constexpr int NEARBY = 8 * BLOCK_BACKWARD;  // keys that all of a part's queries read before any reads the next ones
constexpr int TURN = NEARBY / 2;            // keys whose gradients a part adds before the next part may add its own
constexpr int PART = 2048;  // queries whose gradients one thread computes, whatever the number of threads
constexpr float LOG2E = 1.44269504088896341f, LN2 = 0.693147180559945309f;
constexpr float LEAST = -3.40282347e38f;  // the least finite number: -inf minus it is -inf, whose weight is 0

typedef float Vec __attribute__((vector_size(4 * LANES), aligned(4 * LANES), may_alias));
typedef int32_t Whole __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));  // additions wrap around

struct Tensor {  // (batch, segments, offsets, heads, positions, width); channels are adjacent
    char *at;
    int64_t strides[5];  // in bytes
};

struct Sizes {
    int64_t outer[4];  // batch, segments, offsets, heads
    int64_t queries, keys, width, half, threads, overwrite;
};

inline Vec *vectors(float *row) { return reinterpret_cast<Vec *>(row); }
inline const Vec *vectors(const float *row) { return reinterpret_cast<const Vec *>(row); }

int64_t units(int64_t numbers) { return (numbers + PAIR - 1) / PAIR; }

#ifdef __AVX512BF16__

inline Vec add_times(Vec sum, float unit, Vec units) {
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_ps(unit), (__m512bh)units);
}

// Convert numbers of KEYS keys and a tile's queries to units of two queries, [key][query / 2], as nearest bfloat16.
inline void put_along(float *to, const Vec *numbers) {
#pragma GCC unroll 16
    for (int at = 0; at < KEYS * ALL; at += 2)
        vectors(to)[at / 2] = (Vec)_mm512_cvtne2ps_pbh(numbers[at + 1], numbers[at]);
}

// The same as units of two keys, [key / 2][query].
inline void put_across(float *to, const Vec *numbers) {
    alignas(64) static constexpr uint16_t order[2 * LANES] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                              8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#pragma GCC unroll 4
    for (int i = 0; i < KEYS; i += 2)
#pragma GCC unroll 4
        for (int j = 0; j < ALL; j++) {
            const Vec one = numbers[i * ALL + j], other = numbers[(i + 1) * ALL + j];
            const __m512i behind = (__m512i)_mm512_cvtne2ps_pbh(other, one);
            vectors(to)[i / 2 * ALL + j] = (Vec)_mm512_permutexvar_epi16(_mm512_load_si512(order), behind);
        }
}

// Convert rows along channels to units of two rows, in place; rows beyond `count` are zeros.
void pair_rows(float *rows, int64_t count) {
    for (int64_t k = 0; k < count; k += 2) {
        uint16_t one[2 * ALONG], other[2 * ALONG] = {};
        std::memcpy(one, rows + k * ALONG, sizeof one);
        if (k + 1 < count) std::memcpy(other, rows + (k + 1) * ALONG, sizeof other);
        uint32_t *to = reinterpret_cast<uint32_t *>(rows + k / 2 * WIDTH);
        for (int d = 0; d < WIDTH; d++) to[d] = uint32_t(other[d]) << 16 | one[d];
    }
}

#else

inline Vec add_times(Vec sum, float unit, Vec units) { return sum + unit * units; }
inline void put_along(float *, const Vec *) {}  // a unit is one number, so nothing has to move
inline void put_across(float *, const Vec *) {}
void pair_rows(float *, int64_t) {}

#endif

inline Vec exp2_of_part(Vec part) {  // minimax: 8e-8 of 2^part for 0 <= part < 1
    Vec power = part * 1.87758e-3f + 8.98934e-3f;
    power = power * part + 5.582632e-2f;
    power = power * part + 2.4015362e-1f;
    power = power * part + 6.9315307e-1f;
    return power * part + 9.9999993e-1f;
}

#ifdef __AVX512F__

inline Vec at_most_zero(Vec x) { return _mm512_min_ps(Vec{}, x); }  // the second operand (x) if one is NaN

inline Vec exp2(Vec x) {
    return _mm512_scalef_ps(exp2_of_part(_mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF)), x);  // by 2^floor(x)
}

#else

#ifdef __AVX2__
inline Vec at_most_zero(Vec x) { return _mm256_min_ps(Vec{}, x); }
inline Vec floor(Vec x) { return _mm256_floor_ps(x); }
#else
inline Vec at_most_zero(Vec x) { return x > 0.0f ? Vec{} : x; }
inline Vec floor(Vec x) {  // one instruction on ARM
    for (int i = 0; i < LANES; i++) x[i] = std::floor(x[i]);
    return x;
}
#endif

inline Vec exp2(Vec x) {  // 0 if the result is below float32's normal numbers; x is at most slightly above 0
    const Vec whole = floor(x), power = exp2_of_part(x - whole);
    const Bits shifted = (Bits)power + ((Bits)__builtin_convertvector(whole, Whole) << 23);
    return x < -126.0f ? Vec{} : (Vec)shifted;
}

#endif

#ifdef __clang__
#define PICKED(one, other, ...) __builtin_shufflevector(one, other, __VA_ARGS__)
#else
#define PICKED(one, other, ...) __builtin_shuffle(one, other, Whole{__VA_ARGS__})
#endif

// Swap the upper right and the lower left numbers of each square of 2 * STEP rows and lanes.
template <int STEP, int... LANE>
inline void swap(Vec &upper, Vec &lower, std::integer_sequence<int, LANE...>) {
    const Vec one = upper, other = lower;
    upper = PICKED(one, other, (LANE & STEP ? LANE + LANES - STEP : LANE)...);
    lower = PICKED(one, other, (LANE & STEP ? LANE + LANES : LANE + STEP)...);
}

// Transpose LANES by LANES numbers: halves first, then quarters within them, ...
template <int STEP = LANES / 2>
inline void transpose(Vec (&rows)[LANES]) {
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        if (!(i & STEP)) swap<STEP>(rows[i], rows[i + STEP], std::make_integer_sequence<int, LANES>());
    if constexpr (STEP > 1) transpose<STEP / 2>(rows);
}

// Transpose ROW_BLOCKS by COLUMN_BLOCKS blocks of LANES by LANES numbers; rows of either side are consecutive.
template <int ROW_BLOCKS, int COLUMN_BLOCKS>
void transpose_all(float *to, const float *from) {
    for (int row = 0; row < ROW_BLOCKS; row++)
        for (int column = 0; column < COLUMN_BLOCKS; column++) {
            Vec block[LANES];
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) block[i] = vectors(from)[(row * LANES + i) * COLUMN_BLOCKS + column];
            transpose(block);
#pragma GCC unroll 16
            for (int i = 0; i < LANES; i++) vectors(to)[(column * LANES + i) * ROW_BLOCKS + row] = block[i];
        }
}

typedef Vec Dots[KEYS][VECTORS];

#ifdef __AMX_BF16__

constexpr int SIDE = 16;  // rows and columns of a square: 16 sums a row, or 16 units, over which a product of squares sums
constexpr int SQUARE = SIDE * SIDE;

// The processor has eight registers of squares: 0 to 3 for sums, 4 and 5 for left operands, 6 and 7 for right ones. Compilers
// do not know what loads and stores of squares read and write; an empty `asm` tells them that it may be any memory.
struct alignas(64) Shapes {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void begin_squares() {
    static constexpr Shapes shapes;
    _tile_loadconfig(&shapes);
}
void end_squares() { _tile_release(); }

// dots[i][lanes] = sum over units of rows[i][unit] * columns[unit][lanes], rows along channels
inline void dot(Dots &dots, const float *rows, const float *columns, int64_t) {
    constexpr int row = 4 * ALONG, line = 4 * TILE;  // bytes
    asm volatile("" ::: "memory");
#pragma GCC unroll 2
    for (int j = 0; j < ALL; j += 2) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (int unit = 0; unit < ALONG; unit += SIDE) {
            _tile_loadd(4, rows + unit, row);
            _tile_loadd(5, rows + SIDE * ALONG + unit, row);
            _tile_loadd(6, columns + unit * TILE + j * LANES, line);
            _tile_loadd(7, columns + unit * TILE + (j + 1) * LANES, line);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, &dots[0][j], line);
        _tile_stored(1, &dots[0][j + 1], line);
        _tile_stored(2, &dots[SIDE][j], line);
        _tile_stored(3, &dots[SIDE][j + 1], line);
    }
}

// total[i][lane] += sum over units of left[i][unit] * right[unit][lane], for 32 rows (16 if not BOTH) and 32 lanes (16 if
// not WIDER). Distances are in floats: from row to row, in `left` also from unit to unit 16 further, and from the upper 16
// rows to the lower ones.
template <bool BOTH, bool WIDER>
inline void add_squares(float *total, int64_t total_row, const float *left, int64_t left_row, int64_t left_step,
                        int64_t left_lower, const float *right, int64_t right_row, int64_t units) {
    const int64_t sums = 4 * total_row, row = 4 * left_row, line = 4 * right_row;  // bytes
    _tile_loadd(0, total, sums);
    if (WIDER) _tile_loadd(1, total + SIDE, sums);
    if (BOTH) _tile_loadd(2, total + SIDE * total_row, sums);
    if (BOTH && WIDER) _tile_loadd(3, total + SIDE * total_row + SIDE, sums);
    for (int64_t unit = 0; unit < units; unit += SIDE, left += left_step, right += SIDE * right_row) {
        _tile_loadd(4, left, row);
        _tile_loadd(6, right, line);
        _tile_dpbf16ps(0, 4, 6);
        if (WIDER) _tile_loadd(7, right + SIDE, line);
        if (WIDER) _tile_dpbf16ps(1, 4, 7);
        if (BOTH) _tile_loadd(5, left + left_lower, row);
        if (BOTH) _tile_dpbf16ps(2, 5, 6);
        if (BOTH && WIDER) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, total, sums);
    if (WIDER) _tile_stored(1, total + SIDE, sums);
    if (BOTH) _tile_stored(2, total + SIDE * total_row, sums);
    if (BOTH && WIDER) _tile_stored(3, total + SIDE * total_row + SIDE, sums);
}

// total[key] += sum over units of weights[key][unit] * rows[unit], for ROWS keys
inline void add_to_keys(float *total, const float *weights, const float *rows, int64_t units) {
    asm volatile("" ::: "memory");
    for (int w = 0; w + 2 <= WIDE; w += 2)
        add_squares<true, true>(total + w * LANES, WIDTH, weights, QUERIES, SIDE, SIDE * QUERIES, rows + w * LANES, WIDTH,
                                units);
    if constexpr (WIDE % 2)
        add_squares<true, false>(total + (WIDE - 1) * LANES, WIDTH, weights, QUERIES, SIDE, SIDE * QUERIES,
                                 rows + (WIDE - 1) * LANES, WIDTH, units);
}

// total[channel][query] = total * shrink[query] + sum over units of rows[channel][unit] * weights[unit][query], for a tile
template <bool SHRINK>
inline void add_to_queries(float *total, const float *shrink, const float *weights, const float *rows, int64_t units) {
    if constexpr (SHRINK)
        for (int d = 0; d < WIDTH; d++)
#pragma GCC unroll 4
            for (int j = 0; j < ALL; j++) vectors(total)[d * ALL + j] *= vectors(shrink)[j];
    asm volatile("" ::: "memory");
    for (int j = 0; j < ALL; j += 2) {
        for (int w = 0; w + 2 <= WIDE; w += 2)
            add_squares<true, true>(total + w * LANES * TILE + j * LANES, TILE, rows + w * SQUARE, SIDE, WIDE * SQUARE,
                                    SQUARE, weights + j * LANES, TILE, units);
        if constexpr (WIDE % 2)
            add_squares<false, true>(total + (WIDE - 1) * LANES * TILE + j * LANES, TILE, rows + (WIDE - 1) * SQUARE, SIDE,
                                     WIDE * SQUARE, SQUARE, weights + j * LANES, TILE, units);
    }
}

// A tile's totals, which are [channel][query], as [query][channel], in `room`.
const float *by_query(float *room, const float *total) {
    transpose_all<WIDE, ALL>(room, total);
    return room;
}

// Convert rows along channels to units of two keys, [channel][unit], square by square: the first 16 channels of 32 keys,
// their next 16, ..., and the same of the next 32 keys. Keys beyond `count` are zeros.
void pair_keys(float *rows, int64_t count) {
    const int64_t whole = (count + 2 * SIDE - 1) / (2 * SIDE) * (2 * SIDE);
    pair_rows(rows, count);
    std::fill(rows + units(count) * WIDTH, rows + units(whole) * WIDTH, 0.0f);
    for (int64_t unit = 0; unit < units(whole); unit += SIDE, rows += SIDE * WIDTH) {
        alignas(64) float blocks[WIDTH * SIDE];
        transpose_all<1, WIDE>(blocks, rows);
        std::memcpy(rows, blocks, sizeof blocks);
    }
}

#else

// dots[i][j] = sum over d of rows[i][d] * columns[d][lanes of j], both along channels; d < units, j < VECTORS
inline __attribute__((always_inline)) void dot(Dots &dots, const float *rows, const float *columns,
                                               int64_t units) {
#pragma GCC unroll 8
    for (int i = 0; i < KEYS; i++)
#pragma GCC unroll 4
        for (int j = 0; j < VECTORS; j++) dots[i][j] = Vec{};
    for (int64_t d = 0; d < units; d++)
#pragma GCC unroll 8
        for (int i = 0; i < KEYS; i++) {
#pragma GCC unroll 4
            for (int j = 0; j < VECTORS; j++)
                dots[i][j] = add_times(dots[i][j], rows[i * ALONG + d], vectors(columns)[d * ALL + j]);
        }
}

// total[i] = total[i] * shrink[i] + sum over k < units of weights[i * row_step + k * step] * rows[k], across rows. Each
// such sum starts from zero: if all keys were added to one sum, rounding errors would grow with their number.
template <int COUNT, bool SHRINK, int FROM = 0>
inline __attribute__((always_inline)) void add_product(float *total, const float *shrink, const float *weights,
                                                       int64_t row_step, int64_t step, const float *rows,
                                                       int64_t units) {
    constexpr int HERE = WIDE - FROM < NEAR ? WIDE - FROM : NEAR;
    Vec sums[COUNT][HERE];
#pragma GCC unroll 16
    for (int i = 0; i < COUNT; i++)
#pragma GCC unroll 4
        for (int w = 0; w < HERE; w++) sums[i][w] = Vec{};
    for (int64_t k = 0; k < units; k++) {
#pragma GCC unroll 16
        for (int i = 0; i < COUNT; i++) {
            const float weight = weights[i * row_step + k * step];
#pragma GCC unroll 4
            for (int w = 0; w < HERE; w++)
                sums[i][w] = add_times(sums[i][w], weight, vectors(rows)[k * WIDE + FROM + w]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < COUNT; i++)
#pragma GCC unroll 4
        for (int w = 0; w < HERE; w++) {
            Vec &all = vectors(total)[i * WIDE + FROM + w];
            all = (SHRINK ? all * shrink[i] : all) + sums[i][w];
        }
    if constexpr (FROM + NEAR < WIDE)
        add_product<COUNT, SHRINK, FROM + NEAR>(total, shrink, weights, row_step, step, rows, units);
}

// total[key] += sum over units of weights[key][unit] * rows[unit], for ROWS keys
inline void add_to_keys(float *total, const float *weights, const float *rows, int64_t units) {
    add_product<ROWS, false>(total, nullptr, weights, QUERIES, 1, rows, units);
}

// total[query] = total[query] * shrink[query] + sum over units of weights[unit][query] * rows[unit], for a tile of queries
template <bool SHRINK>
inline void add_to_queries(float *total, const float *shrink, const float *weights, const float *rows, int64_t units) {
    constexpr int REST = TILE % ROWS, WHOLE = TILE - REST;
    for (int q = 0; q < WHOLE; q += ROWS)
        add_product<ROWS, SHRINK>(total + q * WIDTH, shrink + q, weights + q, 1, TILE, rows, units);
    if constexpr (REST)
        add_product<REST, SHRINK>(total + WHOLE * WIDTH, shrink + WHOLE, weights + WHOLE, 1, TILE, rows, units);
}

const float *by_query(float *, const float *total) { return total; }
void pair_keys(float *rows, int64_t count) { pair_rows(rows, count); }
void begin_squares() {}
void end_squares() {}

#endif

struct Place {  // the rows of one problem in a tensor
    char *at;
    int64_t step;

    Place(const Tensor &tensor, const Sizes &sizes, int64_t problem) : at(tensor.at), step(tensor.strides[4]) {
        for (int axis = 3; axis >= 0; axis--) {
            at += problem % sizes.outer[axis] * tensor.strides[axis];
            problem /= sizes.outer[axis];
        }
    }
    float &number(int64_t position) const { return *reinterpret_cast<float *>(at + position * step); }

    void read(float *to, int64_t position, int64_t width, bool half) const {  // along channels
        const char *from = at + position * step;
        __builtin_prefetch(from + 16 * step);
        __builtin_prefetch(from + 16 * step + 64);
        if (half && PAIR == 1) {
            const uint16_t *row = reinterpret_cast<const uint16_t *>(from);
            for (int64_t d = 0; d < width; d++) {
                const uint32_t bits = uint32_t(row[d]) << 16;
                std::memcpy(to + d, &bits, 4);
            }
        } else {
            std::memcpy(to, from, width * (4 / PAIR));
        }
    }

    void write(const float *from, int64_t position, int64_t width, bool half, float factor, bool overwrite) const {
        char *to = at + position * step;
        if (half) {
            uint16_t *row = reinterpret_cast<uint16_t *>(to);
            for (int64_t d = 0; d < width; d++) {
                uint32_t bits = uint32_t(row[d]) << 16;
                float value;
                std::memcpy(&value, &bits, 4);
                value = from[d] * factor + (overwrite ? 0.0f : value);
                std::memcpy(&bits, &value, 4);
                bits = value == value ? bits + 0x7fff + (bits >> 16 & 1) : 0x7fc00000;  // to the nearest, ties to even
                row[d] = uint16_t(bits >> 16);
            }
        } else {
            float *row = reinterpret_cast<float *>(to);
            if (overwrite)
                for (int64_t d = 0; d < width; d++) row[d] = from[d] * factor;
            else
                for (int64_t d = 0; d < width; d++) row[d] += from[d] * factor;
        }
    }
};

struct Scratch {  // allocates parts of a thread's work space
    float *next;
    float *take(int64_t count) {
        float *begin = next;
        next += count;
        return begin;
    }
};

// Keys (or values) `first` ... first + count - 1 along channels; the last one is repeated to fill the last group.
float *pack_keys(Scratch &scratch, const Place &from, int64_t first, int64_t count, const Sizes &sizes) {
    const int64_t whole = (count + KEYS - 1) / KEYS * KEYS;
    float *rows = scratch.take(whole * ALONG);
    std::memset(rows, 0, whole * ALONG * sizeof(float));
    for (int64_t k = 0; k < whole; k++)
        from.read(rows + k * ALONG, first + std::min(k, count - 1), sizes.width, sizes.half);
    return rows;
}

// A tile of rows along channels, and the same with queries in lanes.
void pack_tile(float *rows, float *columns, const Place &from, int64_t first, int64_t count, const Sizes &sizes) {
    std::memset(rows, 0, TILE * ALONG * sizeof(float));
    for (int64_t q = 0; q < count; q++) from.read(rows + q * ALONG, first + q, sizes.width, sizes.half);
    transpose_all<ALL, UNITS>(columns, rows);
}

struct alignas(64) QueryTile {  // of a backward pass: queries and their outputs' gradients, across channels and in lanes
    float rows[TILE * WIDTH], columns[TILE * WIDTH], grad_rows[TILE * WIDTH], grad_columns[TILE * WIDTH];
    float total[TILE * WIDTH];  // the queries' gradients
    float shift[TILE], along[TILE];
};

int64_t room_for_tiles(int64_t queries) { return (queries + TILE - 1) / TILE * (sizeof(QueryTile) / sizeof(float)); }

// Attention of some queries to all keys of their problem, merged into (or written to) running output and log-sum-exp.
void attend(const Sizes &sizes, const Tensor *tensors, int64_t problem, int64_t begin, int64_t end, Scratch scratch) {
    const Place queries(tensors[0], sizes, problem), out(tensors[3], sizes, problem), lse(tensors[4], sizes, problem);
    const float *keys = pack_keys(scratch, Place(tensors[1], sizes, problem), 0, sizes.keys, sizes);
    float *values = pack_keys(scratch, Place(tensors[2], sizes, problem), 0, sizes.keys, sizes);
    pair_keys(values, sizes.keys);
    float *rows = scratch.take(TILE * WIDTH), *columns = scratch.take(TILE * WIDTH);
    float *weights = scratch.take(BLOCK * TILE), *shrink = scratch.take(TILE), *grow = scratch.take(TILE);
    float *room_for_rows = scratch.take(TILE * WIDTH);
    const float factor = LOG2E / std::sqrt(float(sizes.width));
    for (int64_t first = begin; first < end; first += TILE) {
        const int64_t count = std::min<int64_t>(TILE, end - first);
        pack_tile(rows, columns, queries, first, count, sizes);
        float *total = rows;  // reused: the queries are in `columns` now
        std::memset(total, 0, TILE * WIDTH * sizeof(float));
        Vec most[ALL], sum[ALL];
        for (int j = 0; j < ALL; j++) most[j] = Vec{} + LEAST, sum[j] = Vec{};
        for (int64_t key = 0; key < sizes.keys; key += BLOCK) {
            const int64_t here = std::min<int64_t>(BLOCK, sizes.keys - key);
            Vec more[ALL];
            for (int j = 0; j < ALL; j++) more[j] = most[j];
            for (int64_t k = 0; k < here; k += KEYS)
                for (int at = 0; at < ALL; at += VECTORS) {
                    Dots own, &dots = SQUARES ? *reinterpret_cast<Dots *>(weights + k * TILE) : own;
                    dot(dots, keys + (key + k) * ALONG, columns + at * LANES, units(sizes.width));
#pragma GCC unroll 8
                    for (int i = 0; i < KEYS; i++)
#pragma GCC unroll 4
                        for (int j = 0; j < VECTORS; j++) {
                            more[at + j] = dots[i][j] > more[at + j] ? dots[i][j] : more[at + j];
                            vectors(weights)[(k + i) * ALL + at + j] = dots[i][j];
                        }
                }
            Vec part[ALL];
            for (int j = 0; j < ALL; j++) {
                vectors(shrink)[j] = exp2((most[j] - more[j]) * factor);
                most[j] = more[j];
                part[j] = Vec{};
            }
            for (int64_t k = 0; k < here; k += KEYS) {
                // subtract before multiplying: the rounding of large products could exceed the exponential's range
                const Vec *scores = vectors(weights) + k * ALL;
                Vec room[KEYS * ALL], *found = PAIR == 1 ? vectors(weights) + k * ALL : room;
#pragma GCC unroll 8
                for (int i = 0; i < KEYS; i++) {
#pragma GCC unroll 8
                    for (int j = 0; j < ALL; j++) found[i * ALL + j] = exp2((scores[i * ALL + j] - most[j]) * factor);
                    if (k + i < here)
#pragma GCC unroll 8
                        for (int j = 0; j < ALL; j++) part[j] += found[i * ALL + j];
                }
                put_across(weights + units(k) * TILE, found);
            }
            for (int j = 0; j < ALL; j++) sum[j] = sum[j] * vectors(shrink)[j] + part[j];
            add_to_queries<true>(total, shrink, weights, values + units(key) * WIDTH, units(here));
        }
        const float *added = by_query(room_for_rows, total);
        float *before = columns;  // reused: the queries are no longer needed
        for (int q = 0; q < TILE; q++) before[q] = q < count && !sizes.overwrite ? lse.number(first + q) * LOG2E : -INFINITY;
        for (int j = 0; j < ALL; j++) {
            const Vec old = vectors(before)[j], own = sum[j] == 0.0f ? Vec{} - INFINITY : most[j] * factor;
            Vec top = old > own ? old : own;
            top = top < LEAST ? Vec{} + LEAST : top;  // all keys' scores are -inf: weights of zero
            const Vec kept = exp2(old - top), fresh = exp2(own - top), both = kept + fresh * sum[j];
            const Vec whole = both == 0.0f ? Vec{} + 1.0f : both;
            vectors(shrink)[j] = kept / whole;
            vectors(grow)[j] = fresh / whole;
            for (int i = 0; i < LANES; i++) before[j * LANES + i] = LN2 * (top[i] + std::log2(both[i]));
        }
        for (int64_t q = 0; q < count; q++) {
            float *row = &out.number(first + q);
            for (int64_t d = 0; d < sizes.width; d++) {
                const float own = added[q * WIDTH + d] * grow[q];
                row[d] = sizes.overwrite ? own : row[d] * shrink[q] + own;
            }
            lse.number(first + q) = before[q];
        }
    }
}

// The gradients from some queries of one problem, added to (or written to) those of its rows. The gradients of keys and
// values are a sum over all queries: each part of the queries adds its contribution after the part `before` it has, so
// that the order is always the same. `done` counts the keys for which this part has added its own. Keys are taken NEARBY
// at a time, so that they, their gradients and the part's queries stay in a low-level cache.
void attend_backward(const Sizes &sizes, const Tensor *tensors, int64_t problem, int64_t begin, int64_t end,
                     const std::atomic<int64_t> *before, std::atomic<int64_t> *done, Scratch scratch) {
    const Place grad(tensors[0], sizes, problem), queries(tensors[1], sizes, problem), all_keys(tensors[2], sizes, problem),
        all_values(tensors[3], sizes, problem), sums(tensors[4], sizes, problem), lse(tensors[5], sizes, problem),
        of_queries(tensors[6], sizes, problem), of_keys(tensors[7], sizes, problem), of_values(tensors[8], sizes, problem);
    float *weights = scratch.take(BLOCK_BACKWARD * TILE), *slopes = scratch.take(BLOCK_BACKWARD * TILE);
    float *slopes_across = PAIR == 1 ? slopes : slopes + BLOCK_BACKWARD * TILE / 2;
    float *room_for_rows = scratch.take(TILE * WIDTH);
    const float scale = 1 / std::sqrt(float(sizes.width)), factor = LOG2E * scale;
    QueryTile *tiles = reinterpret_cast<QueryTile *>(scratch.take(room_for_tiles(end - begin)));
    const bool overwrite = sizes.overwrite && !before;
    for (int64_t from = 0; from < sizes.keys; from += NEARBY) {
        const int64_t nearby = std::min<int64_t>(NEARBY, sizes.keys - from), whole = (nearby + ROWS - 1) / ROWS * ROWS;
        Scratch here_only = scratch;
        float *keys = pack_keys(here_only, all_keys, from, nearby, sizes);
        const float *values = pack_keys(here_only, all_values, from, nearby, sizes);
        float *keys_across = PAIR == 1 ? keys : pack_keys(here_only, all_keys, from, nearby, sizes);
        pair_keys(keys_across, nearby);
        float *key_total = here_only.take(whole * WIDTH), *value_total = here_only.take(whole * WIDTH);
        std::memset(key_total, 0, whole * WIDTH * sizeof(float));
        std::memset(value_total, 0, whole * WIDTH * sizeof(float));
        for (int64_t first = begin; first < end; first += TILE) {
            const int64_t count = std::min<int64_t>(TILE, end - first);
            QueryTile &own = tiles[sizes.keys > NEARBY ? (first - begin) / TILE : 0];  // one place stays in the cache
            if (from == 0) {
                pack_tile(own.rows, own.columns, queries, first, count, sizes);
                pack_tile(own.grad_rows, own.grad_columns, grad, first, count, sizes);
                pair_rows(own.rows, TILE);
                pair_rows(own.grad_rows, TILE);
                for (int q = 0; q < TILE; q++) {
                    own.shift[q] = q < count ? std::max(lse.number(first + q) * LOG2E, LEAST) : 0;
                    own.along[q] = q < count ? sums.number(first + q) : 0;
                }
                std::memset(own.total, 0, sizeof own.total);
            }
            for (int64_t key = 0; key < nearby; key += BLOCK_BACKWARD) {
                const int64_t here = std::min<int64_t>(BLOCK_BACKWARD, nearby - key);
                for (int64_t k = 0; k < here; k += KEYS) {
                    Vec room[KEYS * ALL], *found = PAIR == 1 ? vectors(weights) + k * ALL : room;
                    Vec *sloped = PAIR == 1 ? vectors(slopes) + k * ALL : room;
                    for (int at = 0; at < ALL; at += VECTORS) {
                        Dots dots;
                        dot(dots, keys + (key + k) * ALONG, own.columns + at * LANES, units(sizes.width));
#pragma GCC unroll 8
                        for (int i = 0; i < KEYS; i++)
#pragma GCC unroll 4
                            for (int j = at; j < at + VECTORS; j++)  // lse is rounded, too, but no weight exceeds 1
                                found[i * ALL + j] =
                                    exp2(at_most_zero(dots[i][j - at] * factor - vectors(own.shift)[j]));
                    }
                    put_along(weights + k * QUERIES, found);
                    for (int at = 0; at < ALL; at += VECTORS) {
                        Dots dots;
                        dot(dots, values + (key + k) * ALONG, own.grad_columns + at * LANES, units(sizes.width));
#pragma GCC unroll 8
                        for (int i = 0; i < KEYS; i++)
#pragma GCC unroll 4
                            for (int j = at; j < at + VECTORS; j++)
                                sloped[i * ALL + j] = found[i * ALL + j] * (dots[i][j - at] - vectors(own.along)[j]);
                    }
                    put_along(slopes + k * QUERIES, sloped);
                    put_across(slopes_across + units(k) * TILE, sloped);
                }
                for (int64_t k = 0; k < here; k += ROWS) {
                    add_to_keys(value_total + (key + k) * WIDTH, weights + k * QUERIES, own.grad_rows, units(count));
                    add_to_keys(key_total + (key + k) * WIDTH, slopes + k * QUERIES, own.rows, units(count));
                }
                add_to_queries<false>(own.total, nullptr, slopes_across, keys_across + units(key) * WIDTH, units(here));
            }
            if (from + nearby < sizes.keys) continue;
            const float *queries_total = by_query(room_for_rows, own.total);
            for (int64_t q = 0; q < count; q++)
                of_queries.write(queries_total + q * WIDTH, first + q, sizes.width, sizes.half, scale, sizes.overwrite);
        }
        for (int64_t key = 0; key < nearby; key += TURN) {
            while (before && before->load(std::memory_order_acquire) <= from + key) std::this_thread::yield();
            const int64_t last = std::min<int64_t>(nearby, key + TURN);
            for (int64_t k = key; k < last; k++) {
                of_keys.write(key_total + k * WIDTH, from + k, sizes.width, sizes.half, scale, overwrite);
                of_values.write(value_total + k * WIDTH, from + k, sizes.width, sizes.half, 1, overwrite);
            }
            done->store(from + last, std::memory_order_release);
        }
    }
}

// Run `task(number, thread)` for every number below `count`, in order, each on the next free thread.
template <typename Task>
void share_out(int64_t count, int64_t threads, Task task) {
    std::atomic<int64_t> next{0}, team{0};
#pragma omp parallel num_threads(std::min(threads, count))
    {
        const int64_t thread = team++;
        begin_squares();
        for (int64_t number; (number = next++) < count;) task(number, thread);
        end_squares();
    }
}

int64_t problems(const Sizes &sizes) { return sizes.outer[0] * sizes.outer[1] * sizes.outer[2] * sizes.outer[3]; }

}  // namespace

// Whether this process may use what the library is compiled for. Linux wants to be asked before squares are used.
extern "C" int64_t genolong_allowed() {
#ifdef __AMX_BF16__
    constexpr long ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return 1;
#endif
}

// The work space for each thread, in floats.
extern "C" int64_t genolong_room(const Sizes *sizes, int64_t backward) {
    if (!backward) return 2 * ALONG * (sizes->keys + KEYS) + 6 * TILE * WIDTH + (BLOCK + 4) * TILE;
    const int64_t keys = std::min<int64_t>(NEARBY, sizes->keys) + std::max(ROWS, KEYS);
    return room_for_tiles(std::min<int64_t>(PART, sizes->queries)) + keys * ((1 + PAIR) * ALONG + 2 * WIDTH) +
           (2 * BLOCK_BACKWARD + WIDTH) * TILE;
}

// Tensors: queries, keys, values, out, lse. Each thread has `room` floats of scratch.
extern "C" void genolong_attend(const Sizes *sizes, const Tensor *tensors, float *scratch, int64_t room) {
    const int64_t tiles = (sizes->queries + TILE - 1) / TILE, count = problems(*sizes);
    const int64_t parts = std::min(tiles, (sizes->threads + count - 1) / count);
    const int64_t size = (tiles + parts - 1) / parts * TILE;
    share_out(count * parts, sizes->threads, [&](int64_t number, int64_t thread) {
        const int64_t begin = number % parts * size, end = std::min(sizes->queries, begin + size);
        attend(*sizes, tensors, number / parts, begin, end, Scratch{scratch + thread * room});
    });
}

// Tensors: grad, queries, keys, values, sums of grad * out, lse, and the gradients of queries, keys and values.
extern "C" void genolong_attend_backward(const Sizes *sizes, const Tensor *tensors, float *scratch, int64_t room) {
    const int64_t count = problems(*sizes), parts = (sizes->queries + PART - 1) / PART;
    std::vector<std::atomic<int64_t>> done(count * parts);
    share_out(count * parts, sizes->threads, [&](int64_t number, int64_t thread) {
        const int64_t begin = number / count * PART, end = std::min(sizes->queries, begin + PART);
        attend_backward(*sizes, tensors, number % count, begin, end, begin ? &done[number - count] : nullptr,
                        &done[number], Scratch{scratch + thread * room});
    });
}
