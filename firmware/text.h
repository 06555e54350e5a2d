/* The lines that host and firmware both write, from one
 * source, so that equal results are equal files. */
#ifndef FIRMWARE_TEXT_H
#define FIRMWARE_TEXT_H

#include <stdint.h>

typedef struct text {
    char *to;
    uint32_t used, room;
} text;

static inline void text_char(text *t, char c)
{
    if (t->used < t->room)
        t->to[t->used++] = c;
}

static inline void text_string(text *t, const char *s)
{
    while (*s)
        text_char(t, *s++);
}

static inline void text_number(text *t, int32_t value)
{
    char digits[11];
    int count = 0;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    if (value < 0)
        text_char(t, '-');
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    while (count)
        text_char(t, digits[--count]);
}

static inline void text_hex(text *t, uint32_t value)
{
    for (int i = 28; i >= 0; i -= 4)
        text_char(t, "0123456789abcdef"[value >> i & 15]);
}

static inline uint32_t crc32(const void *data, uint32_t bytes)
{
    static const uint32_t nibbles[16] = {0x00000000,
                                         0x1db71064,
                                         0x3b6e20c8,
                                         0x26d930ac,
                                         0x76dc4190,
                                         0x6b6b51f4,
                                         0x4db26158,
                                         0x5005713c,
                                         0xedb88320,
                                         0xf00f9344,
                                         0xd6d6a3e8,
                                         0xcb61b38c,
                                         0x9b64c2b0,
                                         0x86d3d2d4,
                                         0xa00ae278,
                                         0xbdbdf21c};
    const uint8_t *p = data;
    uint32_t crc = 0xffffffffu;
    while (bytes--) {
        crc ^= *p++;
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return ~crc;
}

/* "3 CONV_2D tensor 112 bytes 16 crc32 e3ea00d6", as semtinel run --trace has it */
static inline void text_operator(
    text *t, int32_t index, const char *name, int32_t tensor, const void *data, uint32_t bytes)
{
    text_number(t, index);
    text_char(t, ' ');
    text_string(t, name);
    text_string(t, " tensor ");
    text_number(t, tensor);
    text_string(t, " bytes ");
    text_number(t, (int32_t)bytes);
    text_string(t, " crc32 ");
    text_hex(t, crc32(data, bytes));
    text_char(t, '\n');
}

/* "image 7 class 2 probabilities 0 12 241 ..." in 256ths, of an int8 softmax */
static inline void text_classes(text *t, int32_t image, const int8_t *q, uint32_t count)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < count; i++)
        if (q[i] > q[best])
            best = i;
    text_string(t, "image ");
    text_number(t, image);
    text_string(t, " class ");
    text_number(t, (int32_t)best);
    text_string(t, " probabilities");
    for (uint32_t i = 0; i < count; i++) {
        text_char(t, ' ');
        text_number(t, q[i] + 128);
    }
    text_char(t, '\n');
}

#endif
