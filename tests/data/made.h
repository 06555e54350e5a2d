/* Small data sets on disk for the tests of src/data. */
#ifndef SEMTINEL_TESTS_MADE_H
#define SEMTINEL_TESTS_MADE_H

#include <semtinel/data.h>

#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
/* cmocka.h needs the standard headers before it. */
#include <cmocka.h>

/* A texture of its own for each seed: a grating with 60 blobs, and noise. */
static inline void made_texture(uint64_t seed, int side, smt_image *out)
{
    smt_rng rng = smt_rng_seed(seed, 77);
    assert_int_equal(smt_image_create(side, side, out, NULL), SMT_OK);
    double pitch = smt_rng_uniform(&rng, 6, 14), phase = smt_rng_uniform(&rng, 0, 6);
    double x[60], y[60], size[60], height[60];
    for (int b = 0; b < 60; b++) {
        x[b] = smt_rng_uniform(&rng, 0, 1);
        y[b] = smt_rng_uniform(&rng, 0, 1);
        size[b] = smt_rng_uniform(&rng, 0.015, 0.06);
        height[b] = smt_rng_uniform(&rng, -60, 60);
    }
    for (int i = 0; i < side * side; i++) {
        double u = (i % side + 0.5) / side, v = (i / side + 0.5) / side;
        double value = 120 + 25 * sin(6.2831853 * u * pitch + phase) + 2 * smt_rng_normal(&rng);
        for (int b = 0; b < 60; b++) {
            double d = (u - x[b]) * (u - x[b]) + (v - y[b]) * (v - y[b]);
            value += height[b] * exp(-d / (2 * size[b] * size[b]));
        }
        out->pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

static inline char *made_folder(char *template)
{
    assert_non_null(mkdtemp(template));
    return template;
}

/* root/relative, with the folders above it. */
static inline void made_path(const char *root, const char *relative, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", root, relative);
    char *slash = strrchr(path, '/');
    *slash = 0;
    assert_int_equal(smt_make_directory(path, NULL), SMT_OK);
    *slash = '/';
}

static inline void made_image(const char *root, const char *relative, const smt_image *image)
{
    char path[4096];
    made_path(root, relative, path, sizeof path);
    assert_int_equal(smt_image_save_png(path, image, NULL), SMT_OK);
}

static inline void made_new_image(const char *root, const char *relative, uint64_t seed)
{
    smt_image image;
    made_texture(seed, 64, &image);
    made_image(root, relative, &image);
    smt_image_free(&image);
}

static inline void made_file(const char *root, const char *relative, const char *text)
{
    char path[4096];
    made_path(root, relative, path, sizeof path);
    assert_int_equal(smt_file_save(path, text, strlen(text), NULL), SMT_OK);
}

static inline int
made_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void made_remove(const char *root)
{
    nftw(root, made_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline size_t made_count(const char *folder)
{
    char **names = NULL;
    size_t count = 0;
    if (smt_list_directory(folder, &names, &count, NULL)) {
        return 0;
    }
    smt_list_free(&names, count);
    return count;
}

/* Keeps the log lines of one test. */
typedef struct made_lines {
    int count;
    char text[64][600];
} made_lines;

static inline void made_keep(void *context, smt_log_level level, const char *line)
{
    made_lines *kept = context;
    if (level != SMT_LOG_DEBUG && kept->count < 64) {
        snprintf(kept->text[kept->count++], sizeof kept->text[0], "%s", line);
    }
}

static inline bool made_said(const made_lines *kept, const char *part)
{
    for (int i = 0; i < kept->count; i++) {
        if (strstr(kept->text[i], part)) {
            return true;
        }
    }
    return false;
}

#endif
