/* Writes small .tflite files in memory for the tests: own code on purpose, so that the reader is
 * not tested against the project's own writer. Everything is appended front to back; offsets are
 * patched when their target is written. */
#ifndef TEST_EDGE_BUILDER_H
#define TEST_EDGE_BUILDER_H

#include <edge.h>
#include <stdlib.h>
#include <string.h>

typedef struct tb_tensor {
    int type, rank, shape[5];
    const void *data;
    uint32_t bytes;
    int scale_count, zero_count, axis;
    float scales[64];
    int64_t zeros[64];
    char name[16];
} tb_tensor;

typedef struct tb_field { /* of an options table */
    int id, size;         /* 1 or 4 bytes */
    int32_t value;
} tb_field;

typedef struct tb_operator {
    int code, input_count, inputs[257], output, options_type, field_count;
    tb_field fields[8];
} tb_operator;

typedef struct tb {
    tb_tensor tensors[128];
    tb_operator operators[64];
    int tensor_count, operator_count, input_count, output_count, inputs[8], outputs[8];
    uint8_t *bytes;
    uint32_t size, room;
} tb;

static inline int tb_add_tensor(tb *b, int type, int rank, const int *shape, const void *data)
{
    tb_tensor *t = &b->tensors[b->tensor_count];
    memset(t, 0, sizeof *t);
    t->type = type;
    t->rank = rank;
    uint32_t bytes = type == 0 || type == 2 ? 4 : type == 1 ? 2 : 1;
    for (int i = 0; i < rank; i++) {
        t->shape[i] = shape[i];
        bytes *= (uint32_t)shape[i];
    }
    t->data = data;
    t->bytes = data ? bytes : 0;
    t->name[0] = 't';
    t->name[1] = (char)('0' + b->tensor_count / 10);
    t->name[2] = (char)('0' + b->tensor_count % 10);
    return b->tensor_count++;
}

static inline int
tb_add_scaled(tb *b, int type, int rank, const int *shape, const void *data, float scale, int zero)
{
    int t = tb_add_tensor(b, type, rank, shape, data);
    b->tensors[t].scale_count = b->tensors[t].zero_count = 1;
    b->tensors[t].scales[0] = scale;
    b->tensors[t].zeros[0] = zero;
    return t;
}

static inline tb_operator *tb_add_operator(tb *b, int code, int a, int second, int third, int out)
{
    tb_operator *op = &b->operators[b->operator_count++];
    memset(op, 0, sizeof *op);
    op->code = code;
    op->inputs[op->input_count++] = a;
    if (second != -2)
        op->inputs[op->input_count++] = second;
    if (third != -2)
        op->inputs[op->input_count++] = third;
    op->output = out;
    return op;
}

