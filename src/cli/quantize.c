/* semtinel quantize: from a float model to the int8 or dynamic-range file that ships. */
#include "cli/quantize.h"
#include "cli/pixels.h"

#include <semtinel/quant.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define IMAGES 200
#define FEW 8 /* images whose ranges say little of others */

enum { DYNAMIC, INT8, INT8_FLOAT_IO };

static const char *output, *calibrate, *qat, *evaluate, *sensitivity;
static int scheme = INT8, method, images = IMAGES, epochs;
static double percentile, rate; /* as the library has them, until given */
static bool no_equalize, no_correction, no_split, raw_input;
static cli_list keep, splits, agree;

static const cli_option options[] = {
    {"output",
     'o',
     CLI_TEXT(&output, "OUT"),
     ".tflite or .onnx file; or a folder for all precisions (NAME/ if it has a suffix)"},
    {"calibrate",
     0,
     CLI_INPUT(&calibrate, "DIR"),
     "images to calibrate on, training images: in class folders, or in one folder without any"},
    {"scheme",
     0,
     CLI_CHOICE(&scheme, "dynamic|int8|int8-float-io"),
     "weights only; everything int8; int8 with float input and output"},
    {"images",
     0,
     CLI_INT(&images, FEW, 5000, "N"),
     "calibration images, drawn evenly from the classes"},
    {"method", 0, CLI_CHOICE(&method, "mse|percentile|minmax"), "how ranges are chosen"},
    {"percentile", 0, CLI_REAL(&percentile, 50, 100, "X"), "share of values inside the range"},
    {"no-equalize", 0, CLI_FLAG(&no_equalize), "leave the channels' ranges as they are"},
    {"no-bias-correction", 0, CLI_FLAG(&no_correction), "leave the biases as they are"},
    {"no-split", 0, CLI_FLAG(&no_split), "leave the first layer's hard-swish one operator"},
    {"split",
     0,
     CLI_LIST(&splits, "LAYER"),
     "make this layer's hard-swish a product of two convolutions too: finer, costs the layer "
     "twice"},
    {"keep-float",
     0,
     CLI_LIST(&keep, "LAYER"),
     "with --scheme int8-float-io: compute this layer in float"},
    {"qat", 0, CLI_INPUT(&qat, "DATASET"), "fine-tune on these images (labels are not used)"},
    {"epochs", 0, CLI_INT(&epochs, 0, 1000, "N"), "of fine-tuning; 0: 20"},
    {"rate",
     0,
     CLI_REAL(&rate, 1e-7, 1, "X"),
     "learning rate of fine-tuning, in units of a channel's root mean square weight"},
    {"sensitivity",
     0,
     CLI_TEXT(&sensitivity, "FILE"),
     "write what each layer loses: FILE.txt and FILE.png"},
    {"evaluate",
     0,
     CLI_INPUT(&evaluate, "DATASET"),
     "with a folder: compare all precisions on these images"},
    {"agree",
     0,
     CLI_INPUTS(&agree, "PATH"),
     "with --evaluate: count agreement on all images under PATH, labels or not"},
    {"raw-input",
     0,
     CLI_FLAG(&raw_input),
     "inputs take pixels 0..255: int8 models as .tflite as uint8, all others as float"},
    {0},
};

