/* The nodes of a GraphDef: their names, attributes, inputs and constants. Constants are decoded
 * once; all that is copied is bounded by the file's size. */
#include "format/tensorflow_internal.h"

#include <stdio.h>
#include <string.h>

#define MAX_NODES 20000

smt_status tf_fail(const tf_reader *r, smt_status status, const char *text, const char *detail)
{
    const tf_node *n = &r->nodes[r->at];
    return smt_fail(r->error,
                    status,
                    "%s: node %d (%s '%s') %s%s",
                    r->path,
                    r->at,
                    n->op ? n->op : "no type",
                    n->name ? n->name : "",
                    text,
                    detail);
}

smt_status tf_spend(tf_reader *r, size_t floats)
{
    if (floats > r->budget) {
        return tf_fail(r, SMT_ERR_LIMIT, "asks for more values than the file can hold", "");
    }
    r->budget -= floats;
    return SMT_OK;
}

/* ---- the file ------------------------------------------------------------------------------- */

bool tf_attribute(const tf_node *node, const char *key, pb_span *value)
{
    pb_span rest = node->body;
    pb_field f, part;
    while (pb_next(&rest, &f) == PB_FIELD) {
        if (f.number == TF_NODE_ATTR && f.wire == PB_BYTES && pb_find(f.bytes, TF_MAP_KEY, &part) &&
            part.wire == PB_BYTES && part.bytes.size == strlen(key) &&
            !memcmp(part.bytes.at, key, part.bytes.size) && pb_find(f.bytes, TF_MAP_VALUE, &part) &&
            part.wire == PB_BYTES) {
            *value = part.bytes;
            return true;
        }
    }
    return false;
}

uint64_t
tf_attribute_number(const tf_node *node, const char *key, uint32_t field, uint64_t otherwise)
{
    pb_span value;
    pb_field f;
    return tf_attribute(node, key, &value) && pb_find(value, field, &f) && f.wire != PB_BYTES
               ? f.value
               : otherwise;
}

bool tf_attribute_is(const tf_node *node, const char *key, const char *text)
{
    pb_span value;
    pb_field f;
    return tf_attribute(node, key, &value) && pb_find(value, TF_ATTR_TEXT, &f) &&
           f.wire == PB_BYTES && f.bytes.size == strlen(text) &&
           !memcmp(f.bytes.at, text, f.bytes.size);
}

/* A list of integers, packed or not; returns their number, `limit` at most. */
int tf_attribute_list(const tf_node *node, const char *key, int64_t *out, int limit)
{
    pb_span value;
    pb_field f, item;
    int n = 0;
    if (!tf_attribute(node, key, &value) || !pb_find(value, TF_ATTR_LIST, &f)) {
        return 0;
    }
    while (pb_next(&f.bytes, &item) == PB_FIELD) {
        uint64_t number;
        if (item.number != TF_LIST_INT) {
            continue;
        }
        if (item.wire == PB_VARINT && n < limit) {
            out[n++] = (int64_t)item.value;
        }
        while (item.wire == PB_BYTES && n < limit &&
               pb_next_varint(&item.bytes, &number) == PB_FIELD) {
            out[n++] = (int64_t)number;
        }
    }
    return n;
}

/* Sides of a shape; unknown ones are -1. Returns the rank, or -1. */
int tf_read_shape(pb_span shape, int64_t dim[4])
{
    pb_field f, side;
    int rank = 0;
    pb_result result;
    while ((result = pb_next(&shape, &f)) == PB_FIELD) {
        if (f.number == TF_SHAPE_DIM && f.wire == PB_BYTES) {
            if (rank == 4) {
                return -1;
            }
            dim[rank++] = pb_find(f.bytes, TF_DIM_SIZE, &side) ? (int64_t)side.value : 0;
        }
    }
    return result == PB_END ? rank : -1;
}

/* The slot of a name: 0 when it is free, else the node + 1. */
static int *slot(const tf_reader *r, const char *name, size_t length)
{
    size_t at = (size_t)smt_hash64(smt_hash_text(name, length), 0) & (r->table_size - 1);
    while (r->table[at]) {
        const char *other = r->nodes[r->table[at] - 1].name;
        if (!strncmp(other, name, length) && !other[length]) {
            break;
        }
        at = (at + 1) & (r->table_size - 1);
    }
    return &r->table[at];
}

/* Input `index` of the node at hand (control inputs, "^name", do not count); NULL: none. Only first
 * outputs ("name", "name:0") are known. */
