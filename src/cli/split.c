/* semtinel split: train/, val/ and test/ by groups of near-duplicates. */
#include "cli/cli.h"

#include <semtinel/split.h>

#include <stdio.h>
#include <string.h>

static smt_split_options options;
static smt_audit_options auditing;
static bool merge;

static const cli_command command = {
    .name = "split",
    .arguments = "SRC OUT",
    .summary = "Copy a data set into train/, val/ and test/, by groups of near-duplicates.",
    .details =
        "Each class is divided in the same proportions. Near-duplicates (see 'semtinel "
        "audit') stay together, so that\n"
        "no test image has a copy in the training part. OUT must be missing or empty; "
        "OUT/split.json says where each\n"
        "file came from. Unreadable images are named and skipped.\n"
        "With --group, images of one lot or wafer stay together, too: those whose path below "
        "the class folder matches\n"
        "PATTERN, a POSIX extended regular expression, with the same text (of its first "
        "parenthesis, else of the whole\n"
        "match). Folders inside class folders are read then.\n"
        "With --merge, a source that has splits already is pooled and divided anew.",
    .examples =
        "  semtinel split wafers wafers-split\n"
        "  semtinel split wafers wafers-split --group '^[^/]*/'          # CLASS/LOT/IMAGE\n"
        "  semtinel split wafers wafers-split --group '^[^_]*_[^_]*'     # LOT_WAFER_..., as klarf "
        "names them\n"
        "  semtinel split wafers wafers-split --train .8 --val .1 --test .1 --link\n"
        "  semtinel split leaky clean --merge --seed 7\n",
    .min_operands = 2,
    .max_operands = 2,
};

/* Readable images of class c (class_count: of all) in each part. */
static void
count_parts(const smt_audit *audit, const smt_split *assigned, int c, size_t *count, char *label)
{
    const smt_dataset *set = audit->dataset;
    memset(count, 0, 3 * sizeof *count);
    for (size_t i = 0; i < set->sample_count; i++) {
        if (audit->content[i] != SMT_CONTENT_UNREADABLE &&
            (c == set->class_count || set->samples[i].class_index == c)) {
            count[assigned[i]]++;
        }
    }
    snprintf(label, 256, "%s", c < set->class_count ? set->classes[c] : "all classes");
}

static void print_table(const smt_audit *audit, const smt_split *assigned)
{
    const double parts[3] = {options.train, options.val, options.test};
    int classes = audit->dataset->class_count;
    size_t count[3];
    char label[256];
    int columns = smt_utf8_widest((const char *const *)audit->dataset->classes, classes, 24);
    cli_say("%-*s %8s %8s %8s", columns, "images", "train", "val", "test");
    for (int c = 0; c <= classes; c++) {
        count_parts(audit, assigned, c, count, label);
        cli_say("%-*s %8zu %8zu %8zu",
                smt_utf8_pad(label, columns),
                label,
                count[0],
                count[1],
                count[2]);
    }
    for (int c = 0; c < classes; c++) {
        count_parts(audit, assigned, c, count, label);
        for (int part = 0; part < 3; part++) {
            if (parts[part] > 0 && !count[part]) {
                smt_log(SMT_LOG_WARNING,
                        "class %s has too few images, or groups, for the %s part",
                        label,
                        smt_split_name((smt_split)part));
            }
        }
    }
}

static int parse(int argc, char **argv, char ***operands)
{
    options = smt_split_defaults();
    auditing = smt_audit_defaults();
    const cli_option table[] = {
        {"train", 0, CLI_REAL(&options.train, 0, 1, "X"), "part of each class for training"},
        {"val", 0, CLI_REAL(&options.val, 0, 1, "X"), "part for validation; 0: none"},
        {"test", 0, CLI_REAL(&options.test, 0, 1, "X"), "part for testing; 0: none"},
        {"link",
         0,
         CLI_FLAG(&options.link),
         "make hard links, which take no space, instead of copies"},
        {"merge", 0, CLI_FLAG(&merge), "pool a source that has splits already"},
        {"group",
         0,
         CLI_REGEX(&auditing.group, "PATTERN"),
         "keep images with the same match of PATTERN together: lots or wafers"},
        {"threshold",
         0,
         CLI_FLOAT(&auditing.threshold, 0.75, 1, "X"),
         "least similarity of a near-duplicate"},
        {0},
    };
    int count;
    int code = cli_parse(&command, table, argc, argv, operands, &count);
    if (code >= 0) {
        return code;
    }
    double sum = options.train + options.val + options.test;
    if (!(options.train > 0) || sum < 0.999 || sum > 1.001) {
        return cli_usage(&command,
                         "--train %g --val %g --test %g: the parts must sum up to 1, with train "
                         "above 0; give all three",
                         options.train,
                         options.val,
                         options.test);
    }
    options.seed = cli_shared.seed;
    return -1;
}

