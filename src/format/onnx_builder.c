#include "format/onnx_builder.h"
#include "format/metadata.h"

#include <stdio.h>
#include <string.h>

typedef struct block {
    struct block *next;
} block;

struct onnx_builder {
    const char *path;
    smt_error *error;
    smt_status status;
    block *blocks; /* each with its payload 64 bytes on */
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset;
    Onnx__OperatorSetIdProto *opsets[1];
    size_t node_capacity, constant_capacity, property_capacity;
};

smt_status onnx_builder_create(const char *path, onnx_builder **out, smt_error *error)
{
    onnx_builder *b = smt_alloc(1, sizeof *b);
    if (!b) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    b->path = path;
    b->error = error;
    onnx__model_proto__init(&b->model);
    onnx__graph_proto__init(&b->graph);
    onnx__operator_set_id_proto__init(&b->opset);
    b->opset.has_version = 1;
    b->opset.version = 14;
    b->opsets[0] = &b->opset;
    b->model.has_ir_version = 1;
    b->model.ir_version = 7;
    b->model.n_opset_import = 1;
    b->model.opset_import = b->opsets;
    b->model.graph = &b->graph;
    *out = b;
    return SMT_OK;
}

void onnx_builder_destroy(onnx_builder **builder)
{
    if (builder && *builder) {
        block *at = (*builder)->blocks;
        while (at) {
            block *next = at->next;
            smt_free(at);
            at = next;
        }
        smt_free(*builder);
        *builder = NULL;
    }
}

smt_status onnx_builder_status(const onnx_builder *builder)
{
    return builder->status;
}

const Onnx__GraphProto *onnx_builder_graph(const onnx_builder *builder)
{
    return &builder->graph;
}

smt_status onnx_builder_fail(onnx_builder *b, smt_status status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!b->status) {
        b->status = smt_fail(b->error, status, "%s: %s", b->path, text);
    }
    return b->status;
}

void *onnx_take(onnx_builder *b, size_t bytes)
{
    if (b->status) {
        return NULL;
    }
    block *fresh = smt_alloc(1, bytes + 64);
    if (!fresh) {
        onnx_builder_fail(b, SMT_ERR_MEMORY, "out of memory");
        return NULL;
    }
    fresh->next = b->blocks;
    b->blocks = fresh;
    return (char *)fresh + 64;
}

static char *take_text(onnx_builder *b, const char *text)
{
    char *copy = onnx_take(b, strlen(text) + 1);
    if (copy) {
        strcpy(copy, text);
    }
    return copy;
}

const char *onnx_text(onnx_builder *b, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return take_text(b, text);
}

/* Appends to an array of pointers that doubles in the builder's memory; false after an error. */
static bool append(onnx_builder *b, void ***items, size_t *count, size_t *capacity, void *item)
{
    if (b->status || !item) {
        return false;
    }
    if (*count == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 32;
        void **fresh = onnx_take(b, larger * sizeof *fresh);
        if (!fresh) {
            return false;
        }
        if (*count) {
            memcpy(fresh, *items, *count * sizeof *fresh);
        }
        *items = fresh;
        *capacity = larger;
    }
    (*items)[(*count)++] = item;
    return true;
}

Onnx__NodeProto *onnx_node(
    onnx_builder *b, const char *op, const char *name, const char *const *inputs, int input_count)
{
    Onnx__NodeProto *node = onnx_take(b, sizeof *node);
    char **in = onnx_take(b, (size_t)input_count * sizeof *in);
    char **out = onnx_take(b, sizeof *out);
    Onnx__AttributeProto **attributes = onnx_take(b, 8 * sizeof *attributes);
    if (!node || !in || !out || !attributes || !name) {
        return NULL;
    }
    onnx__node_proto__init(node);
    for (int i = 0; i < input_count; i++) {
        in[i] = take_text(b, inputs[i] ? inputs[i] : "");
    }
    out[0] = take_text(b, name);
    node->op_type = take_text(b, op);
    node->name = take_text(b, name);
    node->input = in;
    node->n_input = (size_t)input_count;
    node->output = out;
    node->n_output = 1;
    node->attribute = attributes;
    void **items = (void **)(void *)b->graph.node;
    if (!append(b, &items, &b->graph.n_node, &b->node_capacity, node)) {
        return NULL;
    }
    b->graph.node = (Onnx__NodeProto **)(void *)items;
    return node;
}

