/* int8 element-wise functions, arithmetic and means on 16 or 64 lanes. */
#include "kernels/quant.h"
#include "requantise_avx512.h"

#ifdef SMT_X86

/* A table of 256 bytes is four registers: two permutations of 128 entries, chosen by the top bit.
 */
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

/* The same for products, when the fast requantisation holds. */
TARGET_AVX512 static void product_rows_s8(const smt_arithmetic *p,
                                          const requant_block *head,
                                          const int8_t *a,
                                          const int8_t *b,
                                          int8_t *out)
{
    const requant_fast q = requant_fast_load(head);
    const __m512i za = _mm512_set1_epi32(p->zero_a), zb = _mm512_set1_epi32(p->zero_b);
    const __m128i low = _mm_set1_epi8((char)p->low), high = _mm_set1_epi8((char)p->high);
    bool spread_a = !p->stride_a[3], spread_b = !p->stride_b[3];
    for (int32_t k = 0; k < p->shape[2];
         k++, a += p->stride_a[2], b += p->stride_b[2], out += p->shape[3])
        for (int32_t i = 0; i < p->shape[3]; i += 16) {
            int32_t left = p->shape[3] - i;
            __mmask16 active = lanes16(left);
            __m128i ba = spread_a ? _mm_set1_epi8(*a) : _mm_maskz_loadu_epi8(active, a + i);
            __m128i bb = spread_b ? _mm_set1_epi8(*b) : _mm_maskz_loadu_epi8(active, b + i);
            __m512i x = _mm512_sub_epi32(_mm512_cvtepi8_epi32(ba), za);
            __m512i y = _mm512_sub_epi32(_mm512_cvtepi8_epi32(bb), zb);
            /* both fit 16 bits; the upper halves of one are cleared, so that no sign joins the sum
             */
            y = _mm512_and_si512(y, _mm512_set1_epi32(0xffff));
            store16(out + i, left, requant_fast_apply(&q, _mm512_madd_epi16(x, y), low, high));
        }
}

/* The same for sums: inputs of at most 255 * 2^20, shifted by at most 20 bits; a shift of 0 needs
 * no rounding. */
TARGET_AVX512 INLINE __m512i scale_input(const requant_fast *q, bool shifts, __m512i x)
{
    if (shifts)
        return requant_fast_shift(q, x, false);
    requant_fast none = *q;
    none.round = none.right = _mm512_setzero_si512();
    return requant_fast_shift(&none, x, true);
}

TARGET_AVX512 static void sum_rows_s8(const smt_arithmetic *p,
                                      const requant_block *heads,
                                      const int8_t *a,
                                      const int8_t *b,
                                      int8_t *out)
{
    const requant_fast qa = requant_fast_load(&heads[1]), qb = requant_fast_load(&heads[2]),
                       qo = requant_fast_load(&heads[0]);
    const __m512i za = _mm512_set1_epi32(p->zero_a), zb = _mm512_set1_epi32(p->zero_b);
    const __m128i low = _mm_set1_epi8((char)p->low), high = _mm_set1_epi8((char)p->high);
    bool spread_a = !p->stride_a[3], spread_b = !p->stride_b[3], shifts_a = p->shift_a < 0,
         shifts_b = p->shift_b < 0;
    for (int32_t k = 0; k < p->shape[2];
         k++, a += p->stride_a[2], b += p->stride_b[2], out += p->shape[3])
        for (int32_t i = 0; i < p->shape[3]; i += 16) {
            int32_t left = p->shape[3] - i;
            __mmask16 active = lanes16(left);
            __m128i ba = spread_a ? _mm_set1_epi8(*a) : _mm_maskz_loadu_epi8(active, a + i);
            __m128i bb = spread_b ? _mm_set1_epi8(*b) : _mm_maskz_loadu_epi8(active, b + i);
            __m512i x = _mm512_slli_epi32(_mm512_sub_epi32(_mm512_cvtepi8_epi32(ba), za), 20);
            __m512i y = _mm512_slli_epi32(_mm512_sub_epi32(_mm512_cvtepi8_epi32(bb), zb), 20);
            x = scale_input(&qa, shifts_a, x);
            y = scale_input(&qb, shifts_b, y);
            x = p->code == SMT_EDGE_ADD ? _mm512_add_epi32(x, y) : _mm512_sub_epi32(x, y);
            store16(out + i, left, requant_fast_apply(&qo, x, low, high));
        }
}

static void rows_of(const smt_arithmetic *p,
                    const requant_block *heads,
                    const int8_t *a,
                    const int8_t *b,
                    int8_t *out)
{
    if (!heads[0].fast)
        rows_s8(p, a, b, out);
    else if (p->code == SMT_EDGE_MUL)
        product_rows_s8(p, heads, a, b, out);
    else
        sum_rows_s8(p, heads, a, b, out);
}

/* A block whose 16 channels are alike, for sums of at most `largest`. */
static void
fill_uniform(requant_block *head, int32_t multiplier, int32_t shift, int32_t zero, int64_t largest)
{
    int32_t multipliers[16], bias[16] = {0};
    int64_t bounds[16];
    int8_t shifts[16];
    for (int32_t i = 0; i < 16; i++) {
        multipliers[i] = multiplier;
        shifts[i] = (int8_t)shift;
        bounds[i] = largest;
    }
    smt_conv as_conv = {.multiplier = multipliers, .shift = shifts, .out_zero = zero};
    requant_fill(head, &as_conv, 0, 16, bias, bounds);
}

void x86_arithmetic_s8_avx512(const smt_arithmetic *p,
                              const int8_t *a,
                              const int8_t *b,
                              int8_t *out)
{
    const int32_t *sa = p->stride_a, *sb = p->stride_b;
    if (p->shape[3] < 8 || sa[3] > 1 || sb[3] > 1) {
        smt_ref_arithmetic_s8(p, a, b, out);
        return;
    }
    requant_block heads[3];
    bool product = p->code == SMT_EDGE_MUL;
    fill_uniform(
        &heads[0], p->multiplier_out, p->shift_out, p->zero_out, product ? 255 * 255 : 510 << 20);
    if (!product) {
        /* a shift of 0 is done without rounding; the filled one is then not used */
        fill_uniform(&heads[1], p->multiplier_a, p->shift_a < 0 ? p->shift_a : -1, 0, 255 << 20);
        fill_uniform(&heads[2], p->multiplier_b, p->shift_b < 0 ? p->shift_b : -1, 0, 255 << 20);
        if (!heads[1].fast || !heads[2].fast || p->shift_a > 0 || p->shift_b > 0)
            heads[0].fast = 0;
    }
    for (int32_t i = 0; i < p->shape[0]; i++)
        for (int32_t j = 0; j < p->shape[1]; j++, out += p->shape[2] * p->shape[3])
            rows_of(p, heads, a + i * sa[0] + j * sa[1], b + i * sb[0] + j * sb[1], out);
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
    for (int32_t c = 0; c < channels; c += 16) {
        int32_t left = channels - c;
        __mmask16 active = lanes16(left);
        __m512i sum = _mm512_set1_epi32(-p->count * p->in_zero);
        for (int32_t i = 0; i < p->count; i++)
            sum = _mm512_add_epi32(sum,
                                   _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(
                                       active, in + (size_t)i * (size_t)channels + c)));
        _mm_mask_storeu_epi8(
            out + c, active, requant_narrow(requant_apply(&q, sum), zero, low, high));
    }
}

#endif
