// A block's operations besides matrix products and attention, each in one pass: norms, short convolutions, GELU with its
// bias, their gradients, and rotations.
//
// Every function splits its positions equally over `threads` of PyTorch's OpenMP threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t LEAST = 64;  // positions that make it worth starting another thread
#if defined(__AVX512F__)  // a register's: compilers keep vectors of two in memory
constexpr int64_t LANES = 16;
#elif defined(__AVX2__)
constexpr int64_t LANES = 8;
#else
constexpr int64_t LANES = 4;
#endif
constexpr int64_t TILE = 16;   // positions that a convolution processes at a time; with their halo they stay in cache

typedef float Vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

typedef int32_t Whole __attribute__((vector_size(4 * LANES)));

#define INLINE_HERE __attribute__((always_inline))  // so that compilers know a constant count of numbers
#define INLINE inline INLINE_HERE

struct Half {  // a bfloat16, rounded to nearest, ties to even
    uint16_t bits;

    operator float() const {
        const uint32_t wide = uint32_t(bits) << 16;
        float value;
        std::memcpy(&value, &wide, 4);
        return value;
    }
    void operator=(float value) {
        uint32_t wide;
        std::memcpy(&wide, &value, 4);
        bits = uint16_t(value == value ? (wide + 0x7fff + (wide >> 16 & 1)) >> 16 : 0x7fc0);
    }
};

inline Vec *vectors(float *row) { return reinterpret_cast<Vec *>(row); }
inline const Vec *vectors(const float *row) { return reinterpret_cast<const Vec *>(row); }

// Run `task(part, begin, end)` for the parts of 0 ... count - 1, each on its own thread.
template <typename Task>
void share_out(int64_t count, int64_t threads, Task task) {
    const int64_t parts = std::max<int64_t>(1, std::min(threads, count / LEAST));
#pragma omp parallel for num_threads(parts) schedule(static, 1)
    for (int64_t part = 0; part < parts; part++) task(part, part * count / parts, (part + 1) * count / parts);
}

// 1 / sqrt(mean(row * row) + tiny)
inline float shrink_of(const float *row, int64_t width, float tiny) {
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t d = 0; d < width; d++) squares += row[d] * row[d];
    return 1 / std::sqrt(squares / float(width) + tiny);
}

template <typename Number>
inline void norm_row(const float *row, const float *weight, float shrink, Number *to, int64_t width) {
#pragma omp simd
    for (int64_t d = 0; d < width; d++) to[d] = row[d] * shrink * weight[d];
}

// to[d] += the sum over k < count of one[k * one_step + d] * other[k * other_step + d], V vectors of d
template <int V>
inline void add_products(float *to, const float *one, int64_t one_step, const float *other, int64_t other_step,
                         int64_t count) {
    Vec sums[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) sums[v] = vectors(to)[v];
    for (int64_t k = 0; k < count; k++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) sums[v] += vectors(one + k * one_step)[v] * vectors(other + k * other_step)[v];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) vectors(to)[v] = sums[v];
}

// The same for every d < width.
inline void add_products(float *to, const float *one, int64_t one_step, const float *other, int64_t other_step,
                         int64_t count, int64_t width) {
    int64_t d = 0;
    for (; d + 4 * LANES <= width; d += 4 * LANES) add_products<4>(to + d, one + d, one_step, other + d, other_step, count);
    for (; d + LANES <= width; d += LANES) add_products<1>(to + d, one + d, one_step, other + d, other_step, count);
    for (; d < width; d++)
        for (int64_t k = 0; k < count; k++) to[d] += one[k * one_step + d] * other[k * other_step + d];
}

// A norm's gradient, plus `also` if given; adds the contribution to the weight's gradient to `total`.
template <typename Number>
inline void norm_row_backward(const Number *above, const float *row, const float *weight, float shrink, const float *also,
                              float *to, float *total, int64_t width) {
    float along = 0;
#pragma omp simd reduction(+ : along)
    for (int64_t d = 0; d < width; d++) {
        const float share = above[d] * row[d] * shrink;
        total[d] += share;
        along += share * weight[d];
    }
    const float back = along / float(width) * shrink;
#pragma omp simd
    for (int64_t d = 0; d < width; d++)
        to[d] = (also ? also[d] : 0.0f) + (above[d] * weight[d] - row[d] * back) * shrink;
}

