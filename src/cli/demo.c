#include "cli/classify.h"
#include "cli/cli.h"
#include "cli/gather.h"

#include <semtinel/report.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *output, *source, *names;
static bool with_gif, overlay, shuffle;
static double seconds = 1;
static int rate = 25, limit;

static const cli_option options[] = {
    {"output", 'o', CLI_FILE(&output, "FILE"), "the video, .mp4, or .gif for an animation alone"},
    {"gif", 0, CLI_FLAG(&with_gif), "write an animated GIF beside the video too"},
    {"overlay", 0, CLI_FLAG(&overlay), "show where the evidence lies (Grad-CAM)"},
    {"source",
     0,
     CLI_INPUT(&source, "MODEL"),
     "float model for the overlay, for an int8 file whose network it is"},
    {"seconds",
     0,
     CLI_REAL(&seconds, 0.02, 60, "X"),
     "how long each image is shown; frames of a video follow one another"},
    {"rate", 0, CLI_INT(&rate, 1, 120, "N"), "frames a second"},
    {"shuffle", 0, CLI_FLAG(&shuffle), "show the images in random order, fixed by --seed"},
    {"limit", 0, CLI_INT(&limit, 0, 1000000, "N"), "stop after so many images; 0: all"},
    CLI_OPTION_CLASSES(&names),
    {0},
};

static const cli_command command = {
    .name = "demo",
    .arguments = "MODEL IMAGES -o demo.mp4",
    .summary = "Make a video of what a model says about images.",
    .details = "IMAGES are images, folders (searched, in the order of names and of the "
               "numbers in them, so a numbered sequence plays as one) or a video file,\n"
               "which is classified frame by frame. An image in a folder that is named like one of "
               "the model's classes counts as of\n"
               "that class, and the video then shows whether the model is right. The video is "
               "H.264 in MP4 and plays in browsers.",
    .examples = "  semtinel demo run ../data/test -o demo.mp4 --shuffle --limit 40\n"
                "  semtinel demo model-int8.tflite recording.avi -o demo.mp4\n"
                "  semtinel demo run ../data/test -o demo.gif --overlay --seconds 1.5\n",
    .min_operands = 2,
    .max_operands = -1,
};

typedef struct work {
    smt_classifier *classifier;
    smt_explainer *explainer;
    smt_demo *demo;
    size_t skipped, shown;
    smt_paged paged;
} work;

static bool is_video(const char *path)
{
    static const char *const suffixes[] = {
        ".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".gif"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (strcasecmp(smt_path_suffix(path), suffixes[i]) == 0) {
            return !smt_path_is_directory(path);
        }
    }
    return false;
}

/* The name of the folder that holds the image, if it is a class of the model; `out` has
 * SMT_CANONICAL bytes or more. */
static const char *
truth_of(const smt_classifier_info *info, const char *path, char *out, size_t size)
{
    const char *end = smt_path_name(path);
    if (end - path < 2) {
        return NULL;
    }
    const char *start = end - 1;
    while (start > path && start[-1] != '/') {
        start--;
    }
    size_t length = (size_t)(end - 1 - start);
    if (length >= size) {
        return NULL;
    }
    memcpy(out, start, length);
    out[length] = 0;
    char *text = smt_utf8_class(out); /* as the model has it */
    if (text) {
        snprintf(out, size, "%s", text);
        smt_free(text);
    }
    char folder[SMT_CANONICAL], known[SMT_CANONICAL];
    smt_class_canonical(out, folder);
    for (int c = 0; c < info->class_count; c++) {
        smt_class_canonical(info->classes[c], known);
        if (strcmp(folder, known) == 0) {
            return out;
        }
    }
    return NULL;
}

static smt_status show_images(work *w, cli_paths *list, smt_error *error)
{
    if (shuffle) {
        smt_rng rng = smt_rng_seed(cli_shared.seed, 0);
        for (size_t i = list->count; i > 1; i--) {
            size_t k = smt_rng_below(&rng, (uint32_t)i);
            char *swap = list->items[i - 1];
            list->items[i - 1] = list->items[k];
            list->items[k] = swap;
        }
    }
    size_t wanted = limit && (size_t)limit < list->count ? (size_t)limit : list->count;
    smt_status status = SMT_OK;
    const smt_classifier_info *info = smt_classifier_about(w->classifier);
    smt_progress("drawing", 0, wanted);
    for (size_t i = 0; i < wanted && !status; i++) {
        char folder[256];
        smt_image image = {0};
        smt_sem_metadata metadata = {0};
        smt_error why = {0};
        if (smt_image_load_sem(
                list->items[i], NULL, info->preprocess.cut_percent, &image, &metadata, &why)) {
            if (why.status == SMT_ERR_MEMORY) {
                return smt_fail(error, why.status, "%s", why.message);
            }
            smt_log(SMT_LOG_WARNING, "skipped %s", why.message);
            w->skipped++;
            continue;
        }
        smt_paged_add(&w->paged, metadata.more_pages, list->items[i]);
        const char *truth = truth_of(info, list->items[i], folder, sizeof folder);
        const smt_demo_image shown = {&image, list->items[i], truth, seconds};
        status = smt_demo_add(w->demo, &shown, error);
        smt_image_free(&image);
        w->shown++;
        smt_progress("drawing", i + 1, wanted);
        status = status ? status : smt_check_interrupted(error);
    }
    smt_paged_warn(&w->paged);
    return status;
}

