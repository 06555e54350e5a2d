/* int8 element-wise functions, arithmetic and means on 16 or 64 lanes. */
#include "kernels/quant.h"
#include "requantise_avx512.h"

#ifdef SMT_X86

/* A table of 256 bytes is four registers: two permutations of 128, chosen by the top bit. */
TARGET_AVX512 void
x86_map_s8_avx512(const int8_t table[256], const int8_t *in, int8_t *out, uint32_t count)
{
    /* table[q + 128]: entries 128.. belong to q >= 0 */
    const __m512i n0 = _mm512_loadu_si512(table), n1 = _mm512_loadu_si512(table + 64);
    const __m512i p0 = _mm512_loadu_si512(table + 128), p1 = _mm512_loadu_si512(table + 192);
    for (uint32_t i = 0; i < count; i += 64) {
        __mmask64 active = count - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (count - i)) - 1;
        __m512i q = _mm512_maskz_loadu_epi8(active, in + i);
        __m512i positive = _mm512_permutex2var_epi8(p0, q, p1);
        __m512i negative = _mm512_permutex2var_epi8(n0, q, n1);
        _mm512_mask_storeu_epi8(
            out + i, active, _mm512_mask_blend_epi8(_mm512_movepi8_mask(q), positive, negative));
    }
}

/* `rows` rows of p->shape[3] elements; the inputs' rows are at the distances of dimension 2. */
TARGET_AVX512 static void
rows_s8(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    requant16 qa = requant_from(_mm512_set1_epi32(p->multiplier_a), _mm512_set1_epi32(p->shift_a));
    requant16 qb = requant_from(_mm512_set1_epi32(p->multiplier_b), _mm512_set1_epi32(p->shift_b));
    requant16 qo =
        requant_from(_mm512_set1_epi32(p->multiplier_out), _mm512_set1_epi32(p->shift_out));
    const __m512i za = _mm512_set1_epi32(p->zero_a), zb = _mm512_set1_epi32(p->zero_b);
    const __m512i zero = _mm512_set1_epi32(p->zero_out);
    const __m512i low = _mm512_set1_epi32(p->low), high = _mm512_set1_epi32(p->high);
    bool spread_a = !p->stride_a[3], spread_b = !p->stride_b[3], product = p->code == SMT_EDGE_MUL;
    for (int32_t k = 0; k < p->shape[2];
         k++, a += p->stride_a[2], b += p->stride_b[2], out += p->shape[3])
        for (int32_t i = 0; i < p->shape[3]; i += 16) {
            int32_t left = p->shape[3] - i;
            __mmask16 active = lanes16(left);
            __m128i ba = spread_a ? _mm_set1_epi8(*a) : _mm_maskz_loadu_epi8(active, a + i);
            __m128i bb = spread_b ? _mm_set1_epi8(*b) : _mm_maskz_loadu_epi8(active, b + i);
            __m512i x = _mm512_sub_epi32(_mm512_cvtepi8_epi32(ba), za);
            __m512i y = _mm512_sub_epi32(_mm512_cvtepi8_epi32(bb), zb);
            if (product) {
                x = _mm512_mullo_epi32(x, y);
            } else {
                x = requant_apply(&qa, _mm512_slli_epi32(x, 20));
                y = requant_apply(&qb, _mm512_slli_epi32(y, 20));
                x = p->code == SMT_EDGE_ADD ? _mm512_add_epi32(x, y) : _mm512_sub_epi32(x, y);
            }
            store16(out + i, left, requant_narrow(requant_apply(&qo, x), zero, low, high));
        }
}

/* ---- the fast way: 64 results at a time ------------------------------------------------------ */

typedef enum scaling { SCALE_HALF, SCALE_ONLY, SCALE_AND_SHIFT } scaling;

typedef struct fast_arithmetic {
    requant_fast out, a, b;
    scaling scale_a, scale_b;
    __m512i zero_a, zero_b, low, high;
    bool product, difference;
} fast_arithmetic;

/* The same multiplier and shift in every lane, for sums below 2^29. False: not a fast one. */
TARGET_AVX512 static bool
fill_uniform(requant_fast *q, int32_t multiplier, int32_t shift, int32_t zero)
{
    int32_t right = -shift;
    if (right < 1 || right > 20)
        return false;
    int64_t round = (int64_t)(1 << (right - 1)) + zero * (1 << right);
    q->multiplier = q->multiplier_odd = _mm512_set1_epi32(multiplier);
    q->round_even = q->round_odd =
        _mm512_set1_epi64(((int64_t)1 << 31) + round * ((int64_t)1 << 32));
    q->right = _mm512_set1_epi32(right);
    return true;
}

