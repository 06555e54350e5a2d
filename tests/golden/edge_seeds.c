/* Writes the seeds of fuzz/corpus/edge but small.tflite: small networks, each with other types and
 * operators, by the tests' own builder. From the project's folder:
 *
 *     cc -Iedge/include -Itests/edge tests/golden/edge_seeds.c build/libsemtinel_edge.a -o seeds
 *     ./seeds fuzz/corpus/edge
 */
#include "builder.h"

#include <stdio.h>

static uint32_t state = 11;
static int8_t bytes[8192];
static float floats[8192];
static uint16_t halves[72];
static int32_t words[64];

static int next(int low, int high)
{
    state = state * 1664525u + 1013904223u;
    return low + (int)((state >> 8) % (uint32_t)(high - low + 1));
}

static int tensor(tb *b, int type, int h, int w, int c, float scale, int zero)
{
    int shape[4] = {1, h, w, c};
    return type ? tb_add_scaled(b, type, 4, shape, NULL, scale, zero)
                : tb_add_tensor(b, 0, 4, shape, NULL);
}

/* Constants: the n-th of different ones. */
static int weights(tb *b, int type, int o, int h, int w, int c)
{
    int shape[4] = {o, h, w, c};
    return type ? tb_add_scaled(b, 9, 4, shape, bytes + next(0, 4000), 0.01f, 0)
                : tb_add_tensor(b, 0, 4, shape, floats + next(0, 4000));
}

static int bias(tb *b, int type, int count)
{
    return tb_add_tensor(b, type, 1, &count, type ? (const void *)words : floats);
}

static void conv(tb *b, int in, int w, int bias, int out, int stride, int activation)
{
    tb_operator *op = tb_add_operator(b, 3, in, w, bias, out);
    tb_set(op, 1, 0, 1, 0);
    tb_set(op, 1, 1, 4, stride);
    tb_set(op, 1, 2, 4, stride);
    tb_set(op, 1, 3, 1, activation);
}

static void depthwise(tb *b, int in, int w, int bias, int out)
{
    tb_operator *op = tb_add_operator(b, 4, in, w, bias, out);
    tb_set(op, 2, 0, 1, 0);
    tb_set(op, 2, 1, 4, 1);
    tb_set(op, 2, 2, 4, 1);
    tb_set(op, 2, 3, 4, 1);
}

static void mean(tb *b, int in, int out)
{
    static const int32_t axes[2] = {1, 2};
    int axis = tb_add_tensor(b, 2, 1, (int[]){2}, axes);
    tb_set(tb_add_operator(b, 40, in, axis, -2, out), 27, 0, 1, 1);
}

static void save(tb *b, int in, int out, const char *folder, const char *name)
{
    char path[512];
    b->inputs[b->input_count++] = in;
    b->outputs[b->output_count++] = out;
    tb_finish(b);
    snprintf(path, sizeof path, "%s/%s.tflite", folder, name);
    smt_edge_model model;
    smt_edge_error error;
    FILE *file = fopen(path, "wb");
    if (smt_edge_open(b->bytes, b->size, &model, &error) || !file ||
        fwrite(b->bytes, 1, b->size, file) != b->size || fclose(file)) {
        fprintf(stderr, "%s: %s\n", path, error.message);
        exit(1);
    }
    printf("%s %u\n", path, b->size);
    tb_free(b);
}

/* Float32, or dynamic range with int8 weights, or float16 weights through DEQUANTIZE. */
static void float_network(const char *folder, const char *name, int weight_type, bool half)
{
    tb b = {0};
    int x = tensor(&b, 0, 9, 7, 2, 0, 0), y = tensor(&b, 0, 5, 4, 4, 0, 0);
    int w = -1;
    if (half) {
        int source = tb_add_tensor(&b, 1, 4, (int[]){4, 3, 3, 2}, halves);
        w = tb_add_tensor(&b, 0, 4, (int[]){4, 3, 3, 2}, NULL);
        tb_add_operator(&b, 6, source, -2, -2, w);
    } else {
        w = weights(&b, weight_type, 4, 3, 3, 2);
    }
    conv(&b, x, w, bias(&b, 0, 4), y, 2, 3);
    int z = tensor(&b, 0, 5, 4, 4, 0, 0);
    depthwise(&b, y, weights(&b, weight_type, 1, 3, 3, 4), bias(&b, 0, 4), z);
    int h = tensor(&b, 0, 5, 4, 4, 0, 0), s = tensor(&b, 0, 5, 4, 4, 0, 0);
    tb_add_operator(&b, 117, z, -2, -2, h);
    tb_set(tb_add_operator(&b, 0, h, y, -2, s), 11, 0, 1, 1);
    int m = tensor(&b, 0, 1, 1, 4, 0, 0), p = tensor(&b, 0, 1, 1, 4, 0, 0);
    mean(&b, s, m);
    tb_add_operator(&b, 25, m, -2, -2, p);
    float one = 1;
    int32_t beta;
    memcpy(&beta, &one, 4);
    tb_set(&b.operators[b.operator_count - 1], 9, 0, 4, beta);
    save(&b, x, p, folder, name);
}

