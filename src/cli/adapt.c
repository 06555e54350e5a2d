/* semtinel adapt: a run's batch-norm statistics for images of another microscope. */
#include "cli/cli.h"
#include "cli/pixels.h"

#include <semtinel/adapt.h>
#include <semtinel/format.h>
#include <semtinel/quant.h>

#include <string.h>

#define MOST_CALIBRATION 200 /* images of either kind */

static const char *output, *calibrate;
static smt_adapt_options adapting; /* smt_adapt_defaults, and what is given */
static bool quantize;

static const cli_option options[] = {
    {"output", 'o', CLI_FOLDER(&output, "RUN2"), "folder of the adapted run; made if missing"},
    {"prior",
     0,
     CLI_REAL(&adapting.prior, 0, 1e6, "N"),
     "the old statistics count like so many images; more: slower to believe the new ones"},
    {"most", 0, CLI_REAL(&adapting.most, 0, 1, "X"), "largest share of the new statistics"},
    {"quantize",
     0,
     CLI_FLAG(&quantize),
     "also write RUN2/model.tflite and RUN2/model-int8.tflite, calibrated on IMAGES"},
    {"calibrate",
     0,
     CLI_INPUT(&calibrate, "DIR"),
     "with --quantize: calibrate on these images, too, for instance those of the training"},
    {0},
};

static const cli_command command = {
    .name = "adapt",
    .arguments = "RUN IMAGES... -o RUN2",
    .summary = "Fit a run to images of another microscope, without labels.",
    .details =
        "Measures the batch-norm statistics on IMAGES (files, or folders that are searched; labels "
        "are not used) and mixes them with the old ones. The new statistics of n images get the "
        "share n / (n + --prior), at most --most, and less if RUN predicts only few classes on "
        "them. Weights stay. Give images as they come from the tool, of all kinds, defects and "
        "clean.\n\n"
        "RUN is a run's folder or its model.safetensors; exported files have no batch norm left. "
        "RUN2 can be evaluated, calibrated, quantised and exported like any run. It keeps RUN's "
        "temperature and thresholds; calibrate it again if you have labelled images.",
    .examples =
        "  semtinel adapt run tool2/images -o run-tool2\n"
        "  semtinel adapt run tool2/images -o run-tool2 --quantize --calibrate data/train\n",
    .min_operands = 2,
    .max_operands = -1,
};

static smt_status join(const smt_pixels *a, const smt_pixels *b, smt_pixels *out, smt_error *error)
{
    size_t side = (size_t)a->size * (size_t)a->size;
    size_t first = a->count < MOST_CALIBRATION ? a->count : MOST_CALIBRATION;
    *out = (smt_pixels){.size = a->size, .count = first + (b ? b->count : 0)};
    out->data = smt_alloc(out->count, side);
    if (!out->data) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for calibration images");
    }
    for (size_t i = 0; i < first; i++) { /* evenly */
        memcpy(out->data + i * side, a->data + i * a->count / first * side, side);
    }
    if (b) {
        memcpy(out->data + first * side, b->data, b->count * side);
    }
    return SMT_OK;
}

static smt_status
save(const char *name, const smt_graph *graph, const smt_model *model, smt_error *error)
{
    const smt_write_options how = {0};
    char *path = smt_path_join(output, name);
    smt_status status = !path   ? smt_fail(error, SMT_ERR_MEMORY, "out of memory")
                        : graph ? smt_quantized_save(graph, model, path, &how, false, error)
                                : smt_format_by_suffix(path)->write(model, path, &how, error);
    if (!status) {
        cli_say("wrote %s", path);
    }
    smt_free(path);
    return status;
}

