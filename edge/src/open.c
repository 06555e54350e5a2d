/* Opens a .tflite file: checks it once, whole, so that it can then be read in place.
 *
 * The file is a FlatBuffer (schema version 3, mark TFL3 at byte 4). smt_edge_open()
 * visits everything that a run can reach: first the lists, then each tensor, then
 * each operator with its options, the order of the operators, and at last (check.c)
 * the shapes, types and scales of each against its neighbours. What it accepts can
 * be run on any memory content without a further check. */
#include "reader.h"

/* Field numbers of the schema's tables. */
enum {
    MODEL_VERSION,
    MODEL_CODES,
    MODEL_SUBGRAPHS,
    MODEL_DESCRIPTION,
    MODEL_BUFFERS,
    MODEL_METADATA = 6
};
enum { GRAPH_TENSORS, GRAPH_INPUTS, GRAPH_OUTPUTS, GRAPH_OPERATORS };

static bool is_listed(const int32_t *list, int32_t count, int32_t value)
{
    for (int32_t i = 0; i < count; i++)
        if (list[i] == value)
            return true;
    return false;
}

static bool is_computed_before(const smt_edge_model *model, int32_t tensor, int32_t index)
{
    while (--index >= 0)
        if (edge_output_of(model, index) == tensor)
            return true;
    return false;
}

/* Every input of an operator is a constant, an input of the network or an earlier operator's
 * output; every tensor has one writer. Quadratic in the operators, of which there are at most
 * SMT_EDGE_MAX_OPERATORS: no memory is needed. */
static smt_edge_status
check_order(const smt_edge_model *model, const smt_edge_operator *op, smt_edge_error *error)
{
    smt_edge_tensor tensor;
    smt_edge_status status;
    for (int32_t i = 0; i < op->input_count; i++) {
        int32_t t = op->inputs[i];
        if (t < 0 || is_listed(model->inputs, model->input_count, t))
            continue;
        if ((status = edge_read_tensor(model, t, false, &tensor, error)))
            return status;
        if (!tensor.data && !is_computed_before(model, t, op->index))
            return edge_fail(error,
                             SMT_EDGE_ERR_FORMAT,
                             "operator %o reads tensor %d before it is computed",
                             op->index,
                             op->code,
                             t);
    }
    int32_t out = op->outputs[0];
    if ((status = edge_read_tensor(model, out, false, &tensor, error)))
        return status;
    if (tensor.data || is_listed(model->inputs, model->input_count, out) ||
        is_computed_before(model, out, op->index))
        return edge_fail(
            error,
            SMT_EDGE_ERR_FORMAT,
            "operator %o writes tensor %d, which is a constant, an input or written before",
            op->index,
            op->code,
            out);
    return SMT_EDGE_OK;
}

static smt_edge_status check_ends(const smt_edge_model *model, smt_edge_error *error)
{
    smt_edge_tensor tensor;
    if (model->input_count < 1 || model->output_count < 1 || model->operator_count < 1)
        return edge_fail(
            error, SMT_EDGE_ERR_FORMAT, "the network has no inputs, no outputs or no operators");
    for (int32_t i = 0; i < model->input_count; i++) {
        int32_t t = model->inputs[i];
        if (t < 0 || t >= model->tensor_count || is_listed(model->inputs, i, t))
            return edge_damaged(model, error, "network input", i);
        smt_edge_status status = edge_read_tensor(model, t, false, &tensor, error);
        if (status)
            return status;
        if (tensor.data)
            return edge_fail(error, SMT_EDGE_ERR_FORMAT, "network input %d is a constant", i);
    }
    for (int32_t i = 0; i < model->output_count; i++) {
        int32_t t = model->outputs[i];
        if (t < 0 || t >= model->tensor_count ||
            !is_computed_before(model, t, model->operator_count))
            return edge_fail(
                error, SMT_EDGE_ERR_FORMAT, "network output %d is not computed by any operator", i);
    }
    return SMT_EDGE_OK;
}

static smt_edge_status check_metadata(const smt_edge_model *model, smt_edge_error *error)
{
    smt_edge_metadata metadata;
    for (int32_t i = 0; i < model->metadata_count; i++)
        if (!smt_edge_get_metadata(model, i, &metadata))
            return edge_damaged(model, error, "metadata", i);
    return SMT_EDGE_OK;
}

