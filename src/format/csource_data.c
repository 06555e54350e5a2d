/* Exported C, the const data: weights, biases, requantisation tables, the 256 entries of
 * element-wise functions, and the parameters of each operator. */
#include "format/csource_internal.h"

static void
write_s8(csource_writer *w, const char *name, int32_t index, const int8_t *data, uint32_t count)
{
    smt_file_printf(w->c, "static const int8_t %s%d[%u] = {", name, index, count);
    for (uint32_t i = 0; i < count; i++)
        smt_file_printf(w->c, "%s%d", i % 32 ? "," : i ? ",\n" : "\n", data[i]);
    smt_file_printf(w->c, "};\n");
    w->flash += count;
}

static void
write_s32(csource_writer *w, const char *name, int32_t index, const int32_t *data, uint32_t count)
{
    smt_file_printf(w->c, "static const int32_t %s%d[%u] = {", name, index, count);
    for (uint32_t i = 0; i < count; i++) {
        /* the lowest value has no literal of its type */
        if (data[i] == INT32_MIN)
            smt_file_printf(w->c, "%s(-2147483647 - 1)", i % 12 ? "," : i ? ",\n" : "\n");
        else
            smt_file_printf(w->c, "%s%d", i % 12 ? "," : i ? ",\n" : "\n", data[i]);
    }
    smt_file_printf(w->c, "};\n");
    w->flash += 4 * (size_t)count;
}

/* One member of a struct; a name that begins with a line end stands on a new line. */
typedef struct field {
    const char *name;
    int32_t value;
    const int32_t *list; /* of four, in the place of the value */
} field;

#define FIELD(name)                                                                                \
    {                                                                                              \
#name, p->name, NULL                                                                       \
    }
#define NEXT_LINE(name)                                                                            \
    {                                                                                              \
        "\n" #name, p->name, NULL                                                                  \
    }
#define LIST(name)                                                                                 \
    {                                                                                              \
#name, 0, p->name                                                                          \
    }
#define WRITE_FIELDS(w, fields) write_fields(w, fields, sizeof(fields) / sizeof *(fields))

/* What structs with pointers take on a board, whose pointers are of 32 bits: 4 bytes a member. */
enum { CONV_BYTES = 4 * 28, PRODUCT_BYTES = 4 * 3 };

/* The operator's parameters up to the members. */
static void begin_struct(csource_writer *w, const char *type, int32_t index, size_t bytes)
{
    smt_file_printf(w->c, "static const %s op%d = {", type, index);
    w->flash += bytes;
}

static void write_fields(csource_writer *w, const field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const field *f = &fields[i];
        bool line = f->name[0] == '\n';
        const int32_t *list = f->list;
        smt_file_printf(w->c, "%s.%s = ", line ? ",\n    " : i ? ", " : "", f->name + line);
        if (list)
            smt_file_printf(w->c, "{%d, %d, %d, %d}", list[0], list[1], list[2], list[3]);
        else
            smt_file_printf(w->c, "%d", f->value);
    }
}

