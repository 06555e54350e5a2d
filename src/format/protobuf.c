#include "format/protobuf.h"

#include <string.h>

static size_t encode(uint64_t value, uint8_t raw[10])
{
    size_t n = 0;
    for (; value > 127; value >>= 7) {
        raw[n++] = (uint8_t)(value | 128);
    }
    raw[n++] = (uint8_t)value;
    return n;
}

static void put_varint(smt_bytes *to, uint64_t value)
{
    uint8_t raw[10];
    smt_bytes_put(to, raw, encode(value, raw));
}

static void put_tag(smt_bytes *to, uint32_t field, pb_wire wire)
{
    put_varint(to, (uint64_t)field << 3 | wire);
}

void pb_put_integer(smt_bytes *to, uint32_t field, uint64_t value)
{
    put_tag(to, field, PB_VARINT);
    put_varint(to, value);
}

void pb_put_bytes(smt_bytes *to, uint32_t field, const void *data, size_t size)
{
    put_tag(to, field, PB_BYTES);
    put_varint(to, size);
    smt_bytes_put(to, data, size);
}

void pb_put_text(smt_bytes *to, uint32_t field, const char *text)
{
    pb_put_bytes(to, field, text, strlen(text));
}

size_t pb_begin(smt_bytes *to, uint32_t field)
{
    put_tag(to, field, PB_BYTES);
    return to->size;
}

void pb_end(smt_bytes *to, size_t begin)
{
    uint8_t raw[10];
    if (to->failed) {
        return;
    }
    size_t n = encode(to->size - begin, raw);
    smt_bytes_open(to, begin, n);
    if (!to->failed) {
        memcpy(to->data + begin, raw, n);
    }
}

pb_result pb_next_varint(pb_span *rest, uint64_t *out)
{
    uint64_t value = 0;
    if (!rest->size) {
        return PB_END;
    }
    for (size_t i = 0; i < rest->size && i < 10; i++) {
        value |= i < 9 || rest->at[i] < 2 ? (uint64_t)(rest->at[i] & 127) << (7 * i) : 0;
        if (rest->at[i] < 128) {
            *out = value;
            *rest = (pb_span){rest->at + i + 1, rest->size - i - 1};
            return PB_FIELD;
        }
    }
    return PB_DAMAGED;
}

pb_result pb_next(pb_span *rest, pb_field *out)
{
    pb_span at = *rest;
    uint64_t tag = 0, length = 0;
    pb_result result = pb_next_varint(&at, &tag);
    if (result != PB_FIELD) {
        return result;
    }
    if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        return PB_DAMAGED;
    }
    *out = (pb_field){.number = (uint32_t)(tag >> 3), .wire = (pb_wire)(tag & 7)};
    switch (tag & 7) {
    case PB_VARINT:
        if (pb_next_varint(&at, &out->value) != PB_FIELD) {
            return PB_DAMAGED;
        }
        *rest = at;
        return PB_FIELD;
    case PB_FIXED64:
    case PB_FIXED32:
        length = (tag & 7) == PB_FIXED64 ? 8 : 4;
        if (length > at.size) {
            return PB_DAMAGED;
        }
        for (size_t i = 0; i < length; i++) {
            out->value |= (uint64_t)at.at[i] << (8 * i);
        }
        break;
    case PB_BYTES:
        if (pb_next_varint(&at, &length) != PB_FIELD || length > at.size) {
            return PB_DAMAGED;
        }
        out->bytes = (pb_span){at.at, (size_t)length};
        break;
    default:
        return PB_DAMAGED;
    }
    *rest = (pb_span){at.at + length, at.size - (size_t)length};
    return PB_FIELD;
}

bool pb_find(pb_span message, uint32_t number, pb_field *out)
{
    while (pb_next(&message, out) == PB_FIELD) {
        if (out->number == number) {
            return true;
        }
    }
    return false;
}
