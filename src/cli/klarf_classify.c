/* Classifying the defects of a KLARF: images in blocks, defects as their images come in. */
#include "cli/classify.h"
#include "cli/klarf.h"

#include <semtinel/image.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLOCK 64 /* images decoded and classified at once */

typedef enum outcome { WITHOUT_IMAGE, LOST, REVIEW, DECIDED } outcome;

/* What became of a defect. */
typedef struct verdict {
    outcome outcome;
    smt_review why;
    int best; /* class of the model */
    float confidence;
} verdict;

/* An image of the block in hand. */
typedef struct item {
    size_t defect;
    const smt_image_file *file;
    size_t page;
    bool good;
    smt_error why;
} item;

typedef struct job {
    const smt_klarf *klarf;
    const klarf_options *options;
    smt_classifier *classifier;
    const smt_classifier_info *info;
    smt_pool *pool;
    smt_klarf_images *images;
    verdict *verdicts; /* one a defect */
    size_t lost;
    /* The block. */
    item items[BLOCK];
    int count;
    uint8_t *pixels;      /* BLOCK x size x size */
    float *probabilities; /* BLOCK x classes */
    float familiarity[BLOCK];
    /* The defect whose images are coming in. */
    size_t defect;
    int views; /* of its images, so far */
    double sum[SMT_CLASS_MAX], familiar;
    smt_error *error;
} job;

/* ---- images ---------------------------------------------------------------------------------- */

static void read_one(void *context, int task, int worker)
{
    (void)worker;
    job *j = context;
    item *it = &j->items[task];
    float cut = j->info->preprocess.cut_percent;
    int size = j->info->input_size;
    size_t side = (size_t)size * (size_t)size;
    smt_image image = {0}, small = {0};
    it->good = smt_image_file_load(it->file, it->page, NULL, cut, &image, &it->why) == SMT_OK &&
               smt_image_resize(&image, size, size, &small, &it->why) == SMT_OK;
    if (it->good) {
        memcpy(j->pixels + (size_t)task * side, small.pixels, side);
    }
    smt_image_free(&image);
    smt_image_free(&small);
}

/* The defect's images are all in: the mean of their probabilities decides. */
static void finish_defect(job *j)
{
    if (!j->views) {
        return;
    }
    float mean[SMT_CLASS_MAX];
    for (int c = 0; c < j->info->class_count; c++) {
        mean[c] = (float)(j->sum[c] / j->views);
        j->sum[c] = 0;
    }
    int best = smt_argmax(mean, j->info->class_count);
    float familiarity = (float)(j->familiar / j->views);
    smt_review why = smt_decision_review(&j->info->decision, best, mean[best], familiarity);
    j->verdicts[j->defect] = (verdict){
        .outcome = why ? REVIEW : DECIDED, .why = why, .best = best, .confidence = mean[best]};
    j->views = 0;
    j->familiar = 0;
}

static smt_status run_block(job *j)
{
    size_t size = (size_t)j->info->input_size, side = size * size, good = 0;
    smt_pool_run(j->pool, j->count, read_one, j);
    for (int i = 0; i < j->count; i++) {
        if (j->items[i].good) {
            memmove(j->pixels + good++ * side, j->pixels + (size_t)i * side, side);
        } else if (j->items[i].why.status == SMT_ERR_MEMORY) {
            return smt_fail(j->error, SMT_ERR_MEMORY, "%s", j->items[i].why.message);
        } else {
            smt_klarf_images_lose(j->images, j->items[i].why.message);
        }
    }
    smt_status status =
        good ? smt_classifier_run_scored(
                   j->classifier, j->pixels, good, j->probabilities, j->familiarity, j->error)
             : SMT_OK;
    const float *row = j->probabilities;
    size_t at = 0;
    for (int i = 0; i < j->count && !status; i++) {
        if (!j->items[i].good) {
            continue;
        }
        if (j->items[i].defect != j->defect) {
            finish_defect(j);
            j->defect = j->items[i].defect;
        }
        for (int c = 0; c < j->info->class_count; c++) {
            j->sum[c] += (double)row[c];
        }
        j->familiar += (double)j->familiarity[at++];
        j->views++;
        row += j->info->class_count;
    }
    j->count = 0;
    return status;
}