smt_status tf_input(tf_reader *r, int index, tf_node **out)
{
    pb_span rest = r->nodes[r->at].body;
    pb_field f;
    *out = NULL;
    while (pb_next(&rest, &f) == PB_FIELD) {
        if (f.number != TF_NODE_INPUT || f.wire != PB_BYTES ||
            (f.bytes.size && f.bytes.at[0] == '^')) {
            continue;
        }
        if (index-- > 0) {
            continue;
        }
        const char *name = (const char *)f.bytes.at;
        size_t length = f.bytes.size;
        if (length > 2 && name[length - 2] == ':' && name[length - 1] == '0') {
            length -= 2;
        }
        if (length > 200 || memchr(name, 0, length)) {
            return tf_fail(r, SMT_ERR_FORMAT, "has an input with an absurd name", "");
        }
        int found = *slot(r, name, length);
        if (!found || found > r->at) {
            char text[224];
            snprintf(text, sizeof text, "%.*s'", (int)length, name);
            return tf_fail(r,
                           SMT_ERR_FORMAT,
                           found ? "reads before it is made (a cycle, or not sorted) '"
                                 : "reads what no node makes, '",
                           text);
        }
        *out = &r->nodes[found - 1];
        return SMT_OK;
    }
    return SMT_OK;
}

/* ---- constants ------------------------------------------------------------------------------ */

float tf_element(int type, uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return type == TF_INT32 ? (float)(int32_t)bits : value;
}

