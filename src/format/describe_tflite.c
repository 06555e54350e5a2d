/* A .tflite as it stands in the file: operators, types, scales, and the memory that a run needs. */
#include "base/json.h"
#include "format/csource_internal.h"
#include "format/describe.h"
#include "format/tflite.h"

#include "kernels/arm_dsp/dsp.h"

#include <string.h>

static json_t *shape_of(const smt_edge_tensor *t)
{
    json_t *shape = json_array();
    for (int32_t i = 0; i < t->rank; i++) {
        json_array_append_new(shape, json_integer(t->shape[i]));
    }
    return shape;
}

static void add_quantisation(json_t *object, const smt_edge_tensor *t)
{
    if (t->scale_count == 1) {
        json_object_set_new(
            object,
            "quantisation",
            json_pack(
                "{s:f, s:i}", "scale", (double)t->scales[0], "zero_point", (int)t->zero_point));
    } else if (t->scale_count > 1) {
        json_object_set_new(
            object,
            "quantisation",
            json_pack("{s:i, s:i}", "channels", (int)t->scale_count, "axis", (int)t->axis));
    }
}

static json_t *end_json(const smt_edge_model *file, int32_t index)
{
    smt_edge_tensor t;
    if (!smt_edge_get_tensor(file, index, &t)) {
        return json_null();
    }
    json_t *end =
        json_pack("{s:o, s:s}", "shape", shape_of(&t), "type", smt_edge_type_name(t.type));
    add_quantisation(end, &t);
    return end;
}

static json_int_t
macs_of(const smt_edge_operator *op, const smt_edge_tensor *output, const smt_edge_tensor *weight)
{
    switch (op->code) {
    case SMT_EDGE_CONV_2D:
        return (json_int_t)output->elements * weight->shape[1] * weight->shape[2] *
               weight->shape[3];
    case SMT_EDGE_DEPTHWISE_CONV_2D:
        return (json_int_t)output->elements * weight->shape[1] * weight->shape[2];
    case SMT_EDGE_FULLY_CONNECTED:
        return (json_int_t)output->elements * weight->shape[1];
    default:
        return 0;
    }
}

static const char *const activations[] = {"none", "relu", "relu_n1_to_1", "relu6"};

static json_t *operator_json(const smt_edge_model *file,
                             const smt_edge_operator *op,
                             json_int_t *parameters,
                             json_int_t *macs)
{
    smt_edge_tensor out, t, weight;
    memset(&weight, 0, sizeof weight);
    json_int_t own = 0;
    for (int32_t i = 0; i < op->input_count; i++) {
        if (op->inputs[i] >= 0 && smt_edge_get_tensor(file, op->inputs[i], &t)) {
            /* Integers are a bias; the axes and shapes of other operators are no parameters. */
            bool weights = t.type == SMT_EDGE_S32 ? i == 2 : t.type != SMT_EDGE_S64;
            own += t.data && weights ? (json_int_t)t.elements : 0;
            if (i == (op->code == SMT_EDGE_DEQUANTIZE ? 0 : 1)) {
                weight = t;
            }
        }
    }
    if (!smt_edge_get_tensor(file, op->outputs[0], &out)) {
        return NULL;
    }
    json_int_t work = macs_of(op, &out, &weight);
    char *name = smt_format("%.*s", out.name ? (int)out.name_length : 0, out.name ? out.name : "");
    json_t *layer = json_pack("{s:o, s:s, s:i, s:o, s:s, s:I, s:I}",
                              "name",
                              smt_json_text(name ? name : ""),
                              "operator",
                              smt_edge_code_name(op->code),
                              "version",
                              (int)op->version,
                              "output",
                              shape_of(&out),
                              "type",
                              smt_edge_type_name(out.type),
                              "parameters",
                              own,
                              "macs",
                              work);
    smt_free(name);
    if (layer && op->activation) {
        json_object_set_new(layer, "activation", json_string(activations[op->activation & 3]));
    }
    if (layer && weight.data &&
        (op->code == SMT_EDGE_CONV_2D || op->code == SMT_EDGE_DEPTHWISE_CONV_2D)) {
        json_object_set_new(
            layer, "kernel", json_pack("[i, i]", (int)weight.shape[1], (int)weight.shape[2]));
        json_object_set_new(layer, "stride", json_integer(op->stride_h));
        json_object_set_new(
            layer, "padding", json_string(op->padding == SMT_EDGE_SAME ? "same" : "valid"));
    }
    if (layer && weight.data) {
        json_object_set_new(layer, "weight_type", json_string(smt_edge_type_name(weight.type)));
    }
    if (layer) {
        add_quantisation(layer, &out);
    }
    *parameters += own;
    *macs += work;
    return layer;
}

static void only_planned(const smt_product *p, const void *in, void *out, void *scratch)
{
    (void)p, (void)in, (void)out, (void)scratch;
}