// Write the normed positions first - reach ... last + reach - 1 of a window of `length` to `near`, each scaled by
// `shrink(position)`; zeros beyond the window's ends.
template <typename Shrink>
inline void norm_near(std::vector<float> &near, const float *states, const float *weight, int64_t first, int64_t last,
                      int64_t reach, int64_t length, int64_t width, Shrink shrink) {
    for (int64_t at = first - reach; at < last + reach; at++) {
        float *to = near.data() + (at - first + reach) * width;
        if (at < 0 || at >= length)
            std::fill_n(to, width, 0.0f);
        else
            norm_row(states + at * width, weight, shrink(at), to, width);
    }
}

// Run `task(window, first, last)` for tiles of positions begin ... end - 1, counted through all windows; each tile lies
// in one window.
template <typename Task>
void tiles(int64_t begin, int64_t end, int64_t length, Task task) {
    for (int64_t at = begin, last; at < end; at = last) {
        const int64_t window = at / length;
        last = std::min({at + TILE, end, (window + 1) * length});
        task(window, at - window * length, last - window * length);
    }
}

template <typename Number>
void norm(const float *x, const float *weight, Number *out, float *shrink, int64_t positions, int64_t width, float tiny,
          int64_t threads) {
    share_out(positions, threads, [=](int64_t, int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++) {
            const float *row = x + at * width;
            shrink[at] = shrink_of(row, width, tiny);
            norm_row(row, weight, shrink[at], out + at * width, width);
        }
    });
}

template <typename Number>
void norm_backward(const Number *grad, const float *x, const float *weight, const float *shrink, const float *also,
                   float *of_x, float *of_weight, int64_t positions, int64_t width, int64_t threads) {
    share_out(positions, threads, [=](int64_t part, int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++)
            norm_row_backward(grad + at * width, x + at * width, weight, shrink[at], also ? also + at * width : nullptr,
                              of_x + at * width, of_weight + part * width, width);
    });
}

// e^x for x <= 0; zero where it is less than 2^-125
inline Vec exp_of(Vec x) {
    const Vec all = x * 1.44269504f, twos = all > -125.0f ? all : Vec{} - 125.0f;
    const Whole whole = __builtin_convertvector(twos, Whole) - 1;
    const Vec part = twos - __builtin_convertvector(whole, Vec);
    Vec power = part * 1.87758e-3f + 8.98934e-3f;  // minimax: 8e-8 of 2^part for 0 <= part <= 1
    power = power * part + 5.582632e-2f;
    power = power * part + 2.4015362e-1f;
    power = power * part + 6.9315307e-1f;
    power = power * part + 9.9999993e-1f;
    return all > -125.0f ? power * (Vec)((whole + 127) << 23) : Vec{};
}

struct Normal {
    Vec below, density;  // of the standard normal distribution: the share of it below x, and its density there
};

inline Normal normal(Vec x) {
    const Vec size = x < 0.0f ? -x : x, t = 1.0f / (1.0f + 0.305f * size), bell = exp_of(-0.5f * size * size);
    Vec tail = t * 0.03669920f - 0.15298836f;  // minimax: 1e-7 of the share beyond size, divided by bell and t
    tail = tail * t + 0.18571700f;
    tail = tail * t - 0.03797690f;
    tail = tail * t + 0.12102172f;
    tail = tail * t + 0.10342085f;
    tail = tail * t + 0.12246682f;
    tail = tail * t + 0.12163974f;
    const Vec beyond = tail * t * bell;
    return {x < 0.0f ? beyond : 1.0f - beyond, 0.398942280f * bell};
}

// The first `count` numbers of a row, and zeros. All lanes are read at once: GCC copies them in halves without AVX-512, and
// a processor waits when it loads what it has just stored in halves.
INLINE Vec taken(const float *row, int64_t count) {
    if (count == LANES) return *vectors(row);
    Vec numbers = {};
    std::memcpy(&numbers, row, size_t(count) * sizeof *row);
    return numbers;
}

INLINE void put(float *row, Vec numbers, int64_t count) {
    if (count == LANES)
        *vectors(row) = numbers;
    else
        std::memcpy(row, &numbers, size_t(count) * sizeof *row);
}

// Run `part(d, count)` for vectors of a row's numbers d ... d + count - 1; only the last may have fewer than all lanes.
template <typename Part>
INLINE void along(int64_t width, Part part) {
    int64_t d = 0;
    for (; d + LANES <= width; d += LANES) part(d, LANES);
    if (d < width) part(d, width - d);
}

