/* semtinel audit: what is wrong with a data set. */
#include "cli/cli.h"

#include <semtinel/audit.h>
#include <semtinel/report.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHEET_PAIRS 30
#define CELL 144 /* pixels on the sheet */

static struct {
    const char *json, *sheet;
    int rows, sheet_pairs;
    bool strict;
} args;

static const cli_command command = {
    .name = "audit",
    .arguments = "DATASET",
    .summary = "Find unreadable images, duplicates, leaks across splits and label conflicts.",
    .details = "DATASET is a folder of class folders, or of train/, val/, test/ with class folders "
               "inside.\n"
               "Near-duplicates are found through quarter turns, mirroring, brightness, contrast, "
               "noise, compression and\n"
               "crops of a few percent. An edited copy is a near-duplicate that differs in one "
               "place, such as a clean\n"
               "pattern and the same pattern with a defect. Info strips that a file's metadata "
               "tell of are cut off first;\n"
               "others are reported if many images of the set or of a class have one. --group "
               "counts the lots or wafers of which\n"
               "several splits have images, as 'semtinel split --group' would tell them.",
    .examples =
        "  semtinel audit wafers\n"
        "  semtinel audit wafers --json audit.json --sheet worst.png\n"
        "  semtinel audit wafers --group '^[^_]*_[^_]*'    # LOT_WAFER_..., as klarf names them\n"
        "  semtinel audit wafers --strict    # exit code 1 if there are label conflicts or leaks\n",
    .min_operands = 1,
    .max_operands = 1,
};

/* How bad: exact conflicts, near conflicts, leaks into test and val, edited conflicts; other pairs
 * are not drawn. */
static int severity(const smt_audit *audit, const smt_pair *pair)
{
    bool conflict = smt_pair_differs_in_class(audit, pair), exact = pair->kind <= SMT_PAIR_PIXELS;
    if (conflict && pair->kind != SMT_PAIR_EDITED) {
        return exact ? 4 : 3;
    }
    if (smt_pair_crosses_splits(audit, pair)) {
        return 2;
    }
    return conflict ? 1 : 0;
}

static void caption(const smt_audit *audit, size_t sample, const char *what, char *out, size_t size)
{
    const smt_sample *s = &audit->dataset->samples[sample];
    snprintf(out,
             size,
             "%s %s%s%s %s",
             what,
             s->split == SMT_SPLIT_NONE ? "" : smt_split_name(s->split),
             s->split == SMT_SPLIT_NONE ? "" : "/",
             audit->dataset->classes[s->class_index],
             smt_path_name(s->path));
}

typedef struct cell_list {
    smt_sheet_cell *cells;
    smt_image *images;
    char (*captions)[160];
    size_t count, capacity;
} cell_list;

static void add_cell(cell_list *sheet, const smt_audit *audit, size_t sample, const char *what)
{
    size_t i = sheet->count;
    if (i == sheet->capacity) {
        return;
    }
    smt_error why = {0};
    smt_image full = {0};
    smt_status status = smt_image_load(audit->dataset->samples[sample].path, NULL, &full, &why);
    double scale = status ? 0 : fmin(1, CELL / fmax(full.width, full.height));
    smt_image_free(&sheet->images[i]); /* of half a pair */
    status = status ? status
                    : smt_image_resize(&full,
                                       (int)fmax(1, round(scale * full.width)),
                                       (int)fmax(1, round(scale * full.height)),
                                       &sheet->images[i],
                                       &why);
    smt_image_free(&full);
    if (status) {
        smt_log(SMT_LOG_WARNING, "not on the sheet: %s", why.message);
        return;
    }
    caption(audit, sample, what, sheet->captions[i], sizeof *sheet->captions);
    sheet->cells[i] = (smt_sheet_cell){&sheet->images[i], sheet->captions[i]};
    sheet->count++;
}

static smt_status save_sheet(const smt_audit *audit, smt_error *error)
{
    static const char *const words[] = {"", "edited", "leak", "conflict", "conflict"};
    cell_list s = {.capacity = 2 * (size_t)args.sheet_pairs};
    s.cells = smt_alloc(s.capacity, sizeof *s.cells);
    s.images = smt_alloc(s.capacity, sizeof *s.images);
    s.captions = smt_alloc(s.capacity, sizeof *s.captions);
    smt_status status = SMT_OK;
    if (!s.cells || !s.images || !s.captions) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", args.sheet);
        goto done;
    }
    for (int level = 4; level > 0; level--) {
        for (size_t p = 0; p < audit->pair_count && s.count + 2 <= s.capacity; p++) {
            const smt_pair *pair = &audit->pairs[p];
            if (severity(audit, pair) == level) {
                char what[64];
                snprintf(what, sizeof what, "%s %.2f", words[level], (double)pair->similarity);
                add_cell(&s, audit, pair->a, what);
                if (s.count % 2) {
                    add_cell(&s, audit, pair->b, "=");
                }
                s.count -= s.count % 2; /* no half pairs */
            }
        }
    }
    for (size_t i = 0; i < audit->dataset->sample_count && s.count < s.capacity; i++) {
        if (audit->content[i] > SMT_CONTENT_UNREADABLE) {
            add_cell(&s, audit, i, "no content");
        }
    }
    if (!s.count) {
        cli_say("%s: not written, there is nothing bad to show", args.sheet);
        goto done;
    }
    status = smt_sheet_save(
        args.sheet, "audit: pairs side by side, worst first", s.cells, s.count, 6, CELL, error);
    if (status == SMT_OK) {
        cli_say("wrote %s", args.sheet);
    }
