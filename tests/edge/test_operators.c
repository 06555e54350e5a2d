/* Each operator in float32 against its formula in double, the types around it (float16 constants,
 * uint8 ends, dynamic range), spreading, and the plan's overlaps against a plan without them. */
#include "builder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint32_t seed = 1;

static int next_int(int low, int high)
{
    seed = seed * 1664525u + 1013904223u;
    return low + (int)((seed >> 8) % (uint32_t)(high - low + 1));
}

static float next_float(void)
{
    return (float)next_int(-20000, 20000) / 10000.0f;
}

static float *random_floats(int count)
{
    float *x = malloc(sizeof *x * (size_t)count);
    for (int i = 0; i < count; i++)
        x[i] = next_float();
    return x;
}

/* Runs b's network with the given inputs; copies the first output to `out`. */
static void run_with(tb *b, const smt_edge_kernels *kernels, const void *const *inputs, void *out)
{
    tb_run run;
    tb_finish(b);
    smt_edge_status status = tb_open(&run, b->bytes, b->size, kernels);
    if (status)
        fail_msg("%s", run.error.message);
    smt_edge_tensor t;
    for (int i = 0; i < b->input_count; i++) {
        smt_edge_get_tensor(&run.model, run.model.inputs[i], &t);
        memcpy(smt_edge_input(&run.runner, i), inputs[i], t.bytes);
    }
    smt_edge_invoke(&run.runner, NULL, NULL);
    smt_edge_get_tensor(&run.model, run.model.outputs[0], &t);
    memcpy(out, smt_edge_output(&run.runner, 0), t.bytes);
    assert_true(tb_canary_intact(&run));
    tb_close(&run);
    tb_free(b);
}

static void assert_close(const float *got, const double *want, int count, double tolerance)
{
    for (int i = 0; i < count; i++)
        if (!(fabs((double)got[i] - want[i]) <= tolerance * (1 + fabs(want[i]))))
            fail_msg("element %d: %.9g, expected %.9g", i, (double)got[i], want[i]);
}

static const smt_edge_kernels *sets(int i)
{
    return i ? smt_edge_kernels_best() : smt_edge_kernels_reference();
}

/* ---- convolutions, float32, float16 weights and dynamic range ------------------------------- */

typedef struct conv_case {
    int h, w, c, o, kh, kw, sh, sw, dh, dw, valid, act, depthwise;
} conv_case;

static double activate(double x, int act)
{
    if (act == 1 || act == 3)
        x = x < 0 ? 0 : x;
    if (act == 3)
        x = x > 6 ? 6 : x;
    if (act == 2)
        x = x < -1 ? -1 : x > 1 ? 1 : x;
    return x;
}

static void conv_formula(const conv_case *k,
                         int oh,
                         int ow,
                         const float *x,
                         const double *w,
                         const float *bias,
                         double *y)
{
    int reach_h = (k->kh - 1) * k->dh + 1, reach_w = (k->kw - 1) * k->dw + 1;
    int ph = k->valid ? 0 : (oh - 1) * k->sh + reach_h - k->h,
        pw = k->valid ? 0 : (ow - 1) * k->sw + reach_w - k->w;
    ph = ph > 0 ? ph / 2 : 0;
    pw = pw > 0 ? pw / 2 : 0;
    for (int i = 0; i < oh; i++)
        for (int j = 0; j < ow; j++)
            for (int o = 0; o < k->o; o++) {
                double sum = bias ? (double)bias[o] : 0;
                for (int a = 0; a < k->kh; a++)
                    for (int b = 0; b < k->kw; b++) {
                        int yy = i * k->sh - ph + a * k->dh, xx = j * k->sw - pw + b * k->dw;
                        if (yy < 0 || yy >= k->h || xx < 0 || xx >= k->w)
                            continue;
                        const float *pixel = x + (yy * k->w + xx) * k->c;
                        if (k->depthwise)
                            sum += (double)pixel[o / (k->o / k->c)] * w[(a * k->kw + b) * k->o + o];
                        else
                            for (int c = 0; c < k->c; c++)
                                sum +=
                                    (double)pixel[c] * w[((o * k->kh + a) * k->kw + b) * k->c + c];
                    }
                *y++ = activate(sum, k->act);
            }
}

