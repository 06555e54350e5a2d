/* Whole training runs on small drawn shapes: that they learn, that the bits depend on the seed
 * alone, that a stopped run resumes to the same bits, and what bad input gets. */
#include "shapes.h"

#include <semtinel/format.h>
#include <semtinel/ops.h>
#include <semtinel/train.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/semtinel-train-XXXXXX";
static char shapes[600]; /* the usual data set: train/ and val/ */

static int make_shapes(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(shapes, sizeof shapes, "%s/shapes", folder);
    shapes_make(shapes, "train", 3, 16, 1);
    shapes_make(shapes, "val", 3, 5, 2);
    shapes_make(shapes, "test", 3, 2, 3); /* is not read */
    return 0;
}

static int remove_shapes(void **state)
{
    (void)state;
    char line[128];
    snprintf(line, sizeof line, "rm -rf '%s'", folder);
    return system(line);
}

static const char *inside(const char *name)
{
    static char path[8][700];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static smt_train_options quick(void)
{
    smt_train_options o = smt_train_defaults();
    o.arch.width = 0.25f;
    o.arch.input_size = 32;
    o.batch = 16;
    o.epochs = 5;
    return o;
}

typedef struct attempt {
    const char *dataset, *run, *init, *teacher;
    int threads, stop_after; /* epochs; 0: never */
    bool resume, optional;
    size_t epochs_seen;
    smt_epoch history[200];
    smt_train_result result;
    smt_error error;
} attempt;

static smt_status
watch(void *context, const smt_epoch *history, size_t count, int best_epoch, smt_error *error)
{
    (void)error;
    attempt *a = context;
    assert_int_equal(history[count - 1].epoch, (int)count);
    assert_in_range(best_epoch, 1, (int)count);
    a->epochs_seen = count;
    memcpy(a->history, history, count * sizeof *history);
    if (a->stop_after && (int)count == a->stop_after) {
        smt_interrupt();
    }
    return SMT_OK;
}

static smt_status train(attempt *a, const smt_train_options *options)
{
    smt_pool *pool = NULL;
    smt_train_job job = {.dataset = a->dataset ? a->dataset : shapes,
                         .run = a->run,
                         .init = a->init,
                         .teacher = a->teacher,
                         .init_optional = a->optional,
                         .resume = a->resume,
                         .epoch_done = watch,
                         .context = a};
    memset(&a->error, 0, sizeof a->error);
    assert_int_equal(smt_pool_create(a->threads ? a->threads : 2, &pool, NULL), SMT_OK);
    job.pool = pool;
    smt_status status = smt_train(&job, options, &a->result, &a->error);
    smt_pool_destroy(&pool);
    smt_interrupt_clear();
    return status;
}

static void must_train(attempt *a, const smt_train_options *options)
{
    if (train(a, options)) {
        fail_msg("%s", a->error.message);
    }
}

static void same_file(const char *a, const char *b, const char *name)
{
    char path[2][800];
    void *data[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", i ? b : a, name);
        assert_int_equal(smt_file_load(path[i], 0, &data[i], &size[i], NULL), SMT_OK);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    smt_free(data[0]);
    smt_free(data[1]);
}

static void no_leftovers(const char *run)
{
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(smt_list_directory(run, &names, &count, NULL), SMT_OK);
    for (size_t i = 0; i < count; i++) {
        assert_null(strstr(names[i], ".tmp"));
    }
    smt_list_free(&names, count);
}

/* Accuracy of RUN/model.safetensors on a part of `shapes`, measured without training's code. */
static double accuracy_of(const char *run, smt_split split)
{
    smt_model *model = NULL;
    smt_dataset *dataset = NULL;
    smt_pixels *pixels = NULL;
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    assert_int_equal(smt_model_load(run, &model, NULL), SMT_OK);
    assert_int_equal(smt_dataset_scan(shapes, &dataset, NULL), SMT_OK);
    int side = model->arch.input_size;
    assert_int_equal(smt_pixels_load(dataset, NULL, side, 0, pool, &pixels, NULL), SMT_OK);
    smt_exec_options options = {.max_batch = 1};
    assert_int_equal(smt_exec_create(model->graph, pool, &options, &exec, NULL), SMT_OK);
    size_t area = (size_t)(side * side);
    float *input = smt_alloc(area, sizeof *input);
    assert_non_null(input);
    double right = 0, all = 0;
    for (size_t i = 0; i < pixels->count; i++) {
        const smt_sample *sample = &dataset->samples[pixels->sample[i]];
        if (sample->split != split) {
            continue;
        }
        for (size_t k = 0; k < area; k++) {
            input[k] = ((float)pixels->data[i * area + k] - 128.0f) / 128.0f;
        }
        const float *logits = smt_exec_infer(exec, input, 1);
        int best = 0;
        for (int c = 1; c < model->class_count; c++) {
            best = logits[c] > logits[best] ? c : best;
        }
        right += strcmp(model->classes[best], dataset->classes[sample->class_index]) == 0;
        all++;
    }
    smt_free(input);
    smt_exec_destroy(&exec);
    smt_pixels_destroy(&pixels);
    smt_dataset_destroy(&dataset);
    smt_model_destroy(&model);
    smt_pool_destroy(&pool);
    return right / all;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* A run that has learned, made by the first case that needs one. */
static const attempt *learnt(void)
{
    static char run[700];
    static attempt a;
    if (!a.run) {
        smt_train_options o = quick();
        o.epochs = 60;
        o.batch = 8;
        o.arch.dropout = 0;
        o.schedule.rate = 5e-3;
        snprintf(run, sizeof run, "%s", inside("learns"));
        a.run = run;
        must_train(&a, &o);
    }
    return &a;
}

static void test_learns(void **state)
{
    (void)state;
    const attempt a = *learnt();
    assert_int_equal(a.epochs_seen, 60);
    assert_int_equal(a.result.train_count, 48);
    assert_int_equal(a.result.val_count, 15);
    double accuracy = accuracy_of(a.run, SMT_SPLIT_TRAIN);
    print_message("accuracy on the training images: %.3f\n", accuracy);
    assert_true(accuracy > 0.9);
    /* The file holds the weights of the epoch that it says it does. */
    assert_true(fabs(accuracy_of(a.run, SMT_SPLIT_VAL) - a.result.best.val_accuracy) < 1e-9);
    no_leftovers(a.run);
    /* Kept is the best of the averaged half: by macro F1, then by loss. */
    const smt_epoch *best = &a.history[30];
    for (const smt_epoch *row = best + 1; row < a.history + 60; row++) {
        bool better = row->val_macro_f1 > best->val_macro_f1 ||
                      (row->val_macro_f1 >= best->val_macro_f1 && row->val_loss < best->val_loss);
        best = better ? row : best;
    }
    assert_int_equal(a.result.best.epoch, best->epoch);

    smt_model *model = NULL;
    assert_int_equal(smt_model_load(a.run, &model, NULL), SMT_OK);
    assert_int_equal(model->class_count, 3);
    static const char *const facts[] = {"\"seed\":\"1\"",
                                        "\"init\":\"none\"",
                                        "\"fingerprint\":",
                                        "\"val_macro_f1\":",
                                        "\"epochs\":60",
                                        "\"disc\":16"};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (!strstr(model->provenance, facts[i])) {
            fail_msg("no %s in %s", facts[i], model->provenance);
        }
    }
    smt_model_destroy(&model);
}

typedef struct variant {
    const char *name;
    void (*change)(smt_train_options *options);
} variant;

static void with_ema(smt_train_options *o)
{
    o->average = SMT_AVERAGE_EMA;
    o->average_start = 0;
}
static void with_swa(smt_train_options *o)
{
    o->average = SMT_AVERAGE_SWA;
    o->average_start = 0.4;
    o->optimizer.kind = SMT_OPTIMIZER_SGD;
    o->schedule.kind = SMT_SCHEDULE_CONSTANT;
}
static void with_frozen_start(smt_train_options *o)
{
    o->freeze_epochs = 2;
    o->mixup = 0.2;
    o->class_weight = 1;
}
static void with_plateau(smt_train_options *o)
{
    o->schedule.kind = SMT_SCHEDULE_PLATEAU;
    o->schedule.plateau_patience = 0;
    o->schedule.plateau_threshold = 0.4;
    o->optimizer.kind = SMT_OPTIMIZER_ADAM;
    o->optimizer.clip_norm = 1;
    o->balance = 0.5;
    o->patience = 4;
}
static void as_it_is(smt_train_options *o)
{
    o->seed = 7;
}

static const variant variants[] = {{"plain", as_it_is},
                                   {"ema", with_ema},
                                   {"swa", with_swa},
                                   {"frozen", with_frozen_start},
                                   {"plateau", with_plateau}};

/* For each variant: one thread and two give the same bytes, and so does a run stopped after every
 * epoch but one. */
static void test_same_bits(void **state)
{
    (void)state;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        char name[3][64];
        for (int i = 0; i < 3; i++) {
            snprintf(name[i], sizeof name[i], "%s-%d", variants[v].name, i);
        }
        smt_train_options o = quick();
        variants[v].change(&o);
        attempt one = {.run = inside(name[0]), .threads = 1};
        attempt two = {.run = inside(name[1]), .threads = 2};
        must_train(&one, &o);
        must_train(&two, &o);
        /* The rate that was not given is that of random weights; frozen epochs take no part of it.
         */
        smt_schedule_options schedule = o.schedule;
        schedule.rate = 4e-3;
        uint64_t steps = 3, total = steps * (uint64_t)(o.epochs - o.freeze_epochs);
        double rate = smt_schedule_rate(&schedule, steps - 1, total);
        assert_true(fabs(one.history[o.freeze_epochs].rate - rate) < 1e-12);
        same_file(one.run, two.run, "model.safetensors");
        attempt broken = {.run = inside(name[2])};
        for (int stop = 1; stop < o.epochs; stop++) {
            broken.stop_after = stop;
            broken.threads = 1 + stop % 2;
            smt_status status = train(&broken, &o);
            if (!status) {
                break; /* early stopping */
            }
            assert_int_equal(status, SMT_ERR_INTERRUPTED);
            assert_non_null(strstr(broken.error.message, "--resume"));
            broken.resume = true;
        }
        broken.stop_after = 0;
        must_train(&broken, &o);
        same_file(one.run, broken.run, "model.safetensors");
        /* Again on a complete run: nothing changes. */
        must_train(&broken, &o);
        same_file(one.run, broken.run, "model.safetensors");
        no_leftovers(broken.run);
    }
}

/* SWA's batch statistics are those of the training images under the averaged weights: compared at
 * the first batch norm, whose input depends on the first convolution alone. */
static void test_swa_statistics(void **state)
{
    (void)state;
    smt_train_options o = quick();
    o.average = SMT_AVERAGE_SWA;
    o.average_start = 0;
    o.no_augment = true;
    o.epochs = 2;
    o.batch = 48; /* all in one batch */
    attempt a = {.run = inside("statistics")};
    must_train(&a, &o);

    smt_model *model = NULL;
    smt_dataset *dataset = NULL;
    smt_pixels *pixels = NULL;
    smt_pool *pool = NULL;
    smt_exec *exec = NULL;
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    assert_int_equal(smt_model_load(a.run, &model, NULL), SMT_OK);
    assert_int_equal(smt_dataset_scan(shapes, &dataset, NULL), SMT_OK);
    assert_int_equal(smt_pixels_load(dataset, NULL, 32, 0, pool, &pixels, NULL), SMT_OK);
    float *input = smt_alloc(48 * 32 * 32, sizeof *input);
    assert_non_null(input);
    size_t images = 0;
    for (size_t i = 0; i < pixels->count; i++) {
        if (dataset->samples[pixels->sample[i]].split == SMT_SPLIT_TRAIN) {
            for (size_t k = 0; k < 1024; k++) {
                input[images * 1024 + k] = ((float)pixels->data[i * 1024 + k] - 128.0f) / 128.0f;
            }
            images++;
        }
    }
    assert_int_equal(images, 48);
    smt_exec_options options = {.max_batch = 48, .training = true};
    assert_int_equal(smt_exec_create(model->graph, pool, &options, &exec, NULL), SMT_OK);
    assert_non_null(smt_exec_infer(exec, input, 48));
    int stem = smt_graph_find(model->graph, "stem");
    const float *value = smt_exec_value(exec, stem);
    assert_non_null(value);
    int channels = model->graph->nodes[stem].shape.c;
    size_t pixels_each = 48 * 16 * 16;
    const float *mean =
        model->graph->params[smt_graph_find_param(model->graph, "stem.bn.mean")].data;
    for (int c = 0; c < channels; c++) {
        double sum = 0;
        for (size_t k = 0; k < pixels_each; k++) {
            sum += (double)value[k * (size_t)channels + (size_t)c];
        }
        assert_true(fabs(sum / (double)pixels_each - (double)mean[c]) < 1e-4);
    }
    smt_free(input);
    smt_exec_destroy(&exec);
    smt_pixels_destroy(&pixels);
    smt_dataset_destroy(&dataset);
    smt_model_destroy(&model);
    smt_pool_destroy(&pool);
}

static float *param_of(const char *run, const char *name, size_t *count)
{
    smt_tensor_file *file = NULL;
    char path[800];
    snprintf(path, sizeof path, "%s/model.safetensors", run);
    assert_int_equal(smt_safetensors_load(path, &file, NULL), SMT_OK);
    const smt_tensor *tensor = smt_tensor_file_find(file, name);
    assert_non_null(tensor);
    float *copy = smt_alloc(tensor->count, sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, tensor->data, tensor->count * sizeof *copy);
    *count = tensor->count;
    smt_tensor_file_destroy(&file);
    return copy;
}

/* Frozen epochs leave the backbone, its statistics too,
 * as it was; --freeze-bn leaves the statistics only. */
static void test_freeze(void **state)
{
    (void)state;
    smt_train_options o = quick();
    o.epochs = 2;
    attempt first = {.run = inside("freeze-0")};
    must_train(&first, &o);
    o.freeze_epochs = 2;
    attempt frozen = {.run = inside("freeze-1"), .init = first.run};
    must_train(&frozen, &o);
    o.freeze_epochs = 0;
    o.freeze_bn = true;
    o.average = SMT_AVERAGE_SWA;
    o.average_start = 0;
    attempt kept = {.run = inside("freeze-2"), .init = first.run};
    must_train(&kept, &o);
    static const struct {
        const char *name;
        bool same_frozen, same_kept;
    } cases[] = {{"block3.expand.weight", true, false},
                 {"block3.expand.bn.mean", true, true},
                 {"block3.expand.bn.gamma", true, false},
                 {"classifier.weight", false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        float *a = param_of(first.run, cases[i].name, &count);
        float *b = param_of(frozen.run, cases[i].name, &count);
        float *c = param_of(kept.run, cases[i].name, &count);
        assert_int_equal(memcmp(a, b, count * sizeof *a) == 0, cases[i].same_frozen);
        assert_int_equal(memcmp(a, c, count * sizeof *a) == 0, cases[i].same_kept);
        smt_free(a);
        smt_free(b);
        smt_free(c);
    }
    o.arch.width = 0.5f;
    attempt wider = {.run = inside("freeze-3"), .init = first.run};
    assert_int_equal(train(&wider, &o), SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(wider.error.message, "--width 0.25"));
    wider.optional = true; /* then from random weights, which have no statistics to keep */
    assert_int_equal(train(&wider, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(wider.error.message, "--freeze-bn"));
    o.freeze_bn = false;
    must_train(&wider, &o);
}

static void test_early_stop(void **state)
{
    (void)state;
    smt_train_options o = quick();
    o.epochs = 200;
    o.patience = 2;
    o.schedule.kind = SMT_SCHEDULE_CONSTANT;
    attempt a = {.run = inside("early")};
    must_train(&a, &o);
    assert_true(a.result.early);
    assert_true(a.result.epochs < 200);
    assert_int_equal(a.result.epochs, a.result.best.epoch + 2);
    /* Stopped in between and resumed, it ends where it did. */
    attempt b = {.run = inside("early-resumed"), .stop_after = a.result.epochs - 1};
    assert_int_equal(train(&b, &o), SMT_ERR_INTERRUPTED);
    b.stop_after = 0;
    b.resume = true;
    must_train(&b, &o);
    assert_int_equal(b.result.epochs, a.result.epochs);
}

/* ---- what an option does, seen in a single step or two ----------------------------------------
 */

/* All images in one batch, as they are, plain gradient descent by a constant rate. */
static smt_train_options one_step(void)
{
    smt_train_options o = quick();
    o.epochs = 1;
    o.batch = 48;
    o.no_augment = true;
    o.keep = SMT_KEEP_LAST;
    o.average = SMT_AVERAGE_NONE;
    o.average_start = 0;
    o.arch.dropout = 0;
    o.label_smoothing = 0;
    o.optimizer.kind = SMT_OPTIMIZER_SGD;
    o.optimizer.weight_decay = 0;
    o.schedule.kind = SMT_SCHEDULE_CONSTANT;
    o.schedule.rate = 0.01;
    return o;
}

/* Whether two runs ended with the same values of a param. */
static bool same_param(const char *a, const char *b, const char *name)
{
    size_t count = 0;
    float *of_a = param_of(a, name, &count), *of_b = param_of(b, name, &count);
    bool same = memcmp(of_a, of_b, count * sizeof *of_a) == 0;
    smt_free(of_a);
    smt_free(of_b);
    return same;
}

static void test_rates_and_decay(void **state)
{
    (void)state;
    smt_train_options o = one_step();
    attempt plain = {.run = inside("step-plain")};
    must_train(&plain, &o);
    o.optimizer.weight_decay = 1;
    attempt decayed = {.run = inside("step-decayed")};
    must_train(&decayed, &o);
    static const struct {
        const char *name;
        bool decays;
    } params[] = {{"block3.expand.weight", true},
                  {"block3.expand.bn.gamma", false},
                  {"block3.expand.bn.beta", false},
                  {"classifier.weight", true},
                  {"classifier.bias", false}};
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        assert_int_equal(same_param(plain.run, decayed.run, params[i].name), !params[i].decays);
    }
    o.optimizer.weight_decay = 0;
    o.backbone_rate = 0;
    attempt head = {.run = inside("step-head"), .init = plain.run};
    must_train(&head, &o);
    assert_true(same_param(plain.run, head.run, "block3.expand.weight"));
    assert_false(same_param(plain.run, head.run, "classifier.weight"));

    /* A channel that ends at 35 shrinks by rate x decay of what is above 5, but not while frozen.
     */
    smt_model *model = NULL;
    const char *wide = inside("wide.safetensors");
    assert_int_equal(smt_model_load(plain.run, &model, NULL), SMT_OK);
    model->graph->params[smt_graph_find_param(model->graph, "stem.bn.gamma")].data[1] = 10;
    model->graph->params[smt_graph_find_param(model->graph, "stem.bn.beta")].data[1] = 0;
    assert_int_equal(smt_model_save(model, wide, SMT_DTYPE_F32, NULL, NULL), SMT_OK);
    smt_free(model->provenance);
    model->provenance = smt_strdup("{}");
    const char *others = inside("others.safetensors");
    assert_int_equal(smt_model_save(model, others, SMT_DTYPE_F32, NULL, NULL), SMT_OK);
    smt_model_destroy(&model);
    o.range_decay = 10;
    for (int frozen = 0; frozen < 2; frozen++) {
        size_t count = 0;
        o.freeze_epochs = frozen;
        attempt a = {.run = inside(frozen ? "step-range-1" : "step-range-0"), .init = wide};
        must_train(&a, &o);
        float *gamma = param_of(a.run, "stem.bn.gamma", &count);
        double wanted = frozen ? 10 : 10 * (1 - 0.1 * (1 - 5.0 / 35));
        assert_true(fabs((double)gamma[1] - wanted) < 1e-4);
        smt_free(gamma);
    }
    /* By default at widths under 1, from weights that are not of ours. */
    o.range_decay = -1;
    o.freeze_epochs = 0;
    for (int ours = 0; ours < 2; ours++) {
        size_t count = 0;
        attempt a = {.run = inside(ours ? "range-ours" : "range-others"),
                     .init = ours ? wide : others};
        must_train(&a, &o);
        float *gamma = param_of(a.run, "stem.bn.gamma", &count);
        double wanted = ours ? 10 : 10 * (1 - 0.2 * (1 - 5.0 / 35));
        assert_true(fabs((double)gamma[1] - wanted) < 1e-4);
        smt_free(gamma);
    }
}

/* Averages begin with the first step that is not frozen, and that one is their first value. They
 * are what counts from their start on, even where an epoch before it was better. */
static void test_when_averages_begin(void **state)
{
    (void)state;
    smt_train_options o = one_step();
    o.epochs = 2;
    o.freeze_epochs = 1;
    attempt plain = {.run = inside("begin-plain")};
    must_train(&plain, &o);
    o.average = SMT_AVERAGE_EMA;
    attempt averaged = {.run = inside("begin-averaged")};
    must_train(&averaged, &o);
    assert_true(same_param(plain.run, averaged.run, "classifier.weight"));
    o.freeze_epochs = 0;
    o.average_start = 0.5;
    attempt half = {.run = inside("begin-half")};
    must_train(&half, &o);
    o.average_start = 0;
    attempt whole = {.run = inside("begin-whole")};
    must_train(&whole, &o);
    assert_true(same_param(half.run, whole.run, "classifier.weight"));
    o.average = SMT_AVERAGE_NONE;
    must_train(&plain, &o);
    assert_false(same_param(plain.run, whole.run, "classifier.weight"));

    /* Next to nothing happens in the first step, and the second destroys the network. */
    o = one_step();
    o.epochs = 2;
    o.keep = SMT_KEEP_BEST;
    o.average = SMT_AVERAGE_EMA;
    o.average_start = 0.5;
    o.schedule.kind = SMT_SCHEDULE_COSINE;
    o.schedule.warmup = 0.9;
    o.schedule.start_divisor = 1e6;
    o.schedule.rate = 10;
    attempt lucky = {.run = inside("begin-lucky"), .init = learnt()->run};
    must_train(&lucky, &o);
    assert_true(lucky.history[0].val_macro_f1 > lucky.history[1].val_macro_f1);
    assert_int_equal(lucky.result.best.epoch, 2);
}

static void test_targets(void **state)
{
    (void)state;
    /* A teacher's probabilities are not smoothed. */
    smt_train_options o = one_step();
    attempt a = {.run = inside("targets-a"), .teacher = learnt()->run};
    must_train(&a, &o);
    o.label_smoothing = 0.3;
    attempt b = {.run = inside("targets-b"), .teacher = learnt()->run};
    must_train(&b, &o);
    assert_true(same_param(a.run, b.run, "classifier.bias"));
    b.teacher = NULL;
    must_train(&b, &o);
    assert_false(same_param(a.run, b.run, "classifier.bias"));

    /* A class of five sixths of the images is pulled at less if all classes count the same. */
    char data[700];
    snprintf(data, sizeof data, "%s", inside("uneven"));
    shapes_make(data, "train", 2, 4, 5);
    shapes_make(data, "train", 1, 20, 5);
    shapes_make(data, "val", 2, 3, 6);
    double pull[3];
    o = one_step();
    for (int weighted = 0; weighted < 3; weighted++) {
        size_t count = 0;
        o.class_weight = weighted / 2.0;
        attempt c = {.dataset = data, .run = inside("uneven-run")};
        must_train(&c, &o);
        float *bias = param_of(c.run, "classifier.bias", &count);
        pull[weighted] = (double)bias[0] - (double)bias[1]; /* disc, stripes */
        smt_free(bias);
    }
    print_message("pulls: %g, %g, %g\n", pull[0], pull[1], pull[2]);
    assert_true(pull[0] > 0 && fabs(pull[2]) < pull[0] / 2);
    assert_true(pull[1] < 0.9 * pull[0] && pull[1] > 1.1 * pull[2]);
}

/* On a plateau the rate falls, and it is the new one that trains. */
/* Others' weights say nothing of what is cut off, a teacher does. */
static void test_teachers_cut(void **state)
{
    (void)state;
    smt_model *model = NULL;
    const char *teacher = inside("cut.safetensors"), *others = inside("uncut.safetensors");
    assert_int_equal(smt_model_load(learnt()->run, &model, NULL), SMT_OK);
    model->preprocess.cut_percent = 25;
    assert_int_equal(smt_model_save(model, teacher, SMT_DTYPE_F32, NULL, NULL), SMT_OK);
    model->preprocess.cut_percent = 0;
    smt_free(model->provenance);
    model->provenance = smt_strdup("{}");
    assert_int_equal(smt_model_save(model, others, SMT_DTYPE_F32, NULL, NULL), SMT_OK);
    smt_model_destroy(&model);
    smt_train_options o = one_step();
    attempt a = {.run = inside("cut-taught"), .init = others, .teacher = teacher};
    must_train(&a, &o);
    assert_int_equal(smt_model_load(a.run, &model, NULL), SMT_OK);
    assert_true(model->preprocess.cut_percent == 25);
    smt_model_destroy(&model);
}

static void test_plateau_rate(void **state)
{
    (void)state;
    smt_train_options o = one_step();
    o.epochs = 4;
    o.schedule.kind = SMT_SCHEDULE_PLATEAU;
    o.schedule.plateau_patience = 0;
    o.schedule.plateau_threshold = 0.5;
    attempt a = {.run = inside("plateau-rate")};
    must_train(&a, &o);
    assert_true(fabs(a.history[0].rate - 0.01) < 1e-12);
    assert_true(a.history[3].rate < 0.002);
    /* It begins where the classifier alone has been trained. */
    o.freeze_epochs = 3;
    o.epochs = 6;
    attempt b = {.run = inside("plateau-frozen")};
    must_train(&b, &o);
    assert_true(fabs(b.history[3].rate - 0.01) < 1e-12);
    assert_true(b.history[5].rate < 0.002);
}

/* With the last epoch kept, validation chooses nothing: not the rate either. */
static void test_plateau_of_training(void **state)
{
    (void)state;
    smt_train_options o = one_step();
    o.epochs = 4;
    o.schedule.kind = SMT_SCHEDULE_PLATEAU;
    o.schedule.plateau_patience = 0;
    o.schedule.plateau_threshold = 0;
    o.schedule.rate = 0.05;
    attempt a = {.run = inside("plateau-training")};
    must_train(&a, &o);
    double rate = o.schedule.rate, best = INFINITY;
    for (int e = 0; e < 4; e++) {
        assert_true(fabs(a.history[e].rate - rate) < 1e-12);
        bool better = a.history[e].train_loss < best;
        rate *= better ? 1 : 0.1;
        best = better ? a.history[e].train_loss : best;
    }
}

/* A last batch of few images is left out. */
static void test_last_batch(void **state)
{
    (void)state;
    static const struct {
        int batch;
        const char *said;
    } cases[] = {
        {44, "1 epoch of 1 step,"}, {40, "1 epoch of 2 steps,"}, {15, "1 epoch of 3 steps,"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        smt_train_options o = one_step();
        o.batch = cases[i].batch;
        attempt a = {.run = inside("last-batch")};
        must_train(&a, &o);
        void *log = NULL;
        size_t size = 0;
        assert_int_equal(smt_file_load(inside("last-batch/log.txt"), 0, &log, &size, NULL), SMT_OK);
        if (!strstr(log, cases[i].said)) {
            fail_msg("no '%s' in %s", cases[i].said, (char *)log);
        }
        smt_free(log);
    }
}

static void test_resume_refuses(void **state)
{
    (void)state;
    smt_train_options o = quick();
    o.epochs = 4;
    char data[700];
    snprintf(data, sizeof data, "%s", inside("changing"));
    shapes_make(data, "train", 2, 6, 3);
    shapes_make(data, "val", 2, 3, 4);
    attempt a = {.dataset = data, .run = inside("refuses"), .stop_after = 2};
    assert_int_equal(train(&a, &o), SMT_ERR_INTERRUPTED);
    a.resume = true;
    a.stop_after = 0;

    smt_train_options other = o;
    other.label_smoothing = 0.2;
    assert_int_equal(train(&a, &other), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "--label-smoothing 0.05"));
    other = o;
    other.optimizer.kind = SMT_OPTIMIZER_SGD;
    assert_int_equal(train(&a, &other), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "--optimizer adamw, not sgd"));
    other = o;
    other.seed = 3;
    assert_int_equal(train(&a, &other), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "--seed 1"));

    smt_train_options stored;
    assert_int_equal(smt_train_run_options(a.run, &stored, NULL), SMT_OK);
    assert_memory_equal(&stored.augment, &o.augment, sizeof o.augment);
    assert_int_equal(stored.epochs, 4);
    /* 0 takes what the run was started with. */
    attempt third = a;
    other = o;
    other.epochs = 0;
    other.schedule.rate = 0;
    third.stop_after = 3;
    assert_int_equal(train(&third, &other), SMT_ERR_INTERRUPTED);

    char extra[800];
    snprintf(extra, sizeof extra, "%s/train/disc/more.png", data);
    shape_save(extra, 0, 77);
    assert_int_equal(train(&a, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "images are not those"));
    unlink(extra);

    /* A damaged checkpoint is refused with its name; at no place does damage crash. */
    char path[800];
    void *bytes = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", a.run);
    assert_int_equal(smt_file_load(path, 0, &bytes, &size, NULL), SMT_OK);
    static const size_t cuts[] = {0, 7, 100, 3000};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(smt_file_save(path, bytes, cuts[i], NULL), SMT_OK);
        assert_true(train(&a, &o) != SMT_OK);
        assert_non_null(strstr(a.error.message, "checkpoint.safetensors"));
    }
    smt_rng rng = smt_rng_seed(5, 5);
    for (int i = 0; i < 60; i++) {
        uint8_t *copy = smt_alloc(size, 1);
        assert_non_null(copy);
        memcpy(copy, bytes, size);
        uint8_t bit = (uint8_t)(1u << smt_rng_below(&rng, 8));
        copy[8 + smt_rng_below(&rng, 4000)] ^= bit;
        assert_int_equal(smt_file_save(path, copy, size, NULL), SMT_OK);
        smt_train_options read;
        smt_train_run_options(a.run, &read, NULL);
        smt_free(copy);
    }
    assert_int_equal(smt_file_save(path, bytes, size, NULL), SMT_OK);
    must_train(&a, &o);
    smt_free(bytes);
}