static smt_status write_conv_data(csource_writer *w, const edge_call *call, smt_error *error)
{
    const smt_conv *p = &call->conv;
    int32_t i = call->op.index;
    uint32_t channels = (uint32_t)p->out_c;
    int32_t *multiplier = smt_alloc(channels, 4);
    int8_t *shift = smt_alloc(channels, 1);
    if (!multiplier || !shift) {
        smt_free(multiplier);
        smt_free(shift);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    }
    edge_fill_tables(call, multiplier, shift);
    write_s8(w, "weights", i, call->second.data, call->second.elements);
    if (call->has_third)
        write_s32(w, "bias", i, call->third.data, channels);
    write_s32(w, "multiplier", i, multiplier, channels);
    write_s8(w, "shift", i, shift, channels);
    smt_free(multiplier);
    smt_free(shift);
    const field fields[] = {FIELD(batch),
                            FIELD(in_h),
                            FIELD(in_w),
                            FIELD(in_c),
                            FIELD(out_h),
                            FIELD(out_w),
                            NEXT_LINE(out_c),
                            FIELD(filter_h),
                            FIELD(filter_w),
                            FIELD(stride_h),
                            FIELD(stride_w),
                            FIELD(dilation_h),
                            NEXT_LINE(dilation_w),
                            FIELD(pad_h),
                            FIELD(pad_w),
                            FIELD(in_zero),
                            FIELD(out_zero),
                            FIELD(low),
                            FIELD(high)};
    begin_struct(w, "smt_conv", i, CONV_BYTES);
    WRITE_FIELDS(w, fields);
    smt_file_printf(
        w->c,
        ",\n    .multiplier = multiplier%d, .shift = shift%d, .weights = weights%d, .bias = ",
        i,
        i,
        i);
    if (call->has_third)
        smt_file_printf(w->c, "bias%d};\n", i);
    else
        smt_file_printf(w->c, "0};\n");
    return SMT_OK;
}

static void write_map_data(csource_writer *w, const edge_call *call)
{
    smt_map map;
    int8_t table[256];
    edge_bind_map(call, &map);
    smt_build_map(&map, table);
    write_s8(w, "table", call->op.index, table, 256);
}

static void write_arithmetic_data(csource_writer *w, const edge_call *call)
{
    smt_arithmetic bound, *p = &bound;
    edge_bind_arithmetic(call, p);
    if (call->in.data)
        write_s8(w, "a", call->op.index, call->in.data, call->in.elements);
    if (call->second.data)
        write_s8(w, "b", call->op.index, call->second.data, call->second.elements);
    const field fields[] = {LIST(shape),
                            {"\nstride_a", 0, p->stride_a},
                            LIST(stride_b),
                            FIELD(zero_a),
                            FIELD(zero_b),
                            FIELD(zero_out),
                            NEXT_LINE(low),
                            FIELD(high),
                            FIELD(multiplier_a),
                            FIELD(multiplier_b),
                            FIELD(multiplier_out),
                            NEXT_LINE(shift_a),
                            FIELD(shift_b),
                            FIELD(shift_out)};
    begin_struct(w, "smt_arithmetic", call->op.index, sizeof *p);
    smt_file_printf(w->c, ".code = SMT_EDGE_%s, ", smt_edge_code_name((int32_t)p->code));
    WRITE_FIELDS(w, fields);
    smt_file_printf(w->c, "};\n");
}

static void write_mean_data(csource_writer *w, const edge_call *call)
{
    smt_mean bound, *p = &bound;
    edge_bind_mean(call, p);
    const int32_t reduce[4] = {p->reduce[0], p->reduce[1], p->reduce[2], p->reduce[3]};
    const field fields[] = {LIST(shape),
                            {"reduce", 0, reduce},
                            FIELD(count),
                            NEXT_LINE(in_zero),
                            FIELD(out_zero),
                            FIELD(multiplier),
                            FIELD(shift)};
    begin_struct(w, "smt_mean", call->op.index, sizeof *p);
    WRITE_FIELDS(w, fields);
    smt_file_printf(w->c, "};\n");
}

static void write_pool_data(csource_writer *w, const edge_call *call)
{
    smt_pool bound, *p = &bound;
    edge_bind_pool(call, p);
    const field fields[] = {FIELD(max),
                            FIELD(batch),
                            FIELD(in_h),
                            FIELD(in_w),
                            FIELD(channels),
                            NEXT_LINE(out_h),
                            FIELD(out_w),
                            FIELD(filter_h),
                            FIELD(filter_w),
                            FIELD(stride_h),
                            FIELD(stride_w),
                            NEXT_LINE(pad_h),
                            FIELD(pad_w),
                            FIELD(low),
                            FIELD(high)};
    begin_struct(w, "smt_pool", call->op.index, sizeof *p);
    WRITE_FIELDS(w, fields);
    smt_file_printf(w->c, "};\n");
}