/* An input of a sum: at most 255 * 2^20. The one with the larger scale is halved, nothing else. */
TARGET_AVX512 static bool
prepare_input(int32_t multiplier, int32_t shift, scaling *scale, requant_fast *q)
{
    *scale = shift < 0 ? SCALE_AND_SHIFT : multiplier == 1 << 30 ? SCALE_HALF : SCALE_ONLY;
    if (shift > 0 || !fill_uniform(q, multiplier, shift < 0 ? shift : -1, 0))
        return false;
    if (*scale == SCALE_ONLY)
        q->round_even = q->round_odd = _mm512_set1_epi64((int64_t)1 << 31);
    return true;
}

TARGET_AVX512 INLINE __m512i scale_input(const requant_fast *q, scaling scale, __m512i x)
{
    if (scale == SCALE_HALF)
        return _mm512_slli_epi32(x, 19);
    x = _mm512_slli_epi32(x, 20);
    if (scale == SCALE_AND_SHIFT)
        return requant_fast_shift(q, x, false);
    return requant_fast_product(q, _mm512_add_epi32(x, x));
}

/* False: these numbers take the long way. */
TARGET_AVX512 static bool prepare_fast(const smt_arithmetic *p, fast_arithmetic *f)
{
    f->product = p->code == SMT_EDGE_MUL;
    f->difference = p->code == SMT_EDGE_SUB;
    f->zero_a = _mm512_set1_epi32(p->zero_a);
    f->zero_b = _mm512_set1_epi32(p->zero_b);
    f->low = _mm512_set1_epi8((char)p->low);
    f->high = _mm512_set1_epi8((char)p->high);
    return fill_uniform(&f->out, p->multiplier_out, p->shift_out, p->zero_out) &&
           (f->product || (prepare_input(p->multiplier_a, p->shift_a, &f->scale_a, &f->a) &&
                           prepare_input(p->multiplier_b, p->shift_b, &f->scale_b, &f->b)));
}

TARGET_AVX512 INLINE __m512i combine(const fast_arithmetic *f, bool product, __m128i a, __m128i b)
{
    __m512i x = _mm512_sub_epi32(_mm512_cvtepi8_epi32(a), f->zero_a);
    __m512i y = _mm512_sub_epi32(_mm512_cvtepi8_epi32(b), f->zero_b);
    if (product) /* both fit 16 bits; the upper halves of one are cleared, so that no sign joins */
        return _mm512_madd_epi16(x, _mm512_and_si512(y, _mm512_set1_epi32(0xffff)));
    x = scale_input(&f->a, f->scale_a, x);
    y = scale_input(&f->b, f->scale_b, y);
    return f->difference ? _mm512_sub_epi32(x, y) : _mm512_add_epi32(x, y);
}

/* Sixteen values at `in`, or one of them everywhere. */
TARGET_AVX512 INLINE __m128i sixteen(const int8_t *in, bool spread, __mmask16 active)
{
    if (spread)
        return _mm_set1_epi8(*in);
    return active == 0xffff ? _mm_loadu_si128((const __m128i *)(const void *)in)
                            : _mm_maskz_loadu_epi8(active, in);
}

/* Rows in memory's order (see kernels.h on overlap), 64 results at a time. Rows of a multiple of 16
 * are one run of sixteens, others are done one by one, each with its rest at the end. */