const char *onnx_output(const Onnx__NodeProto *node)
{
    return node && node->output[0] ? node->output[0] : "";
}

static Onnx__AttributeProto *
attribute(onnx_builder *b, Onnx__NodeProto *node, const char *name, int type)
{
    Onnx__AttributeProto *a = node && node->n_attribute < 8 ? onnx_take(b, sizeof *a) : NULL;
    if (a) {
        onnx__attribute_proto__init(a);
        a->name = take_text(b, name);
        a->has_type = 1;
        a->type = (Onnx__AttributeProto__AttributeType)type;
        node->attribute[node->n_attribute++] = a;
    }
    return a;
}

void onnx_attribute_int(onnx_builder *b, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *a = attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (a) {
        a->has_i = 1;
        a->i = value;
    }
}

void onnx_attribute_float(onnx_builder *b, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *a =
        attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (a) {
        a->has_f = 1;
        a->f = value;
    }
}

void onnx_attribute_ints(
    onnx_builder *b, Onnx__NodeProto *node, const char *name, const int64_t *values, size_t count)
{
    Onnx__AttributeProto *a = attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = a ? onnx_take(b, count * sizeof *copy) : NULL;
    if (copy) {
        memcpy(copy, values, count * sizeof *copy);
        a->ints = copy;
        a->n_ints = count;
    }
}

void onnx_attribute_text(onnx_builder *b,
                         Onnx__NodeProto *node,
                         const char *name,
                         const char *value)
{
    Onnx__AttributeProto *a =
        attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    char *copy = a ? take_text(b, value) : NULL;
    if (copy) {
        a->has_s = 1;
        a->s.data = (uint8_t *)copy;
        a->s.len = strlen(copy);
    }
}

const char *onnx_constant_raw(onnx_builder *b,
                              const char *prefix,
                              const char *suffix,
                              int type,
                              size_t element,
                              int rank,
                              const int64_t *dim,
                              const void *data)
{
    size_t bytes = element;
    for (int i = 0; i < rank; i++) {
        bytes *= (size_t)dim[i];
    }
    Onnx__TensorProto *tensor = onnx_take(b, sizeof *tensor);
    int64_t *dims = onnx_take(b, (size_t)(rank + 1) * sizeof *dims);
    uint8_t *copy = onnx_take(b, bytes);
    const char *name = prefix ? onnx_text(b, "%s%s", prefix, suffix) : NULL;
    if (!tensor || !dims || !copy || !name || !data) {
        return "";
    }
    onnx__tensor_proto__init(tensor);
    for (int i = 0; i < rank; i++) {
        dims[i] = dim[i];
    }
    memcpy(copy, data, bytes);
    tensor->dims = dims;
    tensor->n_dims = (size_t)rank;
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->has_raw_data = 1;
    tensor->raw_data.data = copy;
    tensor->raw_data.len = bytes;
    tensor->name = take_text(b, name);
    void **items = (void **)(void *)b->graph.initializer;
    append(b, &items, &b->graph.n_initializer, &b->constant_capacity, tensor);
    b->graph.initializer = (Onnx__TensorProto **)(void *)items;
    return tensor->name ? tensor->name : "";
}

const char *onnx_floats(onnx_builder *b,
                        const char *prefix,
                        const char *suffix,
                        int rank,
                        const int64_t *dim,
                        const float *data)
{
    int type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    return onnx_constant_raw(b, prefix, suffix, type, sizeof(float), rank, dim, data);
}