static smt_status quantise(const smt_model *model,
                           const smt_pixels *pixels,
                           smt_pool *pool,
                           smt_graph **out,
                           size_t *skipped,
                           smt_error *error)
{
    smt_pixels *home = NULL, all = {0};
    smt_quantizer *quantizer = NULL;
    float *input = NULL;
    smt_status status = SMT_OK;
    if (calibrate) {
        status = cli_load_images(&calibrate,
                                 1,
                                 MOST_CALIBRATION,
                                 pixels->size,
                                 pixels->cut_percent,
                                 pool,
                                 &home,
                                 skipped,
                                 error);
    }
    status = status ? status : join(pixels, home, &all, error);
    if (!status) {
        input = smt_quantizer_input(&all, &model->preprocess, model->graph->nodes[0].shape.c);
        status = input ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_quant_options how = smt_quant_defaults();
    how.pool = pool;
    status = status ? status
                    : smt_quantizer_create(model, input, (int)all.count, &how, &quantizer, error);
    status = status ? status : smt_quantizer_export(quantizer, out, error);
    smt_quantizer_destroy(&quantizer);
    smt_pixels_destroy(&home);
    smt_free(all.data);
    smt_free(input);
    return status;
}

/* The run, and with an int8 graph the files of --quantize. An earlier call's files that stay beside
 * the new run are named, as they are not of it. */
static smt_status write_files(const smt_model *model, const smt_graph *int8, smt_error *error)
{
    static const char *const names[] = {"model.safetensors", "model.tflite", "model-int8.tflite"};
    smt_status status = cli_make_folder(output, error);
    status = status ? status : save(names[0], NULL, model, error);
    bool began = !status;
    for (int i = 1; i < 3 && began; i++) {
        if (int8 && !status) {
            status = save(names[i], i == 2 ? int8 : NULL, model, error);
        }
        if (!int8 || status) {
            cli_name_left(output, names[i]);
        }
    }
    return status;
}

/* An adapted run would be adapted once more the next time, and the run that it came from is gone.
 */
static smt_status keep_source(const char *path, smt_error *error)
{
    char *target = smt_path_join(output, "model.safetensors");
    smt_status status = target ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    if (target && smt_path_inside(path, target)) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: would overwrite the run that is adapted; name another folder",
                          output);
    }
    smt_free(target);
    return status;
}

static smt_status run(char **operands, int count, smt_pool *pool, size_t *skipped, smt_error *error)
{
    smt_model *model = NULL;
    smt_pixels *pixels = NULL;
    smt_graph *int8 = NULL;
    smt_adaptation a;
    adapting.seed = cli_shared.seed;
    char *path = NULL;
    smt_error inner = {0};
    smt_status status = smt_model_file(operands[0], &path, error);
    status = status ? status : keep_source(path, error);
    status = status ? status : cli_check_untrained(output, error);
    status = status ? status : smt_model_load(path, &model, error);
    if (!status) {
        status = cli_load_images((const char *const *)operands + 1,
                                 count - 1,
                                 0,
                                 model->graph->nodes[0].shape.h,
                                 model->preprocess.cut_percent,
                                 pool,
                                 &pixels,
                                 skipped,
                                 error);
    }
    if (!status) {
        status = smt_adapt(model, pixels, &adapting, pool, &a, &inner);
        if (status) {
            smt_fail(error, status, "%s: %s", path, inner.message);
        }
    }
    if (!status) {
        cli_say("%zu %s, %.0f%% of the variety of all classes: share of their statistics %.2f",
                a.images,
                smt_plural(a.images, "image", "images"),
                100 * a.variety,
                a.share);
        cli_say("means moved by %.3f old deviations (root mean square), by %.2f at most",
                a.mean_shift,
                a.largest_shift);
        if (a.variety < 0.5) {
            /* By answers alone, missing kinds cannot be told from rare ones. */
            smt_log(SMT_LOG_WARNING,
                    "to the run the images are as varied as %.1f of its %d classes: if some kinds "
                    "are not only rare but missing, give images of them, too",
                    a.variety * model->class_count,
                    model->class_count);
        }
        if (a.forgot) {
            smt_log(SMT_LOG_WARNING,
                    "%s: sends no unfamiliar images to review any more: it remembers none of its "
                    "own; calibrate it with --unfamiliar again",
                    output);
        }
    }
    if (!status && quantize) {
        status = quantise(model, pixels, pool, &int8, skipped, error);
    }
    status = status ? status : write_files(model, int8, error);
    smt_graph_destroy(&int8);
    smt_free(path);
    smt_pixels_destroy(&pixels);
    smt_model_destroy(&model);
    return status;
}

int cli_adapt(int argc, char **argv)
{
    char **operands;
    int count;
    adapting = smt_adapt_defaults();
    int code = cli_parse(&command, options, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    if (!output) {
        return cli_usage(&command, "-o RUN2 is missing: the folder of the adapted run");
    }
    if (calibrate && !quantize) {
        return cli_usage(&command, "--calibrate needs --quantize");
    }
    smt_error error = {0};
    smt_pool *pool = NULL;
    size_t skipped = 0;
    smt_status status = smt_pool_create(cli_shared.threads, &pool, &error);
    status = status ? status : run(operands, count, pool, &skipped, &error);
    smt_pool_destroy(&pool);
    return status ? cli_report(&error) : skipped ? EXIT_SKIPPED : EXIT_DONE;
}
