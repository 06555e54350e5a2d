/* A .tflite as bytes: schema version 3 of TensorFlow Lite, tables in the order of the schema,
 * weights at the end. */
#include "format/tflite_file.h"

#include "base/room.h"
#include "format/flatbuffer_write.h"

#include <string.h>

#define BUFFER_ALIGNMENT 16

/* The union BuiltinOptions; HARD_SWISH, QUANTIZE and DEQUANTIZE have no options. */
enum {
    OPTIONS_CONV = 1,
    OPTIONS_DEPTHWISE = 2,
    OPTIONS_DENSE = 8,
    OPTIONS_SOFTMAX = 9,
    OPTIONS_ADD = 11,
    OPTIONS_MUL = 21,
    OPTIONS_PAD = 22,
    OPTIONS_REDUCER = 27
};

int tfl_add_buffer(tfl_file *file, void *data, size_t size)
{
    if (!data || !SMT_ROOM(file->buffers, file->buffer_count + 1, file->buffer_capacity)) {
        file->failed = true;
        smt_free(data);
        return -1;
    }
    file->buffer_count = file->buffer_count ? file->buffer_count : 1;
    file->buffers[file->buffer_count] = (tfl_buffer){data, size};
    return file->buffer_count++;
}

int tfl_add_tensor(tfl_file *file, const tfl_tensor *tensor)
{
    if (!SMT_ROOM(file->tensors, file->tensor_count, file->tensor_capacity)) {
        file->failed = true;
        return -1;
    }
    file->tensors[file->tensor_count] = *tensor;
    return file->tensor_count++;
}

void tfl_add_operator(tfl_file *file, const tfl_operator *op)
{
    if (!SMT_ROOM(file->operators, file->operator_count, file->operator_capacity)) {
        file->failed = true;
        return;
    }
    file->operators[file->operator_count++] = *op;
}

void tfl_add_metadata(tfl_file *file, const char *name, const void *data, size_t size)
{
    void *copy = smt_alloc(size, 1);
    if (copy) {
        memcpy(copy, data, size);
    }
    int buffer = tfl_add_buffer(file, copy, size);
    if (buffer >= 0 &&
        file->metadata_count < (int)(sizeof file->metadata / sizeof *file->metadata)) {
        file->metadata[file->metadata_count++] = (tfl_metadata){name, buffer};
    }
}

void tfl_free(tfl_file *file)
{
    for (int i = 1; i < file->buffer_count; i++) {
        smt_free(file->buffers[i].data);
    }
    smt_free(file->buffers);
    smt_free(file->tensors);
    smt_free(file->operators);
    memset(file, 0, sizeof *file);
}

static fb_field reference(int id)
{
    return (fb_field){id, FB_REFERENCE, 0, 0};
}

static fb_field number(int id, int value)
{
    return (fb_field){id, FB_INT, value, 0};
}

static fb_field byte(int id, int value)
{
    return (fb_field){id, FB_BYTE, value, 0};
}

/* The quantisation table; per-channel zero points are left to share_zeros. */
static uint32_t write_quantisation(fb_writer *w, const tfl_tensor *t)
{
    const fb_field fields[] = {reference(2), reference(3), number(6, t->axis)};
    uint32_t table = fb_table(w, fields, 3);
    const float *scales = t->scale_count > 1 ? t->scales : &t->scale;
    int64_t zero_point = t->zero_point;
    fb_refer(w, table, 2, fb_vector(w, scales, (size_t)t->scale_count, 4, 4));
    if (t->scale_count == 1) {
        fb_refer(w, table, 3, fb_vector(w, &zero_point, 1, 8, 8));
    }
    return table;
}

/* Zero points of per-channel scales are all 0, 8 bytes each, an eighth of an int8 file. One vector
 * of each length serves all tensors: FlatBuffers may share what they refer to, as long as it comes
 * later in the file. */
static void share_zeros(fb_writer *w, const tfl_file *file, uint32_t *tables)
{
    for (int i = 0; i < file->tensor_count; i++) {
        int count = file->tensors[i].scale_count;
        if (!tables[i] || count < 2) {
            continue;
        }
        uint32_t zeros = fb_vector(w, NULL, (size_t)count, 8, 8);
        for (int k = i; k < file->tensor_count; k++) {
            if (tables[k] && file->tensors[k].scale_count == count) {
                fb_refer(w, tables[k], 3, zeros);
                tables[k] = 0;
            }
        }
    }
}

