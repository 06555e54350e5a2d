/* semtinel augment: a balanced, augmented copy of the training part. */
#include "cli/cli.h"

#include <semtinel/split.h>

static struct {
    smt_augment_set_options options;
    double rotation, zoom, shift, shear, contrast, brightness, gamma, blur, noise, jitter, cutout;
    bool no_turns, no_flips;
} args;

static const cli_command command = {
    .name = "augment",
    .arguments = "SRC OUT --per-class N",
    .summary = "Write a copy of a data set whose training part is balanced by augmented images.",
    .details = "Only train/ grows; val/ and test/ are copied unchanged. A source without splits is "
               "refused, because copies\n"
               "made before splitting end up on both sides: run 'semtinel split' first. "
               "OUT/augmented.csv names the source\n"
               "of each new image. Training augments on the fly by itself; this is for other "
               "tools, and for looking.",
    .examples = "  semtinel split wafers parts && semtinel augment parts balanced --per-class 200\n"
                "  semtinel augment parts look --per-class 100 --rotation 5 --noise 4\n",
    .min_operands = 2,
    .max_operands = 2,
};

int cli_augment(int argc, char **argv)
{
    args.options = smt_augment_set_defaults();
    smt_augment_options *a = &args.options.augment;
    args.rotation = (double)a->rotation;
    args.zoom = (double)a->zoom;
    args.shift = (double)a->shift;
    args.shear = (double)a->shear;
    args.contrast = (double)a->contrast;
    args.brightness = (double)a->brightness;
    args.gamma = (double)a->gamma;
    args.blur = (double)a->blur;
    args.noise = (double)a->noise;
    args.jitter = (double)a->jitter;
    args.cutout = (double)a->cutout;
    const cli_option table[] = {
        {"per-class",
         'n',
         CLI_INT(&args.options.per_class, 0, 1e6, "N"),
         "training images of each class; 0: as many as the largest class has"},
        {"size",
         0,
         CLI_INT(&args.options.size, 0, 2048, "PX"),
         "side of the new images, from 16; 0: as the source image"},
        {"all-train",
         0,
         CLI_FLAG(&args.options.all_train),
         "take a source without splits as training data"},
        {"link",
         0,
         CLI_FLAG(&args.options.link),
         "hard links in the place of copies for unchanged images"},
        {"rotation", 0, CLI_REAL(&args.rotation, 0, 45, "DEG"), "rotation by up to +-DEG degrees"},
        {"zoom", 0, CLI_REAL(&args.zoom, 0, 1, "X"), "zoom by 1/(1+X) .. 1+X"},
        {"shift", 0, CLI_REAL(&args.shift, 0, 0.5, "X"), "shift by up to +-X of the side"},
        {"shear", 0, CLI_REAL(&args.shear, 0, 0.5, "X"), "shear by up to +-X"},
        {"contrast", 0, CLI_REAL(&args.contrast, 0, 2, "X"), "contrast times 1/(1+X) .. 1+X"},
        {"brightness",
         0,
         CLI_REAL(&args.brightness, 0, 128, "G"),
         "brightness by up to +-G grey levels"},
        {"gamma", 0, CLI_REAL(&args.gamma, 0, 2, "X"), "gamma of 1/(1+X) .. 1+X"},
        {"blur", 0, CLI_REAL(&args.blur, 0, 2, "PX"), "Gaussian blur of up to PX pixels"},
        {"noise", 0, CLI_REAL(&args.noise, 0, 64, "G"), "Gaussian noise of up to G grey levels"},
        {"jitter", 0, CLI_REAL(&args.jitter, 0, 4, "PX"), "line jitter of up to PX pixels"},
        {"cutout", 0, CLI_REAL(&args.cutout, 0, 1, "P"), "probability of a grey box"},
        {"no-turns", 0, CLI_FLAG(&args.no_turns), "no quarter turns"},
        {"no-flips", 0, CLI_FLAG(&args.no_flips), "no mirroring"},
        {0},
    };
    char **operands;
    int count;
    int code = cli_parse(&command, table, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    if (args.options.size && args.options.size < 16) {
        return cli_usage(&command, "--size %d: 0 or 16 .. 2048", args.options.size);
    }
    a->rotation = (float)args.rotation;
    a->zoom = (float)args.zoom;
    a->shift = (float)args.shift;
    a->shear = (float)args.shear;
    a->contrast = (float)args.contrast;
    a->brightness = (float)args.brightness;
    a->gamma = (float)args.gamma;
    a->blur = (float)args.blur;
    a->noise = (float)args.noise;
    a->jitter = (float)args.jitter;
    a->cutout = (float)args.cutout;
    if (args.no_turns) {
        a->quarter_turns = 0;
    }
    if (args.no_flips) {
        a->flip_horizontal = a->flip_vertical = 0;
    }
    args.options.seed = cli_shared.seed;

    smt_error error = {SMT_OK, ""};
    smt_dataset *dataset = NULL;
    smt_pool *pool = NULL;
    smt_audit *audit = NULL;
    smt_augment_set_result result = {0, 0, 0};
    code = EXIT_DONE;
    if (smt_split_check_output(operands[0], operands[1], &error) ||
        smt_dataset_scan(operands[0], &dataset, &error) ||
        smt_pool_create(cli_shared.threads, &pool, &error) ||
        smt_audit_run(dataset, NULL, pool, &audit, &error)) {
        code = cli_report(&error);
        goto done;
    }
    for (size_t i = 0; i < dataset->sample_count; i++) {
        if (audit->content[i] == SMT_CONTENT_UNREADABLE) {
            smt_log(SMT_LOG_WARNING, "skipped %s", audit->reasons[i]);
            code = EXIT_SKIPPED;
        }
    }
    size_t leaks = audit->summary.leaks[SMT_SPLIT_VAL] + audit->summary.leaks[SMT_SPLIT_TEST];
    if (leaks) {
        smt_log(SMT_LOG_WARNING,
                "%s: %zu val and test %s a duplicate in train, which augmentation will "
                "multiply; 'semtinel "
                "split --merge' makes clean splits",
                operands[0],
                leaks,
                smt_plural(leaks, "image has", "images have"));
    }
    if (smt_augment_set(audit, &args.options, pool, operands[1], &result, &error)) {
        code = cli_report(&error);
        goto done;
    }
    cli_say("%zu training %s and %zu augmented %s; %zu val and test %s unchanged. Wrote %s",
            result.originals,
            smt_plural(result.originals, "image", "images"),
            result.augmented,
            smt_plural(result.augmented, "one", "ones"),
            result.copied,
            smt_plural(result.copied, "image", "images"),
            operands[1]);
done:
    smt_audit_destroy(&audit);
    smt_pool_destroy(&pool);
    smt_dataset_destroy(&dataset);
    return code;
}