/* What is written is neither the model nor an image. */
static smt_status check_kept(const job *j, const char *source)
{
    const klarf_options *o = j->options;
    smt_status status = cli_check_kept(o->output, source, j->error);
    return status || !o->csv ? status : cli_check_kept(o->csv, source, j->error);
}

static smt_status add_image(job *j, size_t index, const char *defect, const smt_klarf_image *image)
{
    const smt_image_file *file = NULL;
    bool closes = smt_klarf_images_closes(j->images, image);
    smt_status status = closes || j->count == BLOCK ? run_block(j) : SMT_OK;
    status = status ? status : smt_klarf_images_take(j->images, image, defect, &file, j->error);
    status = status || !file ? status : check_kept(j, file->path);
    if (!status && file) {
        j->items[j->count++] =
            (item){.defect = index, .file = file, .page = (size_t)image->page - 1};
    }
    return status;
}

static smt_status classify_all(job *j)
{
    size_t count = smt_klarf_about(j->klarf)->defect_count;
    smt_status status = SMT_OK;
    smt_progress("defects", 0, count);
    for (size_t i = 0; i < count && !status; i++) {
        smt_klarf_defect defect;
        smt_klarf_image image;
        smt_klarf_defect_at(j->klarf, i, &defect);
        for (size_t n = 0; n < defect.image_count && !status; n++) {
            smt_klarf_image_at(j->klarf, defect.first_image + n, &image);
            if (!j->options->type || strcasecmp(image.type, j->options->type) == 0) {
                j->verdicts[i].outcome = LOST; /* until one comes in */
                status = add_image(j, i, defect.id, &image);
            }
        }
        smt_progress("defects", i + 1, count);
        status = status ? status : smt_check_interrupted(j->error);
    }
    status = status ? status : run_block(j);
    finish_defect(j);
    return status;
}

/* ---- what is written ------------------------------------------------------------------------- */

/* The first of these that the file declares. */
static const char *choose_column(const smt_klarf *klarf, const char *asked)
{
    static const char *const columns[] = {"AUTOSEMCLASS", "AUTOOFFSEMCLASS"};
    for (size_t i = 0; i < 2 && !asked; i++) {
        asked = smt_klarf_has_column(klarf, columns[i]) ? columns[i] : NULL;
    }
    return asked ? asked : "CLASSNUMBER";
}

/* --class NAME=NUMBER, by the model's classes. */
static smt_status read_numbers(const job *j, int numbers[SMT_CLASS_MAX])
{
    for (int c = 0; c < SMT_CLASS_MAX; c++) {
        numbers[c] = SMT_KLARF_NONE;
    }
    for (int i = 0; i < j->options->numbers.count; i++) {
        const char *text = j->options->numbers.items[i], *sign = strrchr(text, '=');
        bool chosen[SMT_CLASS_MAX] = {false};
        char *end, *name = smt_format("%.*s", (int)(sign - text), text);
        long number = strtol(sign + 1, &end, 10);
        smt_status status = SMT_OK;
        if (!name) {
            status = smt_fail(j->error, SMT_ERR_MEMORY, "out of memory");
        } else if (end == sign + 1 || *end || number < 0 || number > INT_MAX) {
            status = smt_fail(j->error,
                              SMT_ERR_ARGUMENT,
                              "--class %s: the number is no whole one of 0 or more",
                              text);
        } else {
            status = cli_find_classes(j->info, name, chosen, j->error);
        }
        smt_free(name);
        if (status) {
            return status;
        }
        for (int c = 0; c < j->info->class_count; c++) {
            if (chosen[c] && numbers[c] != SMT_KLARF_NONE) {
                return smt_fail(j->error,
                                SMT_ERR_ARGUMENT,
                                "--class %s: class '%s' has a number already",
                                text,
                                j->info->classes[c]);
            }
            numbers[c] = chosen[c] ? (int)number : numbers[c];
        }
    }
    return SMT_OK;
}