static uint16_t to_half(float x)
{
    union {
        float f;
        uint32_t u;
    } v = {x};
    int e = (int)(v.u >> 23 & 255) - 127;
    if (x == 0 || e < -14)
        return 0;
    return (uint16_t)((v.u >> 16 & 0x8000) | (uint32_t)(e + 15) << 10 | (v.u >> 13 & 0x3ff));
}

static double from_half(uint16_t h)
{
    int e = h >> 10 & 31;
    double m = e ? ldexp(1 + (h & 0x3ff) / 1024.0, e - 15) : 0;
    return h & 0x8000 ? -m : m;
}

enum weight_kind { PLAIN, HALF, DYNAMIC };

static void check_conv(const conv_case *k, enum weight_kind kind, const smt_edge_kernels *kernels)
{
    tb *b = calloc(1, sizeof *b);
    int reach_h = (k->kh - 1) * k->dh + 1, reach_w = (k->kw - 1) * k->dw + 1;
    int oh = k->valid ? (k->h - reach_h) / k->sh + 1 : (k->h + k->sh - 1) / k->sh;
    int ow = k->valid ? (k->w - reach_w) / k->sw + 1 : (k->w + k->sw - 1) / k->sw;
    int count = k->kh * k->kw * k->o * (k->depthwise ? 1 : k->c), outputs = oh * ow * k->o;
    float *x = random_floats(k->h * k->w * k->c), *w = random_floats(count),
          *bias = random_floats(k->o);
    uint16_t *half = malloc(2 * (size_t)count);
    int8_t *quantised = malloc((size_t)count);
    double *exact = malloc(sizeof *exact * (size_t)count),
           *want = malloc(sizeof *want * (size_t)outputs);
    float *got = malloc(sizeof *got * (size_t)outputs);
    for (int i = 0; i < count; i++) {
        half[i] = to_half(w[i]);
        quantised[i] = (int8_t)lrintf(w[i] * 60);
        exact[i] = kind == PLAIN  ? (double)w[i]
                   : kind == HALF ? from_half(half[i])
                                  : quantised[i] / 64.0;
    }
    int shape_w[4] = {k->depthwise ? 1 : k->o, k->kh, k->kw, k->depthwise ? k->o : k->c};
    int in = tb_add_tensor(b, 0, 4, (int[]){1, k->h, k->w, k->c}, NULL), wt;
    if (kind == PLAIN)
        wt = tb_add_tensor(b, 0, 4, shape_w, w);
    else if (kind == DYNAMIC)
        wt = tb_add_scaled(b, 9, 4, shape_w, quantised, 1.0f / 64, 0);
    else {
        int source = tb_add_tensor(b, 1, 4, shape_w, half);
        wt = tb_add_tensor(b, 0, 4, shape_w, NULL);
        tb_add_operator(b, 6, source, -2, -2, wt);
    }
    int bi = tb_add_tensor(b, 0, 1, (int[]){k->o}, bias);
    int out = tb_add_tensor(b, 0, 4, (int[]){1, oh, ow, k->o}, NULL);
    tb_operator *op = tb_add_operator(b, k->depthwise ? 4 : 3, in, wt, bi, out);
    int type = k->depthwise ? 2 : 1, id = 3;
    tb_set(op, type, 0, 1, k->valid);
    tb_set(op, type, 1, 4, k->sw);
    tb_set(op, type, 2, 4, k->sh);
    if (k->depthwise)
        tb_set(op, type, id++, 4, k->o / k->c);
    tb_set(op, type, id++, 1, k->act);
    tb_set(op, type, id++, 4, k->dw);
    tb_set(op, type, id++, 4, k->dh);
    b->inputs[b->input_count++] = in;
    b->outputs[b->output_count++] = out;
    float *seen = malloc(sizeof *seen * (size_t)(k->h * k->w * k->c)), least = 0, largest = 0;
    for (int i = 0; i < k->h * k->w * k->c; i++) {
        largest = fmaxf(largest, x[i]);
        least = fminf(least, x[i]);
    }
    float inverse = 255 / (largest - least), zero = fminf(roundf(-128 - least * inverse), 127);
    for (int i = 0; i < k->h * k->w * k->c; i++) {
        /* Dynamic range: what is left of the input in int8. */
        float q = fmaxf(-128, fminf(127, roundf(x[i] * inverse) + zero));
        seen[i] = kind == DYNAMIC ? (q - zero) * ((largest - least) / 255) : x[i];
    }
    conv_formula(k, oh, ow, seen, exact, bias, want);
    run_with(b, kernels, (const void *[]){x}, got);
    assert_close(got, want, outputs, 1e-5);
    free(x);
    free(seen);
    free(w);
    free(bias);
    free(half);
    free(quantised);
    free(exact);
    free(want);
    free(got);
    free(b);
}