static bool is_exportable(const smt_edge_model *file)
{
    bool fits = csource_fits_ends(file);
    for (int32_t i = 0; i < file->operator_count && fits; i++) {
        smt_edge_operator op;
        smt_edge_get_operator(file, i, &op);
        fits = csource_has_form(file, &op);
    }
    return fits;
}

/* What an int8 network needs on a Cortex-M: with the plan that the board makes of the file by its
 * DSP kernels, and as exported C if it has that form. False: `file` is no such network. */
static bool add_board(const smt_edge_model *file, void *places, size_t bytes, json_t *root)
{
    const smt_edge_kernels *exported = smt_edge_kernels_portable();
    smt_conv_kernel conv = *exported->conv_s8, depthwise = *exported->depthwise_s8;
    conv.lead = smt_dsp_conv_lead;
    conv.product = only_planned;
    depthwise.lead = smt_dsp_depthwise_lead;
    smt_edge_kernels dsp = *exported;
    dsp.keep_tables = false;
    dsp.conv_s8 = &conv;
    dsp.depthwise_s8 = &depthwise;
    smt_edge_plan plan;
    if (smt_edge_make_plan(file, &dsp, places, bytes, &plan, NULL)) {
        return false;
    }
    json_object_set_new(root, "arena_bytes", json_integer(plan.arena_bytes));
    json_object_set_new(root, "places_bytes", json_integer((json_int_t)bytes));
    if (is_exportable(file) && !smt_edge_make_plan(file, exported, places, bytes, &plan, NULL)) {
        json_object_set_new(root, "exported_arena_bytes", json_integer(plan.activation_bytes));
    }
    return true;
}

/* Memory of a run; why there is none if the file cannot be run. */
static void add_arena(const void *data, size_t size, json_t *root)
{
    smt_edge_model file;
    smt_edge_plan plan;
    smt_edge_error why = {SMT_EDGE_OK, ""};
    smt_edge_status status = smt_edge_open(data, size, &file, &why);
    size_t bytes = status ? 0 : smt_edge_places_bytes(&file);
    void *places = smt_alloc(bytes, 1);
    if (!status && places && !add_board(&file, places, bytes, root)) {
        status =
            smt_edge_make_plan(&file, smt_edge_kernels_reference(), places, bytes, &plan, &why);
        if (!status) {
            json_object_set_new(root, "arena_bytes", json_integer(plan.arena_bytes));
        }
    }
    if (status) {
        json_object_set_new(root, "cannot_run", json_string(why.message));
    }
    smt_free(places);
}

static void add_metadata(const smt_edge_model *file, json_t *root)
{
    json_t *list = json_object();
    for (int32_t i = 0; i < file->metadata_count; i++) {
        smt_edge_metadata m;
        char name[128];
        if (!smt_edge_get_metadata(file, i, &m)) {
            continue;
        }
        size_t length = m.name_length < sizeof name ? m.name_length : sizeof name - 1;
        memcpy(name, m.name, length);
        name[length] = 0;
        char *text = smt_utf8(name);
        json_object_set_new(list, text ? text : "?", json_integer(m.size));
        smt_free(text);
        json_t *ours = strcmp(name, SMT_TFLITE_METADATA)
                           ? NULL
                           : json_loadb((const char *)m.data, m.size, 0, NULL);
        static const char *const keys[] = {"architecture", "classes", "preprocess", "provenance"};
        for (size_t k = 0; ours && k < sizeof keys / sizeof *keys; k++) {
            json_t *value = json_object_get(ours, keys[k]);
            if (value) {
                json_object_set(root, keys[k], value);
            }
        }
        json_decref(ours);
    }
    json_object_set_new(root, "metadata", list);
    uint32_t length = 0;
    const char *description = smt_edge_description(file, &length);
    json_t *text = description ? json_stringn(description, length) : NULL;
    if (text) {
        json_object_set_new(root, "description", text);
    }
}

smt_status
smt_describe_tflite(const void *data, size_t size, const char *path, json_t *root, smt_error *error)
{
    smt_edge_model file;
    smt_edge_error why = {SMT_EDGE_OK, ""};
    if (smt_edge_open_to_walk(data, size, &file, &why)) {
        return smt_fail_edge(error, path, &why);
    }
    json_int_t parameters = 0, macs = 0;
    json_t *layers = json_array();
    for (int32_t i = 0; i < file.operator_count; i++) {
        smt_edge_operator op;
        if (smt_edge_get_operator(&file, i, &op)) {
            json_array_append_new(layers, operator_json(&file, &op, &parameters, &macs));
        }
    }
    json_object_set_new(root, "input", end_json(&file, file.inputs[0]));
    json_object_set_new(root, "output", end_json(&file, file.outputs[0]));
    json_object_set_new(root, "parameters", json_integer(parameters));
    json_object_set_new(root, "macs", json_integer(macs));
    json_object_set_new(root, "layers", layers);
    add_arena(data, size, root);
    add_metadata(&file, root);
    return SMT_OK;
}