static const cli_command command = {
    .name = "quantize",
    .arguments = "MODEL --calibrate DIR -o OUT",
    .summary = "Make an int8 or dynamic-range model.",
    .details =
        "MODEL is a run's folder or a float model file. Weights become int8 with one scale per "
        "output channel, values between layers int8 with one scale, by the arithmetic of "
        "TensorFlow Lite's reference kernels. Calibration uses the training part of DIR if it has "
        "one. --qat fine-tunes the weights through an exact simulation of this arithmetic, towards "
        "the outputs of the float network. Networks from ImageNet weights gain by it; for those "
        "from semtinel's own weights calibration alone is enough.\n\n"
        "OUT as a folder gets float32, float16, dynamic range, int8 and, with --qat, fine-tuned "
        "int8 models, as .tflite and, but for float16, .onnx; --evaluate DATASET adds "
        "precision.txt, .json and .png, which compare them.",
    .examples =
        "  semtinel quantize run --calibrate images -o model-int8.tflite\n"
        "  semtinel quantize run --calibrate images --qat images --epochs 10 -o model-int8.tflite\n"
        "  semtinel quantize run --calibrate images --scheme int8-float-io -o model-int8.onnx\n"
        "  semtinel quantize run --calibrate images --qat images --evaluate images -o "
        "precisions/\n",
    .min_operands = 1,
    .max_operands = 1,
};

/* Black images, or copies of one, are one image. */
static void warn_of_few(const char *folder, const smt_pixels *pixels)
{
    const uint8_t *unlike[FEW];
    size_t bytes = (size_t)pixels->size * (size_t)pixels->size, found = 0;
    for (size_t i = 0; i < pixels->count && found < FEW; i++) {
        const uint8_t *image = pixels->data + i * bytes;
        size_t k = 0;
        while (k < found && memcmp(unlike[k], image, bytes)) {
            k++;
        }
        if (k == found) {
            unlike[found++] = image;
        }
    }
    if (found < FEW) {
        smt_log(SMT_LOG_WARNING,
                "%s: ranges of so few different images do not hold for others; give some two "
                "hundred",
                folder);
    }
}

/* The images to calibrate on, and how. */
typedef struct calibration {
    smt_pixels *pixels; /* NULL: none */
    float *input;
    smt_pixels *tuning; /* of --qat; NULL: none */
    smt_quant_options how;
} calibration;

/* Networks whose channels have like ranges reach 24 and more, those from ImageNet weights 14 to 17
 * (docs/quantisation.md). */
#define NOISY_DB 20

/* `last`: nothing follows that could make it better, so what would is told. */
static smt_status
say_fidelity(smt_quantizer *q, const calibration *cal, bool last, smt_error *error)
{
    if (cli_shared.quiet) {
        return SMT_OK;
    }
    smt_fidelity f;
    int count = (int)cal->pixels->count;
    smt_status status = smt_quantizer_fidelity(q, cal->input, count, &f, error);
    if (status) {
        return status;
    }
    cli_say("int8: %.0f of %d calibration images keep their class, %.1f dB signal to noise",
            f.agreement * count,
            count,
            f.noise_db);
    if (last && f.noise_db < NOISY_DB) {
        cli_say(
            "under %d dB, images that the network is unsure of change their class; %s%s"
            "networks from the shipped backbone, or of 'train --range-decay 20', keep more of them",
            NOISY_DB,
            no_split ? "without --no-split there is less noise; " : "",
            qat ? "" : "--qat DATASET helps, and ");
    }
    return SMT_OK;
}

static void report_epoch(void *context, int epoch, double loss, double agreement, double held)
{
    (void)context;
    char others[64] = "";
    if (!isnan(held)) {
        snprintf(others, sizeof others, " on images held back %.5f", held);
    }
    if (epoch == 0) {
        cli_say("calibrated: logit error%s", others);
    } else {
        cli_say("epoch %3d  logit error %.5f%s  agreement %.2f%%",
                epoch,
                loss,
                others,
                100 * agreement);
    }
}