TARGET_AVX512 INLINE void fast_rows(const smt_arithmetic *p,
                                    const fast_arithmetic *f,
                                    bool product,
                                    const int8_t *a,
                                    const int8_t *b,
                                    int8_t *out)
{
    const bool spread_a = !p->stride_a[3], spread_b = !p->stride_b[3];
    const int32_t columns = p->shape[3], whole = columns & ~15, rest = columns - whole;
    const int32_t joined = rest ? 1 : p->shape[2], next_a = spread_a ? 0 : 16,
                  next_b = spread_b ? 0 : 16;
    const int32_t jump_a = p->stride_a[2] - (spread_a ? 0 : whole),
                  jump_b = p->stride_b[2] - (spread_b ? 0 : whole);
    const __m128i low = _mm512_castsi512_si128(f->low), high = _mm512_castsi512_si128(f->high);
    for (int32_t k = 0; k < p->shape[2]; k += joined) {
        int32_t count = joined * whole / 16, column = 0;
        while (count > 0) {
            __m512i v[4];
            int32_t now = count < 4 ? count : 4;
            UNROLL
            for (int32_t i = 0; i < 4; i++) {
                if (i >= now) {
                    v[i] = _mm512_setzero_si512();
                    continue;
                }
                v[i] =
                    combine(f, product, sixteen(a, spread_a, 0xffff), sixteen(b, spread_b, 0xffff));
                a += next_a;
                b += next_b;
                column += 16;
                if (column == whole) {
                    column = 0;
                    a += jump_a;
                    b += jump_b;
                }
            }
            __m512i y = requant_fast_four(&f->out, v, false, f->low, f->high);
            if (now == 4)
                _mm512_storeu_si512(out, y);
            else
                _mm512_mask_storeu_epi8(out, ((__mmask64)1 << (16 * now)) - 1, y);
            out += 16 * now;
            count -= now;
        }
        if (!rest)
            continue;
        /* the pointers stand at the next row: back to the end of this one */
        const int8_t *x = whole ? a - jump_a : a, *y = whole ? b - jump_b : b;
        __m512i v = combine(
            f, product, sixteen(x, spread_a, lanes16(rest)), sixteen(y, spread_b, lanes16(rest)));
        store16(out, rest, requant_fast_apply(&f->out, v, false, low, high));
        out += rest;
        if (!whole) {
            a += p->stride_a[2];
            b += p->stride_b[2];
        }
    }
}

TARGET_AVX512 void
x86_arithmetic_s8_avx512(const smt_arithmetic *p, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t *sa = p->stride_a, *sb = p->stride_b;
    if (p->shape[3] < 8 || sa[3] > 1 || sb[3] > 1) {
        smt_ref_arithmetic_s8(p, a, b, out);
        return;
    }
    fast_arithmetic f = {.low = _mm512_setzero_si512()};
    bool fast = prepare_fast(p, &f);
    for (int32_t i = 0; i < p->shape[0]; i++)
        for (int32_t j = 0; j < p->shape[1]; j++, out += p->shape[2] * p->shape[3]) {
            const int8_t *x = a + i * sa[0] + j * sa[1], *y = b + i * sb[0] + j * sb[1];
            if (!fast)
                rows_s8(p, x, y, out);
            else if (f.product)
                fast_rows(p, &f, true, x, y, out);
            else
                fast_rows(p, &f, false, x, y, out);
        }
}

/* Over rows and columns of one image, the case of global pooling. */
TARGET_AVX512 void x86_mean_s8_avx512(const smt_mean *p, const int8_t *in, int8_t *out)
{
    if (p->reduce[3] || !p->reduce[2] || (!p->reduce[1] && p->shape[1] != 1) || p->shape[0] != 1) {
        smt_ref_mean_s8(p, in, out);
        return;
    }
    int32_t channels = p->shape[3];
    requant16 q = requant_from(_mm512_set1_epi32(p->multiplier), _mm512_set1_epi32(p->shift));
    const __m512i zero = _mm512_set1_epi32(p->out_zero);
    const __m512i low = _mm512_set1_epi32(-128), high = _mm512_set1_epi32(127);
    const __m512i ones = _mm512_set1_epi8(1), top = _mm512_set1_epi8(-128);
    /* four pixels at a time: u = q + 128, so that 128 for each comes off again */
    const __m512i start = _mm512_set1_epi32(-p->count * (p->in_zero + 128));
    for (int32_t c = 0; c < channels; c += 16) {
        __mmask16 active = lanes16(channels - c);
        const int8_t *from = in + c;
        __m512i sum = start;
        for (int32_t i = 0; i < p->count; i += 4) {
            __m128i x[4];
            UNROLL
            for (int32_t j = 0; j < 4; j++, from += channels)
                x[j] = i + j >= p->count  ? _mm_set1_epi8(-128)
                       : active == 0xffff ? _mm_loadu_si128((const __m128i *)(const void *)from)
                                          : _mm_maskz_loadu_epi8(active, from);
            __m256i ab = _mm256_inserti128_si256(_mm256_castsi128_si256(x[0]), x[1], 1);
            __m256i cd = _mm256_inserti128_si256(_mm256_castsi128_si256(x[2]), x[3], 1);
            /* whole registers would add neighbours: first [16 channels][4 pixels] */
            __m512i four = _mm512_inserti64x4(_mm512_castsi256_si512(ab), cd, 1);
            four = _mm512_permutexvar_epi8(turn_order(), _mm512_xor_si512(four, top));
            sum = _mm512_dpbusd_epi32(sum, four, ones);
        }
        _mm_mask_storeu_epi8(
            out + c, active, requant_narrow(requant_apply(&q, sum), zero, low, high));
    }
}

#endif
