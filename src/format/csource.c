/* Exported C: a network without interpreter and file.
 *
 * edge's reader, plan and parameter binding do the work; what they compute
 * at start on a device is printed here as const data: weights, biases,
 * requantisation tables, the 256 entries of element-wise functions, and the
 * offsets of the plan. What is left is one call of a kernel an operator. */
#include "format/csource_internal.h"
#include "format/tflite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file of the folder; one of the decision is removed where there is none, as it would not fit the
 * other files. */
typedef struct source_file {
    const char *suffix;
    smt_status (*write)(csource_writer *, smt_error *);
    bool decides;
} source_file;

static smt_status write_file(csource_writer *w, const source_file *file, smt_error *error)
{
    bool named = strcmp(file->suffix, "README.md") != 0;
    char *path = smt_format("%s/%s%s", w->folder, named ? w->name : "", file->suffix);
    if (!path)
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    smt_status status = SMT_OK;
    if (file->decides && w->undecided) {
        unlink(path);
    } else {
        status = smt_file_create(path, &w->c, error);
        if (!status) {
            status = file->write(w, error);
            if (status)
                smt_file_abandon(&w->c);
            else
                status = smt_file_commit(&w->c, error);
        }
    }
    smt_free(path);
    return status;
}

static smt_status refuse_ends(const csource_writer *w, smt_error *error)
{
    bool int8 = w->in.type == SMT_EDGE_S8 && w->out.type == SMT_EDGE_S8;
    return smt_fail(error,
                    SMT_ERR_UNSUPPORTED,
                    "%s: C source needs one int8 image as input and one int8 output; it has %d "
                    "%s %s of rank %d and %d %s %s (%s)",
                    w->tflite,
                    w->model.input_count,
                    smt_edge_type_name((int32_t)w->in.type),
                    smt_plural((size_t)w->model.input_count, "input", "inputs"),
                    w->in.rank,
                    w->model.output_count,
                    smt_edge_type_name((int32_t)w->out.type),
                    smt_plural((size_t)w->model.output_count, "output", "outputs"),
                    int8 ? "run the .tflite itself"
                         : "quantize with --scheme int8, without --raw-input");
}

static smt_status open_network(csource_writer *w, smt_error *error)
{
    smt_edge_error detail;
    smt_status status = smt_file_load(w->tflite, 0, &w->file, &w->file_bytes, error);
    if (status)
        return status;
    if (smt_edge_open(w->file, w->file_bytes, &w->model, &detail))
        return smt_fail_edge(error, w->tflite, &detail);
    smt_edge_get_tensor(&w->model, w->model.inputs[0], &w->in);
    smt_edge_get_tensor(&w->model, w->model.outputs[0], &w->out);
    if (!csource_fits_ends(&w->model))
        return refuse_ends(w, error);
    size_t bytes = smt_edge_places_bytes(&w->model);
    w->places = smt_alloc(1, bytes);
    w->crcs = smt_alloc((size_t)w->model.operator_count, sizeof *w->crcs);
    if (!w->places || !w->crcs)
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    if (smt_edge_make_plan(
            &w->model, smt_edge_kernels_portable(), w->places, bytes, &w->plan, &detail))
        return smt_fail_edge(error, w->tflite, &detail);
    return SMT_OK;
}

static void keep_crc(void *context,
                     const smt_edge_operator *op,
                     const smt_edge_tensor *output,
                     const void *data)
{
    ((csource_writer *)context)->crcs[op->index] = smt_crc32(0, data, output->bytes);
}

/* The results that a board must repeat: of the very plan that is exported. */
static smt_status run_network(csource_writer *w, smt_error *error)
{
    smt_edge_runner runner;
    smt_edge_error detail;
    w->arena = smt_alloc(1, w->plan.arena_bytes);
    if (!w->arena)
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", w->tflite);
    if (smt_edge_start(&w->plan, w->arena, w->plan.arena_bytes, &runner, &detail))
        return smt_fail_edge(error, w->tflite, &detail);
    uint8_t *in = smt_edge_input(&runner, 0);
    for (uint32_t i = 0; i < w->in.bytes; i++)
        in[i] = (uint8_t)((i * 2654435761u) >> 24);
    smt_edge_invoke(&runner, keep_crc, w);
    return SMT_OK;
}

/* Is there a header or an object of the runtime by that name, beside which a build would have two,
 * or would NAME_trace and its like be the runtime's own? */
static bool is_taken(const char *name)
{
    static const char *const taken[] = {"edge",
                                        "stdbool",
                                        "stddef",
                                        "stdint",
                                        "arithmetic",
                                        "conv_dynamic",
                                        "conv_f32",
                                        "conv_s8",
                                        "convert",
                                        "mean",
                                        "pool",
                                        "product",
                                        "set",
                                        "softmax",
                                        "unary"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return true;
    size_t length = strlen(name);
    return strncmp(name, "smt_", 4) == 0 || (length >= 4 && strcmp(name + length - 4, "_dsp") == 0);
}

/* The folder's last part as a C identifier; of no plain letter or digit it would be nameless. */
static void choose_name(csource_writer *w)
{
    size_t end = strlen(w->folder), at = 0;
    bool plain = false;
    while (end > 0 && w->folder[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && w->folder[begin - 1] != '/')
        begin--;
    for (size_t i = begin; i < end && at + 1 < sizeof w->name; i++) {
        char c = w->folder[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_',
             digit = c >= '0' && c <= '9';
        if (digit && at == 0)
            w->name[at++] = '_';
        w->name[at++] = letter || digit ? c : '_';
        plain = plain || digit || (letter && c != '_');
    }
    if (!plain || is_taken(w->name))
        snprintf(w->name, sizeof w->name, "network");
    for (size_t i = 0; w->name[i]; i++)
        w->upper[i] = (char)(w->name[i] >= 'a' && w->name[i] <= 'z' ? w->name[i] - 32 : w->name[i]);
}

smt_status smt_csource_export(const char *tflite,
                              const char *folder,
                              const smt_csource_decision *decision,
                              const char *undecided,
                              smt_error *error)
{
    static const source_file files[] = {{".c", csource_network, false},
                                        {".h", csource_header, false},
                                        {"_check.c", csource_check, false},
                                        {"_decide.c", csource_decide, true},
                                        {"_example.c", csource_example, true},
                                        {"README.md", csource_readme, false}};
    csource_writer w = {.tflite = tflite,
                        .folder = folder,
                        .decision = decision,
                        .undecided = decision    ? NULL
                                     : undecided ? undecided
                                                 : "none was given"};
    choose_name(&w);
    smt_status status = open_network(&w, error);
    if (!status)
        status = run_network(&w, error);
    if (!status && decision)
        csource_examine(&w);
    if (!status)
        status = smt_make_directory(folder, error);
    for (size_t i = 0; i < sizeof files / sizeof *files && !status; i++)
        status = write_file(&w, &files[i], error);
    if (!status && w.undecided)
        smt_log(SMT_LOG_WARNING, "%s: no %s_decide.c: %s", folder, w.name, w.undecided);
    smt_free(w.arena);
    smt_free(w.crcs);
    smt_free(w.places);
    smt_free(w.file);
    return status;
}
