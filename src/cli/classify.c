#include "cli/classify.h"

#include "base/guess.h"
#include "cli/cli.h"

#include <semtinel/image.h>

#include <string.h>

static smt_status rename_classes(smt_classifier *classifier, const char *names, smt_error *error)
{
    const char *list[SMT_CLASS_MAX];
    int count = 0;
    char *copy = smt_strdup(names);
    if (!copy) {
        return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_status status = SMT_OK;
    for (char *name = copy; name && !status;) {
        char *comma = strchr(name, ',');
        if (comma) {
            *comma = 0;
        }
        if (!*name || count == SMT_CLASS_MAX) {
            status = smt_fail(error,
                              SMT_ERR_ARGUMENT,
                              "--classes %s: an empty name, or more than %d",
                              names,
                              SMT_CLASS_MAX);
        }
        for (int i = 0; i < count && !status; i++) {
            if (strcmp(list[i], name) == 0) {
                status = smt_fail(
                    error, SMT_ERR_ARGUMENT, "--classes %s: '%s' stands there twice", names, name);
            }
        }
        if (!status) {
            list[count++] = name;
        }
        name = comma ? comma + 1 : NULL;
    }
    status = status ? status : smt_classifier_rename(classifier, list, count, error);
    smt_free(copy);
    return status;
}

smt_status cli_open_classifier(
    const char *path, const char *names, smt_pool *pool, smt_classifier **out, smt_error *error)
{
    smt_classifier *classifier = NULL;
    smt_status status = smt_classifier_open(path, pool, &classifier, error);
    if (!status && names) {
        status = rename_classes(classifier, names, error);
    }
    if (!status && !smt_classifier_about(classifier)->named) {
        smt_log(SMT_LOG_WARNING,
                "%s: holds no class names; they are called class0, class1, .... --classes A,B,... "
                "names them",
                smt_classifier_about(classifier)->path);
    }
    if (!status && smt_classifier_about(classifier)->decision.watches &&
        !smt_classifier_about(classifier)->remembered) {
        const smt_classifier_info *info = smt_classifier_about(classifier);
        bool unsure = false;
        for (int c = 0; c < info->class_count; c++) {
            unsure = unsure || info->decision.threshold[c] > 0;
        }
        smt_log(
            SMT_LOG_WARNING,
            "%s: only the checkpoint that 'calibrate' wrote remembers which images are familiar; "
            "%s to review here",
            info->path,
            unsure ? "confidence alone sends" : "nothing is sent");
    }
    if (status) {
        smt_classifier_close(&classifier);
        return status;
    }
    *out = classifier;
    return SMT_OK;
}

void cli_choose_views(smt_classifier *classifier, int choice)
{
    const smt_classifier_info *info = smt_classifier_about(classifier);
    if (!choice) {
        return;
    }
    int views = 1 << (choice - 1);
    if (info->decision.views != views && info->decision.rejects) {
        smt_log(SMT_LOG_WARNING,
                "%s: its thresholds were fitted with --views %d",
                info->path,
                info->decision.views);
    }
    smt_classifier_set_views(classifier, views);
}

/* Images decoded and classified at a time, so that memory does not grow with their number. */
#define BLOCK 256

typedef struct block {
    char **paths;
    int size;
    float cut_percent;
    uint8_t *pixels; /* BLOCK x size x size; fewer for fewer images */
    bool good[BLOCK], more_pages[BLOCK];
    float familiarity[BLOCK]; /* of the good ones, in their order */
    smt_error errors[BLOCK];
    float *probabilities;
    smt_paged paged; /* so far */
} block;

static void read_one(void *context, int task, int worker)
{
    (void)worker;
    block *b = context;
    smt_image image = {0}, small = {0};
    smt_sem_metadata metadata = {0};
    smt_error *error = &b->errors[task];
    b->good[task] = false;
    if (smt_image_load_sem(b->paths[task], NULL, b->cut_percent, &image, &metadata, error) ==
            SMT_OK &&
        smt_image_resize(&image, b->size, b->size, &small, error) == SMT_OK) {
        size_t side = (size_t)b->size * (size_t)b->size;
        memcpy(b->pixels + (size_t)task * side, small.pixels, side);
        b->good[task] = true;
    }
    b->more_pages[task] = metadata.more_pages;
    smt_image_free(&image);
    smt_image_free(&small);
}

static smt_status run_block(smt_classifier *classifier,
                            smt_pool *pool,
                            block *b,
                            int count,
                            cli_answer answer,
                            void *context,
                            size_t *skipped,
                            smt_error *error)
{
    size_t side = (size_t)b->size * (size_t)b->size, good = 0;
    smt_pool_run(pool, count, read_one, b);
    for (int i = 0; i < count; i++) {
        smt_paged_add(&b->paged, b->more_pages[i], b->paths[i]);
        if (b->good[i]) {
            memmove(b->pixels + good++ * side, b->pixels + (size_t)i * side, side);
        } else if (b->errors[i].status == SMT_ERR_MEMORY) {
            return smt_fail(error, SMT_ERR_MEMORY, "%s", b->errors[i].message);
        } else {
            smt_log(SMT_LOG_WARNING, "skipped %s", b->errors[i].message);
            (*skipped)++;
        }
    }
    smt_status status = smt_classifier_run_scored(
        classifier, b->pixels, good, b->probabilities, b->familiarity, error);
    const float *row = b->probabilities;
    size_t at = 0;
    for (int i = 0; i < count && !status; i++) {
        if (b->good[i]) {
            status = answer(context, b->paths[i], row, b->familiarity[at++], error);
            row += smt_classifier_about(classifier)->class_count;
        }
    }
    return status;
}

smt_status cli_classify_paths(smt_classifier *classifier,
                              smt_pool *pool,
                              const cli_paths *list,
                              const char *label,
                              cli_answer answer,
                              void *context,
                              size_t *skipped,
                              smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(classifier);
    size_t most = list->count < BLOCK ? list->count : BLOCK, unread = 0;
    smt_status status = SMT_OK;
    block *b = smt_alloc(1, sizeof *b);
    if (b) {
        b->size = info->input_size;
        b->cut_percent = info->preprocess.cut_percent;
        b->pixels = smt_alloc(most, (size_t)b->size * (size_t)b->size);
        b->probabilities = smt_alloc(most * (size_t)info->class_count, sizeof *b->probabilities);
    }
    if (!b || !b->pixels || !b->probabilities) {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_progress(label, 0, list->count);
    for (size_t first = 0; first < list->count && !status; first += BLOCK) {
        int count = (int)(list->count - first < BLOCK ? list->count - first : BLOCK);
        b->paths = list->items + first;
        status = run_block(classifier, pool, b, count, answer, context, &unread, error);
        smt_progress(label, first + (size_t)count, list->count);
        status = status ? status : smt_check_interrupted(error);
    }
    if (b) {
        smt_paged_warn(&b->paged);
        smt_free(b->pixels);
        smt_free(b->probabilities);
    }
    smt_free(b);
    *skipped += unread;
    return status || unread < list->count
               ? status
               : smt_fail(error, SMT_ERR_FORMAT, "no image of %zu could be read", list->count);
}

smt_status cli_open_explainer(const char *source,
                              const char *model,
                              const char *layer,
                              smt_pool *pool,
                              smt_explainer **out,
                              smt_error *error)
{
    smt_error why = {0};
    smt_status status = smt_explainer_open(source ? source : model, layer, pool, out, &why);
    if (status == SMT_ERR_UNSUPPORTED && !source) {
        return smt_fail(
            error, status, "%s; --source names the float model to look into", why.message);
    }
    return status ? smt_fail(error, status, "%s", why.message) : SMT_OK;
}

smt_status cli_check_source(const smt_classifier *classifier,
                            const smt_explainer *explainer,
                            const char *source,
                            smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(classifier);
    int size = smt_explainer_size(explainer);
    int classes = smt_explainer_model(explainer)->class_count;
    if (size == info->input_size && (!source || classes == info->class_count)) {
        return SMT_OK;
    }
    return smt_fail(error,
                    SMT_ERR_ARGUMENT,
                    "%s: its input is %d pixels wide with %d classes, that of %s %d with %d; name "
                    "the model that it was made from",
                    source ? source : info->path,
                    size,
                    classes,
                    info->path,
                    info->input_size,
                    info->class_count);
}

smt_status
cli_find_classes(const smt_classifier_info *info, const char *name, bool *chosen, smt_error *error)
{
    char wanted[SMT_CANONICAL], canonical[SMT_CANONICAL];
    smt_guess guess = {0};
    smt_class_canonical(name, wanted);
    for (int level = 0; level < 3; level++) {
        bool found = false;
        for (int c = 0; c < info->class_count; c++) {
            const char *own = info->classes[c];
            smt_class_canonical(own, canonical);
            chosen[c] = level == 0 ? strcmp(own, name) == 0
                        : level == 1
                            ? strcmp(canonical, wanted) == 0
                            : strcmp(wanted, "clean") == 0 && smt_class_is_clean(canonical);
            found = found || chosen[c];
            smt_nearest(&guess, name, own);
        }
        if (found) {
            return SMT_OK;
        }
    }
    char hint[SMT_HINT_MAX];
    return smt_fail(error,
                    SMT_ERR_ARGUMENT,
                    "%s: has no class '%s'; %s",
                    info->path,
                    name,
                    smt_hint(&guess, hint, "'semtinel info' lists its classes"));
}