static inline void tb_set(tb_operator *op, int options_type, int id, int size, int32_t value)
{
    op->options_type = options_type;
    op->fields[op->field_count++] = (tb_field){id, size, value};
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static inline uint32_t tb_reserve(tb *b, uint32_t bytes, uint32_t alignment)
{
    while (b->size % alignment)
        b->size++;
    if (b->size + bytes > b->room) {
        uint32_t room = (b->size + bytes) * 2 + 4096;
        uint8_t *grown = calloc(1, room);
        if (b->size)
            memcpy(grown, b->bytes, b->room < b->size ? b->room : b->size);
        free(b->bytes);
        b->bytes = grown;
        b->room = room;
    }
    b->size += bytes;
    return b->size - bytes;
}

static inline void tb_put(tb *b, uint32_t at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        b->bytes[at + (uint32_t)i] = (uint8_t)(value >> (8 * i));
}

/* The offset field at `at` now points to `target`. */
static inline void tb_link(tb *b, uint32_t at, uint32_t target)
{
    tb_put(b, at, target - at, 4);
}

/* A table of `count` fields, all 4 bytes wide, field i present when
 * bit i of `present` is set; returns its position; *slots: position
 * of the first present field, the others following in order. */
static inline uint32_t tb_table(tb *b, int count, uint32_t present, uint32_t *slots)
{
    uint32_t vtable = tb_reserve(b, 4 + 2 * (uint32_t)count, 4), used = 4;
    uint32_t fields = 0;
    for (int i = 0; i < count; i++)
        fields += present >> i & 1u;
    uint32_t table = tb_reserve(b, 4 + 4 * fields, 4);
    tb_put(b, vtable, 4 + 2 * (uint32_t)count, 2);
    tb_put(b, vtable + 2, 4 + 4 * fields, 2);
    for (int i = 0; i < count; i++)
        if (present >> i & 1u) {
            tb_put(b, vtable + 4 + 2 * (uint32_t)i, used, 2);
            used += 4;
        }
    tb_put(b, table, table - vtable, 4);
    *slots = table + 4;
    return table;
}

/* A vector of 32-bit elements: its position; the elements follow the 4 bytes of the count. */
static inline uint32_t tb_vector(tb *b, uint32_t count)
{
    uint32_t at = tb_reserve(b, 4 + 4 * count, 4);
    tb_put(b, at, count, 4);
    return at;
}

static inline void tb_link_ints(tb *b, uint32_t slot, const int *values, int count)
{
    uint32_t at = tb_vector(b, (uint32_t)count);
    for (int i = 0; i < count; i++)
        tb_put(b, at + 4 + 4 * (uint32_t)i, (uint32_t)values[i], 4);
    tb_link(b, slot, at);
}

static inline void tb_link_bytes(tb *b, uint32_t slot, const void *data, uint32_t bytes)
{
    while ((b->size + 4) % 16)
        b->size++;
    uint32_t at = tb_reserve(b, 4 + bytes + 1, 4);
    tb_put(b, at, bytes, 4);
    memcpy(b->bytes + at + 4, data, bytes);
    tb_link(b, slot, at);
}

static inline void tb_write_tensor(tb *b, uint32_t slot, const tb_tensor *t, int buffer)
{
    uint32_t f;
    uint32_t table = tb_table(b, 5, t->scale_count ? 0x1fu : 0xfu, &f);
    tb_link(b, slot, table);
    tb_put(b, f + 4, (uint32_t)t->type, 1);
    tb_put(b, f + 8, (uint32_t)buffer, 4);
    tb_link_ints(b, f, t->shape, t->rank);
    tb_link_bytes(b, f + 12, t->name, (uint32_t)strlen(t->name));
    if (!t->scale_count)
        return;
    uint32_t q;
    tb_link(b, f + 16, tb_table(b, 7, 1u << 2 | 1u << 3 | 1u << 6, &q));
    tb_put(b, q + 8, (uint32_t)t->axis, 4);
    uint32_t at = tb_vector(b, (uint32_t)t->scale_count);
    memcpy(b->bytes + at + 4, t->scales, 4 * (size_t)t->scale_count);
    tb_link(b, q, at);
    at = tb_reserve(b, 4 + 8 * (uint32_t)t->zero_count, 4);
    tb_put(b, at, (uint32_t)t->zero_count, 4);
    memcpy(b->bytes + at + 4, t->zeros, 8 * (size_t)t->zero_count);
    tb_link(b, q + 4, at);
}

static inline void tb_write_operator(tb *b, uint32_t slot, const tb_operator *op, int index)
{
    uint32_t f, o, present = 0;
    uint32_t table = tb_table(b, 5, op->options_type ? 0x1fu : 0x7u, &f);
    tb_link(b, slot, table);
    tb_put(b, f, (uint32_t)index, 4);
    tb_link_ints(b, f + 4, op->inputs, op->input_count);
    tb_link_ints(b, f + 8, &op->output, 1);
    if (!op->options_type)
        return;
    tb_put(b, f + 12, (uint32_t)op->options_type, 1);
    for (int i = 0; i < op->field_count; i++)
        present |= 1u << op->fields[i].id;
    table = tb_table(b, 8, present, &o);
    tb_link(b, f + 16, table);
    for (int i = 0; i < op->field_count; i++) {
        uint32_t before = 0;
        for (int j = 0; j < op->fields[i].id; j++)
            before += present >> j & 1u;
        tb_put(b, o + 4 * before, (uint32_t)op->fields[i].value, op->fields[i].size);
    }
}

/* Writes the file; b->bytes (16-aligned by calloc) and b->size hold it, freed with tb_free. */
static inline void tb_finish(tb *b)
{
    uint32_t f, s;
    b->size = 0;
    tb_reserve(b, 8, 4);
    memcpy(b->bytes + 4, "TFL3", 4);
    uint32_t root = tb_table(b, 5, 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4, &f);
    tb_link(b, 0, root);
    tb_put(b, f, 3, 4);
    uint32_t list = tb_vector(b, (uint32_t)b->operator_count);
    tb_link(b, f + 4, list);
    for (int i = 0; i < b->operator_count; i++) {
        uint32_t code = (uint32_t)b->operators[i].code;
        uint32_t table = tb_table(b, 4, 1u << 0 | 1u << 3, &s);
        tb_link(b, list + 4 + 4 * (uint32_t)i, table);
        tb_put(b, s, code < 127 ? code : 127, 1);
        tb_put(b, s + 4, code, 4);
    }
    list = tb_vector(b, 1);
    tb_link(b, f + 8, list);
    uint32_t table = tb_table(b, 4, 0xfu, &s);
    tb_link(b, list + 4, table);
    tb_link_ints(b, s + 4, b->inputs, b->input_count);
    tb_link_ints(b, s + 8, b->outputs, b->output_count);
    list = tb_vector(b, (uint32_t)b->tensor_count);
    tb_link(b, s, list);
    for (int i = 0; i < b->tensor_count; i++)
        tb_write_tensor(
            b, list + 4 + 4 * (uint32_t)i, &b->tensors[i], b->tensors[i].data ? i + 1 : 0);
    list = tb_vector(b, (uint32_t)b->operator_count);
    tb_link(b, s + 12, list);
    for (int i = 0; i < b->operator_count; i++)
        tb_write_operator(b, list + 4 + 4 * (uint32_t)i, &b->operators[i], i);
    list = tb_vector(b, (uint32_t)b->tensor_count + 1);
    tb_link(b, f + 12, list);
    for (int i = 0; i <= b->tensor_count; i++) {
        bool full = i > 0 && b->tensors[i - 1].data;
        table = tb_table(b, 1, full ? 1u : 0u, &s);
        tb_link(b, list + 4 + 4 * (uint32_t)i, table);
        if (full)
            tb_link_bytes(b, s, b->tensors[i - 1].data, b->tensors[i - 1].bytes);
    }
    tb_reserve(b, 4, 4);
}

static inline void tb_free(tb *b)
{
    free(b->bytes);
    b->bytes = NULL;
    b->room = b->size = 0;
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct tb_run {
    smt_edge_model model;
    smt_edge_plan plan;
    smt_edge_runner runner;
    smt_edge_error error;
    void *places, *memory;
    uint8_t *arena;
} tb_run;

enum { TB_CANARY = 64 };

/* Opens, plans and starts with canaries around the
 * arena. SMT_EDGE_OK, or the failure with r->error. */
static inline smt_edge_status
tb_open(tb_run *r, const void *data, size_t size, const smt_edge_kernels *kernels)
{
    memset(r, 0, sizeof *r);
    smt_edge_status status = smt_edge_open(data, size, &r->model, &r->error);
    if (status)
        return status;
    size_t places = smt_edge_places_bytes(&r->model);
    r->places = malloc(places);
    status = smt_edge_make_plan(&r->model, kernels, r->places, places, &r->plan, &r->error);
    if (status)
        return status;
    if (r->plan.arena_bytes > 64u << 20)
        return SMT_EDGE_ERR_LIMIT;
    r->memory = malloc(r->plan.arena_bytes + 2 * TB_CANARY + 64);
    r->arena = (uint8_t *)(((uintptr_t)r->memory + TB_CANARY + 63) & ~(uintptr_t)63);
    memset(r->arena - TB_CANARY, 0xc5, r->plan.arena_bytes + 2 * TB_CANARY);
    return smt_edge_start(&r->plan, r->arena, r->plan.arena_bytes, &r->runner, &r->error);
}

static inline bool tb_canary_intact(const tb_run *r)
{
    for (int i = 0; i < TB_CANARY; i++)
        if (r->arena[-1 - i] != 0xc5 || r->arena[r->plan.arena_bytes + (uint32_t)i] != 0xc5)
            return false;
    return true;
}

static inline void tb_close(tb_run *r)
{
    free(r->places);
    free(r->memory);
    r->places = r->memory = NULL;
}

#endif