static uint32_t write_tensor(fb_writer *w, const tfl_tensor *t, uint32_t *quantisation)
{
    fb_field fields[5] = {reference(0), byte(1, t->type), number(2, t->buffer), reference(3)};
    int count = 4;
    if (t->scale_count) {
        fields[count++] = reference(4);
    }
    uint32_t table = fb_table(w, fields, count);
    fb_refer(w, table, 0, fb_vector(w, t->shape, (size_t)t->rank, 4, 4));
    fb_refer(w, table, 3, fb_string(w, t->name));
    if (t->scale_count) {
        *quantisation = write_quantisation(w, t);
        fb_refer(w, table, 4, *quantisation);
    }
    return table;
}

/* The options table and its place in the union; 0: none. */
static uint32_t write_options(fb_writer *w, const tfl_operator *op, int *kind)
{
    switch (op->code) {
    case SMT_EDGE_CONV_2D: {
        const fb_field fields[] = {byte(0, op->padding),
                                   number(1, op->stride),
                                   number(2, op->stride),
                                   byte(3, op->activation)};
        *kind = OPTIONS_CONV;
        return fb_table(w, fields, 4);
    }
    case SMT_EDGE_DEPTHWISE_CONV_2D: {
        const fb_field fields[] = {byte(0, op->padding),
                                   number(1, op->stride),
                                   number(2, op->stride),
                                   number(3, 1),
                                   byte(4, op->activation)};
        *kind = OPTIONS_DEPTHWISE;
        return fb_table(w, fields, 5);
    }
    case SMT_EDGE_FULLY_CONNECTED:
    case SMT_EDGE_ADD:
    case SMT_EDGE_MUL: {
        const fb_field fields[] = {byte(0, op->activation)};
        *kind = op->code == SMT_EDGE_FULLY_CONNECTED ? OPTIONS_DENSE
                : op->code == SMT_EDGE_ADD           ? OPTIONS_ADD
                                                     : OPTIONS_MUL;
        return fb_table(w, fields, 1);
    }
    case SMT_EDGE_SOFTMAX: {
        const fb_field fields[] = {{0, FB_FLOAT, 0, 1.0f}};
        *kind = OPTIONS_SOFTMAX;
        return fb_table(w, fields, 1);
    }
    case SMT_EDGE_MEAN: {
        const fb_field fields[] = {byte(0, 1)}; /* keep_dims */
        *kind = OPTIONS_REDUCER;
        return fb_table(w, fields, 1);
    }
    case SMT_EDGE_PAD:
        *kind = OPTIONS_PAD;
        return fb_table(w, NULL, 0);
    default:
        *kind = 0;
        return 0;
    }
}

static uint32_t write_operator(fb_writer *w, const tfl_operator *op, int code)
{
    fb_field fields[5] = {number(0, code), reference(1), reference(2)};
    bool has_options = op->code != SMT_EDGE_HARD_SWISH && op->code != SMT_EDGE_QUANTIZE &&
                       op->code != SMT_EDGE_DEQUANTIZE && op->code != SMT_EDGE_RELU &&
                       op->code != SMT_EDGE_RELU6;
    int kind = 0;
    if (!has_options) {
        uint32_t table = fb_table(w, fields, 3);
        fb_refer(w, table, 1, fb_vector(w, op->inputs, (size_t)op->input_count, 4, 4));
        fb_refer(w, table, 2, fb_vector(w, &op->output, 1, 4, 4));
        return table;
    }
    /* The kind of options is known from the code alone, but
     * written together with them: the byte is set after. */
    fields[3] = byte(3, 1);
    fields[4] = reference(4);
    uint32_t table = fb_table(w, fields, 5);
    fb_refer(w, table, 1, fb_vector(w, op->inputs, (size_t)op->input_count, 4, 4));
    fb_refer(w, table, 2, fb_vector(w, &op->output, 1, 4, 4));
    fb_refer(w, table, 4, write_options(w, op, &kind));
    fb_set_byte(w, table, 3, (uint8_t)kind);
    return table;
}

/* Distinct (code, version) pairs in order of appearance. */
static int code_index(const tfl_file *file, const tfl_operator *op)
{
    int index = 0;
    for (int i = 0; i < file->operator_count; i++) {
        const tfl_operator *o = &file->operators[i];
        if (o->code == op->code && o->version == op->version) {
            return index;
        }
        bool seen = false;
        for (int k = 0; k < i && !seen; k++) {
            seen = file->operators[k].code == o->code && file->operators[k].version == o->version;
        }
        index += !seen;
    }
    return index;
}

