// What a block does to each position beside products and attention, in one pass: norms, their gradients, rotations.
//
// Every function takes its positions in equal parts on `threads` threads, of the OpenMP that PyTorch runs on.

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace {

constexpr int64_t LEAST = 64;  // positions, for which another thread is worth its start

// `task(part, begin, end)` for parts of 0 ... count - 1, on a thread each.
template <typename Task>
void share_out(int64_t count, int64_t threads, Task task) {
    const int64_t parts = std::max<int64_t>(1, std::min(threads, count / LEAST));
#pragma omp parallel for num_threads(parts) schedule(static, 1)
    for (int64_t part = 0; part < parts; part++) task(part, part * count / parts, (part + 1) * count / parts);
}

}  // namespace

// out = x * shrink * weight, where shrink = 1 / sqrt(mean(x * x) + tiny) is a number a position.
extern "C" void genolong_norm(const float *x, const float *weight, float *out, float *shrink, int64_t positions,
                              int64_t width, float tiny, int64_t threads) {
    share_out(positions, threads, [=](int64_t, int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++) {
            const float *row = x + at * width;
            float *to = out + at * width, squares = 0;
#pragma omp simd reduction(+ : squares)
            for (int64_t d = 0; d < width; d++) squares += row[d] * row[d];
            const float factor = 1 / std::sqrt(squares / float(width) + tiny);
            shrink[at] = factor;
#pragma omp simd
            for (int64_t d = 0; d < width; d++) to[d] = row[d] * factor * weight[d];
        }
    });
}

// The gradient of x, and each part's share of that of the weight: of_weight has `threads` rows, of zeros.
extern "C" void genolong_norm_backward(const float *grad, const float *x, const float *weight, const float *shrink,
                                       float *of_x, float *of_weight, int64_t positions, int64_t width,
                                       int64_t threads) {
    share_out(positions, threads, [=](int64_t part, int64_t begin, int64_t end) {
        float *total = of_weight + part * width;
        for (int64_t at = begin; at < end; at++) {
            const float *above = grad + at * width, *row = x + at * width, factor = shrink[at];
            float *to = of_x + at * width, along = 0;
#pragma omp simd reduction(+ : along)
            for (int64_t d = 0; d < width; d++) {
                const float share = above[d] * row[d] * factor;
                total[d] += share;
                along += share * weight[d];
            }
            const float back = along / float(width) * factor;
#pragma omp simd
            for (int64_t d = 0; d < width; d++) to[d] = (above[d] * weight[d] - row[d] * back) * factor;
        }
    });
}

struct Rows {  // (batch, positions, parts, heads, width), of which the last three adjoin
    char *at;
    int64_t batch, position;  // steps, in bytes
};

struct Sizes {
    int64_t batch, positions, parts, heads, width, threads;
};

// Turns the first two parts, queries and keys, by each position's angles, and takes the others as they are. A
// table has width / 2 numbers a position.
extern "C" void genolong_turn(const Rows *from, const Rows *to, const float *cosine, const float *sine,
                              const Sizes *sizes) {
    const Sizes s = *sizes;
    const Rows source = *from, target = *to;
    const int64_t half = s.width / 2;
    share_out(s.batch * s.positions, s.threads, [=](int64_t, int64_t begin, int64_t end) {
        for (int64_t number = begin; number < end; number++) {
            const int64_t batch = number / s.positions, position = number % s.positions;
            const float *row = reinterpret_cast<const float *>(source.at + batch * source.batch + position * source.position);
            float *out = reinterpret_cast<float *>(target.at + batch * target.batch + position * target.position);
            const float *cos = cosine + position * half, *sin = sine + position * half;
            for (int64_t head = 0; head < 2 * s.heads; head++, row += s.width, out += s.width)
#pragma omp simd
                for (int64_t d = 0; d < half; d++) {
                    const float left = row[d], right = row[half + d], up = sin[d];
                    out[d] = left * cos[d] - right * up;
                    out[half + d] = left * up + right * cos[d];
                }
            std::copy(row, row + (s.parts - 2) * s.heads * s.width, out);
        }
    });
}