static void convolutions(void **state)
{
    (void)state;
    for (int round = 0; round < 120; round++) {
        conv_case k = {
            .h = next_int(1, 13), .w = next_int(1, 13), .c = next_int(1, 21), .o = next_int(1, 40)};
        k.kh = next_int(1, 5);
        k.kw = next_int(1, 5);
        k.sh = next_int(1, 3);
        k.sw = next_int(1, 3);
        k.dh = next_int(1, 2);
        k.dw = next_int(1, 2);
        k.act = next_int(0, 3);
        k.depthwise = round % 2;
        if (round % 3 == 0)
            k.kh = k.kw = k.sh = k.sw = 1;
        if (k.depthwise)
            k.o = k.c * (round % 8 == 1 ? 2 : 1);
        k.valid = (k.kh - 1) * k.dh < k.h && (k.kw - 1) * k.dw < k.w ? next_int(0, 1) : 0;
        for (int s = 0; s < 2; s++)
            check_conv(&k,
                       (enum weight_kind)(round % 5 == 0   ? HALF
                                          : round % 5 == 1 ? DYNAMIC
                                                           : PLAIN),
                       sets(s));
    }
}

/* ---- element-wise, pools, means
 * ------------------------------------------------------------------ */

static void unary_functions(void **state)
{
    (void)state;
    enum { N = 103 };
    float x[N], got[N];
    double want[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - 51) * 0.37f;
    x[0] = -1e4f;
    x[1] = 1e4f;
    const int codes[] = {117, 19, 21, 14};
    for (int c = 0; c < 4; c++)
        for (int s = 0; s < 2; s++) {
            tb b = {0};
            int in = tb_add_tensor(&b, 0, 2, (int[]){1, N}, NULL),
                out = tb_add_tensor(&b, 0, 2, (int[]){1, N}, NULL);
            tb_add_operator(&b, codes[c], in, -2, -2, out);
            b.inputs[b.input_count++] = in;
            b.outputs[b.output_count++] = out;
            run_with(&b, sets(s), (const void *[]){x}, got);
            for (int i = 0; i < N; i++) {
                double v = (double)x[i];
                want[i] = codes[c] == 117  ? v * fmin(fmax(v + 3, 0), 6) / 6
                          : codes[c] == 19 ? fmax(v, 0)
                          : codes[c] == 21 ? fmin(fmax(v, 0), 6)
                                           : 1 / (1 + exp(-v));
            }
            assert_close(got, want, N, 3e-7);
        }
}

static void softmax(void **state)
{
    (void)state;
    for (int s = 0; s < 2; s++)
        for (int n = 1; n < 40; n += 7) {
            tb b = {0};
            float *x = random_floats(3 * n), *got = random_floats(3 * n);
            double *want = malloc(sizeof *want * 3 * (size_t)n);
            for (int r = 0; r < 3; r++) {
                double sum = 0;
                for (int i = 0; i < n; i++)
                    sum += want[r * n + i] = exp(2.0 * (double)x[r * n + i]);
                for (int i = 0; i < n; i++)
                    want[r * n + i] /= sum;
            }
            int in = tb_add_tensor(&b, 0, 2, (int[]){3, n}, NULL),
                out = tb_add_tensor(&b, 0, 2, (int[]){3, n}, NULL);
            tb_set(tb_add_operator(&b, 25, in, -2, -2, out), 9, 0, 4, 0x40000000);
            b.inputs[b.input_count++] = in;
            b.outputs[b.output_count++] = out;
            run_with(&b, sets(s), (const void *[]){x}, got);
            assert_close(got, want, 3 * n, 1e-6);
            free(x);
            free(got);
            free(want);
        }
}