static smt_status
fine_tune(smt_quantizer *q, const smt_model *model, const calibration *cal, smt_error *error)
{
    const smt_pixels *pixels = cal->tuning;
    smt_qat_options training = smt_qat_defaults();
    training.epochs = epochs ? epochs : training.epochs;
    training.rate = rate;
    training.seed = cli_shared.seed;
    if (pixels->count < (size_t)training.batch) {
        training.batch = (int)pixels->count;
    }
    double start = smt_clock();
    smt_status status =
        smt_quantizer_train(q, pixels, &model->preprocess, &training, report_epoch, NULL, error);
    if (status == SMT_OK) {
        cli_say("fine-tuned on %zu %s for %d %s in %.1f s",
                pixels->count,
                smt_plural(pixels->count, "image", "images"),
                training.epochs,
                smt_plural((size_t)training.epochs, "epoch", "epochs"),
                smt_clock() - start);
    }
    return status ? status : say_fidelity(q, cal, true, error);
}

static smt_status
save(const smt_graph *graph, const smt_model *model, bool float_io, smt_error *error)
{
    const smt_write_options how = {.raw_input = raw_input};
    smt_status status = smt_quantized_save(graph, model, output, &how, float_io, error);
    if (status == SMT_OK) {
        cli_say("wrote %s", output);
    }
    return status;
}

static smt_status
make_dynamic(const smt_model *model, const calibration *cal, smt_graph **out, smt_error *error)
{
    int count = cal->pixels ? (int)cal->pixels->count : 0;
    return smt_quantize_dynamic(model, cal->input, count, &cal->how, out, error);
}

/* A network that cannot be quantised is named by its file, which the quantiser does not know. */
static smt_status name_file(smt_status status, const char *path, smt_error *error)
{
    const smt_error why = *error;
    return status == SMT_ERR_UNSUPPORTED || status == SMT_ERR_ARGUMENT || status == SMT_ERR_FORMAT
               ? smt_fail(error, status, "%s: %s", path, why.message)
               : status;
}

static smt_status save_all(smt_quantizer *q,
                           const calibration *cal,
                           quantize_folder *folder,
                           size_t *failed,
                           smt_error *error)
{
    smt_graph *dynamic = NULL, *int8 = NULL, *tuned = NULL;
    smt_status status = cli_make_folder(output, error);
    status = status ? status : quantize_folder_add(folder, NULL, "float32", false, error);
    status = status ? status : quantize_folder_add(folder, NULL, "float16", true, error);
    status = status ? status : make_dynamic(folder->model, cal, &dynamic, error);
    status = status ? status : quantize_folder_add(folder, dynamic, "dynamic", false, error);
    status = status ? status : smt_quantizer_export(q, &int8, error);
    status = status ? status : quantize_folder_add(folder, int8, "int8", false, error);
    if (qat && status == SMT_OK) {
        status = fine_tune(q, folder->model, cal, error);
        status = status ? status : smt_quantizer_export(q, &tuned, error);
        status = status ? status : quantize_folder_add(folder, tuned, "int8-qat", false, error);
    }
    if (folder->set && status == SMT_OK) {
        status = quantize_folder_compare(folder, cal->how.pool, failed, error);
    }
    if (!status) {
        quantize_folder_name_left(folder, qat != NULL);
    }
    smt_graph_destroy(&dynamic);
    smt_graph_destroy(&int8);
    smt_graph_destroy(&tuned);
    return status;
}

static smt_status
write_sensitivity(smt_quantizer *q, const float *input, int count, smt_error *error)
{
    smt_sensitivity *rows = NULL;
    int row_count = 0;
    smt_status status = smt_quantizer_sensitivity(q, input, count, &rows, &row_count, error);
    status = status ? status : smt_save_sensitivity(rows, row_count, sensitivity, error);
    if (status == SMT_OK) {
        cli_say("wrote %s.txt and .png", sensitivity);
    }
    smt_free(rows);
    return status;
}

/* "q.foo" has one; "v1.2", ".q" and "q.foo/" have none. */
static bool has_suffix(const char *path)
{
    const char *suffix = smt_path_suffix(path);
    return *suffix && isalpha((unsigned char)suffix[1]);
}

/* What would only be found after minutes of work otherwise; and a folder among the class folders
 * would be taken for a class. */
