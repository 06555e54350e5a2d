/* Walks an ONNX file's protobuf before the library unpacks it.
 *
 * protobuf-c unpacks nested messages by recursion without a limit, and ONNX's schema nests freely:
 * a graph inside an attribute inside a node, a type inside a type. A file of a few kilobytes can so
 * exhaust the stack. semtinel reads no nested graphs (If, Loop) and no sequence types, so this walk
 * refuses them, and bounds every length while at it. What remains has a fixed depth.
 *
 * Functions, which newer PyTorch writes beside the graph, are left out before the library sees
 * them: a node that calls one is refused by name, and those that no node calls do not matter.
 */
#include "format/onnx_internal.h"
#include "format/protobuf.h"

typedef enum message {
    MODEL,
    GRAPH,
    NODE,
    ATTRIBUTE,
    VALUE_INFO,
    TYPE,
    FLAT, /* a message, string or bytes without nested kinds that could recurse */
    NESTED_GRAPH,
    NESTED_TYPE,
    FUNCTIONS,
    TRAINING
} message;

/* The message kind of a length-delimited field. Numbers from onnx.proto. */
static message child(message parent, uint32_t field)
{
    switch (parent) {
    case MODEL:
        return field == 7 ? GRAPH : field == 20 ? TRAINING : field == 25 ? FUNCTIONS : FLAT;
    case GRAPH:
        return field == 1 ? NODE : field == 11 || field == 12 || field == 13 ? VALUE_INFO : FLAT;
    case NODE:
        return field == 5 ? ATTRIBUTE : FLAT;
    case ATTRIBUTE:
        return field == 6 || field == 11    ? NESTED_GRAPH
               : field == 14 || field == 15 ? NESTED_TYPE
                                            : FLAT;
    case VALUE_INFO:
        return field == 2 ? TYPE : FLAT;
    case TYPE:
        return field == 4 || field == 5 || field == 9 ? NESTED_TYPE : FLAT;
    default:
        return FLAT;
    }
}

static smt_status
walk(const char *path, const uint8_t *base, pb_span rest, message kind, smt_error *error)
{
    pb_field f;
    pb_result result;
    for (;;) {
        size_t offset = (size_t)(rest.at - base);
        result = pb_next(&rest, &f);
        if (result == PB_END) {
            return SMT_OK;
        }
        if (result == PB_DAMAGED) {
            return smt_fail(error,
                            SMT_ERR_FORMAT,
                            "%s: not ONNX, or cut or damaged: bad field at byte %zu",
                            path,
                            offset);
        }
        message inner = f.wire == PB_BYTES ? child(kind, f.number) : FLAT;
        switch (inner) {
        case NESTED_GRAPH:
            return smt_fail(error,
                            SMT_ERR_UNSUPPORTED,
                            "%s: a node at byte %zu holds a graph of its own (If, Loop); simplify "
                            "the model first",
                            path,
                            offset);
        case NESTED_TYPE:
            return smt_fail(error,
                            SMT_ERR_UNSUPPORTED,
                            "%s: sequence, map or optional types at byte %zu are not supported",
                            path,
                            offset);
        case TRAINING:
            return smt_fail(error,
                            SMT_ERR_UNSUPPORTED,
                            "%s: training information at byte %zu is not supported",
                            path,
                            offset);
        case FUNCTIONS:
        case FLAT:
            break;
        default: {
            smt_status status = walk(path, base, f.bytes, inner, error);
            if (status) {
                return status;
            }
        }
        }
    }
}

smt_status smt_onnx_prescan(const char *path, const void *data, size_t size, smt_error *error)
{
    return walk(path, data, (pb_span){data, size}, MODEL, error);
}

bool smt_onnx_without_functions(const void *data, size_t size, smt_bytes *out)
{
    pb_span rest = {data, size};
    pb_field f;
    const uint8_t *from = data;
    bool found = false;
    while (pb_next(&rest, &f) == PB_FIELD) {
        bool function = f.wire == PB_BYTES && child(MODEL, f.number) == FUNCTIONS;
        if (function && !found) {
            smt_bytes_put(out, data, (size_t)(from - (const uint8_t *)data));
            found = true;
        } else if (found && !function) {
            smt_bytes_put(out, from, (size_t)(rest.at - from));
        }
        from = rest.at;
    }
    return found;
}
