/* RUN/checkpoint.safetensors: flat tensors (weights, average, best weights, moments, steps) and one
 * JSON text "semtinel.training" with options, seed, classes, data fingerprint, counters and
 * history. Real numbers are written with 17 digits, which give the same double back. */
#include "train/state.h"

#include "train/options.h"

#include <semtinel/format.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define TRAINING_VERSION 1

static const char *const epoch_fields[] = {"rate",
                                           "train_loss",
                                           "train_accuracy",
                                           "val_loss",
                                           "val_accuracy",
                                           "val_macro_f1",
                                           "images_per_second"};
enum { EPOCH_FIELDS = sizeof epoch_fields / sizeof *epoch_fields };

static double *epoch_value(smt_epoch *row, int field)
{
    double *const values[EPOCH_FIELDS] = {&row->rate,
                                          &row->train_loss,
                                          &row->train_accuracy,
                                          &row->val_loss,
                                          &row->val_accuracy,
                                          &row->val_macro_f1,
                                          &row->images_per_second};
    return values[field];
}

smt_status smt_state_create(const smt_train_options *options,
                            const smt_graph *graph,
                            smt_train_state **out,
                            smt_error *error)
{
    smt_train_state *s = smt_alloc(1, sizeof *s);
    if (s) {
        for (int i = 0; i < graph->param_count; i++) {
            s->count += graph->params[i].count;
        }
        s->plateau = smt_plateau_start(&options->schedule);
        s->origin = smt_strdup("none");
        s->seen = smt_strdup("");
        int epochs = options->epochs ? options->epochs : SMT_EPOCHS_MOST;
        s->history = smt_alloc((size_t)epochs, sizeof *s->history);
        s->weights = smt_alloc(s->count, sizeof *s->weights);
        s->best_weights = smt_alloc(s->count, sizeof *s->best_weights);
        bool averages = options->average != SMT_AVERAGE_NONE;
        s->average = averages ? smt_alloc(s->count, sizeof *s->average) : NULL;
        if (s->origin && s->seen && s->history && s->weights && s->best_weights &&
            (s->average || !averages)) {
            *out = s;
            return SMT_OK;
        }
    }
    smt_state_destroy(&s);
    return smt_fail(error, SMT_ERR_MEMORY, "out of memory for the state of the training");
}

void smt_state_destroy(smt_train_state **state)
{
    if (!state || !*state) {
        return;
    }
    smt_free((*state)->origin);
    smt_free((*state)->seen);
    smt_free((*state)->history);
    smt_free((*state)->weights);
    smt_free((*state)->average);
    smt_free((*state)->best_weights);
    smt_free(*state);
    *state = NULL;
}

void smt_params_gather(const smt_graph *graph, float *flat)
{
    for (int i = 0; i < graph->param_count; i++) {
        memcpy(flat, graph->params[i].data, graph->params[i].count * sizeof *flat);
        flat += graph->params[i].count;
    }
}

void smt_params_scatter(smt_graph *graph, const float *flat)
{
    for (int i = 0; i < graph->param_count; i++) {
        memcpy(graph->params[i].data, flat, graph->params[i].count * sizeof *flat);
        flat += graph->params[i].count;
    }
}

void smt_params_swap(smt_graph *graph, float *flat)
{
    for (int i = 0; i < graph->param_count; i++) {
        float *data = graph->params[i].data;
        for (size_t k = 0; k < graph->params[i].count; k++) {
            float kept = data[k];
            data[k] = flat[k];
            flat[k] = kept;
        }
        flat += graph->params[i].count;
    }
}

