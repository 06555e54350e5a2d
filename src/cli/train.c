/* semtinel train: the options of smt_train_fields as flags, simulated images to mix in, curves.png.
 */
#include "cli/cli.h"

#include <semtinel/report.h>
#include <semtinel/synth.h>
#include <semtinel/train.h>

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MAX_FIELDS 112
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
               "knows, in two to four times the time.",
    .examples = "  semtinel train images -o run\n"
                "  semtinel train images -o run --init none --epochs 100 --rate 2e-3\n"
                "  semtinel train images -o run --init other-run --freeze-epochs 5 --freeze-bn\n"
                "  semtinel train images -o run --teacher ensemble-run\n"
                "  semtinel train images -o run --resume\n",
    .min_operands = 1,
    .max_operands = 1,
};

static const char *run_folder, *init = "default", *teacher;
static cli_list also;
static bool resume;

static const cli_option own_options[] = {
    {"output", 'o', CLI_FOLDER(&run_folder, "RUN"), "folder of the run, made if missing"},
    {"init", 0, CLI_TEXT(&init, "WEIGHTS"), "default, none, a model file or another RUN"},
    {"also",
     0,
     CLI_INPUTS(&also, "DIR"),
     "train on the class folders in DIR as well, for instance from 'label'; repeatable"},
    {"teacher",
     0,
     CLI_INPUT(&teacher, "MODEL"),
     "learn from the predictions of this run, for instance an ensemble, in place of the labels"},
    {"resume", 0, CLI_FLAG(&resume), "go on where RUN stopped"},
};
#define OWN_OPTIONS (sizeof own_options / sizeof *own_options)

/* The command line's view of the options; enum fields are parsed beside the struct. */
typedef struct option_view {
    smt_train_options options;
    int choices[MAX_FIELDS];
    cli_option table[OWN_OPTIONS + MAX_FIELDS + 1];
} option_view;

static void make_table(option_view *view)
{
    size_t count = OWN_OPTIONS;
    memcpy(view->table, own_options, sizeof own_options);
    const smt_train_field *fields = smt_train_fields();
    for (int i = 0; fields[i].name && i < MAX_FIELDS; i++) {
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
    for (int i = 0; fields[i].name && i < MAX_FIELDS; i++) {
        if (fields[i].kind == SMT_FIELD_CHOICE) {
            smt_train_field_set(&view->options, &fields[i], view->choices[i]);
        }
    }
    view->options.seed = cli_shared.seed;
}

/* ---- simulated images ------------------------------------------------------------------------ */

typedef struct synth_run {
    smt_synth_preset preset;
    const int *classes; /* of the simulator, one for each of `groups` */
    int per_class, size;
    uint64_t seed;
    uint8_t *pixels;
    atomic_bool failed;
} synth_run;

static void render(void *context, int task, int worker)
{
    (void)worker;
    synth_run *r = context;
    smt_image image = {0};
    if (smt_interrupted() || smt_synth_render(r->preset,
                                              r->classes[task / r->per_class],
                                              r->size,
                                              r->seed,
                                              (uint64_t)(task % r->per_class),
                                              NULL,
                                              &image,
                                              NULL,
                                              NULL)) {
        r->failed = true;
        return;
    }
    size_t bytes = (size_t)r->size * (size_t)r->size;
    memcpy(r->pixels + (size_t)task * bytes, image.pixels, bytes);
    smt_image_free(&image);
}

/* Pairs of equal classes (by canonical name) of a preset and the data set. */
static int
match(smt_synth_preset preset, const char *const *classes, int count, int *simulated, int *ours)
{
    int found = 0;
    for (int s = 0; s < smt_synth_class_count(preset); s++) {
        char name[SMT_CANONICAL], other[SMT_CANONICAL];
        smt_class_canonical(smt_synth_class_name(preset, s), name);
        for (int c = 0; c < count; c++) {
            smt_class_canonical(classes[c], other);
            if (strcmp(name, other) == 0) {
                simulated[found] = s;
                ours[found++] = c;
                break;
            }
        }
    }
    return found;
}

typedef struct train_context {
    smt_pool *pool;
    const char *curves;
    smt_history_row *rows; /* of the epochs so far */
    size_t count, capacity;
    int best;
    double drawn; /* when */
    bool pending; /* rows were added since */
} train_context;

static smt_status simulate(void *context,
                           const smt_train_options *options,
                           const char *const *classes,
                           int class_count,
                           smt_pixels **out,
                           int **out_labels,
                           smt_error *error)
{
    const train_context *c = context;
    int simulated[2][32], ours[2][32];
    int found[2] = {match(SMT_SYNTH_PHASE1, classes, class_count, simulated[0], ours[0]),
                    match(SMT_SYNTH_PHASE3, classes, class_count, simulated[1], ours[1])};
    int preset = found[1] > found[0];
    bool left_to_us = options->extra_share < 0;
    if (left_to_us && 4 * found[preset] < 3 * class_count) {
        if (found[preset]) {
            cli_say("the simulator knows %d of %d classes only: no simulated images are mixed in",
                    found[preset],
                    class_count);
        }
        return SMT_OK;
    }
    if (!found[preset]) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "--mix-synth: none of the classes is one that the simulator knows; see "
                        "'semtinel synth --help'");
    }
    size_t side = (size_t)options->arch.input_size;
    size_t count = (size_t)found[preset] * (size_t)options->synth_per_class;
    smt_pixels *pixels = smt_alloc(1, sizeof *pixels);
    int *labels = smt_alloc(count, sizeof *labels);
    if (pixels) {
        *pixels = (smt_pixels){.size = options->arch.input_size, .count = count};
        pixels->data = smt_alloc(count, side * side);
        pixels->sample = smt_alloc(count, sizeof *pixels->sample);
    }
    if (!pixels || !labels || !pixels->data || !pixels->sample) {
        smt_pixels_destroy(&pixels);
        smt_free(labels);
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu simulated images", count);
    }
    cli_say("simulating %d %s of each of %d %s to mix in%s",
            options->synth_per_class,
            smt_plural((size_t)options->synth_per_class, "image", "images"),
            found[preset],
            smt_plural((size_t)found[preset], "class", "classes"),
            left_to_us ? " (--mix-synth 0: none)" : "");
    synth_run run = {preset ? SMT_SYNTH_PHASE3 : SMT_SYNTH_PHASE1,
                     simulated[preset],
                     options->synth_per_class,
                     options->arch.input_size,
                     options->seed,
                     pixels->data,
                     false};
    smt_pool_run(c->pool, (int)count, render, &run);
    if (run.failed) {
        smt_pixels_destroy(&pixels);
        smt_free(labels);
        return smt_interrupted() ? smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted")
                                 : smt_fail(error, SMT_ERR_MEMORY, "cannot simulate images");
    }
    for (size_t i = 0; i < count; i++) {
        labels[i] = ours[preset][i / (size_t)options->synth_per_class];
        pixels->sample[i] = (uint32_t)i;
    }
    *out = pixels;
    *out_labels = labels;
    return SMT_OK;
}