struct Rows {  // (batch, positions, parts, heads, width); the last three axes are contiguous
    char *at;
    int64_t batch, position;  // steps, in bytes
};

struct Sizes {
    int64_t batch, positions, parts, heads, width, threads;
};

template <typename Number>
void turn(const Rows &source, const Rows &target, const float *cosine, const float *sine, float sign, const Sizes &s) {
    const int64_t half = s.width / 2;
    share_out(s.batch * s.positions, s.threads, [=](int64_t, int64_t begin, int64_t end) {
        for (int64_t number = begin; number < end; number++) {
            const int64_t batch = number / s.positions, position = number % s.positions;
            const Number *row = reinterpret_cast<const Number *>(source.at + batch * source.batch + position * source.position);
            Number *out = reinterpret_cast<Number *>(target.at + batch * target.batch + position * target.position);
            const float *cos = cosine + position * half, *sin = sine + position * half;
            for (int64_t head = 0; head < 2 * s.heads; head++, row += s.width, out += s.width)
#pragma omp simd
                for (int64_t d = 0; d < half; d++) {
                    const float left = row[d], right = row[half + d], up = sign * sin[d];
                    out[d] = left * cos[d] - right * up;
                    out[half + d] = left * up + right * cos[d];
                }
            std::copy(row, row + (s.parts - 2) * s.heads * s.width, out);
        }
    });
}

}  // namespace

// out = x * shrink * weight, where shrink = 1 / sqrt(mean(x * x) + tiny) is one number per position; `half`: out has 16
// bits.
extern "C" void genolong_norm(const float *x, const float *weight, void *out, float *shrink, int64_t positions,
                              int64_t width, float tiny, int64_t half, int64_t threads) {
    if (half)
        norm(x, weight, static_cast<Half *>(out), shrink, positions, width, tiny, threads);
    else
        norm(x, weight, static_cast<float *>(out), shrink, positions, width, tiny, threads);
}

// The same numbers `shrink` alone.
extern "C" void genolong_shrinks(const float *x, float *shrink, int64_t positions, int64_t width, float tiny,
                                 int64_t threads) {
    share_out(positions, threads, [=](int64_t, int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++) shrink[at] = shrink_of(x + at * width, width, tiny);
    });
}

// The gradient of x, plus `also` if given, which may be of_x; and each part's share of the weight's gradient: of_weight has
// `threads` rows, initially zero. `half`: the incoming gradient has 16 bits.
extern "C" void genolong_norm_backward(const void *grad, const float *x, const float *weight, const float *shrink,
                                       const float *also, float *of_x, float *of_weight, int64_t positions, int64_t width,
                                       int64_t half, int64_t threads) {
    if (half)
        norm_backward(static_cast<const Half *>(grad), x, weight, shrink, also, of_x, of_weight, positions, width, threads);
    else
        norm_backward(static_cast<const float *>(grad), x, weight, shrink, also, of_x, of_weight, positions, width, threads);
}

// out = GELU(x + bias): (positions, width)
extern "C" void genolong_gelu(const float *x, const float *bias, float *out, int64_t positions, int64_t width,
                              int64_t threads) {
    share_out(positions, threads, [=](int64_t, int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++) {
            const float *row = x + at * width;
            float *to = out + at * width;
            along(width, [=](int64_t d, int64_t count) INLINE_HERE {
                const Vec here = taken(row + d, count) + taken(bias + d, count);
                put(to + d, here * normal(here).below, count);
            });
        }
    });
}

// The gradient of x, and each part's share of that of the bias: of_bias has `threads` rows, initially zero.
extern "C" void genolong_gelu_backward(const float *grad, const float *x, const float *bias, float *of_x, float *of_bias,
                                       int64_t positions, int64_t width, int64_t threads) {
    share_out(positions, threads, [=](int64_t part, int64_t begin, int64_t end) {
        float *total = of_bias + part * width;
        for (int64_t at = begin; at < end; at++) {
            const float *row = x + at * width, *above = grad + at * width;
            float *to = of_x + at * width;
            along(width, [=](int64_t d, int64_t count) INLINE_HERE {
                const Vec here = taken(row + d, count) + taken(bias + d, count);
                const Normal known = normal(here);
                const Vec found = taken(above + d, count) * (known.below + here * known.density);
                put(total + d, taken(total + d, count) + found, count);
                put(to + d, found, count);
            });
        }
    });
}

