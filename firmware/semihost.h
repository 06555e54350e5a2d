/* Semihosting: the debugger's (here QEMU's) files and console for a processor without any. */
#ifndef FIRMWARE_SEMIHOST_H
#define FIRMWARE_SEMIHOST_H

#include <stdint.h>

enum { SH_READ = 1, SH_WRITE = 5 };

void sh_print(const char *text);
void sh_print_number(int32_t value);
void sh_print_hex(uint32_t value);
void sh_exit(int code) __attribute__((noreturn));
int sh_open(const char *path, int mode); /* -1: no such file */
int32_t sh_length(int file);
int32_t sh_read(int file, void *to, uint32_t bytes); /* bytes read */
void sh_write(int file, const void *from, uint32_t bytes);
void sh_close(int file);
/* The arguments after the program's name, separated by spaces. */
int sh_arguments(char *to, uint32_t room);
/* The next of them: ends it in place and moves *at behind it; empty at the end. */
const char *sh_next_word(char **at);

#endif
