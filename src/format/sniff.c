#include "format/sniff.h"

#include <stdbool.h>
#include <string.h>

static bool begins(const unsigned char *data, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(data, magic, length) == 0;
}

static bool contains(const unsigned char *data, size_t size, const char *word)
{
    size_t length = strlen(word);
    size_t limit = size < 4096 ? size : 4096;
    for (size_t i = 0; i + length <= limit; i++) {
        if (memcmp(data + i, word, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_text(const unsigned char *data, size_t size)
{
    size_t limit = size < 512 ? size : 512;
    for (size_t i = 0; i < limit; i++) {
        if (data[i] < 9 || (data[i] > 13 && data[i] < 32) || data[i] == 127) {
            return false;
        }
    }
    return limit > 0;
}

const char *smt_sniff(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    if (size == 0) {
        return "an empty file";
    }
    if (begins(bytes, size, "version https://git-lfs", 23)) {
        return "a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'";
    }
    if (begins(bytes, size, "PK\3\4", 4)) {
        if (contains(bytes, size, "config.json") || contains(bytes, size, "metadata.json")) {
            return "a Keras zip (.keras); export it from Keras to .tflite, .onnx or weights .h5";
        }
        if (contains(bytes, size, "data.pkl")) {
            return "a PyTorch zip (.pth)";
        }
        return "a zip archive";
    }
    if (begins(bytes, size, "\x89HDF\r\n\x1a\n", 8)) {
        return "an HDF5 file (Keras .h5)";
    }
    if (begins(bytes, size, "\x89PNG", 4) || begins(bytes, size, "\xff\xd8\xff", 3) ||
        begins(bytes, size, "BM", 2) || begins(bytes, size, "II*\0", 4) ||
        begins(bytes, size, "MM\0*", 4)) {
        return "an image";
    }
    if (begins(bytes,
               size,
               "\x7f"
               "ELF",
               4)) {
        return "a program (ELF)";
    }
    if (begins(bytes, size, "\x1f\x8b", 2)) {
        return "a gzip file; unpack it first";
    }
    if (begins(bytes, size, "\x80\2", 2) || begins(bytes, size, "\x80\4", 2)) {
        return "a bare Python pickle; save it with torch.save (zip form) or as safetensors";
    }
    if (size >= 8 && memcmp(bytes + 4, "TFL3", 4) == 0) {
        return "a TensorFlow Lite file";
    }
    if (size >= 10 && bytes[8] == '{' && bytes[7] == 0 && bytes[6] == 0) {
        return "a safetensors file";
    }
    if (is_text(bytes, size)) {
        if (contains(bytes, size, "import ") || contains(bytes, size, "def ")) {
            return "a Python script";
        }
        return "a text file";
    }
    return NULL;
}