struct Convolution {
    int64_t batch, length, width, taps, threads;
};

// out = x + bias + the sum over k < taps of weight[k] * normed[position + k - taps / 2], where `normed` is x normed as
// above, and zero outside the window. x and out are (batch, length, width), weight is (taps, width).
extern "C" void genolong_convolve(const Convolution *sizes, const float *x, const float *norm, const float *weight,
                                  const float *bias, float *out, float *shrink, float tiny) {
    const int64_t length = sizes->length, width = sizes->width, taps = sizes->taps, reach = taps / 2;
    share_out(sizes->batch * length, sizes->threads, [=](int64_t, int64_t begin, int64_t end) {
        std::vector<float> near((TILE + taps) * width);
        tiles(begin, end, length, [&](int64_t window, int64_t first, int64_t last) {
            const float *states = x + window * length * width;
            norm_near(near, states, norm, first, last, reach, length, width, [=](int64_t at) {
                const float factor = shrink_of(states + at * width, width, tiny);
                if (at >= first && at < last) shrink[window * length + at] = factor;
                return factor;
            });
            for (int64_t at = first; at < last; at++) {
                const float *from = near.data() + (at - first) * width, *state = states + at * width;
                float *to = out + (window * length + at) * width;
#pragma omp simd
                for (int64_t d = 0; d < width; d++) to[d] = state[d] + bias[d];
                add_products(to, weight, width, from, width, taps, width);
            }
        });
    });
}

// The gradient of x, and each part's share of the gradients of norm, bias and weight, added to (threads, 2 + taps,
// width): norm, bias, then each tap. `grad` is that of positions start ... start + count - 1 of each window; others are
// zero.
extern "C" void genolong_convolve_backward(const Convolution *sizes, const float *grad, int64_t start, int64_t count,
                                           const float *x, const float *norm, const float *weight, const float *shrink,
                                           float *of_x, float *of_weights) {
    const int64_t length = sizes->length, width = sizes->width, taps = sizes->taps, reach = taps / 2;
    share_out(sizes->batch * length, sizes->threads, [=](int64_t part, int64_t begin, int64_t end) {
        std::vector<float> near((TILE + taps) * width), above(width), none(width);
        float *of_norm = of_weights + part * (2 + taps) * width, *of_bias = of_norm + width, *of_taps = of_bias + width;
        tiles(begin, end, length, [&](int64_t window, int64_t first, int64_t last) {
            const float *states = x + window * length * width, *grads = grad + (window * count - start) * width;
            norm_near(near, states, norm, first, last, reach, length, width,
                      [=](int64_t at) { return shrink[window * length + at]; });
            const int64_t begins = std::max(first, start), ends = std::min(last, start + count);
            for (int64_t k = 0; k < taps; k++)
                add_products(of_taps + k * width, grads + begins * width, width,
                             near.data() + (begins - first + k) * width, width, ends - begins, width);
            for (int64_t at = first; at < last; at++) {
                const float *own = at >= start && at < start + count ? grads + at * width : none.data();
#pragma omp simd
                for (int64_t d = 0; d < width; d++) of_bias[d] += own[d];
                const int64_t low = std::max<int64_t>(0, at + reach - (start + count) + 1);
                const int64_t high = std::min(taps, at + reach - start + 1);
                std::fill(above.begin(), above.end(), 0.0f);
                add_products(above.data(), weight + low * width, width, grads + (at + reach - low) * width, -width,
                             high - low, width);
                if (!own) __builtin_unreachable();  // it is added, and in the same roundings as for whole windows
                norm_row_backward(above.data(), states + at * width, norm, shrink[window * length + at], own,
                                  of_x + (window * length + at) * width, of_norm, width);
            }
        });
    });
}

// Rotates the first two parts, queries and keys, by each position's angles, back if `sign` is -1, and copies the others;
// `half`: all have 16 bits. Each table has width / 2 numbers per position.
extern "C" void genolong_turn(const Rows *from, const Rows *to, const float *cosine, const float *sine, float sign,
                              const Sizes *sizes, int64_t half) {
    if (half)
        turn<Half>(*from, *to, cosine, sine, sign, *sizes);
    else
        turn<float>(*from, *to, cosine, sine, sign, *sizes);
}