static smt_status show_video(work *w, const char *path, smt_error *error)
{
    smt_frames *frames = NULL;
    smt_status status = smt_frames_open(path, &frames, error);
    bool found = true;
    float cut = smt_classifier_about(w->classifier)->preprocess.cut_percent;
    while (!status && found && !(limit && w->shown >= (size_t)limit)) {
        smt_image image = {0};
        char name[512];
        status = smt_frames_next(frames, &image, &found, error);
        if (status || !found) {
            break;
        }
        image.height -= smt_image_cut_rows(image.height, cut);
        snprintf(name, sizeof name, "%s, frame %zu", smt_path_name(path), w->shown + 1);
        double own = smt_frames_rate(frames);
        const smt_demo_image shown = {&image, name, NULL, own > 0 ? 1 / own : 1.0 / rate};
        status = smt_demo_add(w->demo, &shown, error);
        smt_image_free(&image);
        w->shown++;
        smt_progress("drawing frames", w->shown, 0); /* not every file tells how many it has */
        status = status ? status : smt_check_interrupted(error);
    }
    smt_progress("drawing frames", w->shown, w->shown);
    if (!status && frames && smt_frames_damaged(frames)) {
        smt_log(SMT_LOG_WARNING,
                "%s: is damaged or cut off: frames are missing or in pieces; copy it again",
                path);
        w->skipped++;
    }
    smt_frames_close(&frames);
    return status;
}

static smt_status open_all(work *w,
                           const char *model,
                           smt_pool *pool,
                           const char *video,
                           const char *gif,
                           smt_error *error)
{
    smt_demo_options how = smt_demo_defaults();
    how.video = video;
    how.gif = gif;
    how.rate = rate;
    smt_status status = cli_open_classifier(model, names, pool, &w->classifier, error);
    if (!status && overlay) {
        status = cli_open_explainer(source, model, NULL, pool, &w->explainer, error);
        status = status ? status : cli_check_source(w->classifier, w->explainer, source, error);
    }
    return status ? status : smt_demo_create(w->classifier, w->explainer, &how, &w->demo, error);
}

int cli_demo(int argc, char **argv)
{
    char **operands;
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, &operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    if (!output) {
        return cli_usage(&command, "name the video: -o FILE.mp4 or -o FILE.gif");
    }
    const char *suffix = smt_path_suffix(output);
    bool only_gif = strcasecmp(suffix, ".gif") == 0;
    if (!only_gif && strcasecmp(suffix, ".mp4")) {
        return cli_usage(&command, "-o %s: a video is written as .mp4 or .gif", output);
    }
    if (source && !overlay) {
        return cli_usage(&command, "--source is the model of --overlay: give that too");
    }
    for (int i = 1; i < operand_count && operand_count > 2; i++) {
        if (is_video(operands[i])) {
            return cli_usage(
                &command, "%s: a video is shown alone, without other IMAGES", operands[i]);
        }
    }
    smt_error error = {0};
    smt_pool *pool = NULL;
    work w = {0};
    cli_paths list = {.numbered = true};
    size_t frames = 0;
    double start = smt_clock();
    char *gif = only_gif   ? smt_strdup(output)
                : with_gif ? smt_format("%.*s.gif", (int)(suffix - output), output)
                           : NULL;
    bool video_in = operand_count == 2 && is_video(operands[1]);
    smt_status status = smt_pool_create(cli_shared.threads, &pool, &error);
    for (int i = 0; gif && i < operand_count && !status; i++) {
        status = cli_check_kept(gif, operands[i], &error);
    }
    if (!status && !video_in) {
        status = cli_gather((const char *const *)operands + 1, operand_count - 1, &list, &error);
    }
    status =
        status ? status : open_all(&w, operands[0], pool, only_gif ? NULL : output, gif, &error);
    if (!status) {
        status = video_in ? show_video(&w, operands[1], &error) : show_images(&w, &list, &error);
    }
    if (!status && !w.shown) {
        status = smt_fail(&error, SMT_ERR_FORMAT, "%s: no image could be read", operands[1]);
    }
    status = status ? status : smt_demo_finish(&w.demo, &frames, &error);
    if (!status) {
        double took = smt_clock() - start;
        cli_say("%zu %s, %zu %s in %.1f s (%.0f frames/s)",
                w.shown,
                smt_plural(w.shown, "image", "images"),
                frames,
                smt_plural(frames, "frame", "frames"),
                took,
                (double)frames / took);
        cli_say("wrote %s%s%s",
                output,
                with_gif && !only_gif ? " and " : "",
                with_gif && !only_gif ? gif : "");
    }
    code = status ? cli_report(&error) : w.skipped ? EXIT_SKIPPED : EXIT_DONE;
    smt_demo_abandon(&w.demo);
    smt_free(gif);
    smt_list_free(&list.items, list.count);
    smt_explainer_close(&w.explainer);
    smt_classifier_close(&w.classifier);
    smt_pool_destroy(&pool);
    return code;
}
