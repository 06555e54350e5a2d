/* ONNX to a graph: unpacks the file, gathers constants and
 * uses, then converts node after node (onnx_convert.c). */
#include "format/formats.h"
#include "format/onnx_internal.h"
#include "format/sniff.h"

/* protobuf-c through smt_alloc, so that tests can let it fail. *failed: protobuf-c does not tell a
 * lack of memory from damage. */
static void *allocate(void *failed, size_t size)
{
    void *block = smt_alloc(size ? size : 1, 1);
    *(bool *)failed = *(bool *)failed || !block;
    return block;
}

static void release(void *context, void *block)
{
    (void)context;
    smt_free(block);
}

static smt_status gather(onnx_reader *r)
{
    const Onnx__GraphProto *g = r->proto;
    size_t names = g->n_initializer + g->n_input + g->n_output, constants = g->n_initializer;
    if (g->n_node > ONNX_MAX_NODES || g->n_initializer > ONNX_MAX_NODES) {
        return smt_fail(r->error,
                        SMT_ERR_LIMIT,
                        "%s: %zu nodes, %zu constants",
                        r->path,
                        g->n_node,
                        g->n_initializer);
    }
    for (size_t i = 0; i < g->n_node; i++) {
        names += g->node[i]->n_input + g->node[i]->n_output;
        constants++;
    }
    r->table_size = 16;
    while (r->table_size < 2 * names) {
        r->table_size *= 2;
    }
    r->values = smt_alloc(r->table_size, sizeof *r->values);
    r->constants = smt_alloc(constants, sizeof *r->constants);
    if (!r->values || !r->constants) {
        return smt_fail(
            r->error, SMT_ERR_MEMORY, "%s: out of memory for %zu names", r->path, names);
    }
    for (size_t i = 0; i < g->n_node; i++) {
        for (size_t k = 0; k < g->node[i]->n_input; k++) {
            onnx_value_of(r, g->node[i]->input[k])->uses++;
        }
    }
    for (size_t i = 0; i < g->n_initializer; i++) {
        const Onnx__TensorProto *tensor = g->initializer[i];
        if (!tensor->name) {
            return smt_fail(r->error, SMT_ERR_FORMAT, "%s: constant %zu has no name", r->path, i);
        }
        smt_status status =
            onnx_tensor_decode(r->path, tensor, &r->constants[r->constant_count], r->error);
        if (status) {
            return status;
        }
        onnx_value *value = onnx_value_of(r, tensor->name);
        if (value->form != FORM_NONE) {
            r->constant_count++;
            return smt_fail(r->error,
                            SMT_ERR_FORMAT,
                            "%s: two constants are called '%s'",
                            r->path,
                            tensor->name);
        }
        value->form = FORM_CONST;
        value->index = r->constant_count++;
    }
    return SMT_OK;
}

static smt_status take_input(onnx_reader *r)
{
    const Onnx__ValueInfoProto *found = NULL;
    for (size_t i = 0; i < r->proto->n_input; i++) {
        const Onnx__ValueInfoProto *info = r->proto->input[i];
        if (info->name && onnx_value_of(r, info->name)->form == FORM_NONE) {
            if (found) {
                return smt_fail(r->error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: has two inputs, '%s' and '%s'; one image is read",
                                r->path,
                                found->name,
                                info->name);
            }
            found = info;
        }
    }
    if (!found || !found->type || !found->type->tensor_type || !found->type->tensor_type->shape) {
        return smt_fail(r->error, SMT_ERR_FORMAT, "%s: has no input with a shape", r->path);
    }
    const Onnx__TensorShapeProto *shape = found->type->tensor_type->shape;
    if (shape->n_dim != 4) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: input '%s' has %zu dimensions; an image has 4",
                        r->path,
                        found->name,
                        shape->n_dim);
    }
    int64_t dim[4];
    for (int i = 0; i < 4; i++) {
        dim[i] = shape->dim[i]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE
                     ? shape->dim[i]->dim_value
                     : 0;
    }
    bool nchw = dim[1] == 1 || dim[1] == 3;
    bool nhwc = !nchw && (dim[3] == 1 || dim[3] == 3);
    int64_t h = nchw ? dim[2] : dim[1], w = nchw ? dim[3] : dim[2];
    if ((!nchw && !nhwc) || h < 1 || w < 1 || h > 4096 || w > 4096) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: input '%s' is %lld x %lld x %lld x %lld; N x C x H x W or N x H x W x "
                        "C with 1 or 3 channels and a fixed size up to 4096 is read",
                        r->path,
                        found->name,
                        (long long)dim[0],
                        (long long)dim[1],
                        (long long)dim[2],
                        (long long)dim[3]);
    }
    smt_shape image = {(int)h, (int)w, (int)(nchw ? dim[1] : dim[3])};
    int index = smt_graph_input(r->graph, "input", image, r->error);
    if (index < 0) {
        return SMT_ERR_MEMORY;
    }
    onnx_value *value = onnx_value_of(r, found->name);
    value->form = FORM_NODE;
    value->index = index;
    value->layout = nchw ? LAYOUT_NCHW : LAYOUT_NHWC;
    return SMT_OK;
}