static void test_bad_data(void **state)
{
    (void)state;
    smt_train_options o = quick();
    o.epochs = 1;
    attempt a = {.dataset = inside("nowhere"), .run = inside("bad-run")};
    assert_int_equal(train(&a, &o), SMT_ERR_IO);
    assert_non_null(strstr(a.error.message, "nowhere"));
    assert_false(smt_path_exists(a.run));

    a.dataset = inside("one-class");
    shapes_make(a.dataset, "train", 1, 3, 5);
    assert_int_equal(train(&a, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "only class disc"));

    a.dataset = inside("no-train");
    shapes_make(a.dataset, "test", 2, 3, 5);
    assert_int_equal(train(&a, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "train"));

    /* One image a class: nothing can be held out; the last epoch is kept. */
    a.dataset = inside("one-each");
    shapes_make(a.dataset, ".", 3, 1, 5);
    o.epochs = 3;
    must_train(&a, &o);
    assert_int_equal(a.result.val_count, 0);
    assert_int_equal(a.result.best.epoch, 3);

    /* Unreadable files are counted; a class of nothing else disappears. */
    a.dataset = inside("broken");
    shapes_make(a.dataset, "train", 2, 8, 6);
    char path[800];
    snprintf(path, sizeof path, "%s/train/disc/zz.png", a.dataset);
    assert_int_equal(smt_file_save(path, "\x89PNG\r\n", 6, NULL), SMT_OK);
    snprintf(path, sizeof path, "%s/train/zebra", a.dataset);
    assert_int_equal(smt_make_directory(path, NULL), SMT_OK);
    snprintf(path, sizeof path, "%s/train/zebra/a.png", a.dataset);
    assert_int_equal(smt_file_save(path, "nothing", 7, NULL), SMT_OK);
    must_train(&a, &o);
    assert_int_equal(a.result.skipped, 2);
    assert_int_equal(a.result.train_count + a.result.val_count, 16);
    assert_true(a.result.val_count >= 2);

    /* The run cannot be written. */
    a.dataset = NULL;
    a.run = "/proc/semtinel-run";
    assert_int_equal(train(&a, &o), SMT_ERR_IO);
    assert_non_null(strstr(a.error.message, "/proc/semtinel-run"));

    o.batch = 0;
    assert_int_equal(train(&a, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "--batch"));
    o = quick();
    o.augment.rotation = NAN;
    assert_int_equal(train(&a, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "--rotation"));
}

