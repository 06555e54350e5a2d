#include "semihost.h"

static int32_t call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static uint32_t length_of(const char *text)
{
    uint32_t n = 0;
    while (text[n])
        n++;
    return n;
}

void sh_print(const char *text)
{
    call(0x04, text);
}

void sh_print_number(int32_t value)
{
    char digits[12];
    int at = 11;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    if (value < 0)
        digits[--at] = '-';
    sh_print(digits + at);
}

void sh_print_hex(uint32_t value)
{
    char digits[9];
    for (int i = 0; i < 8; i++)
        digits[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    digits[8] = 0;
    sh_print(digits);
}

void sh_exit(int code)
{
    uint32_t block[2] = {0x20026, (uint32_t)code};
    call(0x20, block);
    for (;;) {
    }
}

int sh_open(const char *path, int mode)
{
    uint32_t block[3] = {(uint32_t)path, (uint32_t)mode, length_of(path)};
    return call(0x01, block);
}

int32_t sh_length(int file)
{
    uint32_t block[1] = {(uint32_t)file};
    return call(0x0c, block);
}

int32_t sh_read(int file, void *to, uint32_t bytes)
{
    uint32_t block[3] = {(uint32_t)file, (uint32_t)to, bytes};
    return (int32_t)bytes - call(0x06, block);
}

void sh_write(int file, const void *from, uint32_t bytes)
{
    uint32_t block[3] = {(uint32_t)file, (uint32_t)from, bytes};
    call(0x05, block);
}

void sh_close(int file)
{
    uint32_t block[1] = {(uint32_t)file};
    call(0x02, block);
}

int sh_arguments(char *to, uint32_t room)
{
    uint32_t block[2] = {(uint32_t)to, room};
    return call(0x15, block);
}

const char *sh_next_word(char **at)
{
    char *word = *at;
    while (**at && **at != ' ')
        (*at)++;
    if (**at)
        *(*at)++ = 0;
    return word;
}