/* ADD, SUB, MUL of two shapes into the third. */
static void check_spread(int ra, const int *sa, int rb, const int *sb, const int *so)
{
    int na = 1, nb = 1, n = so[0] * so[1] * so[2] * so[3], ea[4], eb[4];
    for (int i = 0; i < 4; i++) {
        ea[i] = i - (4 - ra) >= 0 ? sa[i - (4 - ra)] : 1;
        eb[i] = i - (4 - rb) >= 0 ? sb[i - (4 - rb)] : 1;
        na *= ea[i];
        nb *= eb[i];
    }
    float *x = random_floats(na), *y = random_floats(nb), *got = random_floats(n);
    double *want = malloc(sizeof *want * (size_t)n);
    const int codes[] = {0, 41, 18}, options[] = {11, 28, 21};
    for (int c = 0; c < 3; c++)
        for (int s = 0; s < 2; s++) {
            int at = 0, i[4];
            for (i[0] = 0; i[0] < so[0]; i[0]++)
                for (i[1] = 0; i[1] < so[1]; i[1]++)
                    for (i[2] = 0; i[2] < so[2]; i[2]++)
                        for (i[3] = 0; i[3] < so[3]; i[3]++) {
                            int ia = 0, ib = 0;
                            for (int d = 0; d < 4; d++) {
                                ia = ia * ea[d] + (ea[d] == 1 ? 0 : i[d]);
                                ib = ib * eb[d] + (eb[d] == 1 ? 0 : i[d]);
                            }
                            double u = (double)x[ia], v = (double)y[ib];
                            want[at++] = activate(c == 0 ? u + v : c == 1 ? u - v : u * v, 1);
                        }
            tb b = {0};
            int a = tb_add_tensor(&b, 0, ra, sa, NULL), bb = tb_add_tensor(&b, 0, rb, sb, y);
            int out = tb_add_tensor(&b, 0, 4, so, NULL);
            tb_set(tb_add_operator(&b, codes[c], a, bb, -2, out), options[c], 0, 1, 1);
            b.inputs[b.input_count++] = a;
            b.outputs[b.output_count++] = out;
            run_with(&b, sets(s), (const void *[]){x}, got);
            assert_close(got, want, n, 1e-6);
        }
    free(x);
    free(y);
    free(got);
    free(want);
}

static void spreading(void **state)
{
    (void)state;
    int full[4] = {2, 3, 4, 5};
    check_spread(4, full, 4, full, full);
    check_spread(4, full, 0, full, full);
    check_spread(4, full, 1, (int[]){5}, full);
    check_spread(4, full, 4, (int[]){2, 1, 1, 5}, full);
    check_spread(4, full, 4, (int[]){2, 3, 4, 1}, full);
    check_spread(4, full, 4, (int[]){1, 3, 1, 5}, full);
    check_spread(4, (int[]){2, 1, 4, 1}, 4, (int[]){1, 3, 1, 5}, full);
    check_spread(2, (int[]){4, 1}, 4, (int[]){2, 3, 1, 5}, full);
    check_spread(4, (int[]){1, 6, 7, 1}, 4, (int[]){1, 6, 7, 1}, (int[]){1, 6, 7, 1});
    check_spread(4, (int[]){1, 6, 7, 1}, 4, (int[]){1, 1, 7, 1}, (int[]){1, 6, 7, 1});
}