static void write_list(const job *j, smt_file *file, const int *written)
{
    bool rejects = j->info->decision.rejects;
    smt_file_printf(file,
                    "lot,wafer,defect_id,x_um,y_um,class,confidence,class_number%s\n",
                    rejects ? ",suggested_class,review_reason" : "");
    for (size_t i = 0; i < smt_klarf_about(j->klarf)->defect_count; i++) {
        const verdict *v = &j->verdicts[i];
        bool seen = v->outcome >= REVIEW;
        const char *best = seen ? j->info->classes[v->best] : "";
        smt_klarf_defect defect;
        smt_klarf_defect_at(j->klarf, i, &defect);
        smt_file_csv_field(file, defect.lot);
        smt_file_write(file, ",", 1);
        smt_file_csv_field(file, defect.wafer);
        smt_file_write(file, ",", 1);
        smt_file_csv_field(file, defect.id);
        smt_file_printf(file, isnan(defect.x) ? "," : ",%.4f", defect.x);
        smt_file_printf(file, isnan(defect.y) ? ",," : ",%.4f,", defect.y);
        smt_file_csv_field(file, v->outcome == REVIEW ? "review" : best);
        smt_file_printf(file, seen ? ",%.6f," : ",,", (double)v->confidence);
        if (written[i] != SMT_KLARF_NONE) {
            smt_file_printf(file, "%d", written[i]);
        }
        if (rejects) {
            smt_file_write(file, ",", 1);
            smt_file_csv_field(file, best);
            smt_file_printf(file, ",%s", smt_review_name(v->why));
        }
        smt_file_write(file, "\n", 1);
    }
}

/* A defect's class and the number that it got. */
typedef struct tally {
    int best, number;
    size_t defect;
} tally;

static int by_class(const void *a, const void *b)
{
    const tally *x = a, *y = b;
    return x->best != y->best       ? (x->best > y->best) - (x->best < y->best)
           : x->number != y->number ? (x->number > y->number) - (x->number < y->number)
                                    : (x->defect > y->defect) - (x->defect < y->defect);
}

/* A line for each class and number: a file with several ClassLookups may have several for a class.
 */
static void say_classes(const job *j, tally *answers, size_t count)
{
    if (count) {
        qsort(answers, count, sizeof *answers, by_class);
    }
    for (size_t from = 0, to; from < count; from = to) {
        const tally *a = &answers[from];
        for (to = from + 1;
             to < count && answers[to].best == a->best && answers[to].number == a->number;
             to++) {
        }
        const char *class_name = j->info->classes[a->best];
        const char *name = smt_klarf_class_name(j->klarf, a->defect, a->number);
        cli_say("  %-*s %6zu as %d, %s",
                smt_utf8_pad(class_name, 24),
                class_name,
                to - from,
                a->number,
                name ? name : "new in ClassLookup");
    }
}

