/* Reads single tensors, operators and metadata of a .tflite file in place. The file is a FlatBuffer
 * (schema version 3); what open.c accepted reads without an error. */
#include "reader.h"

/* Field numbers of the schema's tables. */
enum { CODE_DEPRECATED, CODE_CUSTOM, CODE_VERSION, CODE_BUILTIN };
enum {
    TENSOR_SHAPE,
    TENSOR_TYPE,
    TENSOR_BUFFER,
    TENSOR_NAME,
    TENSOR_QUANT,
    TENSOR_VARIABLE,
    TENSOR_SPARSITY
};
enum { QUANT_SCALE = 2, QUANT_ZERO, QUANT_DETAILS_TYPE, QUANT_DIMENSION = 6 };
enum { OP_CODE, OP_INPUTS, OP_OUTPUTS, OP_OPTIONS_TYPE, OP_OPTIONS };
enum { BUFFER_DATA, BUFFER_OFFSET };
enum { METADATA_NAME, METADATA_BUFFER };

smt_edge_status
edge_damaged(const smt_edge_model *model, smt_edge_error *error, const char *what, int32_t index)
{
    return edge_fail(error, SMT_EDGE_ERR_FORMAT, EDGE_DAMAGED "%s %d", model->size, what, index);
}

/* The data of buffer `index`, NULL when it is empty. */
static const uint8_t *
buffer_data(const smt_edge_model *model, uint32_t index, uint32_t *bytes, bool *bad)
{
    fb_file file = edge_file_of(model);
    *bytes = 0;
    uint32_t buffer = fb_element(&file, model->buffers_at, index, bad);
    if (!buffer)
        return NULL;
    uint32_t at = fb_vector(&file, buffer, BUFFER_DATA, 1, bytes, bad);
    return *bytes ? model->data + at : NULL;
}

/* ---- tensors ------------------------------------------------------------------------------- */

static smt_edge_status read_quantisation(const smt_edge_model *model,
                                         uint32_t at,
                                         bool deep,
                                         smt_edge_tensor *tensor,
                                         smt_edge_error *error)
{
    fb_file file = edge_file_of(model);
    bool bad = false;
    uint32_t count, zeros;
    uint32_t scale_at = fb_vector(&file, at, QUANT_SCALE, 4, &count, &bad);
    uint32_t zero_at = fb_vector(&file, at, QUANT_ZERO, 8, &zeros, &bad);
    uint32_t details = fb_byte(&file, at, QUANT_DETAILS_TYPE, 0, &bad);
    int32_t axis = fb_int(&file, at, QUANT_DIMENSION, 0, &bad);
    if (bad)
        return edge_damaged(model, error, "quantisation of tensor", tensor->index);
    if (count == 0)
        return SMT_EDGE_OK;
    if (details)
        return edge_fail(
            error, SMT_EDGE_ERR_UNSUPPORTED, "tensor %d: custom quantisation", tensor->index);
    if (zeros != 0 && zeros != count)
        return edge_fail(error,
                         SMT_EDGE_ERR_FORMAT,
                         "tensor %d: %u scales but %u zero points",
                         tensor->index,
                         count,
                         zeros);
    if (count > 1 && (axis < 0 || axis >= tensor->rank || (uint32_t)tensor->shape[axis] != count))
        return edge_fail(error,
                         SMT_EDGE_ERR_FORMAT,
                         "tensor %d: %u scales do not fit axis %d",
                         tensor->index,
                         count,
                         axis);
    tensor->scale_count = (int32_t)count;
    tensor->scales = (const float *)(const void *)(model->data + scale_at);
    tensor->axis = count > 1 ? axis : 0;
    tensor->zero_point = zeros ? (int32_t)fb_u32(model->data + zero_at) : 0;
    if (!deep)
        return SMT_EDGE_OK;
    for (uint32_t i = 0; i < count; i++) {
        /* Bits, not values: a NaN compares with nothing. Positive and finite is 1 .. 0x7f7fffff. */
        uint32_t bits = fb_u32(model->data + scale_at + 4 * i);
        if (bits == 0 || bits >= 0x7f800000u)
            return edge_fail(error,
                             SMT_EDGE_ERR_FORMAT,
                             "tensor %d: scale %u is not a positive number",
                             tensor->index,
                             i);
    }
    int32_t low = tensor->type == SMT_EDGE_S8 ? -128 : 0;
    int32_t high = tensor->type == SMT_EDGE_S8 ? 127 : tensor->type == SMT_EDGE_U8 ? 255 : 0;
    for (uint32_t i = 0; i < zeros; i++) {
        int32_t value = (int32_t)fb_u32(model->data + zero_at + 8 * i);
        int32_t above = (int32_t)fb_u32(model->data + zero_at + 8 * i + 4);
        if (above != (value < 0 ? -1 : 0) || value < low || value > high)
            return edge_fail(error,
                             SMT_EDGE_ERR_FORMAT,
                             "tensor %d: zero point %u is out of range",
                             tensor->index,
                             i);
        if (count > 1 && value != 0)
            return edge_fail(error,
                             SMT_EDGE_ERR_UNSUPPORTED,
                             "tensor %d: per-channel zero points other than 0",
                             tensor->index);
    }
    return SMT_EDGE_OK;
}