static float element_at(int type, const uint8_t *at)
{
    return tf_element(type,
                      (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                          (uint32_t)at[3] << 24);
}

static smt_status
read_type_and_shape(tf_reader *r, const tf_node *node, pb_span tensor, tf_constant *c)
{
    pb_field f;
    c->type = pb_find(tensor, TF_TENSOR_TYPE, &f) ? (int)f.value : 0;
    if (c->type != TF_FLOAT && c->type != TF_INT32) {
        return tf_fail(
            r, SMT_ERR_UNSUPPORTED, "reads a constant that is not float32 or int32, ", node->name);
    }
    c->rank = pb_find(tensor, TF_TENSOR_SHAPE, &f) && f.wire == PB_BYTES
                  ? tf_read_shape(f.bytes, c->dim)
                  : 0;
    if (c->rank < 0) {
        return tf_fail(
            r, SMT_ERR_LIMIT, "reads a constant of more than 4 dimensions, ", node->name);
    }
    c->count = 1;
    for (int i = 0; i < c->rank; i++) {
        if (c->dim[i] < 1 || (uint64_t)c->dim[i] > SMT_PARAM_MAX / c->count) {
            return tf_fail(r, SMT_ERR_LIMIT, "reads a constant of absurd shape, ", node->name);
        }
        c->count *= (size_t)c->dim[i];
    }
    return tf_spend(r, c->count);
}

/* Takes what one field of the tensor holds of its values, after the `have` earlier ones, and gives
 * their new number: one value, a packed list of them, or their bytes. */
static size_t take_values(tf_constant *c, size_t have, pb_field *f)
{
    bool floats = f->number == TF_TENSOR_FLOATS && c->type == TF_FLOAT,
         ints = f->number == TF_TENSOR_INTS && c->type == TF_INT32,
         content = f->number == TF_TENSOR_CONTENT;
    if ((floats && f->wire == PB_FIXED32) || (ints && f->wire == PB_VARINT)) {
        if (have < c->count) {
            c->data[have++] = tf_element(c->type, (uint32_t)f->value);
        }
    } else if ((floats || content) && f->wire == PB_BYTES) {
        for (size_t i = 0; i + 4 <= f->bytes.size && have < c->count; i += 4) {
            c->data[have++] = element_at(c->type, f->bytes.at + i);
        }
    } else if (ints && f->wire == PB_BYTES) {
        uint64_t number;
        while (have < c->count && pb_next_varint(&f->bytes, &number) == PB_FIELD) {
            c->data[have++] = tf_element(c->type, (uint32_t)number);
        }
    }
    return have;
}

static smt_status decode(tf_reader *r, tf_node *node)
{
    pb_span value;
    pb_field f;
    tf_constant *c = onnx_take(r->b, sizeof *c);
    if (!c) {
        return onnx_builder_status(r->b);
    }
    if (!tf_attribute(node, "value", &value) || !pb_find(value, TF_ATTR_TENSOR, &f) ||
        f.wire != PB_BYTES) {
        return tf_fail(r, SMT_ERR_FORMAT, "reads a constant without a value, ", node->name);
    }
    pb_span rest = f.bytes;
    smt_status status = read_type_and_shape(r, node, rest, c);
    c->data = status ? NULL : onnx_take(r->b, c->count * sizeof *c->data);
    if (!c->data) {
        return status ? status : onnx_builder_status(r->b);
    }
    size_t have = 0;
    while (pb_next(&rest, &f) == PB_FIELD) {
        if (f.number == TF_TENSOR_CONTENT && f.wire == PB_BYTES && f.bytes.size &&
            f.bytes.size != 4 * c->count) {
            return tf_fail(r,
                           SMT_ERR_FORMAT,
                           "reads a constant whose bytes do not fit its shape, ",
                           node->name);
        }
        have = take_values(c, have, &f);
    }
    if (!have) {
        return tf_fail(r, SMT_ERR_FORMAT, "reads a constant without values, ", node->name);
    }
    for (; have < c->count; have++) { /* the last number stands for all that follow */
        c->data[have] = c->data[have - 1];
    }
    node->constant = c;
    return SMT_OK;
}

/* Input `index` as a constant; *out NULL: it is none. */
smt_status tf_constant_of(tf_reader *r, int index, const tf_constant **out)
{
    tf_node *node;
    *out = NULL;
    smt_status status = tf_input(r, index, &node);
    if (status || !node || node->value || strcmp(node->op, "Const")) {
        return status;
    }
    status = node->constant ? SMT_OK : decode(r, node);
    *out = node->constant;
    return status;
}

/* Input `index` as a computed value, never NULL on success. */
smt_status tf_value_of(tf_reader *r, int index, tf_node **out)
{
    smt_status status = tf_input(r, index, out);
    if (!status && (!*out || !(*out)->value)) {
        status = tf_fail(r, SMT_ERR_UNSUPPORTED, "needs a computed input", "");
    }
    return status;
}

/* ---- the graph ------------------------------------------------------------------------------ */

/* A copy of a text field, at most 200 bytes. */
static smt_status text_of(tf_reader *r, pb_span message, uint32_t field, const char **out)
{
    pb_field f;
    if (!pb_find(message, field, &f) || f.wire != PB_BYTES || !f.bytes.size || f.bytes.size > 200 ||
        memchr(f.bytes.at, 0, f.bytes.size)) {
        return smt_fail(r->error,
                        SMT_ERR_FORMAT,
                        "%s: node %d has no name or operator, or an absurd one",
                        r->path,
                        r->at);
    }
    *out = onnx_text(r->b, "%.*s", (int)f.bytes.size, (const char *)f.bytes.at);
    return onnx_builder_status(r->b);
}

/* Lists the nodes and enters their names. */
smt_status tf_gather(tf_reader *r, pb_span graph)
{
    pb_span rest = graph;
    pb_field f;
    pb_result result;
    int count = 0;
    while ((result = pb_next(&rest, &f)) == PB_FIELD) {
        count += f.number == TF_GRAPH_NODE && f.wire == PB_BYTES;
    }
    if (result == PB_DAMAGED) {
        return smt_fail(r->error,
                        SMT_ERR_FORMAT,
                        "%s: not a TensorFlow graph, or cut or damaged: bad field at byte %zu",
                        r->path,
                        (size_t)(rest.at - r->file));
    }
    if (!count || count > MAX_NODES) {
        return smt_fail(r->error,
                        count ? SMT_ERR_LIMIT : SMT_ERR_FORMAT,
                        "%s: a TensorFlow graph of %d nodes; 1 .. %d are read",
                        r->path,
                        count,
                        MAX_NODES);
    }
    for (r->table_size = 16; r->table_size < 2 * (size_t)count; r->table_size *= 2) {
    }
    r->nodes = onnx_take(r->b, (size_t)count * sizeof *r->nodes);
    r->table = onnx_take(r->b, r->table_size * sizeof *r->table);
    if (!r->nodes || !r->table) {
        return onnx_builder_status(r->b);
    }
    rest = graph;
    smt_status status = SMT_OK;
    while (!status && pb_next(&rest, &f) == PB_FIELD) {
        if (f.number != TF_GRAPH_NODE || f.wire != PB_BYTES) {
            continue;
        }
        tf_node *node = &r->nodes[r->count];
        r->at = r->count;
        node->body = f.bytes;
        status = text_of(r, f.bytes, TF_NODE_NAME, &node->name);
        status = status ? status : text_of(r, f.bytes, TF_NODE_OP, &node->op);
        int *place = status ? NULL : slot(r, node->name, strlen(node->name));
        if (place && *place) {
            status = tf_fail(r, SMT_ERR_FORMAT, "has the name of another node", "");
        } else if (place) {
            *place = ++r->count;
        }
    }
    return status;
}
