/* semtinel run: raw tensors through a .tflite, for
 * comparison with other runtimes, operator by operator. */
#include "cli/cli.h"
#include "cli/kernels.h"
#include "format/tflite.h"

#include <stdio.h>
#include <string.h>

typedef struct run_state {
    void *file, *places, *arena, *input;
    size_t file_bytes, input_bytes;
    smt_edge_model model;
    smt_edge_plan plan;
    smt_edge_runner runner;
} run_state;

static void trace_line(void *context,
                       const smt_edge_operator *op,
                       const smt_edge_tensor *output,
                       const void *data)
{
    (void)context;
    printf("%d %s tensor %d bytes %u crc32 %08x\n",
           op->index,
           smt_edge_code_name((int32_t)op->code),
           output->index,
           output->bytes,
           smt_crc32(0, data, output->bytes));
}

static smt_status
open_model(run_state *state, const char *path, const smt_edge_kernels *kernels, smt_error *error)
{
    smt_edge_error detail;
    if (smt_path_is_directory(path))
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s: is a folder, not a .tflite file; 'semtinel export %s -o model.tflite' "
                        "makes one of a run",
                        path,
                        path);
    smt_status status = smt_file_load(path, 0, &state->file, &state->file_bytes, error);
    if (status)
        return status;
    if (smt_edge_open(state->file, state->file_bytes, &state->model, &detail))
        return smt_fail_edge(error, path, &detail);
    size_t places_bytes = smt_edge_places_bytes(&state->model);
    state->places = smt_alloc(1, places_bytes);
    if (!state->places)
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    if (smt_edge_make_plan(
            &state->model, kernels, state->places, places_bytes, &state->plan, &detail))
        return smt_fail_edge(error, path, &detail);
    state->arena = smt_alloc_unset(1, state->plan.arena_bytes);
    if (!state->arena)
        return smt_fail(
            error, SMT_ERR_MEMORY, "%s: no %u bytes for the arena", path, state->plan.arena_bytes);
    if (smt_edge_start(
            &state->plan, state->arena, state->plan.arena_bytes, &state->runner, &detail))
        return smt_fail_edge(error, path, &detail);
    return SMT_OK;
}

/* Loads the input file, which must hold the bytes of all inputs together, once or several times. */
static smt_status load_inputs(run_state *state, const char *path, size_t *each, smt_error *error)
{
    smt_edge_tensor tensor = {0};
    smt_status status = smt_file_load(path, 0, &state->input, &state->input_bytes, error);
    if (status)
        return status;
    *each = 0;
    for (int32_t i = 0; i < state->model.input_count; i++) {
        smt_edge_get_tensor(&state->model, state->model.inputs[i], &tensor);
        *each += tensor.bytes;
    }
    if (!*each || !state->input_bytes || state->input_bytes % *each)
        return smt_fail(error,
                        SMT_ERR_FORMAT,
                        "%s has %zu bytes; the model's input (%s) takes %zu, or a multiple of it",
                        path,
                        state->input_bytes,
                        smt_edge_type_name((int32_t)tensor.type),
                        *each);
    return SMT_OK;
}

static void fill_inputs(const run_state *state, size_t at)
{
    for (int32_t i = 0; i < state->model.input_count; i++) {
        smt_edge_tensor tensor;
        smt_edge_get_tensor(&state->model, state->model.inputs[i], &tensor);
        memcpy(smt_edge_input(&state->runner, i), (const char *)state->input + at, tensor.bytes);
        at += tensor.bytes;
    }
}

static void write_outputs(const run_state *state, smt_file *file)
{
    for (int32_t i = 0; i < state->model.output_count; i++) {
        smt_edge_tensor tensor;
        smt_edge_get_tensor(&state->model, state->model.outputs[i], &tensor);
        smt_file_write(file, smt_edge_output(&state->runner, i), tensor.bytes);
    }
}

/* Every set of inputs through the network, one after another. */
static smt_status
run_all(run_state *state, const char *output, bool trace, size_t each, smt_error *error)
{
    smt_file *file = NULL;
    smt_status status = output ? smt_file_create(output, &file, error) : SMT_OK;
    if (status)
        return status;
    for (size_t at = 0; at < state->input_bytes; at += each) {
        fill_inputs(state, at);
        smt_edge_invoke(&state->runner, trace ? trace_line : NULL, NULL);
        if (file)
            write_outputs(state, file);
    }
    return file ? smt_file_commit(&file, error) : SMT_OK;
}

int cli_run(int argc, char **argv)
{
    static const cli_command command = {
        .name = "run",
        .arguments = "MODEL.tflite --input in.bin --output out.bin",
        .summary = "Run a TensorFlow Lite network on raw tensors.",
        .details =
            "The input file holds the bytes of the network's inputs, in order, in their own type "
            "and layout (NHWC), for one run or for several in sequence; the output file gets the "
            "bytes of the outputs. --trace prints for each operator its index and name, its output "
            "tensor, and the size and CRC-32 (IEEE) of that tensor's bytes: two runtimes agree "
            "when their traces do. int8 results are those of TensorFlow Lite Micro's reference "
            "kernels, bit for bit, with any set of kernels.",
        .examples = "  semtinel run model.tflite --input image.bin --output probabilities.bin\n"
                    "  semtinel run model.tflite --input image.bin --trace | diff - golden.crc\n",
        .min_operands = 1,
        .max_operands = 1,
    };
    const char *input = NULL, *output = NULL;
    bool trace = false;
    int set = 0;
    const cli_option options[] = {
        {"input", 'i', CLI_TEXT(&input, "FILE"), "raw bytes of the inputs"},
        {"output", 'o', CLI_FILE(&output, "FILE"), "raw bytes of the outputs"},
        {"trace", 0, CLI_FLAG(&trace), "print a line per operator"},
        {"kernels",
         0,
         CLI_CHOICE(&set, CLI_KERNELS),
         "the fastest for this processor, those for AVX2, or portable C"},
        {0}};
    char **operands;
    int count;
    int code = cli_parse(&command, options, argc, argv, &operands, &count);
    if (code >= 0)
        return code;
    if (!input || (!output && !trace))
        return cli_usage(&command, "--input and one of --output and --trace are needed");

    run_state state = {0};
    smt_error error;
    const smt_edge_kernels *kernels = NULL;
    smt_status status = output ? smt_check_kept(output, input, &error) : SMT_OK;
    if (!status)
        status = cli_kernels(set, &kernels, &error);
    if (!status)
        status = open_model(&state, operands[0], kernels, &error);
    size_t each = 0;
    if (!status)
        status = load_inputs(&state, input, &each, &error);
    if (!status)
        status = run_all(&state, output, trace, each, &error);
    if (!status && !trace)
        cli_say("%s: %s kernels, arena %u bytes (%u of them constants prepared once)",
                operands[0],
                smt_edge_kernels_name(state.plan.kernels),
                state.plan.arena_bytes,
                state.plan.prepared_bytes);
    smt_free(state.input);
    smt_free(state.arena);
    smt_free(state.places);
    smt_free(state.file);
    return status ? cli_report(&error) : EXIT_DONE;
}
