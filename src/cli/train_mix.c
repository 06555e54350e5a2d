#include "cli/train_mix.h"

#include "cli/cli.h"

#include <semtinel/synth.h>

#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#define CLASSES 32 /* of a preset at most */

/* Classes that a preset and the data set have in common, by canonical name. */
typedef struct common {
    smt_synth_preset preset;
    int count;
    int simulated[CLASSES], ours[CLASSES];
} common;

static bool begins_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

static common match(smt_synth_preset preset, const char *const *classes, int count)
{
    common found = {.preset = preset};
    for (int s = 0; s < smt_synth_class_count(preset); s++) {
        char name[SMT_CANONICAL], other[SMT_CANONICAL];
        smt_class_canonical(smt_synth_class_name(preset, s), name);
        int ours = -1;
        for (int c = 0; c < count; c++) { /* "dust" only where there are no "particles" */
            smt_class_canonical(classes[c], other);
            if (strcmp(name, other) == 0 && (ours < 0 || (!begins_with(classes[ours], name) &&
                                                          begins_with(classes[c], name)))) {
                ours = c;
            }
        }
        if (ours >= 0) {
            found.simulated[found.count] = s;
            found.ours[found.count++] = ours;
        }
    }
    return found;
}

typedef struct job {
    const common *classes;
    int per_class, size;
    uint64_t seed;
    uint8_t *pixels;
    atomic_bool failed;
} job;

static void render(void *context, int task, int worker)
{
    (void)worker;
    job *j = context;
    smt_image image = {0};
    if (smt_interrupted() || smt_synth_render(j->classes->preset,
                                              j->classes->simulated[task / j->per_class],
                                              j->size,
                                              j->seed,
                                              (uint64_t)(task % j->per_class),
                                              NULL,
                                              &image,
                                              NULL,
                                              NULL)) {
        j->failed = true;
        return;
    }
    size_t bytes = (size_t)j->size * (size_t)j->size;
    memcpy(j->pixels + (size_t)task * bytes, image.pixels, bytes);
    smt_image_free(&image);
}

static smt_status simulate(const common *found,
                           smt_pool *pool,
                           const smt_train_options *options,
                           smt_pixels *pixels,
                           smt_error *error)
{
    job j = {.classes = found,
             .per_class = options->synth_per_class,
             .size = options->arch.input_size,
             .seed = options->seed,
             .pixels = pixels->data};
    smt_pool_run(pool, (int)pixels->count, render, &j);
    return !j.failed ? SMT_OK
           : smt_interrupted()
               ? smt_fail(error, SMT_ERR_INTERRUPTED, "interrupted")
               : smt_fail(error, SMT_ERR_MEMORY, "out of memory while simulating images");
}

smt_status cli_train_mix(smt_pool *pool,
                         const smt_train_options *options,
                         const char *const *classes,
                         int class_count,
                         smt_pixels **out,
                         int **out_labels,
                         smt_error *error)
{
    common found = match(SMT_SYNTH_PHASE1, classes, class_count);
    const common finer = match(SMT_SYNTH_PHASE3, classes, class_count);
    found = finer.count > found.count ? finer : found;
    bool left_to_us = options->extra_share < 0;
    if (left_to_us && 4 * found.count < 3 * class_count) {
        if (found.count) {
            cli_say("the simulator knows %d of %d classes only: no simulated images are mixed in",
                    found.count,
                    class_count);
        }
        return SMT_OK;
    }
    if (!found.count) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "--mix-synth: none of the classes is one that the simulator knows; see "
                        "'semtinel synth --help'");
    }
    size_t per_class = (size_t)options->synth_per_class, side = (size_t)options->arch.input_size;
    size_t count = (size_t)found.count * per_class;
    smt_log(SMT_LOG_INFO,
            "simulating %zu %s of each of %d %s to mix in%s",
            per_class,
            smt_plural(per_class, "image", "images"),
            found.count,
            smt_plural((size_t)found.count, "class", "classes"),
            left_to_us ? " (--mix-synth 0: none)" : "");
    smt_pixels *pixels = smt_alloc(1, sizeof *pixels);
    int *labels = smt_alloc(count, sizeof *labels);
    if (pixels) {
        *pixels = (smt_pixels){.size = options->arch.input_size, .count = count};
        pixels->data = smt_alloc(count, side * side);
        pixels->sample = smt_alloc(count, sizeof *pixels->sample);
    }
    smt_status status =
        pixels && labels && pixels->data && pixels->sample
            ? simulate(&found, pool, options, pixels, error)
            : smt_fail(error, SMT_ERR_MEMORY, "out of memory for %zu simulated images", count);
    if (status) {
        smt_pixels_destroy(&pixels);
        smt_free(labels);
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        labels[i] = found.ours[i / per_class];
        pixels->sample[i] = (uint32_t)i;
    }
    *out = pixels;
    *out_labels = labels;
    return SMT_OK;
}
