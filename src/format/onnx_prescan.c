/* Walks an ONNX file's protobuf before the library unpacks it.
 *
 * protobuf-c unpacks nested messages by recursion without a limit, and ONNX's schema nests freely:
 * a graph inside an attribute inside a node, a type inside a type. A file of a few kilobytes can so
 * exhaust the stack. semtinel reads no nested graphs (If, Loop) and no sequence types, so this walk
 * refuses them, and bounds every length while at it. What remains has a fixed depth.
 */
#include "format/onnx.h"

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

static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (*at == end) {
            return false;
        }
        uint8_t byte = *(*at)++;
        if (shift < 64) {
            *value |= (uint64_t)(byte & 127) << shift;
        }
        if (byte < 128) {
            return true;
        }
    }
    return false;
}

static smt_status walk(const char *path,
                       const uint8_t *base,
                       const uint8_t *at,
                       const uint8_t *end,
                       message kind,
                       smt_error *error)
{
    while (at < end) {
        size_t offset = (size_t)(at - base);
        uint64_t tag = 0, length = 0;
        if (!take_varint(&at, end, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
            return smt_fail(error,
                            SMT_ERR_FORMAT,
                            "%s: not ONNX, or damaged: bad field at byte %zu",
                            path,
                            offset);
        }
        switch (tag & 7) {
        case 0:
            if (!take_varint(&at, end, &length)) {
                return smt_fail(
                    error, SMT_ERR_FORMAT, "%s: cut or damaged at byte %zu", path, offset);
            }
            continue;
        case 1:
            length = 8;
            break;
        case 5:
            length = 4;
            break;
        case 2:
            if (!take_varint(&at, end, &length)) {
                return smt_fail(
                    error, SMT_ERR_FORMAT, "%s: cut or damaged at byte %zu", path, offset);
            }
            break;
        default:
            return smt_fail(error,
                            SMT_ERR_FORMAT,
                            "%s: not ONNX, or damaged: bad wire type at byte %zu",
                            path,
                            offset);
        }
        if (length > (uint64_t)(end - at)) {
            return smt_fail(
                error,
                SMT_ERR_FORMAT,
                "%s: cut or damaged: a field at byte %zu is %llu bytes long, %zu are left",
                path,
                offset,
                (unsigned long long)length,
                (size_t)(end - at));
        }
        if ((tag & 7) == 2) {
            message inner = child(kind, (uint32_t)(tag >> 3));
            switch (inner) {
            case NESTED_GRAPH:
                return smt_fail(error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: a node at byte %zu holds a graph of its own (If, Loop); "
                                "simplify the model first",
                                path,
                                offset);
            case NESTED_TYPE:
                return smt_fail(error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: sequence, map or optional types at byte %zu are not supported",
                                path,
                                offset);
            case FUNCTIONS:
            case TRAINING:
                return smt_fail(error,
                                SMT_ERR_UNSUPPORTED,
                                "%s: model-local functions or training information at byte %zu are "
                                "not supported",
                                path,
                                offset);
            case FLAT:
                break;
            default: {
                smt_status status = walk(path, base, at, at + length, inner, error);
                if (status) {
                    return status;
                }
            }
            }
        }
        at += length;
    }
    return SMT_OK;
}

smt_status smt_onnx_prescan(const char *path, const void *data, size_t size, smt_error *error)
{
    const uint8_t *bytes = data;
    return walk(path, bytes, bytes, bytes + size, MODEL, error);
}