char *smt_state_path(const char *run)
{
    return smt_path_join(run, "checkpoint.safetensors");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *epoch_json(const smt_epoch *row)
{
    smt_epoch copy = *row;
    json_t *object = json_pack("{s:i}", "epoch", row->epoch);
    for (int i = 0; object && i < EPOCH_FIELDS; i++) {
        if (json_object_set_new(object, epoch_fields[i], real_or_null(*epoch_value(&copy, i)))) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

static bool whole(const json_t *root, const char *name, int low, int high, int *out)
{
    const json_t *item = json_object_get(root, name);
    if (!json_is_integer(item) || json_integer_value(item) < low ||
        json_integer_value(item) > high) {
        return false;
    }
    *out = (int)json_integer_value(item);
    return true;
}

static bool epoch_from_json(const json_t *object, smt_epoch *row)
{
    if (!whole(object, "epoch", 0, 100000, &row->epoch)) {
        return false;
    }
    for (int i = 0; i < EPOCH_FIELDS; i++) {
        const json_t *item = json_object_get(object, epoch_fields[i]);
        if (!json_is_number(item) && !json_is_null(item)) {
            return false;
        }
        *epoch_value(row, i) = json_is_null(item) ? (double)NAN : json_number_value(item);
    }
    return true;
}

static void hexadecimal(uint64_t value, char text[17])
{
    snprintf(text, 17, "%016" PRIx64, value);
}

static json_t *mixed_json(const smt_extra *mixed)
{
    char fingerprint[17];
    hexadecimal(mixed->fingerprint, fingerprint);
    return json_pack("{s:I, s:s}", "images", (json_int_t)mixed->count, "fingerprint", fingerprint);
}

static smt_extra mixed_from_json(const json_t *object)
{
    json_int_t count = json_integer_value(json_object_get(object, "images"));
    const char *fingerprint = json_string_value(json_object_get(object, "fingerprint"));
    return count > 0 && fingerprint ? (smt_extra){(size_t)count, strtoull(fingerprint, NULL, 16)}
                                    : (smt_extra){0};
}

static char *training_json(const smt_state_key *key, const smt_train_state *s)
{
    char fingerprint[17], teacher[17], seed[24];
    hexadecimal(key->fingerprint, fingerprint);
    hexadecimal(key->teacher, teacher);
    snprintf(seed, sizeof seed, "%" PRIu64, key->options->seed);
    json_t *history = json_array();
    for (int i = 0; i < s->epoch; i++) {
        json_array_append_new(history, epoch_json(&s->history[i]));
    }
    json_t *classes = json_array();
    for (int i = 0; i < key->class_count; i++) {
        json_array_append_new(classes, json_string(key->classes[i]));
    }
    json_t *root = json_pack("{s:i, s:o, s:s, s:s, s:o, s:o, s:i, s:b, s:b, s:i, s:f, s:o, s:i, "
                             "s:I, s:o, s:o, s:s, s:s, s:s}",
                             "version",
                             TRAINING_VERSION,
                             "options",
                             smt_options_json(key->options),
                             "seed",
                             seed,
                             "data",
                             fingerprint,
                             "mixed",
                             mixed_json(&key->mixed),
                             "classes",
                             classes,
                             "epoch",
                             s->epoch,
                             "finished",
                             s->finished,
                             "early",
                             s->early,
                             "bad_epochs",
                             s->bad_epochs,
                             "plateau_rate",
                             s->plateau.rate,
                             "plateau_best",
                             real_or_null(s->plateau.best),
                             "plateau_bad_epochs",
                             s->plateau.bad_epochs,
                             "average_updates",
                             (json_int_t)s->average_updates,
                             "best",
                             epoch_json(&s->best),
                             "history",
                             history,
                             "init",
                             s->origin,
                             "seen",
                             s->seen,
                             "teacher",
                             teacher);
    char *text = NULL;
    if (root && json_array_size(history) == (size_t)s->epoch &&
        json_array_size(classes) == (size_t)key->class_count) {
        char *dumped = json_dumps(root, JSON_COMPACT);
        text = dumped ? smt_strdup(dumped) : NULL;
        free(dumped);
    }
    json_decref(root);
    return text;
}

/* ---- saving ---------------------------------------------------------------------------------- */

static smt_status
add(smt_tensor_file *file, const char *name, const float *data, size_t count, smt_error *error)
{
    int64_t dim = (int64_t)count;
    return smt_tensor_file_add(file, name, SMT_DTYPE_F32, 1, &dim, data, error);
}

static smt_status
add_optimizer(smt_tensor_file *file, smt_optimizer *optimizer, int slots, smt_error *error)
{
    smt_status status = SMT_OK;
    for (int which = 0; which < 2 && !status; which++) {
        size_t count = 0;
        const float *moment = smt_optimizer_moment(optimizer, which, &count);
        if (moment) {
            status = add(file, which ? "moment1" : "moment0", moment, count, error);
        }
    }
    float *steps = smt_alloc((size_t)slots, sizeof *steps);
    if (!steps) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    for (int i = 0; i < slots; i++) {
        steps[i] = (float)smt_optimizer_steps(optimizer)[i]; /* exact below 2^24 */
    }
    if (!status) {
        status = add(file, "steps", steps, (size_t)slots, error);
    }
    smt_free(steps);
    return status;
}

smt_status smt_state_save(const char *run,
                          const smt_state_key *key,
                          const smt_train_state *s,
                          smt_optimizer *optimizer,
                          smt_error *error)
{
    smt_tensor_file *file = NULL;
    char *path = smt_state_path(run);
    char *text = training_json(key, s);
    smt_status status = SMT_OK;
    if (!path || !text) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", run);
        goto done;
    }
    status = smt_tensor_file_create(&file, error);
    if (!status) {
        status = smt_tensor_file_set(file, SMT_TRAINING_KEY, text, error);
    }
    if (!status && s->best.epoch) {
        status = add(file, "best", s->best_weights, s->count, error);
    }
    if (!status && !s->finished) {
        status = add(file, "weights", s->weights, s->count, error);
        if (!status && s->average && s->average_updates) {
            status = add(file, "average", s->average, s->count, error);
        }
        if (!status) {
            status = add_optimizer(file, optimizer, smt_optimizer_slots(optimizer), error);
        }
    }
    if (!status) {
        status = smt_safetensors_save(file, path, error);
    }
done:
    smt_tensor_file_destroy(&file);
    smt_free(path);
    smt_free(text);
    return status;
}

/* ---- loading --------------------------------------------------------------------------------- */

static smt_status damaged(const char *path, const char *what, smt_error *error)
{
    return smt_fail(error,
                    SMT_ERR_FORMAT,
                    "%s: damaged: %s; remove it to train from the beginning",
                    path,
                    what);
}

/* The file and its parsed training text. */
static smt_status
open_state(const char *path, smt_tensor_file **file, json_t **training, smt_error *error)
{
    smt_status status = smt_safetensors_load(path, file, error);
    if (status) {
        return status;
    }
    const char *text = smt_tensor_file_get(*file, SMT_TRAINING_KEY);
    json_t *root = text ? json_loads(text, 0, NULL) : NULL;
    if (!root || json_integer_value(json_object_get(root, "version")) != TRAINING_VERSION) {
        json_decref(root);
        smt_tensor_file_destroy(file);
        return damaged(path, "no training state of this version of semtinel in it", error);
    }
    *training = root;
    return SMT_OK;
}

static smt_status
read_options(const json_t *root, const char *path, smt_train_options *options, smt_error *error)
{
    smt_status status =
        smt_options_from_json(json_object_get(root, "options"), path, options, error);
    if (!status) {
        const char *seed = json_string_value(json_object_get(root, "seed"));
        if (!seed) {
            return damaged(path, "no seed", error);
        }
        options->seed = strtoull(seed, NULL, 10);
    }
    return status;
}

static smt_status
same_data(const json_t *root, const smt_state_key *key, const char *run, smt_error *error)
{
    const json_t *classes = json_object_get(root, "classes");
    bool same = json_array_size(classes) == (size_t)key->class_count;
    for (int i = 0; same && i < key->class_count; i++) {
        const char *name = json_string_value(json_array_get(classes, (size_t)i));
        same = name && strcmp(name, key->classes[i]) == 0;
    }
    char fingerprint[17];
    hexadecimal(key->fingerprint, fingerprint);
    const char *then = json_string_value(json_object_get(root, "data"));
    if (!same || !then || strcmp(then, fingerprint) != 0) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: cannot resume: the images are not those it was started with%s; give "
                        "the same DATASET, --also, --folds and --group, or train into another "
                        "folder",
                        run,
                        same ? "" : " (other classes)");
    }
    return SMT_OK;
}

