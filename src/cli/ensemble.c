/* semtinel ensemble: one network of several. */
#include "cli/cli.h"

#include <semtinel/format.h>
#include <semtinel/train.h>

static const char *output;

static const cli_option options[] = {
    {"output", 'o', CLI_FOLDER(&output, "RUN"), "folder of the ensemble; made if missing"},
    {0},
};

static const cli_command command = {
    .name = "ensemble",
    .arguments = "RUN RUN... -o RUN",
    .summary = "Make one network of several that err differently.",
    .details =
        "The ensemble's logits are the mean of its members' logits. It is a run like any other: it "
        "can be evaluated, calibrated, quantised and exported as one file. It takes the time and "
        "the flash of its members together, and on a board 30% more RAM than one at 128 or 160 "
        "pixels.\n\n"
        "It has two to eight members. They should differ in their initial weights: networks that "
        "began with the shipped backbone, with the one for --width 0.75 and with ImageNet's "
        "weights "
        "correct each other, two seeds of one backbone hardly do. They are trained on one data "
        "set, with one --size. Temperature and thresholds of members are not kept: calibrate the "
        "ensemble.",
    .examples = "  semtinel train sets -o run-a\n"
                "  semtinel train sets -o run-b --width 0.75\n"
                "  semtinel train sets -o run-c --init imagenet.tflite\n"
                "  semtinel ensemble run-a run-b run-c -o run-abc\n",
    .min_operands = 2,
    .max_operands = SMT_MEMBERS_MAX,
};

/* Where the ensemble goes, which is none of the members, nor are two of these one file. *target:
 * owned by the caller. */
static smt_status find_target(char **paths, int count, char **target, smt_error *error)
{
    *target = smt_path_join(output, "model.safetensors");
    smt_status status =
        *target ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", output);
    for (int i = 0; i < count && !status; i++) {
        status = smt_check_kept(*target, paths[i], error);
        for (int k = 0; k < i && !status; k++) {
            if (smt_path_same(paths[i], paths[k])) {
                status = smt_fail(error,
                                  SMT_ERR_ARGUMENT,
                                  "%s: is named twice; equal networks decide as one does",
                                  paths[i]);
            }
        }
    }
    return status;
}

static smt_status run(char **operands, int count, smt_error *error)
{
    char *paths[SMT_MEMBERS_MAX] = {0}, *target = NULL;
    const char *names[SMT_MEMBERS_MAX];
    smt_model *models[SMT_MEMBERS_MAX] = {0}, *ensemble = NULL;
    smt_status status = SMT_OK;
    for (int i = 0; i < count && !status; i++) {
        cli_trim_slashes(operands[i]); /* "run/" is called run */
        names[i] = smt_path_name(operands[i]);
        status = smt_model_file(operands[i], &paths[i], error);
        status = status ? status : smt_model_load(paths[i], &models[i], error);
    }
    status = status ? status : find_target(paths, count, &target, error);
    status = status ? status : cli_check_untrained(output, error);
    if (!status) {
        smt_error why = {0};
        status = smt_ensemble((const smt_model *const *)models, names, count, &ensemble, &why);
        if (status) {
            smt_fail(error, status, "%s: no ensemble of these: %s", operands[0], why.message);
        }
    }
    status = status ? status : cli_make_folder(output, error);
    status = status ? status : smt_model_save(ensemble, target, SMT_DTYPE_F32, NULL, error);
    if (!status) {
        cli_say(
            "%d networks, %.2f million trainable parameters, %.1f million multiplications an image",
            count,
            1e-6 * (double)smt_graph_parameter_count(ensemble->graph),
            1e-6 * (double)smt_graph_macs(ensemble->graph, -1));
        cli_say("wrote %s", target);
        cli_name_left(output, "model.tflite");
        cli_name_left(output, "model-int8.tflite");
    }
    for (int i = 0; i < count; i++) {
        smt_model_destroy(&models[i]);
        smt_free(paths[i]);
    }
    smt_model_destroy(&ensemble);
    smt_free(target);
    return status;
}

int cli_ensemble(int argc, char **argv)
{
    char **operands;
    int count;
    int code = cli_parse(&command, options, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    if (!output) {
        return cli_usage(&command, "-o RUN is missing: the folder of the ensemble");
    }
    smt_error error = {0};
    return run(operands, count, &error) ? cli_report(&error) : EXIT_DONE;
}
