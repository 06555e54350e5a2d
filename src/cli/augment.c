/* semtinel augment: a balanced, augmented copy of the training part. */
#include "cli/cli.h"

#include <semtinel/split.h>

static smt_augment_set_options options;
static bool no_turns, no_flips;

static const cli_command command = {
    .name = "augment",
    .arguments = "SRC OUT",
    .summary = "Write a copy of a data set whose training part is balanced by augmented images.",
    .details =
        "Only train/ grows; val/ and test/ are copied unchanged. A source without splits is "
        "refused, because copies\n"
        "made before splitting end up on both sides: run 'semtinel split' first. "
        "OUT/augmented.csv names the source\n"
        "of each new image. Training augments on the fly by itself; this is for other "
        "tools, and for looking.\n"
        "Besides what the options say, images are stretched, shaded and given shot noise, as "
        "in training by default.",
    .examples = "  semtinel split wafers parts && semtinel augment parts balanced --per-class 200\n"
                "  semtinel augment parts look --per-class 100 --rotation 5 --noise 4\n",
    .min_operands = 2,
    .max_operands = 2,
};

static int parse(int argc, char **argv, char ***operands)
{
    options = smt_augment_set_defaults();
    smt_augment_options *a = &options.augment;
    const cli_option table[] = {
        {"per-class",
         'n',
         CLI_INT(&options.per_class, 0, 1e6, "N"),
         "training images of each class; 0: as many as the largest class has"},
        {"size",
         0,
         CLI_INT(&options.size, 0, 2048, "PX"),
         "side of the new images, from 16; 0: as the source image"},
        {"all-train",
         0,
         CLI_FLAG(&options.all_train),
         "take a source without splits as training data"},
        {"link", 0, CLI_FLAG(&options.link), "hard links instead of copies for unchanged images"},
        {"rotation", 0, CLI_FLOAT(&a->rotation, 0, 45, "DEG"), "rotation by up to +-DEG degrees"},
        {"zoom", 0, CLI_FLOAT(&a->zoom, 0, 1, "X"), "zoom by 1/(1+X) .. 1+X"},
        {"shift", 0, CLI_FLOAT(&a->shift, 0, 0.5, "X"), "shift by up to +-X of the side"},
        {"shear", 0, CLI_FLOAT(&a->shear, 0, 0.5, "X"), "shear by up to +-X"},
        {"contrast", 0, CLI_FLOAT(&a->contrast, 0, 2, "X"), "contrast times 1/(1+X) .. 1+X"},
        {"brightness",
         0,
         CLI_FLOAT(&a->brightness, 0, 128, "G"),
         "brightness by up to +-G grey levels"},
        {"gamma", 0, CLI_FLOAT(&a->gamma, 0, 2, "X"), "gamma of 1/(1+X) .. 1+X"},
        {"blur", 0, CLI_FLOAT(&a->blur, 0, 2, "PX"), "Gaussian blur of up to PX pixels"},
        {"noise", 0, CLI_FLOAT(&a->noise, 0, 64, "G"), "Gaussian noise of up to G grey levels"},
        {"jitter", 0, CLI_FLOAT(&a->jitter, 0, 4, "PX"), "line jitter of up to PX pixels"},
        {"cutout", 0, CLI_FLOAT(&a->cutout, 0, 1, "P"), "probability of a grey box"},
        {"no-turns", 0, CLI_FLAG(&no_turns), "no quarter turns"},
        {"no-flips", 0, CLI_FLAG(&no_flips), "no mirroring"},
        {0},
    };
    int count;
    int code = cli_parse(&command, table, argc, argv, operands, &count);
    if (code >= 0) {
        return code;
    }
    if (options.size && options.size < 16) {
        return cli_usage(&command, "--size %d: 0 or 16 .. 2048", options.size);
    }
    if (no_turns) {
        a->quarter_turns = 0;
    }
    if (no_flips) {
        a->flip_horizontal = a->flip_vertical = 0;
    }
    options.seed = cli_shared.seed;
    return -1;
}

/* What the audit found that matters here; true if images are skipped. */
static bool warn(const smt_audit *audit, const char *source)
{
    bool skipped = false;
    for (size_t i = 0; i < audit->dataset->sample_count; i++) {
        if (audit->content[i] == SMT_CONTENT_UNREADABLE) {
            smt_log(SMT_LOG_WARNING, "skipped %s", audit->reasons[i]);
            skipped = true;
        }
    }
    smt_paged_warn(&audit->summary.paged);
    size_t leaks = audit->summary.leaks[SMT_SPLIT_VAL] + audit->summary.leaks[SMT_SPLIT_TEST];
    if (leaks) {
        smt_log(SMT_LOG_WARNING,
                "%s: %zu val and test %s a duplicate in train, which augmentation will multiply; "
                "'semtinel split --merge' makes clean splits",
                source,
                leaks,
                smt_plural(leaks, "image has", "images have"));
    }
    char *strips = audit->strips.common ? smt_strips_text(audit->dataset, &audit->strips) : NULL;
    if (strips) {
        smt_log(SMT_LOG_WARNING, "%s: %s", source, strips);
        smt_log(SMT_LOG_WARNING,
                "%s: the augmented images show the strip wherever they are turned, mirrored or "
                "moved; 'semtinel train' augments by itself, without it",
                source);
        smt_free(strips);
    }
    return skipped;
}

int cli_augment(int argc, char **argv)
{
    char **operands;
    int code = parse(argc, argv, &operands);
    if (code >= 0) {
        return code;
    }
    smt_error error = {SMT_OK, ""};
    smt_dataset *dataset = NULL;
    smt_pool *pool = NULL;
    smt_audit *audit = NULL;
    smt_augment_set_result result = {0, 0, 0};
    if (smt_split_check_output(operands[0], operands[1], &error) ||
        smt_dataset_scan(operands[0], &dataset, &error) ||
        smt_pool_create(cli_shared.threads, &pool, &error) ||
        smt_audit_run(dataset, NULL, pool, &audit, &error)) {
        code = cli_report(&error);
        goto done;
    }
    code = warn(audit, operands[0]) ? EXIT_SKIPPED : EXIT_DONE;
    if (smt_augment_set(audit, &options, pool, operands[1], &result, &error)) {
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