static smt_status
same_teacher(const json_t *root, const smt_state_key *key, const char *run, smt_error *error)
{
    char teacher[17];
    hexadecimal(key->teacher, teacher);
    const char *taught = json_string_value(json_object_get(root, "teacher"));
    bool was = taught && strtoull(taught, NULL, 16) != 0; /* earlier versions wrote none */
    if (was ? strcmp(taught, teacher) != 0 : key->teacher != 0) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: cannot resume: it was started with %s; %s, or train into another "
                        "folder",
                        run,
                        !was           ? "no teacher"
                        : key->teacher ? "another teacher"
                                       : "a teacher",
                        was ? "give the same --teacher" : "leave out --teacher");
    }
    return SMT_OK;
}

static smt_status read_counters(const json_t *root,
                                const smt_state_key *key,
                                const char *path,
                                smt_train_state *s,
                                smt_error *error)
{
    const json_t *updates = json_object_get(root, "average_updates");
    const json_t *plateau_best = json_object_get(root, "plateau_best");
    const json_t *plateau_rate = json_object_get(root, "plateau_rate");
    if (!whole(root, "epoch", 1, key->options->epochs, &s->epoch) ||
        !whole(root, "bad_epochs", 0, s->epoch, &s->bad_epochs) ||
        !whole(root, "plateau_bad_epochs", 0, s->epoch, &s->plateau.bad_epochs) ||
        !json_is_integer(updates) || json_integer_value(updates) < 0 ||
        !json_is_number(plateau_rate) ||
        !epoch_from_json(json_object_get(root, "best"), &s->best) || s->best.epoch > s->epoch) {
        return damaged(path, "counters", error);
    }
    s->average_updates = (uint64_t)json_integer_value(updates);
    s->plateau.rate = json_number_value(plateau_rate);
    s->plateau.best =
        json_is_number(plateau_best) ? json_number_value(plateau_best) : (double)INFINITY;
    s->finished = json_is_true(json_object_get(root, "finished"));
    s->early = json_is_true(json_object_get(root, "early"));
    const char *origin = json_string_value(json_object_get(root, "init"));
    const char *seen = json_string_value(json_object_get(root, "seen"));
    char *copy = smt_strdup(origin ? origin : "none"), *marks = smt_strdup(seen ? seen : "");
    if (!copy || !marks) {
        smt_free(copy);
        smt_free(marks);
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    smt_free(s->origin);
    smt_free(s->seen);
    s->origin = copy;
    s->seen = marks;
    const json_t *history = json_object_get(root, "history");
    for (int i = 0; i < s->epoch; i++) {
        if (!epoch_from_json(json_array_get(history, (size_t)i), &s->history[i])) {
            return damaged(path, "history", error);
        }
    }
    return SMT_OK;
}

static smt_status take(const smt_tensor_file *file,
                       const char *path,
                       const char *name,
                       float *out,
                       size_t count,
                       smt_error *error)
{
    const smt_tensor *tensor = smt_tensor_file_find(file, name);
    if (!tensor || tensor->count != count || tensor->dtype != SMT_DTYPE_F32) {
        return damaged(path, name, error);
    }
    memcpy(out, tensor->data, count * sizeof *out);
    return SMT_OK;
}

static smt_status take_optimizer(const smt_tensor_file *file,
                                 const char *path,
                                 smt_optimizer *optimizer,
                                 smt_error *error)
{
    smt_status status = SMT_OK;
    for (int which = 0; which < 2 && !status; which++) {
        size_t count = 0;
        float *moment = smt_optimizer_moment(optimizer, which, &count);
        if (moment) {
            status = take(file, path, which ? "moment1" : "moment0", moment, count, error);
        }
    }
    int slots = smt_optimizer_slots(optimizer);
    const smt_tensor *steps = smt_tensor_file_find(file, "steps");
    if (!status && (!steps || steps->count != (size_t)slots)) {
        status = damaged(path, "steps", error);
    }
    for (int i = 0; !status && i < slots; i++) {
        if (!(steps->data[i] >= 0 && steps->data[i] < 16777216.0f)) {
            status = damaged(path, "steps", error);
        } else {
            smt_optimizer_steps(optimizer)[i] = (int32_t)steps->data[i];
        }
    }
    return status;
}

smt_status smt_state_load(const char *run,
                          const smt_state_key *key,
                          smt_train_state *s,
                          smt_optimizer *optimizer,
                          smt_error *error)
{
    smt_tensor_file *file = NULL;
    json_t *root = NULL;
    smt_train_options then;
    char *path = smt_state_path(run);
    if (!path) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", run);
    }
    smt_status status = open_state(path, &file, &root, error);
    if (!status) {
        status = read_options(root, path, &then, error);
    }
    if (!status) {
        status = smt_options_same(&then, key->options, run, error);
    }
    if (!status) {
        status = same_data(root, key, run, error);
    }
    if (!status) {
        status = same_teacher(root, key, run, error);
    }
    if (!status) {
        status = read_counters(root, key, path, s, error);
    }
    if (!status && s->best.epoch) {
        status = take(file, path, "best", s->best_weights, s->count, error);
    }
    if (!status && !s->finished) {
        status = take(file, path, "weights", s->weights, s->count, error);
        if (!status && s->average && s->average_updates) {
            status = take(file, path, "average", s->average, s->count, error);
        }
        if (!status) {
            status = take_optimizer(file, path, optimizer, error);
        }
    }
    json_decref(root);
    smt_tensor_file_destroy(&file);
    smt_free(path);
    return status;
}

smt_status
smt_state_options(const char *run, smt_train_options *options, smt_extra *mixed, smt_error *error)
{
    smt_tensor_file *file = NULL;
    json_t *root = NULL;
    char *path = smt_state_path(run);
    if (!path) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", run);
    }
    smt_status status = open_state(path, &file, &root, error);
    if (!status) {
        status = read_options(root, path, options, error);
    }
    bool finished = json_is_true(json_object_get(root, "finished"));
    *mixed = mixed_from_json(finished ? json_object_get(root, "mixed") : NULL);
    json_decref(root);
    smt_tensor_file_destroy(&file);
    smt_free(path);
    return status;
}

smt_status smt_train_run_options(const char *run, smt_train_options *options, smt_error *error)
{
    smt_extra mixed;
    return smt_state_options(run, options, &mixed, error);
}