/* dim 0 is the symbolic batch. */
static Onnx__ValueInfoProto *
value_info(onnx_builder *b, const char *name, int rank, const int64_t *dim)
{
    Onnx__ValueInfoProto *info = onnx_take(b, sizeof *info);
    Onnx__TypeProto *type = onnx_take(b, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = onnx_take(b, sizeof *tensor);
    Onnx__TensorShapeProto *shape = onnx_take(b, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dims = onnx_take(b, (size_t)rank * sizeof *dims);
    if (!info || !type || !tensor || !shape || !dims) {
        return NULL;
    }
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (int i = 0; i < rank; i++) {
        dims[i] = onnx_take(b, sizeof **dims);
        if (!dims[i]) {
            return NULL;
        }
        onnx__tensor_shape_proto__dimension__init(dims[i]);
        if (i == 0) {
            dims[i]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dims[i]->dim_param = take_text(b, "batch");
        } else {
            dims[i]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dims[i]->dim_value = dim[i];
        }
    }
    shape->dim = dims;
    shape->n_dim = (size_t)rank;
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = take_text(b, name);
    info->type = type;
    return info;
}

void onnx_graph_input(onnx_builder *b, const char *name, smt_shape shape)
{
    const int64_t dim[4] = {0, shape.c, shape.h, shape.w};
    Onnx__ValueInfoProto **list = onnx_take(b, sizeof *list);
    if (list && (list[0] = value_info(b, name, 4, dim))) {
        b->graph.input = list;
        b->graph.n_input = 1;
    }
}

void onnx_graph_output(onnx_builder *b, const char *from, const char *name, int channels)
{
    const int64_t dim[2] = {0, channels};
    Onnx__ValueInfoProto **list = onnx_take(b, sizeof *list);
    if (list && (list[0] = value_info(b, name, 2, dim))) {
        b->graph.output = list;
        b->graph.n_output = 1;
        Onnx__NodeProto *last = b->graph.node[b->graph.n_node - 1];
        if (strcmp(onnx_output(last), from) == 0) {
            last->output[0] = take_text(b, name);
        }
    }
}

static void property(onnx_builder *b, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *entry = onnx_take(b, sizeof *entry);
    if (entry && value) {
        onnx__string_string_entry_proto__init(entry);
        entry->key = take_text(b, key);
        entry->value = take_text(b, value);
        void **items = (void **)(void *)b->model.metadata_props;
        append(b, &items, &b->model.n_metadata_props, &b->property_capacity, entry);
        b->model.metadata_props = (Onnx__StringStringEntryProto **)(void *)items;
    }
}

smt_status onnx_metadata(onnx_builder *b, const smt_model *model, bool raw_input)
{
    char *classes = smt_classes_to_lines(model);
    if (classes) {
        size_t length = strlen(classes);
        classes[length ? length - 1 : 0] = 0; /* between the names only */
        property(b, "classes", classes);
        const smt_preprocess *p = &model->preprocess;
        property(b,
                 "preprocessing",
                 raw_input ? "input is grey 0..255"
                           : onnx_text(b,
                                       "input is (grey 0..255 - %g) / %g",
                                       (double)p->mean,
                                       (double)p->scale));
        property(b, "mean", onnx_text(b, "%.9g", raw_input ? 0.0 : (double)p->mean));
        property(b, "scale", onnx_text(b, "%.9g", raw_input ? 1.0 : (double)p->scale));
    }
    char *all = smt_metadata_text(model, raw_input);
    if (all) {
        property(b, "semtinel", all);
    }
    if (!classes || !all) {
        onnx_builder_fail(b, SMT_ERR_MEMORY, "out of memory");
    }
    smt_free(classes);
    smt_free(all);
    b->model.producer_name = take_text(b, "semtinel");
    b->model.producer_version = take_text(b, smt_version());
    b->model.doc_string = take_text(b, "SEM wafer-defect classifier");
    b->graph.name = take_text(b, "semtinel");
    return b->status;
}

smt_status onnx_save(onnx_builder *b, const char *path)
{
    size_t size = onnx__model_proto__get_packed_size(&b->model);
    uint8_t *bytes = onnx_take(b, size);
    if (!bytes) {
        return b->status;
    }
    onnx__model_proto__pack(&b->model, bytes);
    return b->status = smt_file_save(path, bytes, size, b->error);
}