static smt_status check_output(const char *model, bool folder, smt_error *error)
{
    const char *const read[] = {calibrate, qat, evaluate};
    smt_status status = smt_check_output(output, folder, error);
    status = status ? status : cli_check_kept(output, model, error);
    if (!status && folder) {
        status = quantize_folder_check(output, model, error);
    }
    for (size_t i = 0; i < sizeof read / sizeof *read && folder && !status; i++) {
        status = read[i] ? smt_check_apart(output, read[i], error) : SMT_OK;
    }
    char *rows = sensitivity ? smt_format("%s.txt", sensitivity) : NULL;
    if (!status && sensitivity) {
        status = rows ? smt_check_output(rows, false, error)
                      : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_free(rows);
    return status;
}

static smt_status calibrate_on(
    const smt_model *model, calibration *cal, smt_pool *pool, size_t *failed, smt_error *error)
{
    smt_shape shape = model->graph->nodes[0].shape;
    cal->how = smt_quant_defaults();
    cal->how.pool = pool;
    cal->how.method = (smt_range_method)method;
    cal->how.percentile = percentile;
    cal->how.equalize = !no_equalize;
    cal->how.correct_bias = !no_correction;
    cal->how.split_first = !no_split;
    cal->how.split = splits.items;
    cal->how.split_count = splits.count;
    cal->how.keep_float = keep.items;
    cal->how.keep_count = keep.count;
    if (!calibrate) {
        return SMT_OK;
    }
    float cut = model->preprocess.cut_percent;
    smt_status status =
        cli_load_evenly(calibrate, (size_t)images, shape.h, cut, pool, &cal->pixels, failed, error);
    if (!status && qat) {
        status = cli_load_evenly(qat, SIZE_MAX, shape.h, cut, pool, &cal->tuning, failed, error);
    }
    if (status) {
        return status;
    }
    warn_of_few(calibrate, cal->pixels);
    if (qat) {
        warn_of_few(qat, cal->tuning);
    }
    cal->input = smt_quantizer_input(cal->pixels, &model->preprocess, shape.c);
    return cal->input ? SMT_OK
                      : smt_fail(error,
                                 SMT_ERR_MEMORY,
                                 "out of memory for %zu calibration images",
                                 cal->pixels->count);
}

static smt_status run(const char *path, smt_pool *pool, size_t *failed, smt_error *error)
{
    smt_model *model = NULL;
    smt_quantizer *q = NULL;
    smt_graph *graph = NULL;
    calibration cal = {0};
    const smt_model_format *format = smt_format_by_suffix(output);
    smt_status status = check_output(path, !format, error);
    status = status ? status : smt_model_load(path, &model, error);
    if (status) {
        return status;
    }
    smt_model_note_size(model, path);
    quantize_folder folder = {.path = output, .model = model, .raw_input = raw_input};
    double start = smt_clock();
    smt_shape input = model->graph->nodes[0].shape;
    status = calibrate && input.h != input.w
                 ? smt_fail(error, SMT_ERR_UNSUPPORTED, "%s: its input is not square", path)
                 : calibrate_on(model, &cal, pool, failed, error);
    if (!status) {
        status = quantize_folder_compare_on(&folder, evaluate, &agree, path, pool, failed, error);
    }
    if (status == SMT_OK && scheme == DYNAMIC && format) {
        status = name_file(make_dynamic(model, &cal, &graph, error), path, error);
        status = status ? status : save(graph, model, true, error);
        goto done;
    }
    int count = cal.pixels ? (int)cal.pixels->count : 0;
    if (!status) {
        status = smt_quantizer_create(model, cal.input, count, &cal.how, &q, error);
        status = name_file(status, path, error);
    }
    if (status) {
        goto done;
    }
    cli_say("calibrated on %d %s in %.1f s",
            count,
            smt_plural((size_t)count, "image", "images"),
            smt_clock() - start);
    status = say_fidelity(q, &cal, !qat, error);
    if (sensitivity && !status) {
        status = write_sensitivity(q, cal.input, count, error);
    }
    if (status) {
        goto done;
    }
    if (!format) {
        status = save_all(q, &cal, &folder, failed, error);
        goto done;
    }
    if (qat) {
        status = fine_tune(q, model, &cal, error);
    }
    status = status ? status : smt_quantizer_export(q, &graph, error);
    status = status ? status : save(graph, model, scheme == INT8_FLOAT_IO, error);
done:
    smt_graph_destroy(&graph);
    smt_quantizer_destroy(&q);
    smt_free(cal.input);
    smt_pixels_destroy(&cal.pixels);
    smt_pixels_destroy(&cal.tuning);
    quantize_folder_release(&folder);
    smt_model_destroy(&model);
    return status;
}

static int parse(int argc, char **argv, char ***operands)
{
    int operand_count;
    const double usual_rate = smt_qat_defaults().rate,
                 usual_percentile = smt_quant_defaults().percentile;
    rate = usual_rate;
    percentile = usual_percentile;
    int code = cli_parse(&command, options, argc, argv, operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    if (!output) {
        return cli_usage(&command, "name the result: -o OUT.tflite, -o OUT.onnx or -o FOLDER");
    }
    const smt_model_format *format = smt_format_by_suffix(output);
    if (format ? strcmp(format->name, "tflite") && strcmp(format->name, "onnx")
               : has_suffix(output) && !smt_path_is_directory(output)) {
        return cli_usage(&command,
                         "-o %s: int8 models are written as .tflite and .onnx; %s/ is a folder, "
                         "for all precisions",
                         output,
                         output);
    }
    if (!calibrate && !(scheme == DYNAMIC && format)) {
        return cli_usage(&command, "--calibrate DIR is needed: ranges are measured on images");
    }
    if (!calibrate && (images != IMAGES || no_equalize || no_correction)) {
        return cli_usage(&command,
                         "--images, --no-equalize and --no-bias-correction are of calibration: "
                         "give --calibrate DIR too");
    }
    if (scheme == DYNAMIC && format && (qat || sensitivity || method)) {
        return cli_usage(&command,
                         "--qat, --sensitivity and --method are of int8 values, and --scheme "
                         "dynamic leaves values float");
    }
    if (keep.count && (scheme != INT8_FLOAT_IO || !format)) {
        return cli_usage(&command,
                         "--keep-float needs --scheme int8-float-io and one file: the others have "
                         "no such layers");
    }
    if (scheme != INT8 && !format) {
        return cli_usage(&command,
                         "--scheme is of one file, and a folder gets every precision: give -o "
                         "OUT.tflite or OUT.onnx, or leave --scheme out");
    }
    if (evaluate && format) {
        return cli_usage(&command, "--evaluate compares the files of a folder: give -o a folder");
    }
    if (agree.count && !evaluate) {
        return cli_usage(&command, "--agree counts for the table of --evaluate: give that too");
    }
    if ((epochs || rate != usual_rate) && !qat) {
        return cli_usage(&command,
                         "--epochs and --rate are of fine-tuning: give --qat DATASET too");
    }
    if (percentile != usual_percentile && method != SMT_RANGE_PERCENTILE) {
        return cli_usage(&command, "--percentile counts with --method percentile: give that too");
    }
    return -1;
}

int cli_quantize(int argc, char **argv)
{
    char **operands;
    int code = parse(argc, argv, &operands);
    if (code >= 0) {
        return code;
    }
    smt_error error = {0};
    smt_pool *pool = NULL;
    size_t failed = 0;
    smt_status status = smt_pool_create(cli_shared.threads, &pool, &error);
    status = status ? status : run(operands[0], pool, &failed, &error);
    smt_pool_destroy(&pool);
    if (status) {
        return cli_report(&error);
    }
    return failed ? EXIT_SKIPPED : EXIT_DONE;
}