static void means_and_pools(void **state)
{
    (void)state;
    enum { H = 5, W = 7, C = 19 };
    float *x = random_floats(H * W * C), got[H * W * C];
    double want[H * W * C];
    static const int32_t axes[2] = {-3, 2}, last[1] = {3};
    for (int s = 0; s < 2; s++)
        for (int kind = 0; kind < 4; kind++) {
            int n = 0;
            tb b = {0};
            int in = tb_add_tensor(&b, 0, 4, (int[]){1, H, W, C}, NULL), out, ax;
            if (kind == 0) { /* over H and W, dimensions dropped */
                ax = tb_add_tensor(&b, 2, 1, (int[]){2}, axes);
                out = tb_add_tensor(&b, 0, 2, (int[]){1, C}, NULL);
                tb_set(tb_add_operator(&b, 40, in, ax, -2, out), 27, 0, 1, 0);
                for (int c = 0; c < C; c++, n++) {
                    want[n] = 0;
                    for (int i = 0; i < H * W; i++)
                        want[n] += (double)x[i * C + c] / (H * W);
                }
            } else if (kind == 1) { /* over C, kept */
                ax = tb_add_tensor(&b, 2, 1, (int[]){1}, last);
                out = tb_add_tensor(&b, 0, 4, (int[]){1, H, W, 1}, NULL);
                tb_set(tb_add_operator(&b, 40, in, ax, -2, out), 27, 0, 1, 1);
                for (int i = 0; i < H * W; i++, n++) {
                    want[n] = 0;
                    for (int c = 0; c < C; c++)
                        want[n] += (double)x[i * C + c] / C;
                }
            } else { /* 3x2 windows, stride 2, SAME */
                out = tb_add_tensor(&b, 0, 4, (int[]){1, 3, 4, C}, NULL);
                tb_operator *op = tb_add_operator(&b, kind == 2 ? 1 : 17, in, -2, -2, out);
                const int values[] = {0, 2, 2, 2, 3};
                for (int f = 0; f < 5; f++)
                    tb_set(op, 5, f, f ? 4 : 1, values[f]);
                for (int i = 0; i < 3; i++)
                    for (int j = 0; j < 4; j++)
                        for (int c = 0; c < C; c++, n++) {
                            double sum = 0, largest = -1e30;
                            int count = 0;
                            for (int y = 2 * i - 1; y < 2 * i + 2; y++)
                                for (int xx = 2 * j; xx < 2 * j + 2; xx++)
                                    if (y >= 0 && y < H && xx < W) {
                                        double v = (double)x[(y * W + xx) * C + c];
                                        sum += v;
                                        largest = fmax(largest, v);
                                        count++;
                                    }
                            want[n] = kind == 2 ? sum / count : largest;
                        }
            }
            b.inputs[b.input_count++] = in;
            b.outputs[b.output_count++] = out;
            run_with(&b, sets(s), (const void *[]){x}, got);
            assert_close(got, want, n, 1e-6);
        }
    free(x);
}

/* ---- what only moves bytes
 * ------------------------------------------------------------------------ */

static void pad_and_concatenation(void **state)
{
    (void)state;
    static const int32_t pads[8] = {0, 0, 1, 2, 0, 1, 2, 0};
    int8_t x[2 * 3 * 2], got[5 * 4 * 4];
    for (int i = 0; i < 12; i++)
        x[i] = (int8_t)(i + 1);
    tb b = {0};
    int in = tb_add_scaled(&b, 9, 4, (int[]){1, 2, 3, 2}, NULL, 1, -7);
    int p = tb_add_tensor(&b, 2, 2, (int[]){4, 2}, pads);
    int out = tb_add_scaled(&b, 9, 4, (int[]){1, 5, 4, 4}, NULL, 1, -7);
    tb_add_operator(&b, 34, in, p, -2, out);
    b.inputs[b.input_count++] = in;
    b.outputs[b.output_count++] = out;
    run_with(&b, sets(0), (const void *[]){x}, got);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 4; j++)
            for (int c = 0; c < 4; c++) {
                bool inside = i >= 1 && i < 3 && j < 3 && c >= 2;
                assert_int_equal(got[(i * 4 + j) * 4 + c],
                                 inside ? x[((i - 1) * 3 + j) * 2 + c - 2] : -7);
            }
    /* [1,2,3,2] twice along each axis */
    for (int axis = -4; axis < 4; axis++) {
        tb k = {0};
        int shape[4] = {1, 2, 3, 2}, a = axis < 0 ? axis + 4 : axis;
        int8_t y[24];
        int one = tb_add_scaled(&k, 9, 4, shape, NULL, 1, 0),
            two = tb_add_scaled(&k, 9, 4, shape, x, 1, 0);
        shape[a] *= 2;
        int both = tb_add_scaled(&k, 9, 4, shape, NULL, 1, 0);
        tb_set(tb_add_operator(&k, 2, one, two, -2, both), 10, 0, 4, axis);
        k.inputs[k.input_count++] = one;
        k.outputs[k.output_count++] = both;
        run_with(&k, sets(0), (const void *[]){x}, y);
        int inner = 1, outer = 1;
        for (int d = 0; d < 4; d++) {
            int extent = d == 0 ? 1 : d == 2 ? 3 : 2;
            if (d < a)
                outer *= extent;
            else
                inner *= extent;
        }
        for (int o = 0; o < outer; o++)
            for (int i = 0; i < 2 * inner; i++)
                assert_int_equal(y[o * 2 * inner + i], x[o * inner + i % inner]);
    }
}