static uint32_t write_codes(fb_writer *w, const tfl_file *file)
{
    int count = 0;
    for (int i = 0; i < file->operator_count; i++) {
        count += code_index(file, &file->operators[i]) == count;
    }
    uint32_t vector = fb_vector(w, NULL, (size_t)count, 4, 4);
    for (int i = 0, next = 0; i < file->operator_count; i++) {
        const tfl_operator *op = &file->operators[i];
        if (code_index(file, op) != next) {
            continue;
        }
        const fb_field fields[] = {byte(0, op->code < 127 ? (int)op->code : 127),
                                   number(2, op->version),
                                   number(3, op->code)};
        fb_refer_element(w, vector, (size_t)next++, fb_table(w, fields, 3));
    }
    return vector;
}

static uint32_t write_subgraph(fb_writer *w, const tfl_file *file)
{
    const fb_field fields[] = {
        reference(0), reference(1), reference(2), reference(3), reference(4)};
    uint32_t *tables = smt_alloc((size_t)file->tensor_count, sizeof *tables);
    uint32_t table = fb_table(w, fields, 5);
    uint32_t tensors = fb_vector(w, NULL, (size_t)file->tensor_count, 4, 4);
    fb_refer(w, table, 0, tensors);
    for (int i = 0; i < file->tensor_count; i++) {
        uint32_t quantisation = 0;
        fb_refer_element(w, tensors, (size_t)i, write_tensor(w, &file->tensors[i], &quantisation));
        if (tables) {
            tables[i] = quantisation;
        }
    }
    if (tables) {
        share_zeros(w, file, tables);
    } else {
        w->failed = true;
    }
    smt_free(tables);
    fb_refer(w, table, 1, fb_vector(w, &file->input, 1, 4, 4));
    fb_refer(w, table, 2, fb_vector(w, &file->output, 1, 4, 4));
    uint32_t operators = fb_vector(w, NULL, (size_t)file->operator_count, 4, 4);
    fb_refer(w, table, 3, operators);
    for (int i = 0; i < file->operator_count; i++) {
        const tfl_operator *op = &file->operators[i];
        fb_refer_element(w, operators, (size_t)i, write_operator(w, op, code_index(file, op)));
    }
    fb_refer(w, table, 4, fb_string(w, "main"));
    return table;
}

static uint32_t write_metadata(fb_writer *w, const tfl_file *file)
{
    uint32_t vector = fb_vector(w, NULL, (size_t)file->metadata_count, 4, 4);
    for (int i = 0; i < file->metadata_count; i++) {
        const fb_field fields[] = {reference(0), number(1, file->metadata[i].buffer)};
        uint32_t table = fb_table(w, fields, 2);
        fb_refer(w, table, 0, fb_string(w, file->metadata[i].name));
        fb_refer_element(w, vector, (size_t)i, table);
    }
    return vector;
}

smt_status tfl_serialise(const tfl_file *file, void **data, size_t *size, smt_error *error)
{
    fb_writer w;
    fb_begin(&w, "TFL3");
    const fb_field fields[] = {
        number(0, 3), reference(1), reference(2), reference(3), reference(4), reference(6)};
    uint32_t root = fb_table(&w, fields, 6);
    fb_refer(&w, root, 1, write_codes(&w, file));
    uint32_t subgraphs = fb_vector(&w, NULL, 1, 4, 4);
    fb_refer(&w, root, 2, subgraphs);
    fb_refer_element(&w, subgraphs, 0, write_subgraph(&w, file));
    fb_refer(&w, root, 3, fb_string(&w, file->description));
    fb_refer(&w, root, 6, write_metadata(&w, file));
    uint32_t buffers = fb_vector(&w, NULL, (size_t)file->buffer_count, 4, 4);
    fb_refer(&w, root, 4, buffers);
    for (int i = 0; i < file->buffer_count; i++) {
        const fb_field field[] = {reference(0)};
        uint32_t table = fb_table(&w, field, i ? 1 : 0);
        fb_refer_element(&w, buffers, (size_t)i, table);
        if (i) {
            const tfl_buffer *b = &file->buffers[i];
            fb_refer(&w, table, 0, fb_vector(&w, b->data, b->size, 1, BUFFER_ALIGNMENT));
        }
    }
    if (file->failed) {
        w.failed = true;
    }
    return fb_finish(&w, root, data, size)
               ? SMT_OK
               : smt_fail(error,
                          SMT_ERR_MEMORY,
                          "TensorFlow Lite file: out of memory, or larger than 2 GiB");
}