static void write_softmax_data(csource_writer *w, const edge_call *call)
{
    smt_softmax bound, *p = &bound;
    edge_bind_softmax(call, p);
    const field fields[] = {
        FIELD(rows), FIELD(depth), FIELD(multiplier), FIELD(shift), FIELD(diff_min)};
    begin_struct(w, "smt_softmax", call->op.index, sizeof *p);
    WRITE_FIELDS(w, fields);
    smt_file_printf(w->c, "};\n");
}

bool csource_is_product(const csource_writer *w, const edge_call *call)
{
    return w->plan.places[call->op.inputs[0]].first == SMT_EDGE_FACTOR;
}

static void write_product_data(csource_writer *w, const edge_call *call)
{
    int32_t i = call->op.index;
    smt_edge_operator before;
    smt_edge_get_operator(&w->model, i - 1, &before);
    int32_t b = before.outputs[0] == call->second.index ? i - 1 : i - 2;
    smt_file_printf(
        w->c,
        "static const smt_product product%d = {.a = &op%d, .b = &op%d, .mul = &op%d};\n",
        i,
        2 * i - 3 - b,
        b,
        i);
    w->flash += PRODUCT_BYTES;
}

bool csource_fits_ends(const smt_edge_model *model)
{
    smt_edge_tensor in, out;
    smt_edge_get_tensor(model, model->inputs[0], &in);
    smt_edge_get_tensor(model, model->outputs[0], &out);
    return model->input_count == 1 && model->output_count == 1 && in.type == SMT_EDGE_S8 &&
           out.type == SMT_EDGE_S8 && in.rank == 4 && in.scale_count == 1 && out.scale_count == 1;
}

bool csource_has_form(const smt_edge_model *model, const smt_edge_operator *op)
{
    smt_edge_tensor in, out;
    smt_edge_get_tensor(model, op->inputs[0], &in);
    smt_edge_get_tensor(model, op->outputs[0], &out);
    bool arithmetic =
        op->code == SMT_EDGE_ADD || op->code == SMT_EDGE_SUB || op->code == SMT_EDGE_MUL;
    return op->code != SMT_EDGE_PAD && op->code != SMT_EDGE_CONCATENATION &&
           in.type == SMT_EDGE_S8 && out.type == SMT_EDGE_S8 && (!in.data || arithmetic);
}

smt_status csource_data(csource_writer *w, const edge_call *call, smt_error *error)
{
    if (!csource_has_form(&w->model, &call->op))
        return smt_fail(error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: operator %d (%s of %s%s) has no C form; run the .tflite itself",
                        w->tflite,
                        call->op.index,
                        smt_edge_code_name((int32_t)call->op.code),
                        call->in.data ? "constant " : "",
                        smt_edge_type_name((int32_t)call->in.type));
    switch (call->op.code) {
    case SMT_EDGE_CONV_2D:
    case SMT_EDGE_FULLY_CONNECTED:
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        return write_conv_data(w, call, error);
    case SMT_EDGE_ADD:
    case SMT_EDGE_SUB:
    case SMT_EDGE_MUL:
        write_arithmetic_data(w, call);
        if (csource_is_product(w, call))
            write_product_data(w, call);
        return SMT_OK;
    case SMT_EDGE_MEAN:
        write_mean_data(w, call);
        return SMT_OK;
    case SMT_EDGE_AVERAGE_POOL_2D:
    case SMT_EDGE_MAX_POOL_2D:
        write_pool_data(w, call);
        return SMT_OK;
    case SMT_EDGE_SOFTMAX:
        write_softmax_data(w, call);
        return SMT_OK;
    case SMT_EDGE_RESHAPE:
        w->moves = w->moves ||
                   w->plan.places[call->in.index].offset != w->plan.places[call->out.index].offset;
        return SMT_OK;
    default: /* element-wise */
        write_map_data(w, call);
        return SMT_OK;
    }
}