/* uint8 -> int8 -> (relu) -> uint8, and float -> int8 -> float */
static void ends_in_other_types(void **state)
{
    (void)state;
    uint8_t x[256], got[256];
    for (int i = 0; i < 256; i++)
        x[i] = (uint8_t)i;
    for (int s = 0; s < 2; s++) {
        tb b = {0};
        int in = tb_add_scaled(&b, 3, 2, (int[]){1, 256}, NULL, 0.5f, 100);
        int a = tb_add_scaled(&b, 9, 2, (int[]){1, 256}, NULL, 0.5f, -28);
        int r = tb_add_scaled(&b, 9, 2, (int[]){1, 256}, NULL, 0.5f, -28);
        int out = tb_add_scaled(&b, 3, 2, (int[]){1, 256}, NULL, 0.5f, 100);
        tb_add_operator(&b, 114, in, -2, -2, a);
        tb_add_operator(&b, 19, a, -2, -2, r);
        tb_add_operator(&b, 114, r, -2, -2, out);
        b.inputs[b.input_count++] = in;
        b.outputs[b.output_count++] = out;
        run_with(&b, sets(s), (const void *[]){x}, got);
        for (int i = 0; i < 256; i++)
            assert_int_equal(got[i], i < 100 ? 100 : i);

        float f[5] = {-100, -0.3f, 0.26f, 0.25f, 1e20f}, back[5];
        tb q = {0};
        in = tb_add_tensor(&q, 0, 1, (int[]){5}, NULL);
        a = tb_add_scaled(&q, 9, 1, (int[]){5}, NULL, 0.5f, 10);
        out = tb_add_tensor(&q, 0, 1, (int[]){5}, NULL);
        tb_add_operator(&q, 114, in, -2, -2, a);
        tb_add_operator(&q, 6, a, -2, -2, out);
        q.inputs[q.input_count++] = in;
        q.outputs[q.output_count++] = out;
        run_with(&q, sets(s), (const void *[]){f}, back);
        assert_close(back, (double[]){-69, -0.5, 0.5, 0.5, 58.5}, 5, 0);
    }
}

/* An activation limits int8 values around the zero point, wherever that is: x + 0 and 1 x. */
static void activations_of_int8(void **state)
{
    (void)state;
    static const int low[4] = {-128, -28, -30, -28}, high[4] = {127, 127, -26, -16};
    static const int codes[2] = {0, 18}, options[2] = {11, 21};
    static const int8_t neutral[2] = {0, 2};
    int8_t x[256], got[256];
    for (int i = 0; i < 256; i++)
        x[i] = (int8_t)(i - 128);
    for (int trial = 0; trial < 16; trial++) {
        int act = trial / 4, product = trial / 2 % 2;
        tb b = {0};
        int in = tb_add_scaled(&b, 9, 2, (int[]){1, 256}, NULL, 0.5f, -28);
        int other = tb_add_scaled(&b, 9, 1, (int[]){1}, &neutral[product], 0.5f, 0);
        int out = tb_add_scaled(&b, 9, 2, (int[]){1, 256}, NULL, 0.5f, -28);
        tb_operator *op = tb_add_operator(&b, codes[product], in, other, -2, out);
        tb_set(op, options[product], 0, 1, act);
        b.inputs[b.input_count++] = in;
        b.outputs[b.output_count++] = out;
        run_with(&b, sets(trial % 2), (const void *[]){x}, got);
        for (int i = 0; i < 256; i++)
            assert_int_equal(got[i],
                             x[i] < low[act]    ? low[act]
                             : x[i] > high[act] ? high[act]
                                                : x[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(unary_functions),
        cmocka_unit_test(softmax),
        cmocka_unit_test(spreading),
        cmocka_unit_test(means_and_pools),
        cmocka_unit_test(pad_and_concatenation),
        cmocka_unit_test(ends_in_other_types),
        cmocka_unit_test(activations_of_int8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