done:
    for (size_t i = 0; s.images && i < s.capacity; i++) {
        smt_image_free(&s.images[i]);
    }
    smt_free(s.images);
    smt_free(s.cells);
    smt_free(s.captions);
    return status;
}

static bool json_to_stdout(void)
{
    return args.json && strcmp(args.json, "-") == 0;
}

/* As other commands do, where no text says it. */
static void name_unreadable(const smt_audit *audit)
{
    for (size_t i = 0; i < audit->dataset->sample_count; i++) {
        if (audit->content[i] == SMT_CONTENT_UNREADABLE) {
            smt_log(SMT_LOG_WARNING, "skipped %s", audit->reasons[i]);
        }
    }
}

/* The text, or JSON in its place, to standard output; JSON to the file that --json names. */
static smt_status print_audit(const smt_audit *audit, smt_error *error)
{
    char *text = NULL, *json = NULL;
    smt_status status = smt_audit_text(audit, (size_t)args.rows, &text, error);
    if (!status && args.json) {
        status = smt_audit_json(audit, &json, error);
    }
    if (status) {
        goto done;
    }
    if (json_to_stdout()) {
        printf("%s\n", json);
    } else if (!cli_shared.quiet) {
        fputs(text, stdout);
    }
    if (json_to_stdout() || cli_shared.quiet) {
        name_unreadable(audit);
    }
    if (args.json && !json_to_stdout()) {
        size_t size = strlen(json);
        json[size++] = '\n'; /* in the place of its NUL */
        if ((status = smt_file_save(args.json, json, size, error))) {
            goto done;
        }
        cli_say("wrote %s", args.json);
    }
done:
    smt_free(text);
    smt_free(json);
    return status;
}

/* No image of the data set is written over. */
static smt_status check_outputs(const smt_dataset *dataset, smt_error *error)
{
    const char *const written[] = {args.json, args.sheet};
    smt_status status = SMT_OK;
    for (size_t k = 0; k < sizeof written / sizeof *written; k++) {
        for (size_t i = 0; written[k] && i < dataset->sample_count && !status; i++) {
            status = smt_check_kept(written[k], dataset->samples[i].path, error);
        }
    }
    return status;
}

int cli_audit(int argc, char **argv)
{
    smt_audit_options options = smt_audit_defaults();
    args.rows = 12;
    args.sheet_pairs = SHEET_PAIRS;
    const cli_option table[] = {
        {"json",
         0,
         CLI_STREAM(&args.json, "FILE"),
         "write everything as JSON; - prints it instead of the text"},
        {"sheet", 0, CLI_FILE(&args.sheet, "FILE.png"), "draw a contact sheet of the worst pairs"},
        {"sheet-pairs", 0, CLI_INT(&args.sheet_pairs, 1, 1000, "N"), "pairs on the contact sheet"},
        {"rows", 0, CLI_INT(&args.rows, 0, 1e9, "N"), "lines a list of the text; 0: all"},
        {"threshold",
         0,
         CLI_FLOAT(&options.threshold, 0.75, 1, "X"),
         "least similarity of a near-duplicate"},
        {"neighbours",
         0,
         CLI_INT(&options.neighbours, 1, 1024, "N"),
         "candidates compared per image"},
        {"group",
         0,
         CLI_REGEX(&options.group, "PATTERN"),
         "count lots or wafers, by the same match of PATTERN, and those in several splits"},
        {"strict",
         0,
         CLI_FLAG(&args.strict),
         "exit code 1 on label conflicts or leaks across splits"},
        {0},
    };
    char **operands;
    int count;
    int code = cli_parse(&command, table, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    if (args.sheet_pairs != SHEET_PAIRS && !args.sheet) {
        return cli_usage(&command, "--sheet-pairs is of the contact sheet: give --sheet FILE too");
    }
    if (args.json && args.sheet && smt_path_same(args.json, args.sheet)) {
        return cli_usage(
            &command, "--json %s: this is the contact sheet; name another file", args.json);
    }
    if (json_to_stdout()) {
        cli_log_aside();
    }
    smt_error error = {SMT_OK, ""};
    smt_dataset *dataset = NULL;
    smt_pool *pool = NULL;
    smt_audit *audit = NULL;
    code = EXIT_DONE;
    if (smt_dataset_scan_lots(operands[0], options.group, &dataset, &error) ||
        check_outputs(dataset, &error) || smt_pool_create(cli_shared.threads, &pool, &error) ||
        smt_audit_run(dataset, &options, pool, &audit, &error) || print_audit(audit, &error) ||
        (args.sheet && save_sheet(audit, &error))) {
        code = cli_report(&error);
        goto done;
    }
    const smt_audit_summary *sum = &audit->summary;
    if (sum->content[SMT_CONTENT_UNREADABLE]) {
        code = EXIT_SKIPPED;
    }
    if (args.strict &&
        (sum->conflicts_exact + sum->conflicts_near || sum->crossing || audit->named.crossing)) {
        smt_log(SMT_LOG_ERROR,
                "%s: has label conflicts or leaks, which --strict does not allow",
                operands[0]);
        code = EXIT_FAILED;
    }
done:
    smt_audit_destroy(&audit);
    smt_pool_destroy(&pool);
    smt_dataset_destroy(&dataset);
    return code;
}