static void test_diverges(void **state)
{
    (void)state;
    smt_train_options o = quick();
    o.epochs = 20;
    o.optimizer.kind = SMT_OPTIMIZER_SGD;
    o.optimizer.momentum = 0.99;
    o.optimizer.weight_decay = 10;
    o.schedule.kind = SMT_SCHEDULE_CONSTANT;
    o.schedule.rate = 10;
    attempt a = {.run = inside("diverges")};
    assert_int_equal(train(&a, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "diverged"));
}

/* With statistics that no image has, only validation has outputs that are no numbers. */
static void test_no_answers(void **state)
{
    (void)state;
    smt_train_options o = one_step();
    attempt plain = {.run = inside("answers")};
    must_train(&plain, &o);
    smt_model *model = NULL;
    const char *strange = inside("strange.safetensors");
    assert_int_equal(smt_model_load(plain.run, &model, NULL), SMT_OK);
    for (int i = 0; i < model->graph->node_count; i++) {
        const smt_node *node = &model->graph->nodes[i];
        bool norm = node->op == SMT_OP_BATCH_NORM;
        for (int c = 0; norm && c < node->shape.c; c++) {
            model->graph->params[node->param[SMT_MEAN]].data[c] = c % 2 ? 1e18f : -1e18f;
        }
    }
    assert_int_equal(smt_model_save(model, strange, SMT_DTYPE_F32, NULL, NULL), SMT_OK);
    smt_model_destroy(&model);
    attempt a = {.run = inside("no-answers"), .init = strange};
    assert_int_equal(train(&a, &o), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(a.error.message, "diverged: the kept network"));
    assert_true(isfinite(a.history[0].train_loss));
    assert_true(a.history[0].val_accuracy == 0 && a.history[0].val_macro_f1 == 0);
}

