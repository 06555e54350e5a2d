/* semtinel label: images sorted into class folders by a model's answers, the surest of them. */
#include "cli/classify.h"
#include "cli/cli.h"
#include "cli/gather.h"

#include <semtinel/split.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *output, *names;
static double surest, least;
static bool by_link;

static const cli_option options[] = {
    {"output", 'o', CLI_FOLDER(&output, "OUT"), "folder to write, missing or empty"},
    {"surest",
     0,
     CLI_REAL(&surest, 0, 1, "X"),
     "share of the images of each predicted class that is copied, surest first, at least one; 1: "
     "all"},
    {"min-confidence",
     0,
     CLI_REAL(&least, 0, 1, "X"),
     "copy no image that is less sure than this, though a class may then get none"},
    {"link", 0, CLI_FLAG(&by_link), "make hard links, which take no space, instead of copies"},
    CLI_OPTION_CLASSES(&names),
    {0},
};

static const cli_command command = {
    .name = "label",
    .arguments = "MODEL PATH... -o OUT",
    .summary = "Sort images without labels into class folders.",
    .details =
        "Each PATH is an image or a folder, which is searched with all its folders. MODEL "
        "classifies each image by the mean of eight views, turned and mirrored. Of each predicted "
        "class, the images with the highest confidence are copied to OUT/CLASS/. OUT/labels.csv "
        "lists all images with class, confidence, and the copy if there is one.\n\n"
        "So a model can learn another microscope's images without labels: train it again, on its "
        "own training images and, with --also, on OUT. Look through the folders first, and move or "
        "delete the images that lie in the wrong one.",
    .examples = "  semtinel label run tool2/images -o tool2-labelled\n"
                "  semtinel train images --also tool2-labelled -o run-tool2\n"
                "  semtinel label model-int8.tflite inbox -o sorted --surest 1 --link\n",
    .min_operands = 2,
    .max_operands = -1,
};

static smt_status check_output(char *const *paths, int count, smt_error *error)
{
    smt_status status = SMT_OK;
    for (int i = 0; i < count && !status; i++) {
        status = smt_split_check_output(paths[i], output, error);
    }
    return status;
}

typedef struct labelling {
    const smt_classifier_info *info;
    smt_label *labels; /* as many as there are images */
    size_t count;
} labelling;

static smt_status
take(void *context, const char *path, const float *row, float familiarity, smt_error *error)
{
    labelling *l = context;
    int best = smt_argmax(row, l->info->class_count);
    (void)familiarity;
    (void)error;
    l->labels[l->count++] = (smt_label){
        .path = path, .class_name = l->info->classes[best], .confidence = (double)row[best]};
    return SMT_OK;
}

/* By class, then surest first, then by path. */
static int compare(const void *a, const void *b)
{
    const smt_label *x = a, *y = b;
    int order = strcmp(x->class_name, y->class_name);
    if (order) {
        return order;
    }
    return x->confidence > y->confidence   ? -1
           : x->confidence < y->confidence ? 1
                                           : strcmp(x->path, y->path);
}

/* Of a class's images the share `surest`, at least one, but none under `least`; says so, class by
 * class. Returns how many in all. */
static size_t choose(smt_label *labels, size_t count)
{
    size_t chosen = 0;
    qsort(labels, count, sizeof *labels, compare);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first;
             end < count && strcmp(labels[end].class_name, labels[first].class_name) == 0;) {
            end++;
        }
        size_t some = (size_t)lrint(surest * (double)(end - first));
        some = some ? some : 1;
        while (some && labels[first + some - 1].confidence < least) {
            some--;
        }
        char lowest[40] = "";
        if (some) {
            /* Rounded down: "0.90 or more" is not said of 0.896. */
            snprintf(lowest,
                     sizeof lowest,
                     ", confidence %.2f or more",
                     floor(100 * labels[first + some - 1].confidence) / 100);
        }
        for (size_t i = 0; i < some; i++) {
            labels[first + i].chosen = true;
        }
        chosen += some;
        cli_say("  %-*s %5zu of %5zu%s",
                smt_utf8_pad(labels[first].class_name, 24),
                labels[first].class_name,
                some,
                end - first,
                lowest);
    }
    return chosen;
}

static smt_status label(smt_classifier *classifier,
                        const cli_paths *list,
                        smt_pool *pool,
                        size_t *skipped,
                        smt_error *error)
{
    labelling l = {.info = smt_classifier_about(classifier),
                   .labels = smt_alloc(list->count, sizeof *l.labels)};
    smt_status status = l.labels ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    smt_classifier_set_views(classifier, SMT_VIEWS_MOST);
    status =
        status ? status
               : cli_classify_paths(classifier, pool, list, "labelling", take, &l, skipped, error);
    if (!status) {
        size_t chosen = choose(l.labels, l.count);
        status = smt_label_write(l.labels, l.count, by_link, output, error);
        if (!status) {
            cli_say("wrote %zu of %zu %s to %s",
                    chosen,
                    l.count,
                    smt_plural(l.count, "image", "images"),
                    output);
        }
    }
    smt_free(l.labels);
    return status;
}

int cli_label(int argc, char **argv)
{
    char **operands;
    int count;
    surest = 0.6;
    int code = cli_parse(&command, options, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    if (!output) {
        return cli_usage(&command, "-o OUT is missing: the folder to sort into");
    }
    smt_error error = {0};
    smt_pool *pool = NULL;
    smt_classifier *classifier = NULL;
    cli_paths list = {0};
    size_t skipped = 0;
    smt_status status = check_output(operands + 1, count - 1, &error);
    status = status ? status : smt_pool_create(cli_shared.threads, &pool, &error);
    status = status ? status : cli_open_classifier(operands[0], names, pool, &classifier, &error);
    status =
        status ? status : cli_gather((const char *const *)operands + 1, count - 1, &list, &error);
    status = status ? status : label(classifier, &list, pool, &skipped, &error);
    smt_list_free(&list.items, list.count);
    smt_classifier_close(&classifier);
    smt_pool_destroy(&pool);
    return status ? cli_report(&error) : skipped ? EXIT_SKIPPED : EXIT_DONE;
}