smt_edge_status edge_read_tensor(const smt_edge_model *model,
                                 int32_t index,
                                 bool deep,
                                 smt_edge_tensor *tensor,
                                 smt_edge_error *error)
{
    fb_file file = edge_file_of(model);
    bool bad = false;
    uint32_t rank, name_length, buffer_bytes = 0;
    uint32_t at = fb_element(&file, model->tensors_at, (uint32_t)index, &bad);
    if (bad)
        return edge_damaged(model, error, "tensor", index);
    uint32_t shape_at = fb_vector(&file, at, TENSOR_SHAPE, 4, &rank, &bad);
    uint32_t type = fb_byte(&file, at, TENSOR_TYPE, 0, &bad);
    uint32_t buffer = (uint32_t)fb_int(&file, at, TENSOR_BUFFER, 0, &bad);
    uint32_t name_at = fb_vector(&file, at, TENSOR_NAME, 1, &name_length, &bad);
    uint32_t quant_at = fb_table(&file, at, TENSOR_QUANT, &bad);
    uint32_t variable = fb_byte(&file, at, TENSOR_VARIABLE, 0, &bad);
    uint32_t sparsity = fb_field(&file, at, TENSOR_SPARSITY, 4, &bad);
    if (bad || buffer >= (uint32_t)model->buffer_count)
        return edge_damaged(model, error, "tensor", index);
    const uint8_t *data = buffer_data(model, buffer, &buffer_bytes, &bad);
    if (bad)
        return edge_damaged(model, error, "buffer", (int32_t)buffer);

    *tensor = (smt_edge_tensor){.index = index, .type = (smt_edge_type)type, .rank = (int32_t)rank};
    tensor->name = (const char *)(model->data + name_at);
    tensor->name_length = name_length;
    if (rank > SMT_EDGE_RANK)
        return edge_fail(error,
                         SMT_EDGE_ERR_UNSUPPORTED,
                         "tensor %d (%t): %u dimensions; at most %d are supported",
                         index,
                         tensor->name,
                         name_length,
                         rank,
                         SMT_EDGE_RANK);
    if (variable || sparsity)
        return edge_fail(error,
                         SMT_EDGE_ERR_UNSUPPORTED,
                         "tensor %d (%t): %s tensors are not supported",
                         index,
                         tensor->name,
                         name_length,
                         variable ? "variable" : "sparse");
    uint32_t element = smt_edge_type_bytes((smt_edge_type)type);
    if (!element)
        return edge_fail(error,
                         SMT_EDGE_ERR_UNSUPPORTED,
                         "tensor %d (%t): type %s is not supported",
                         index,
                         tensor->name,
                         name_length,
                         smt_edge_type_name((int32_t)type));
    uint64_t bytes = element;
    for (uint32_t i = 0; i < SMT_EDGE_RANK; i++) {
        int32_t extent = i < rank ? (int32_t)fb_u32(model->data + shape_at + 4 * i) : 1;
        if (extent < 1)
            return edge_fail(error,
                             SMT_EDGE_ERR_UNSUPPORTED,
                             "tensor %d (%t): dimension %u is %d; only fixed shapes are supported",
                             index,
                             tensor->name,
                             name_length,
                             i,
                             extent);
        tensor->shape[i] = extent;
        bytes *= (uint32_t)extent;
        if (bytes > INT32_MAX / 2)
            return edge_fail(error,
                             SMT_EDGE_ERR_LIMIT,
                             "tensor %d (%t) is larger than 1 GiB",
                             index,
                             tensor->name,
                             name_length);
    }
    tensor->bytes = (uint32_t)bytes;
    tensor->elements = (uint32_t)bytes / element;
    if (data && buffer_bytes != tensor->bytes)
        return edge_fail(error,
                         SMT_EDGE_ERR_FORMAT,
                         "tensor %d (%t): its buffer has %u bytes, its shape %u",
                         index,
                         tensor->name,
                         name_length,
                         buffer_bytes,
                         tensor->bytes);
    tensor->data = data;
    bool quantised = type == SMT_EDGE_S8 || type == SMT_EDGE_U8 || type == SMT_EDGE_S32;
    return quant_at && quantised ? read_quantisation(model, quant_at, deep, tensor, error)
                                 : SMT_EDGE_OK;
}