static smt_status scan(char **operands, smt_dataset **out, smt_error *error)
{
    smt_status status = smt_split_check_output(operands[0], operands[1], error);
    status = status ? status : smt_dataset_scan_lots(operands[0], auditing.group, out, error);
    if (!status && !merge && (*out)->samples[0].split != SMT_SPLIT_NONE) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: is split already; check it with 'semtinel audit', or say --merge to "
                          "pool it and split anew",
                          operands[0]);
    }
    return status;
}

/* Assigns the images that can be read, *readable of them, and writes them. */
static smt_status divide(const smt_audit *audit,
                         char **operands,
                         smt_split *assigned,
                         size_t *readable,
                         smt_error *error)
{
    const smt_dataset *dataset = audit->dataset;
    bool *wanted = smt_alloc(dataset->sample_count, sizeof *wanted);
    if (!wanted) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", operands[0]);
    }
    *readable = 0;
    for (size_t i = 0; i < dataset->sample_count; i++) {
        wanted[i] = audit->content[i] != SMT_CONTENT_UNREADABLE;
        *readable += wanted[i];
        if (!wanted[i]) {
            smt_log(SMT_LOG_WARNING, "skipped %s", audit->reasons[i]);
        }
    }
    smt_status status = SMT_OK;
    if (!*readable) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: no image of %zu can be read",
                          operands[0],
                          dataset->sample_count);
    }
    status = status ? status
                    : smt_split_assign(dataset, audit->group, wanted, &options, assigned, error);
    status = status ? status : smt_split_write(audit, assigned, &options, operands[1], error);
    smt_free(wanted);
    return status;
}

static void print_names(const smt_audit *audit)
{
    const smt_dataset *set = audit->dataset;
    const smt_name_groups *groups = &audit->named;
    cli_say("%zu of %zu images are in %zu groups by '%s'",
            groups->matched,
            set->sample_count,
            groups->count,
            groups->pattern);
    for (size_t i = 0; i < set->sample_count; i++) {
        if (groups->group[i] == SMT_NO_GROUP) {
            size_t others = set->sample_count - groups->matched;
            smt_log(SMT_LOG_WARNING,
                    "%zu %s not match '%s' and %s placed one by one, such as %s",
                    others,
                    smt_plural(others, "image does", "images do"),
                    groups->pattern,
                    smt_plural(others, "is", "are"),
                    set->samples[i].path);
            return;
        }
    }
}

static void print_result(const smt_audit *audit, size_t readable, const char *folder)
{
    size_t groups = audit->group_count - (audit->dataset->sample_count - readable);
    cli_say("%zu %s in %zu %s; %zu %s near-duplicates, which stayed together. Wrote %s",
            readable,
            smt_plural(readable, "image", "images"),
            groups,
            smt_plural(groups, "group", "groups"),
            audit->summary.images_with_duplicate,
            smt_plural(audit->summary.images_with_duplicate, "has", "have"),
            folder);
    size_t conflicts = audit->summary.conflicts_exact + audit->summary.conflicts_near;
    if (conflicts) {
        smt_log(SMT_LOG_WARNING,
                "%zu %s of duplicates %s different labels; 'semtinel audit' names them",
                conflicts,
                smt_plural(conflicts, "pair", "pairs"),
                smt_plural(conflicts, "carries", "carry"));
    }
}

int cli_split(int argc, char **argv)
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
    smt_split *assigned = NULL;
    size_t readable = 0;
    smt_status status = scan(operands, &dataset, &error);
    if (!status && !(assigned = smt_alloc(dataset->sample_count, sizeof *assigned))) {
        status = smt_fail(&error, SMT_ERR_MEMORY, "%s: out of memory", operands[0]);
    }
    status = status ? status : smt_pool_create(cli_shared.threads, &pool, &error);
    status = status ? status : smt_audit_run(dataset, &auditing, pool, &audit, &error);
    status = status ? status : divide(audit, operands, assigned, &readable, &error);
    if (status) {
        code = cli_report(&error);
        goto done;
    }
    smt_paged_warn(&audit->summary.paged);
    print_table(audit, assigned);
    if (auditing.group) {
        print_names(audit);
    }
    print_result(audit, readable, operands[1]);
    code = readable < dataset->sample_count ? EXIT_SKIPPED : EXIT_DONE;
done:
    smt_free(assigned);
    smt_audit_destroy(&audit);
    smt_pool_destroy(&pool);
    smt_dataset_destroy(&dataset);
    return code;
}