static smt_status say_summary(const job *j, const char *column, const int *written)
{
    size_t defects = smt_klarf_about(j->klarf)->defect_count, counts[DECIDED + 1] = {0};
    tally *answers = smt_alloc(defects + 1, sizeof *answers);
    if (!answers) {
        return smt_fail(j->error, SMT_ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < defects; i++) {
        const verdict *v = &j->verdicts[i];
        if (v->outcome == DECIDED) {
            answers[counts[DECIDED]] = (tally){v->best, written[i], i};
        }
        counts[v->outcome]++;
    }
    say_classes(j, answers, counts[DECIDED]);
    smt_free(answers);
    char review[48] = "", without[160] = "", lost[48] = "";
    if (counts[REVIEW]) {
        snprintf(review, sizeof review, ", %zu for review", counts[REVIEW]);
    }
    if (counts[WITHOUT_IMAGE]) {
        const char *type = j->options->type;
        snprintf(without,
                 sizeof without,
                 ", %zu without an image%s%s",
                 counts[WITHOUT_IMAGE],
                 type ? " of type " : "",
                 type ? type : "");
    }
    if (counts[LOST]) {
        snprintf(lost, sizeof lost, ", %zu whose images are lost", counts[LOST]);
    }
    cli_say("%zu of %zu %s classified%s%s%s",
            counts[DECIDED],
            defects,
            smt_plural(defects, "defect", "defects"),
            review,
            without,
            lost);
    cli_say("wrote %s, column %s", j->options->output, column);
    return SMT_OK;
}

static smt_status write_results(const job *j, const char *column, const int numbers[SMT_CLASS_MAX])
{
    size_t defects = smt_klarf_about(j->klarf)->defect_count, size = 0;
    int *answer = smt_alloc(defects + 1, sizeof *answer);
    int *written = smt_alloc(defects + 1, sizeof *written);
    char *text = NULL;
    smt_file *list = NULL;
    smt_status status =
        answer && written ? SMT_OK : smt_fail(j->error, SMT_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < defects && !status; i++) {
        answer[i] = j->verdicts[i].outcome == DECIDED ? j->verdicts[i].best : -1;
    }
    smt_klarf_answers answers = {.column = column,
                                 .classes = j->info->classes,
                                 .class_count = j->info->class_count,
                                 .numbers = numbers,
                                 .answer = answer};
    status =
        status ? status : smt_klarf_rewrite(j->klarf, &answers, &text, &size, written, j->error);
    if (!status && j->options->csv) {
        status = smt_file_create(j->options->csv, &list, j->error);
        if (!status) {
            write_list(j, list, written);
        }
    }
    status = status ? status : smt_file_save(j->options->output, text, size, j->error);
    status = status || !list ? status : smt_file_commit(&list, j->error);
    smt_file_abandon(&list);
    status = status ? status : say_summary(j, column, written);
    smt_free(text);
    smt_free(answer);
    smt_free(written);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static smt_status prepare(job *j)
{
    const klarf_options *o = j->options;
    smt_status status = smt_pool_create(cli_shared.threads, &j->pool, j->error);
    status = status ? status
                    : cli_open_classifier(o->model, o->names, j->pool, &j->classifier, j->error);
    if (status) {
        return status;
    }
    cli_choose_views(j->classifier, o->views);
    j->info = smt_classifier_about(j->classifier);
    size_t side = (size_t)j->info->input_size * (size_t)j->info->input_size;
    j->pixels = smt_alloc(BLOCK, side);
    j->probabilities = smt_alloc(BLOCK * (size_t)j->info->class_count, sizeof *j->probabilities);
    j->verdicts = smt_alloc(smt_klarf_about(j->klarf)->defect_count + 1, sizeof *j->verdicts);
    if (!j->pixels || !j->probabilities || !j->verdicts) {
        return smt_fail(j->error, SMT_ERR_MEMORY, "out of memory");
    }
    return smt_klarf_images_create(j->klarf, o->folder, &j->lost, &j->images, j->error);
}

static void release(job *j)
{
    smt_free(j->pixels);
    smt_free(j->probabilities);
    smt_free(j->verdicts);
    smt_klarf_images_destroy(&j->images);
    smt_classifier_close(&j->classifier);
    smt_pool_destroy(&j->pool);
    smt_free(j);
}

/* True if some image was named (and, of the type asked for, looked for), and none read. */
static bool all_lost(const job *j)
{
    bool any = false;
    for (size_t i = 0; i < smt_klarf_about(j->klarf)->defect_count; i++) {
        any = any || j->verdicts[i].outcome >= REVIEW;
    }
    return j->lost && !any;
}

smt_status cli_klarf_classify(const smt_klarf *klarf,
                              const klarf_options *options,
                              size_t *lost,
                              smt_error *error)
{
    const char *column = choose_column(klarf, options->column);
    int numbers[SMT_CLASS_MAX];
    smt_status status = smt_klarf_check_writable(klarf, column, error);
    job *j = status ? NULL : smt_alloc(1, sizeof *j);
    if (!j) {
        return status ? status : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    j->klarf = klarf;
    j->options = options;
    j->error = error;
    status = check_kept(j, options->model);
    status = status ? status : prepare(j);
    status = status ? status : read_numbers(j, numbers);
    status = status ? status : classify_all(j);
    if (!status && all_lost(j)) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: none of its %zu %s could be read; --images names their folder",
                          smt_klarf_about(klarf)->path,
                          j->lost,
                          smt_plural(j->lost, "image", "images"));
    }
    status = status ? status : write_results(j, column, numbers);
    *lost = j->lost;
    release(j);
    return status;
}
