/* semtinel train: the options of smt_train_fields as flags, and curves.png. */
#include "base/room.h"
#include "cli/cli.h"
#include "cli/train_mix.h"

#include <semtinel/report.h>
#include <semtinel/split.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CURVE_SECONDS 5.0 /* between drawings of curves.png while training */

static const cli_command command = {
    .name = "train",
    .arguments = "DATASET -o RUN",
    .summary = "Train MobileNetV3-Small on a folder of images.",
    .details = "DATASET holds class folders, or train/ and val/ with class folders inside; test/ "
               "is never read. Without a val/, whole groups of near-duplicates are held out of the "
               "training images.\n\n"
               "RUN gets model.safetensors (the epoch with the best macro F1 on the validation "
               "images), history.csv, curves.png, log.txt and checkpoint.safetensors. After Ctrl-C "
               "or a crash, --resume continues from the checkpoint, with the options that the run "
               "was started with, to the same bytes as without the interruption.\n\n"
               "--init: 'default' starts from the backbone that semtinel ships for --width 1 and "
               "0.75, trained on simulated images; 'none' from random weights; anything else is a "
               "model file or another RUN, whose layers are taken where they fit.\n\n"
               "If the simulator knows the classes by name, a fifth of every batch is simulated "
               "images, unless --init names your own weights. The network then does better on "
               "images of other tools (--mix-synth).\n\n"
               "--teacher: the network learns another run's predictions for the training images "
               "instead of their labels. One network then learns part of what an 'ensemble' "
               "knows, in two to four times the time.\n\n"
               "--folds N: cross-validation. After the network, N more are trained with the same "
               "options, each on all training and validation images but one fold, an Nth of them, "
               "by groups of near-duplicates, and with --group by lots or wafers. 'evaluate "
               "--split folds' and 'calibrate --split "
               "folds' then ask for each image the network that has not seen it: a few hundred "
               "images give an accuracy with a narrow interval, and thresholds. It takes N times "
               "the time; with --resume it can be added to a run that is done.",
    .examples =
        "  semtinel train images -o run\n"
        "  semtinel train images -o run --init none --epochs 100 --rate 2e-3\n"
        "  semtinel train images -o run --init other-run --freeze-epochs 5 --freeze-bn\n"
        "  semtinel train images -o run --teacher ensemble-run\n"
        "  semtinel train images -o run --folds 5\n"
        "  semtinel train images -o run --folds 5 --group '^[^_]*_[^_]*'    # LOT_WAFER_...\n"
        "  semtinel train images -o run --resume\n",
    .min_operands = 1,
    .max_operands = 1,
};

static const char unsaid[] = "default"; /* told from the word by its address */
static const char *run_folder, *init = unsaid, *teacher;
static cli_list also;
static bool resume;
static int folds;
static const char *group;

static const cli_option own_options[] = {
    {"output", 'o', CLI_FOLDER(&run_folder, "RUN"), "folder of the run, made if missing"},
    {"init", 0, CLI_TEXT(&init, "WEIGHTS"), "default, none, a model file or another RUN"},
    {"also",
     0,
     CLI_INPUTS(&also, "DIR"),
     "train on the class folders in DIR as well, for instance from 'label'"},
    {"teacher",
     0,
     CLI_INPUT(&teacher, "MODEL"),
     "learn from the predictions of this run, for instance an ensemble, in place of the labels"},
    {"folds",
     0,
     CLI_INT(&folds, 0, SMT_FOLDS_MAX, "N"),
     "cross-validation: train so many networks more, in RUN/folds; 5 is usual, 0: none"},
    {"group",
     0,
     CLI_REGEX(&group, "PATTERN"),
     "with --folds, keep images in one fold whose names have the same match: lots or wafers"},
    {"resume", 0, CLI_FLAG(&resume), "go on where RUN stopped"},
};
#define OWN_OPTIONS (sizeof own_options / sizeof *own_options)
_Static_assert(OWN_OPTIONS + SMT_TRAIN_FIELDS_MAX <= CLI_OPTIONS_MAX, "room for all");

/* The command line's view of the options; enum fields are parsed beside the struct. */
typedef struct option_view {
    smt_train_options options;
    int choices[SMT_TRAIN_FIELDS_MAX];
    cli_option table[OWN_OPTIONS + SMT_TRAIN_FIELDS_MAX + 1];
    bool resumed; /* there is a checkpoint to go on from */
} option_view;

static void make_table(option_view *view)
{
    size_t count = OWN_OPTIONS;
    memcpy(view->table, own_options, sizeof own_options);
    const smt_train_field *fields = smt_train_fields();
    for (int i = 0; fields[i].name; i++) {
        const smt_train_field *f = &fields[i];
        void *at = (char *)&view->options + f->offset;
        cli_option o = {f->name, 0, CLI_REAL(at, f->low, f->high, "X"), f->help};
        switch (f->kind) {
        case SMT_FIELD_INT:
            o.kind = CLI_INT;
            o.argument = "N";
            break;
        case SMT_FIELD_REAL:
            break;
        case SMT_FIELD_FLOAT:
            o.kind = CLI_FLOAT;
            break;
        case SMT_FIELD_FLAG:
            o.kind = CLI_FLAG;
            o.argument = NULL;
            break;
        case SMT_FIELD_CHOICE:
            view->choices[i] = (int)smt_train_field_get(&view->options, f);
            o.kind = CLI_CHOICE;
            o.target = &view->choices[i];
            o.argument = f->choices;
            break;
        }
        view->table[count++] = o;
    }
    view->table[count] = (cli_option){0};
}