/* Fills the positions of the lists. */
static smt_edge_status find_lists(smt_edge_model *model, smt_edge_error *error)
{
    fb_file file = edge_file_of(model);
    bool bad = false;
    uint32_t codes, subgraphs, buffers, metadata, tensors, inputs, outputs, operators;
    uint32_t root = fb_follow(&file, 0, 4);
    if (!fb_is_table(&file, root))
        return edge_fail(error, SMT_EDGE_ERR_FORMAT, EDGE_DAMAGED "no root table", model->size);
    int32_t version = fb_int(&file, root, MODEL_VERSION, 0, &bad);
    model->codes_at = fb_vector(&file, root, MODEL_CODES, 4, &codes, &bad);
    uint32_t subgraphs_at = fb_vector(&file, root, MODEL_SUBGRAPHS, 4, &subgraphs, &bad);
    model->buffers_at = fb_vector(&file, root, MODEL_BUFFERS, 4, &buffers, &bad);
    model->metadata_at = fb_vector(&file, root, MODEL_METADATA, 4, &metadata, &bad);
    uint32_t length;
    model->description_at = fb_vector(&file, root, MODEL_DESCRIPTION, 1, &length, &bad);
    if (bad)
        return edge_fail(error, SMT_EDGE_ERR_FORMAT, EDGE_DAMAGED "root table", model->size);
    if (version != 3)
        return edge_fail(
            error, SMT_EDGE_ERR_UNSUPPORTED, "schema version %d; only 3 is supported", version);
    if (subgraphs != 1)
        return edge_fail(error,
                         SMT_EDGE_ERR_UNSUPPORTED,
                         "%u subgraphs; only files with one are supported",
                         subgraphs);
    uint32_t graph = fb_element(&file, subgraphs_at, 0, &bad);
    if (bad)
        return edge_fail(error, SMT_EDGE_ERR_FORMAT, EDGE_DAMAGED "subgraph", model->size);
    model->tensors_at = fb_vector(&file, graph, GRAPH_TENSORS, 4, &tensors, &bad);
    uint32_t inputs_at = fb_vector(&file, graph, GRAPH_INPUTS, 4, &inputs, &bad);
    uint32_t outputs_at = fb_vector(&file, graph, GRAPH_OUTPUTS, 4, &outputs, &bad);
    model->operators_at = fb_vector(&file, graph, GRAPH_OPERATORS, 4, &operators, &bad);
    if (bad)
        return edge_fail(error, SMT_EDGE_ERR_FORMAT, EDGE_DAMAGED "subgraph", model->size);
    if (tensors > SMT_EDGE_MAX_TENSORS || operators > SMT_EDGE_MAX_OPERATORS ||
        codes > SMT_EDGE_MAX_OPERATORS || inputs > 64 || outputs > 64 || metadata > 1024 ||
        buffers > 4 * SMT_EDGE_MAX_TENSORS)
        return edge_fail(error,
                         SMT_EDGE_ERR_LIMIT,
                         "%u tensors, %u operators, %u inputs: too many",
                         tensors,
                         operators,
                         inputs);
    model->code_count = (int32_t)codes;
    model->buffer_count = (int32_t)buffers;
    model->metadata_count = (int32_t)metadata;
    model->tensor_count = (int32_t)tensors;
    model->operator_count = (int32_t)operators;
    model->input_count = (int32_t)inputs;
    model->output_count = (int32_t)outputs;
    model->inputs = (const int32_t *)(const void *)(model->data + inputs_at);
    model->outputs = (const int32_t *)(const void *)(model->data + outputs_at);
    return SMT_EDGE_OK;
}

static smt_edge_status
open_file(const void *data, size_t size, bool shapes, smt_edge_model *out, smt_edge_error *error)
{
    smt_edge_status status;
    if (!data || !out || ((uintptr_t)data & 3u))
        return edge_fail(
            error, SMT_EDGE_ERR_ARGUMENT, "the model is NULL or not aligned to 4 bytes");
    const uint8_t *bytes = data;
    if (size < 16 || bytes[4] != 'T' || bytes[5] != 'F' || bytes[6] != 'L' || bytes[7] != '3')
        return edge_fail(
            error, SMT_EDGE_ERR_FORMAT, "not a TensorFlow Lite file: no TFL3 mark at byte 4");
    if (size > INT32_MAX)
        return edge_fail(error, SMT_EDGE_ERR_LIMIT, "the file is larger than 2 GiB");
    smt_edge_model model = {.data = bytes, .size = (uint32_t)size};
    if ((status = find_lists(&model, error)))
        return status;
    for (int32_t i = 0; i < model.tensor_count; i++) {
        smt_edge_tensor tensor;
        if ((status = edge_read_tensor(&model, i, true, &tensor, error)))
            return status;
    }
    for (int32_t i = 0; i < model.operator_count; i++) {
        smt_edge_operator op;
        if ((status = edge_read_operator(&model, i, &op, error)) ||
            (status = check_order(&model, &op, error)) ||
            (shapes && (status = edge_check_operator(&model, &op, error))))
            return status;
    }
    if ((status = check_ends(&model, error)) || (status = check_metadata(&model, error)))
        return status;
    *out = model;
    return SMT_EDGE_OK;
}

smt_edge_status
smt_edge_open(const void *data, size_t size, smt_edge_model *out, smt_edge_error *error)
{
    return open_file(data, size, true, out, error);
}

smt_edge_status
smt_edge_open_to_walk(const void *data, size_t size, smt_edge_model *out, smt_edge_error *error)
{
    return open_file(data, size, false, out, error);
}