static smt_status convert_all(onnx_reader *r)
{
    const Onnx__GraphProto *g = r->proto;
    if (g->n_output != 1 || !g->output[0]->name) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: has %zu outputs; a classifier has one",
                        r->path,
                        g->n_output);
    }
    onnx_value_of(r, g->output[0]->name)->uses++;
    for (size_t i = 0; i < g->n_node; i++) {
        r->node = (int)i;
        smt_status status = onnx_convert(r, g->node[i]);
        if (status) {
            return status;
        }
    }
    onnx_value *out = onnx_value_of(r, g->output[0]->name);
    if (out->form != FORM_NODE || out->index != r->graph->node_count - 1) {
        return smt_fail(r->error,
                        SMT_ERR_UNSUPPORTED,
                        "%s: output '%s' is not made by the last computation of the graph",
                        r->path,
                        out->name);
    }
    return SMT_OK;
}

smt_status
onnx_graph_of(const char *path, const Onnx__GraphProto *proto, smt_graph **out, smt_error *error)
{
    smt_error own;
    onnx_reader reader = {.path = path, .proto = proto, .error = error ? error : &own};
    smt_status status = smt_graph_create(&reader.graph, reader.error);
    status = status ? status : gather(&reader);
    status = status ? status : take_input(&reader);
    status = status ? status : convert_all(&reader);
    status = status ? status : smt_graph_check(reader.graph, reader.error);
    if (status == SMT_OK) {
        *out = reader.graph;
        reader.graph = NULL;
    }
    status = smt_format_blame(path, status, reader.error);
    smt_graph_destroy(&reader.graph);
    for (int i = 0; i < reader.constant_count; i++) {
        smt_free(reader.constants[i].data);
    }
    smt_free(reader.constants);
    smt_free(reader.values);
    return status;
}

Onnx__ModelProto *onnx_unpack(const char *path, const void *data, size_t size, smt_error *error)
{
    const char *what = smt_sniff(data, size);
    if (what) {
        smt_fail(error, SMT_ERR_FORMAT, "%s: not ONNX: it is %s", path, what);
        return NULL;
    }
    if (smt_onnx_prescan(path, data, size, error)) {
        return NULL;
    }
    bool no_memory = false;
    ProtobufCAllocator allocator = {
        .alloc = allocate, .free = release, .allocator_data = &no_memory};
    smt_bytes bytes = {0};
    if (smt_onnx_without_functions(data, size, &bytes)) {
        data = bytes.data;
        size = bytes.size;
    }
    if (bytes.failed) {
        smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        smt_bytes_free(&bytes);
        return NULL;
    }
    Onnx__ModelProto *model = onnx__model_proto__unpack(&allocator, size, data);
    smt_bytes_free(&bytes);
    if (!model && no_memory) {
        smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    } else if (!model || !model->graph) {
        smt_fail(error, SMT_ERR_FORMAT, "%s: not ONNX, or damaged: no graph in it", path);
        onnx_release(&model);
    }
    return model;
}

void onnx_release(Onnx__ModelProto **model)
{
    if (*model) {
        ProtobufCAllocator allocator = {.alloc = allocate, .free = release};
        onnx__model_proto__free_unpacked(*model, &allocator);
        *model = NULL;
    }
}
