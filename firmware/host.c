/* The host's half of the firmware test.
 *
 *     host inputs MODEL.tflite INPUTS CUT IMAGE...
 *
 * turns images into raw inputs: 8-bit grey, without CUT percent of the height at the bottom (as the
 * network was trained; 0: none), resized to the network's input, p - 128.
 *
 *     host results MODEL.tflite INPUTS RESULTS
 *
 * writes the results that the firmware must write, by the reference kernels.
 */
#include "edge.h"
#include "text.h"

#include <semtinel/image.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static smt_edge_model model;
static smt_edge_tensor in, out;
static text lines;

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "host: %s: %s\n", what, why);
    return 1;
}

static void *open_model(const char *path)
{
    void *file;
    size_t size;
    smt_error error;
    smt_edge_error detail;
    if (smt_file_load(path, 0, &file, &size, &error)) {
        fail(path, error.message);
        return NULL;
    }
    if (smt_edge_open(file, size, &model, &detail)) {
        fail(path, detail.message);
        return NULL;
    }
    smt_edge_get_tensor(&model, model.inputs[0], &in);
    smt_edge_get_tensor(&model, model.outputs[0], &out);
    if (in.type != SMT_EDGE_S8 || in.rank != 4 || out.type != SMT_EDGE_S8) {
        fail(path, "input and output must be int8, the input of 4 dimensions");
        return NULL;
    }
    return file;
}

static int write_inputs(const char *path, float cut_percent, char **images, int count)
{
    smt_error error;
    FILE *file = fopen(path, "wb");
    if (!file)
        return fail(path, "cannot be written");
    for (int i = 0; i < count; i++) {
        smt_image image = {0}, small = {0};
        if (smt_image_load_sem(images[i], NULL, cut_percent, &image, NULL, &error) ||
            smt_image_resize(&image, in.shape[2], in.shape[1], &small, &error))
            return fail(images[i], error.message);
        for (int y = 0; y < small.height; y++)
            for (int x = 0; x < small.width; x++)
                for (int c = 0; c < in.shape[3]; c++)
                    fputc((small.pixels[y * small.width + x] - 128) & 255, file);
        smt_image_free(&image);
        smt_image_free(&small);
    }
    return fclose(file) ? fail(path, "cannot be written") : 0;
}

static void
trace(void *context, const smt_edge_operator *op, const smt_edge_tensor *output, const void *data)
{
    (void)context;
    text_operator(&lines,
                  op->index,
                  smt_edge_code_name((int32_t)op->code),
                  output->index,
                  data,
                  output->bytes);
}

static int write_results(const char *inputs, const char *results)
{
    static char room[1 << 20];
    smt_edge_plan plan;
    smt_edge_runner runner;
    smt_edge_error detail;
    size_t bytes = smt_edge_places_bytes(&model);
    void *places = malloc(bytes);
    if (smt_edge_make_plan(&model, smt_edge_kernels_reference(), places, bytes, &plan, &detail))
        return fail("plan", detail.message);
    void *arena = aligned_alloc(64, (plan.arena_bytes + 63u) & ~63u);
    if (smt_edge_start(&plan, arena, plan.arena_bytes, &runner, &detail))
        return fail("start", detail.message);
    FILE *from = fopen(inputs, "rb"), *to = fopen(results, "wb");
    if (!from || !to)
        return fail(from ? results : inputs, "cannot be opened");
    for (int32_t i = 0; fread(smt_edge_input(&runner, 0), 1, in.bytes, from) == in.bytes; i++) {
        lines = (text){room, 0, sizeof room};
        smt_edge_invoke(&runner, trace, NULL);
        text_classes(&lines, i, smt_edge_output(&runner, 0), out.bytes);
        fwrite(room, 1, lines.used, to);
    }
    fclose(from);
    free(arena);
    free(places);
    return fclose(to) ? fail(results, "cannot be written") : 0;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return fail("usage",
                    "host inputs MODEL INPUTS CUT IMAGE... | host results MODEL INPUTS RESULTS");
    if (!open_model(argv[2]))
        return 1;
    return strcmp(argv[1], "inputs") == 0
               ? write_inputs(argv[3], strtof(argv[4], NULL), argv + 5, argc - 5)
               : write_results(argv[3], argv[4]);
}