/* ---- curves ---------------------------------------------------------------------------------- */

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
    if (count > c->capacity) {
        size_t capacity = 2 * count + 64;
        smt_history_row *rows = smt_realloc(c->rows, c->count, capacity, sizeof *rows);
        if (!rows) {
            return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        }
        c->rows = rows;
        c->capacity = capacity;
    }
    for (size_t i = c->count; i < count; i++) {
        const smt_epoch *h = &history[i];
        c->rows[i] = (smt_history_row){.epoch = h->epoch,
                                       .train_loss = h->train_loss,
                                       .val_loss = h->val_loss,
                                       .train_accuracy = h->train_accuracy,
                                       .val_accuracy = h->val_accuracy,
                                       .val_macro_f1 = h->val_macro_f1,
                                       .learning_rate = h->rate};
    }
    c->count = count;
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
    if (path && !smt_path_exists(path)) {
        smt_free(path);
        path = smt_path_join(cli_models_folder(), "semtinel-backbone.safetensors");
    }
    return path;
}

int cli_train(int argc, char **argv)
{
    smt_error error = {0};
    char **operands = NULL;
    option_view view = {.options = smt_train_defaults()};
    int code = parse(&view, argc, argv, &operands);
    if (code >= 0) {
        return code;
    }
    if (!run_folder) {
        return cli_usage(&command, "name the folder of the run: -o RUN");
    }
    bool random = strcmp(init, "none") == 0;
    if (random && view.options.freeze_bn && !resume) {
        return cli_usage(&command,
                         "--freeze-bn keeps the batch-norm statistics of the initial weights; "
                         "--init none has none");
    }
    if (resume) {
        /* What the run was started with becomes the default of what the command line leaves out. */
        smt_train_options then;
        char *state = smt_path_join(run_folder, "checkpoint.safetensors");
        bool exists = state && smt_path_exists(state);
        smt_free(state);
        if (exists) {
            if (smt_train_run_options(run_folder, &then, &error)) {
                return cli_report(&error);
            }
            view.options = then;
            cli_shared.seed = then.seed;
            code = parse(&view, argc, argv, &operands);
            if (code >= 0) {
                return code;
            }
        }
    }
    smt_pool *pool = NULL;
    char *curves = NULL, *backbone = NULL;
    train_context context = {0};
    smt_train_job job = {.dataset = operands[0],
                         .also = also.items,
                         .also_count = also.count,
                         .run = run_folder,
                         .init = init,
                         .teacher = teacher,
                         .resume = resume,
                         .extra = simulate,
                         .epoch_done = epoch_done,
                         .context = &context};
    smt_train_result result = {0};
    code = EXIT_DONE;
    if (smt_train_check(&view.options, &error)) {
        return cli_usage(&command, "%s", error.message);
    }
    smt_status status = smt_pool_create(cli_shared.threads, &pool, &error);
    curves = smt_path_join(run_folder, "curves.png");
    backbone = shipped_backbone(view.options.arch.width);
    if (!status && (!curves || !backbone)) {
        status = smt_fail(&error, SMT_ERR_MEMORY, "out of memory");
    }
    if (status) {
        code = cli_report(&error);
        goto done;
    }
    if (random) {
        job.init = NULL;
    } else if (strcmp(init, "default") == 0) {
        job.init_optional = true;
        job.init = smt_path_exists(backbone) ? backbone : NULL;
        if (!job.init && !resume) {
            smt_log(SMT_LOG_WARNING,
                    "%s: is missing, so training starts from random weights; SEMTINEL_MODELS names "
                    "the folder of the shipped ones",
                    backbone);
        }
    } else if (!smt_path_exists(init)) { /* said before the images are read */
        smt_fail(&error,
                 SMT_ERR_IO,
                 "%s: no such model; --init takes default, none, a model file or a run's folder",
                 init);
        code = cli_report(&error);
        goto done;
    }
    job.pool = pool;
    context.pool = pool;
    context.curves = curves;
    status = smt_train(&job, &view.options, &result, &error);
    smt_error drawing = {0};
    if (context.pending && draw_curves(&context, &drawing) && !status) {
        status = drawing.status;
        error = drawing;
    }
    if (status) {
        code = cli_report(&error);
    } else if (result.skipped) {
        code = EXIT_SKIPPED;
    }
done:
    smt_pool_destroy(&pool);
    smt_free(context.rows);
    smt_free(curves);
    smt_free(backbone);
    return code;
}