static void take_table(option_view *view)
{
    const smt_train_field *fields = smt_train_fields();
    for (int i = 0; fields[i].name; i++) {
        if (fields[i].kind == SMT_FIELD_CHOICE) {
            smt_train_field_set(&view->options, &fields[i], view->choices[i]);
        }
    }
    view->options.seed = cli_shared.seed;
}

/* ---- what training calls -------------------------------------------------------------------- */

typedef struct train_context {
    smt_pool *pool;
    const char *curves;
    smt_history_row *rows; /* of the epochs so far */
    size_t count, capacity;
    int best;
    double drawn; /* when */
    bool pending; /* rows were added since */
} train_context;

static smt_status mix(void *context,
                      const smt_train_options *options,
                      const char *const *classes,
                      int class_count,
                      smt_pixels **out,
                      int **out_labels,
                      smt_error *error)
{
    const train_context *c = context;
    return cli_train_mix(c->pool, options, classes, class_count, out, out_labels, error);
}

static smt_status draw_curves(train_context *c, smt_error *error)
{
    c->pending = false;
    c->drawn = smt_clock();
    return smt_plot_history(c->curves, c->rows, c->count, c->best, error);
}

static smt_status
epoch_done(void *context, const smt_epoch *history, size_t count, int best_epoch, smt_error *error)
{
    train_context *c = context;
    for (; c->count < count; c->count++) {
        const smt_epoch *h = &history[c->count];
        if (!SMT_ROOM(c->rows, c->count, c->capacity)) {
            return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        }
        c->rows[c->count] = (smt_history_row){.epoch = h->epoch,
                                              .train_loss = h->train_loss,
                                              .val_loss = h->val_loss,
                                              .train_accuracy = h->train_accuracy,
                                              .val_accuracy = h->val_accuracy,
                                              .val_macro_f1 = h->val_macro_f1,
                                              .learning_rate = h->rate};
    }
    c->best = best_epoch;
    c->pending = true;
    return smt_clock() - c->drawn < CURVE_SECONDS ? SMT_OK : draw_curves(c, error);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int parse(option_view *view, int argc, char **argv, char ***operands)
{
    int count = 0;
    also.count = 0;
    make_table(view);
    int code = cli_parse(&command, view->table, argc, argv, operands, &count);
    if (code < 0) {
        take_table(view);
    }
    return code;
}

/* The shipped weights of networks of that width, else of full width, which then do not fit; as
 * models/pretrain.sh names them. NULL: no memory. */
static char *shipped_backbone(float width)
{
    char name[64];
    snprintf(
        name, sizeof name, "semtinel-backbone-%03d.safetensors", (int)lround(100 * (double)width));
    char *path = smt_path_join(cli_models_folder(), name);
    if (path && smt_path_missing(path)) {
        smt_free(path);
        path = smt_path_join(cli_models_folder(), "semtinel-backbone.safetensors");
    }
    return path;
}

/* Where the run can be resumed: the command line once more, with what the run was started with as
 * the default of what it leaves out. */
static int parse_for_resume(option_view *view, int argc, char **argv, char ***operands)
{
    smt_error error = {0};
    char *state = smt_path_join(run_folder, "checkpoint.safetensors");
    bool exists = state && smt_path_exists(state);
    smt_free(state);
    if (!exists) {
        return -1;
    }
    view->resumed = true;
    if (smt_train_run_options(run_folder, &view->options, &error)) {
        return cli_report(&error);
    }
    cli_shared.seed = view->options.seed;
    return parse(view, argc, argv, operands);
}

static smt_status
choose_weights(smt_train_job *job, const char *backbone, bool resumed, smt_error *error)
{
    if (strcmp(init, "none") == 0) {
        job->init = NULL;
    } else if (strcmp(init, "default") == 0) {
        job->init_optional = true;
        /* With folds, the run must have begun with what those not yet trained begin with. */
        bool as_before = resumed && init == unsaid && !folds;
        job->init = smt_path_missing(backbone) || as_before ? NULL : backbone;
        if (!job->init && !resume) {
            return smt_fail(error,
                            SMT_ERR_IO,
                            "%s: is missing; SEMTINEL_MODELS names the folder of the shipped "
                            "weights, and --init none starts from random ones",
                            backbone);
        }
    } else if (smt_path_missing(init)) { /* said before the images are read */
        return smt_fail(
            error,
            SMT_ERR_IO,
            "%s: no such model; --init takes default, none, a model file or a run's folder",
            init);
    }
    return SMT_OK;
}

/* Trains job->run, and draws its curves. */
static smt_status train_and_draw(smt_train_job job,
                                 const smt_train_options *how,
                                 smt_train_result *result,
                                 smt_error *error)
{
    char *curves = smt_path_join(job.run, "curves.png");
    train_context context = {.pool = job.pool, .curves = curves};
    job.context = &context;
    smt_status status = curves ? smt_train(&job, how, result, error)
                               : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", job.run);
    smt_error drawing = {0};
    if (context.pending && draw_curves(&context, &drawing) && !status) {
        status = drawing.status;
        *error = drawing;
    }
    smt_free(context.rows);
    smt_free(curves);
    return status;
}

/* The networks of the folds, each as the run but for the images: as many epochs, and whatever else
 * the run has settled. */
static smt_status
cross_validate(smt_train_job job, const smt_train_result *result, smt_error *error)
{
    smt_train_options how;
    smt_status status = smt_train_run_options(run_folder, &how, error);
    if (!status && result->early) {
        how.epochs = result->epochs;
    }
    job.init = result->random ? NULL : job.init;
    job.folds = folds;
    cli_say("cross-validation: %d more networks, each without one of %d parts of the images; what "
            "they say is in %s/folds/*/log.txt",
            folds,
            folds,
            run_folder);
    cli_hush(true);
    for (; job.fold < folds && !status; job.fold++) {
        smt_train_result of_fold;
        char *folder = smt_format(SMT_FOLD_FOLDER, run_folder, job.fold + 1);
        job.run = folder;
        status = folder ? train_and_draw(job, &how, &of_fold, error)
                        : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", run_folder);
        if (!status) {
            cli_say("fold %d of %d: %zu %s, accuracy %.4f",
                    job.fold + 1,
                    folds,
                    of_fold.val_count,
                    smt_plural(of_fold.val_count, "image", "images"),
                    of_fold.best.val_accuracy);
        }
        smt_free(folder);
    }
    cli_hush(false);
    return status;
}

/* What a person does with a run. */
static void say_next(const char *dataset, bool validated)
{
    char *data = smt_shell_word(dataset), *run = smt_shell_word(run_folder);
    const char *part = folds ? " --split folds" : "";
    validated = validated || folds; /* calibrate needs images that did not train */
    if (data && run) {
        if (validated) {
            cli_say("next:  semtinel calibrate %s %s%s", run, data, part);
        }
        cli_say("%s semtinel evaluate %s %s%s -o OUT",
                validated ? "      " : "next: ",
                run,
                data,
                part);
    }
    smt_free(data);
    smt_free(run);
}

int cli_train(int argc, char **argv)
{
    char **operands = NULL;
    option_view view = {.options = smt_train_defaults()};
    int code = parse(&view, argc, argv, &operands);
    if (code >= 0) {
        return code;
    }
    if (!run_folder) {
        return cli_usage(&command, "name the folder of the run: -o RUN");
    }
    if (strcmp(init, "none") == 0 && view.options.freeze_bn && !resume) {
        return cli_usage(&command,
                         "--freeze-bn keeps the batch-norm statistics of the initial weights; "
                         "--init none has none");
    }
    if (folds == 1) {
        return cli_usage(&command, "--folds 1: two folds or more; 5 is usual, 0 is none");
    }
    if (group && !folds) {
        return cli_usage(&command,
                         "--group keeps lots or wafers in one of --folds; 'semtinel split --group' "
                         "keeps them in one of train/, val/ and test/");
    }
    if (folds && teacher) {
        return cli_usage(&command,
                         "--folds and --teacher exclude each other: the teacher knows the images "
                         "that a fold leaves out");
    }
    code = resume ? parse_for_resume(&view, argc, argv, &operands) : -1;
    if (code >= 0) {
        return code;
    }
    smt_error error = {0};
    if (smt_train_check(&view.options, &error)) {
        return cli_usage(&command, "%s", error.message);
    }
    char *backbone = shipped_backbone(view.options.arch.width);
    smt_train_job job = {.dataset = operands[0],
                         .also = also.items,
                         .also_count = also.count,
                         .run = run_folder,
                         .init = init,
                         .teacher = teacher,
                         .resume = resume,
                         .group = group,
                         .extra = mix,
                         .epoch_done = epoch_done};
    smt_train_result result = {0};
    smt_status status = backbone ? smt_pool_create(cli_shared.threads, &job.pool, &error)
                                 : smt_fail(&error, SMT_ERR_MEMORY, "out of memory");
    status = status ? status : choose_weights(&job, backbone, view.resumed, &error);
    status = status ? status : train_and_draw(job, &view.options, &result, &error);
    if (!status && folds) {
        status = cross_validate(job, &result, &error);
    }
    if (!status) {
        say_next(operands[0], result.val_count > 0);
    }
    code = status ? cli_report(&error) : result.skipped ? EXIT_SKIPPED : EXIT_DONE;
    smt_pool_destroy(&job.pool);
    smt_free(backbone);
    return code;
}