/* ---- operators ----------------------------------------------------------------------------- */

/* What the options table of an operator looks like: its number in the schema's union, and which
 * field holds what (-1: none). needed: the operator means nothing without it. */
typedef struct layout {
    uint8_t code, options_type, needed;
    int8_t padding, stride_w, stride_h, activation, dilation_w, dilation_h, filter_w, filter_h;
} layout;

static const layout layouts[] = {
    {SMT_EDGE_ADD, 11, 0, -1, -1, -1, 0, -1, -1, -1, -1},
    {SMT_EDGE_AVERAGE_POOL_2D, 5, 1, 0, 1, 2, 5, -1, -1, 3, 4},
    {SMT_EDGE_CONCATENATION, 10, 1, -1, -1, -1, 1, -1, -1, -1, -1},
    {SMT_EDGE_CONV_2D, 1, 1, 0, 1, 2, 3, 4, 5, -1, -1},
    {SMT_EDGE_DEPTHWISE_CONV_2D, 2, 1, 0, 1, 2, 4, 5, 6, -1, -1},
    {SMT_EDGE_DEQUANTIZE, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_FULLY_CONNECTED, 8, 0, -1, -1, -1, 0, -1, -1, -1, -1},
    {SMT_EDGE_LOGISTIC, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_MAX_POOL_2D, 5, 1, 0, 1, 2, 5, -1, -1, 3, 4},
    {SMT_EDGE_MUL, 21, 0, -1, -1, -1, 0, -1, -1, -1, -1},
    {SMT_EDGE_RELU, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_RELU6, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_RESHAPE, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_SOFTMAX, 9, 1, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_PAD, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_MEAN, 27, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_SUB, 28, 0, -1, -1, -1, 0, -1, -1, -1, -1},
    {SMT_EDGE_QUANTIZE, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
    {SMT_EDGE_HARD_SWISH, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1},
};

static int32_t option_int(const fb_file *file, uint32_t table, int field, int32_t absent, bool *bad)
{
    return table && field >= 0 ? fb_int(file, table, (uint32_t)field, absent, bad) : absent;
}

static uint32_t option_byte(const fb_file *file, uint32_t table, int field, bool *bad)
{
    return table && field >= 0 ? fb_byte(file, table, (uint32_t)field, 0, bad) : 0;
}

static smt_edge_status read_options(const fb_file *file,
                                    const layout *fields,
                                    uint32_t table,
                                    smt_edge_operator *op,
                                    smt_edge_error *error)
{
    bool bad = false;
    uint32_t padding = option_byte(file, table, fields->padding, &bad);
    uint32_t activation = option_byte(file, table, fields->activation, &bad);
    op->stride_w = option_int(file, table, fields->stride_w, 0, &bad);
    op->stride_h = option_int(file, table, fields->stride_h, 0, &bad);
    op->dilation_w = option_int(file, table, fields->dilation_w, 1, &bad);
    op->dilation_h = option_int(file, table, fields->dilation_h, 1, &bad);
    op->filter_w = option_int(file, table, fields->filter_w, 0, &bad);
    op->filter_h = option_int(file, table, fields->filter_h, 0, &bad);
    op->depth_multiplier = 1;
    switch (op->code) {
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        op->depth_multiplier = option_int(file, table, 3, 0, &bad);
        break;
    case SMT_EDGE_CONCATENATION:
        op->axis = option_int(file, table, 0, 0, &bad);
        break;
    case SMT_EDGE_MEAN:
        op->keep_dims = option_byte(file, table, 0, &bad) != 0;
        break;
    case SMT_EDGE_FULLY_CONNECTED:
        if (option_byte(file, table, 1, &bad) != 0)
            return edge_fail(error,
                             SMT_EDGE_ERR_UNSUPPORTED,
                             "operator %o: shuffled weights are not supported",
                             op->index,
                             op->code);
        break;
    case SMT_EDGE_SOFTMAX: {
        union {
            uint32_t bits;
            float value;
        } beta = {(uint32_t)option_int(file, table, 0, 0, &bad)};
        if (!bad && (beta.bits == 0 || beta.bits >= 0x7f800000u))
            return edge_fail(error,
                             SMT_EDGE_ERR_FORMAT,
                             "operator %o: beta is not a positive number",
                             op->index,
                             op->code);
        op->beta = beta.value;
        break;
    }
    default:
        break;
    }
    if (bad || padding > SMT_EDGE_VALID)
        return edge_fail(error,
                         SMT_EDGE_ERR_FORMAT,
                         EDGE_DAMAGED "options of operator %o",
                         file->size,
                         op->index,
                         op->code);
    op->padding = (smt_edge_padding)padding;
    if (activation > SMT_EDGE_ACT_RELU6)
        return edge_fail(error,
                         SMT_EDGE_ERR_UNSUPPORTED,
                         "operator %o: fused activation %u is not supported",
                         op->index,
                         op->code,
                         activation);
    op->activation = (smt_edge_activation)activation;
    return SMT_EDGE_OK;
}

smt_edge_status edge_read_operator(const smt_edge_model *model,
                                   int32_t index,
                                   smt_edge_operator *op,
                                   smt_edge_error *error)
{
    fb_file file = edge_file_of(model);
    bool bad = false;
    uint32_t inputs, outputs;
    uint32_t at = fb_element(&file, model->operators_at, (uint32_t)index, &bad);
    if (bad)
        return edge_damaged(model, error, "operator", index);
    uint32_t code_index = (uint32_t)fb_int(&file, at, OP_CODE, 0, &bad);
    uint32_t inputs_at = fb_vector(&file, at, OP_INPUTS, 4, &inputs, &bad);
    uint32_t outputs_at = fb_vector(&file, at, OP_OUTPUTS, 4, &outputs, &bad);
    uint32_t options_type = fb_byte(&file, at, OP_OPTIONS_TYPE, 0, &bad);
    if (bad || code_index >= (uint32_t)model->code_count)
        return edge_damaged(model, error, "operator", index);
    uint32_t code_at = fb_element(&file, model->codes_at, code_index, &bad);
    if (bad)
        return edge_damaged(model, error, "operator code", (int32_t)code_index);
    int32_t code = (int8_t)fb_byte(&file, code_at, CODE_DEPRECATED, 0, &bad);
    int32_t extended = fb_int(&file, code_at, CODE_BUILTIN, 0, &bad);
    int32_t version = fb_int(&file, code_at, CODE_VERSION, 1, &bad);
    uint32_t custom_length;
    uint32_t custom_at = fb_vector(&file, code_at, CODE_CUSTOM, 1, &custom_length, &bad);
    if (bad)
        return edge_damaged(model, error, "operator code", (int32_t)code_index);
    if (extended > code)
        code = extended;

    const layout *fields = NULL;
    for (uint32_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
        if (layouts[i].code == code)
            fields = &layouts[i];
    if (!fields && custom_length)
        return edge_fail(error,
                         SMT_EDGE_ERR_UNSUPPORTED,
                         "operator %d: custom operator %t is not supported",
                         index,
                         (const char *)(model->data + custom_at),
                         custom_length);
    if (!fields)
        return edge_fail(error,
                         SMT_EDGE_ERR_UNSUPPORTED,
                         "operator %d: %s (code %d) is not supported",
                         index,
                         smt_edge_code_name(code),
                         code);

    *op = (smt_edge_operator){.index = index, .code = (smt_edge_code)code, .version = version};
    op->input_count = (int32_t)inputs;
    op->output_count = (int32_t)outputs;
    op->inputs = (const int32_t *)(const void *)(model->data + inputs_at);
    op->outputs = (const int32_t *)(const void *)(model->data + outputs_at);
    if (inputs == 0 || outputs != 1)
        return edge_fail(error,
                         SMT_EDGE_ERR_FORMAT,
                         "operator %o: %u inputs and %u outputs",
                         index,
                         code,
                         inputs,
                         outputs);
    /* Operators may share one list, so that a small file has few bounds without this one. */
    if (inputs > SMT_EDGE_MAX_INPUTS)
        return edge_fail(error,
                         SMT_EDGE_ERR_LIMIT,
                         "operator %o: %u inputs; at most %d are supported",
                         index,
                         code,
                         inputs,
                         SMT_EDGE_MAX_INPUTS);
    if (op->outputs[0] < 0 || op->outputs[0] >= model->tensor_count)
        return edge_fail(error,
                         SMT_EDGE_ERR_FORMAT,
                         "operator %o: there is no tensor %d",
                         index,
                         code,
                         op->outputs[0]);
    for (uint32_t i = 0; i < inputs; i++)
        if (op->inputs[i] < -1 || op->inputs[i] >= model->tensor_count)
            return edge_fail(error,
                             SMT_EDGE_ERR_FORMAT,
                             "operator %o: there is no tensor %d",
                             index,
                             code,
                             op->inputs[i]);
    uint32_t table = 0;
    if (fields->options_type && options_type == fields->options_type)
        table = fb_table(&file, at, OP_OPTIONS, &bad);
    if (bad || (fields->options_type && options_type && !table) || (fields->needed && !table))
        return edge_fail(error,
                         SMT_EDGE_ERR_FORMAT,
                         EDGE_DAMAGED "options of operator %o",
                         model->size,
                         index,
                         code);
    return read_options(&file, fields, table, op, error);
}

int32_t edge_output_of(const smt_edge_model *model, int32_t index)
{
    fb_file file = edge_file_of(model);
    bool bad = false;
    uint32_t count;
    uint32_t at = fb_element(&file, model->operators_at, (uint32_t)index, &bad);
    at = fb_vector(&file, at, OP_OUTPUTS, 4, &count, &bad);
    return (int32_t)fb_u32(model->data + at);
}

/* ---- the walk ------------------------------------------------------------------------------ */

bool smt_edge_get_tensor(const smt_edge_model *model, int32_t index, smt_edge_tensor *tensor)
{
    return index >= 0 && index < model->tensor_count &&
           edge_read_tensor(model, index, false, tensor, NULL) == SMT_EDGE_OK;
}

bool smt_edge_get_operator(const smt_edge_model *model, int32_t index, smt_edge_operator *op)
{
    if (index < 0 || index >= model->operator_count || edge_read_operator(model, index, op, NULL))
        return false;
    if (op->code == SMT_EDGE_CONCATENATION && op->axis < 0) {
        smt_edge_tensor output;
        if (!smt_edge_get_tensor(model, op->outputs[0], &output))
            return false;
        op->axis += output.rank;
    }
    return true;
}

bool smt_edge_get_metadata(const smt_edge_model *model, int32_t index, smt_edge_metadata *metadata)
{
    fb_file file = edge_file_of(model);
    bool bad = false;
    if (index < 0 || index >= model->metadata_count)
        return false;
    uint32_t at = fb_element(&file, model->metadata_at, (uint32_t)index, &bad);
    if (bad)
        return false;
    uint32_t length, bytes;
    uint32_t name_at = fb_vector(&file, at, METADATA_NAME, 1, &length, &bad);
    uint32_t buffer = (uint32_t)fb_int(&file, at, METADATA_BUFFER, 0, &bad);
    if (bad || buffer >= (uint32_t)model->buffer_count)
        return false;
    const uint8_t *data = buffer_data(model, buffer, &bytes, &bad);
    if (bad)
        return false;
    metadata->name = (const char *)(model->data + name_at);
    metadata->name_length = length;
    metadata->data = data;
    metadata->size = bytes;
    return true;
}

const char *smt_edge_description(const smt_edge_model *model, uint32_t *length)
{
    *length = model->description_at ? fb_u32(model->data + model->description_at - 4) : 0;
    return *length ? (const char *)(model->data + model->description_at) : NULL;
}