static void interrupt_training(void *context, smt_log_level level, const char *line)
{
    (void)context;
    (void)level;
    (void)line;
    smt_interrupt();
}

static void interrupt_epoch(void *context, const char *label, size_t done, size_t total)
{
    (void)context;
    if (strcmp(label, "training") == 0 && done && done < total) {
        smt_interrupt();
    }
}

/* Until its first epoch is done a run costs the earlier one in its folder nothing; from then on
 * nothing is left of that. */
static void test_early_interrupt(void **state)
{
    (void)state;
    smt_train_options o = one_step();
    attempt a = {.run = inside("earlier")}, before = {.run = inside("before")};
    must_train(&a, &o);
    char copy[1500];
    snprintf(copy, sizeof copy, "cp -r '%s' '%s'", a.run, before.run);
    assert_int_equal(system(copy), 0);
    smt_train_options other = quick();
    other.seed = 8;
    other.epochs = 2;
    for (int round = 0; round < 2; round++) {
        round ? smt_progress_set(interrupt_epoch, NULL) : smt_log_set(interrupt_training, NULL);
        smt_status status = train(&a, &other);
        smt_progress_set(NULL, NULL);
        smt_log_set(NULL, NULL);
        assert_int_equal(status, SMT_ERR_INTERRUPTED);
        assert_non_null(strstr(a.error.message, "still holds its earlier model"));
        same_file(before.run, a.run, "model.safetensors");
        same_file(before.run, a.run, "checkpoint.safetensors");
        same_file(before.run, a.run, "history.csv");
    }
    a.resume = true;
    must_train(&a, &o);
    same_file(before.run, a.run, "model.safetensors");
    a.resume = false;
    before.run = inside("alone");
    must_train(&a, &other);
    must_train(&before, &other);
    same_file(before.run, a.run, "model.safetensors");
}