/* The split hard-swish of int8 files, with scales per channel. */
static void product(const char *folder)
{
    tb b = {0};
    int x = tensor(&b, 9, 9, 8, 1, 0.0078125f, 0), f[2];
    for (int i = 0; i < 2; i++) {
        int w = weights(&b, 9, 5, 3, 3, 1);
        b.tensors[w].scale_count = b.tensors[w].zero_count = 5;
        for (int o = 0; o < 5; o++)
            b.tensors[w].scales[o] = 0.01f * (float)(o + 1);
        f[i] = tensor(&b, 9, 5, 4, 5, i ? 6.0f / 255 : 0.04f, i ? -128 : 3);
        conv(&b, x, w, bias(&b, 2, 5), f[i], 2, i ? 3 : 0);
    }
    int y = tensor(&b, 9, 5, 4, 5, 0.05f, -90), z = tensor(&b, 9, 5, 4, 5, 0.05f, -128);
    tb_set(tb_add_operator(&b, 18, f[0], f[1], -2, y), 21, 0, 1, 0);
    depthwise(&b, y, weights(&b, 9, 1, 3, 3, 5), bias(&b, 2, 5), z);
    int m = tensor(&b, 9, 1, 1, 5, 0.05f, -128), g = tensor(&b, 9, 1, 1, 5, 0.05f, -100);
    mean(&b, z, m);
    conv(&b, m, weights(&b, 9, 5, 1, 1, 5), -1, g, 1, 0);
    save(&b, x, g, folder, "product");
}

/* As other converters write: uint8 ends, PAD before VALID, pools, CONCATENATION, a dense layer. */
static void foreign(const char *folder)
{
    static const int32_t pads[8] = {0, 0, 1, 1, 1, 1, 0, 0};
    tb b = {0};
    int x = tensor(&b, 3, 6, 6, 3, 0.0078125f, 128), q = tensor(&b, 9, 6, 6, 3, 0.0078125f, 0);
    tb_add_operator(&b, 114, x, -2, -2, q);
    int padded = tensor(&b, 9, 8, 8, 3, 0.0078125f, 0), y = tensor(&b, 9, 6, 6, 4, 0.03f, -128);
    tb_add_operator(&b, 34, q, tb_add_tensor(&b, 2, 2, (int[]){4, 2}, pads), -2, padded);
    tb_operator *op = tb_add_operator(&b, 3, padded, weights(&b, 9, 4, 3, 3, 3), bias(&b, 2, 4), y);
    const int values[] = {1, 1, 1, 1};
    for (int i = 0; i < 4; i++)
        tb_set(op, 1, i, i % 3 ? 4 : 1, values[i]);
    int pool[2];
    for (int i = 0; i < 2; i++) {
        pool[i] = tensor(&b, 9, 3, 3, 4, 0.03f, -128);
        op = tb_add_operator(&b, i ? 17 : 1, y, -2, -2, pool[i]);
        for (int j = 0; j < 5; j++)
            tb_set(op, 5, j, j ? 4 : 1, j ? 2 : 0);
    }
    int both = tensor(&b, 9, 3, 3, 8, 0.03f, -128);
    tb_set(tb_add_operator(&b, 2, pool[0], pool[1], -2, both), 10, 0, 4, 3);
    int sure = tensor(&b, 9, 3, 3, 8, 1.0f / 256, -128);
    tb_add_operator(&b, 14, both, -2, -2, sure);
    int flat = tb_add_scaled(&b, 9, 2, (int[]){1, 72}, NULL, 1.0f / 256, -128);
    tb_add_operator(&b, 22, sure, -2, -2, flat);
    int dense = tb_add_scaled(&b, 9, 2, (int[]){6, 72}, bytes, 0.01f, 0);
    int out = tb_add_scaled(&b, 9, 2, (int[]){1, 6}, NULL, 0.04f, 0);
    tb_set(tb_add_operator(&b, 9, flat, dense, bias(&b, 2, 6), out), 8, 0, 1, 0);
    int end = tb_add_scaled(&b, 3, 2, (int[]){1, 6}, NULL, 0.04f, 128);
    tb_add_operator(&b, 114, out, -2, -2, end);
    save(&b, x, end, folder, "foreign");
}

/* An operator that reads a constant only; its result is added to the input. */
static void constant(const char *folder)
{
    tb b;
    memset(&b, 0, sizeof b);
    int x = tensor(&b, 9, 2, 2, 4, 0.1f, 0), y = tensor(&b, 9, 2, 2, 4, 0.1f, 0),
        z = tensor(&b, 9, 2, 2, 4, 0.1f, 3);
    tb_add_operator(
        &b, 19, tb_add_scaled(&b, 9, 4, (int[]){1, 2, 2, 4}, bytes, 0.1f, 0), -2, -2, y);
    tb_set(tb_add_operator(&b, 0, x, y, -2, z), 11, 0, 1, 0);
    save(&b, x, z, folder, "constant");
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: seeds FOLDER\n"), 2;
    for (int i = 0; i < 8192; i++) {
        bytes[i] = (int8_t)next(-127, 127);
        floats[i] = (float)next(-100, 100) / 100.0f;
    }
    for (int i = 0; i < 64; i++)
        words[i] = next(-2000, 2000);
    for (int i = 0; i < 72; i++)
        halves[i] = (uint16_t)(next(0, 1) * 0x8000 + next(0x3000, 0x3c00));
    float_network(argv[1], "float", 0, false);
    float_network(argv[1], "dynamic", 9, false);
    float_network(argv[1], "float16", 0, true);
    product(argv[1]);
    foreign(argv[1]);
    constant(argv[1]);
    return 0;
}