static void test_no_memory(void **state)
{
    (void)state;
    char data[700];
    snprintf(data, sizeof data, "%s", inside("tiny"));
    shapes_make(data, "train", 2, 2, 8);
    shapes_make(data, "val", 2, 1, 9);
    smt_train_options o = quick();
    o.epochs = 1;
    o.batch = 4;
    o.average = SMT_AVERAGE_SWA;
    o.average_start = 0;
    attempt a = {.dataset = data, .run = inside("memory"), .threads = 1};
    smt_pool *pool = NULL;
    assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
    smt_train_job job = {.dataset = data, .run = a.run, .pool = pool};
    /* Weights: random, then of the first run; then that one teaches too. */
    for (int round = 0; round < 3; round++) {
        smt_status status = SMT_ERR_MEMORY;
        for (long i = 0; status; i += 1 + i / (round ? 2000 : 40)) {
            smt_error error = {0};
            smt_alloc_fail_after(i);
            status = smt_train(&job, &o, &a.result, &error);
            smt_alloc_fail_after(-1);
            if (status && !error.message[0]) {
                fail_msg("no message when allocation %ld fails", i);
            }
            assert_true(i < 1000000);
        }
        job.init = a.run;
        job.run = inside("memory-initial");
        job.teacher = round ? a.run : NULL;
    }
    smt_pool_destroy(&pool);
    no_leftovers(a.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_swa_statistics),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_early_stop),
        cmocka_unit_test(test_rates_and_decay),
        cmocka_unit_test(test_when_averages_begin),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_teachers_cut),
        cmocka_unit_test(test_plateau_rate),
        cmocka_unit_test(test_plateau_of_training),
        cmocka_unit_test(test_last_batch),
        cmocka_unit_test(test_resume_refuses),
        cmocka_unit_test(test_bad_data),
        cmocka_unit_test(test_diverges),
        cmocka_unit_test(test_no_answers),
        cmocka_unit_test(test_early_interrupt),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_shapes, remove_shapes);
}
