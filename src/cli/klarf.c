/* semtinel klarf: a fab's defect files to class folders, and a model's classes back into them. */
#include "cli/klarf.h"

#include "cli/classify.h"

#include <string.h>

static klarf_options given;

static const cli_option options[] = {
    {"output",
     'o',
     CLI_TEXT(&given.output, "OUT"),
     "folder to write, missing or empty; with --model the KLARF to write"},
    {"column",
     0,
     CLI_TEXT(&given.column, "NAME"),
     "column of the classes; default: to read MANSEMCLASS where anything stands in it, else "
     "CLASSNUMBER; to write AUTOSEMCLASS or AUTOOFFSEMCLASS where declared, else CLASSNUMBER"},
    {"images",
     0,
     CLI_INPUT(&given.folder, "DIR"),
     "folder of the images, instead of the KLARF's own"},
    {"type",
     0,
     CLI_TEXT(&given.type, "TYPE"),
     "only images of this type, as IMAGELIST or the image list has it; default: all"},
    {"keep-unclassified",
     0,
     CLI_FLAG(&given.keep_unclassified),
     "copy the images of defects without a class too, into Unclassified/"},
    {"model", 0, CLI_INPUT(&given.model, "MODEL"), "classify the defects with it"},
    {"class",
     0,
     CLI_PAIRS(&given.numbers, "NAME=NUMBER"),
     "the number to write for one of the model's classes, instead of the one that ClassLookup has "
     "for its name"},
    {"csv",
     0,
     CLI_FILE(&given.csv, "FILE"),
     "with --model, a list of all defects with place, class and confidence"},
    CLI_OPTION_CLASSES(&given.names),
    CLI_OPTION_VIEWS(&given.views),
    {0},
};

static const cli_command command = {
    .name = "klarf",
    .arguments = "FILE... -o OUT [--model MODEL]",
    .summary = "Read a fab's defect files, and write a model's classes back into them.",
    .details =
        "FILE is a KLARF of version 1.1, 1.2 or 1.8. Without --model the images of its defects are "
        "copied into class folders for 'train', OUT/CLASS/LOT_WAFER_DEFECT_N.png, by the class "
        "that ClassLookup names; OUT/defects.csv says where each comes from. Pages of a TIFF "
        "become PNGs, other files are copied byte for byte.\n\n"
        "With --model each defect gets the class with the largest mean probability over its "
        "images. OUT is a copy of the KLARF, in which only the column of the classes changes, and "
        "missing classes are added to ClassLookup with free numbers. Classes are matched by name. "
        "A defect for review (see calibrate) and one without an image keep their number.\n\n"
        "Images are looked for below the KLARF's folder only; of an absolute path, or one that "
        "leads out of the folder, only the file name is used. Images that are missing or cannot be "
        "read are named and skipped, and the exit code is 3.",
    .examples = "  semtinel klarf reviewed/*.001 -o images\n"
                "  semtinel klarf lot7.001 --model run -o lot7-classified.001 --csv lot7.csv\n"
                "  semtinel klarf lot8.klarf --images /data/lot8 --type Patch -o images\n"
                "  semtinel klarf lot7.001 --model run -o out.001 --column CLASSNUMBER --class "
                "bridge=210\n",
    .min_operands = 1,
    .max_operands = -1,
};

/* "lot.001: KLARF 1.2, 2 wafers, 120 defects, 230 images". */
static void introduce(const smt_klarf *klarf)
{
    const smt_klarf_info *info = smt_klarf_about(klarf);
    cli_say("%s: KLARF %s, %zu %s, %zu %s, %zu %s",
            info->path,
            info->version,
            info->wafer_count,
            smt_plural(info->wafer_count, "wafer", "wafers"),
            info->defect_count,
            smt_plural(info->defect_count, "defect", "defects"),
            info->image_count,
            smt_plural(info->image_count, "image", "images"));
}

/* The class folders and how many images each holds, beside which lies what microscopes wrote. */
static smt_status say_classes(const char *folder, smt_error *error)
{
    char **names = NULL;
    size_t count = 0;
    smt_status status = smt_list_directory(folder, &names, &count, error);
    for (size_t i = 0; i < count && !status; i++) {
        char **files = NULL, *path = smt_path_join(folder, names[i]);
        size_t file_count = 0, image_count = 0;
        status = path ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", folder);
        if (path && smt_path_is_directory(path)) {
            status = smt_list_directory(path, &files, &file_count, error);
            for (size_t k = 0; k < file_count; k++) {
                image_count += smt_image_suffix(files[k]);
            }
            cli_say("  %-*s %6zu %s",
                    smt_utf8_pad(names[i], 32),
                    names[i],
                    image_count,
                    smt_plural(image_count, "image", "images"));
        }
        smt_list_free(&files, file_count);
        smt_free(path);
    }
    smt_list_free(&names, count);
    return status;
}

static void say_left_out(const smt_klarf_dataset_result *r)
{
    if (r->without) {
        cli_say("%zu %s without an image%s%s",
                r->without,
                smt_plural(r->without, "defect", "defects"),
                given.type ? " of type " : "",
                given.type ? given.type : "");
    }
    if (r->unclassified) {
        cli_say("%zu %s without a class%s",
                r->unclassified,
                smt_plural(r->unclassified, "defect", "defects"),
                given.keep_unclassified ? ", in " SMT_KLARF_UNCLASSIFIED
                                        : " left out; --keep-unclassified takes them");
    }
}

static smt_status
write_folders(smt_klarf *const *files, size_t count, size_t *lost, smt_error *error)
{
    const smt_klarf_dataset_options how = {.column = given.column,
                                           .folder = given.folder,
                                           .type = given.type,
                                           .keep_unclassified = given.keep_unclassified};
    smt_klarf_dataset_result result;
    smt_status status = smt_klarf_write_dataset(files, count, &how, given.output, &result, error);
    if (status) {
        return status;
    }
    *lost = result.lost;
    cli_say("classes from %s:", result.column);
    status = say_classes(given.output, error);
    say_left_out(&result);
    cli_say("wrote %zu %s of %zu of %zu %s to %s",
            result.images,
            smt_plural(result.images, "image", "images"),
            result.copied,
            result.defects,
            smt_plural(result.defects, "defect", "defects"),
            given.output);
    return status;
}

/* True if paths[i] is a file that was named before, perhaps by another path: its images would be
 * copied twice. */
static bool named_before(char *const *paths, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (smt_path_same(paths[k], paths[i])) {
            smt_log(SMT_LOG_WARNING, "%s: was named before and is read once", paths[i]);
            return true;
        }
    }
    return false;
}

/* A folder's files are the shell's to list: their names may end in anything. */
static smt_status load(const char *path, smt_klarf **out, smt_error *error)
{
    return smt_path_is_directory(path)
               ? smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: is a folder; name the KLARF files in it, such as %s%s*.001",
                          path,
                          path,
                          path[strlen(path) - 1] == '/' ? "" : "/")
               : smt_klarf_load(path, out, error);
}

static smt_status run(char *const *paths, size_t count, size_t *lost, smt_error *error)
{
    smt_klarf **files = smt_alloc(count, sizeof *files);
    size_t read = 0;
    smt_status status = files ? smt_check_output(given.output, !given.model, error)
                              : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < count && !status; i++) {
        if (!named_before(paths, i)) {
            status = load(paths[i], &files[read], error);
            if (!status) {
                introduce(files[read++]);
            }
        }
    }
    if (!status) {
        status = given.model ? cli_klarf_classify(files[0], &given, lost, error)
                             : write_folders(files, read, lost, error);
    }
    for (size_t i = 0; i < read; i++) {
        smt_klarf_destroy(&files[i]);
    }
    smt_free(files);
    return status;
}

int cli_klarf(int argc, char **argv)
{
    char **operands;
    int count;
    int code = cli_parse(&command, options, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    if (!given.output) {
        return cli_usage(&command,
                         "-o OUT is missing: the folder, or with --model the KLARF, to write");
    }
    if (!given.model && (given.csv || given.numbers.count || given.names || given.views)) {
        return cli_usage(&command, "--class, --csv, --classes and --views need --model");
    }
    if (given.model && given.keep_unclassified) {
        return cli_usage(&command, "--keep-unclassified is of class folders, without --model");
    }
    if (given.csv && smt_path_same(given.csv, given.output)) {
        return cli_usage(&command, "--csv %s: this is the KLARF; name another file", given.csv);
    }
    if (given.model && count > 1) {
        return cli_usage(&command, "--model takes one FILE at a time");
    }
    smt_error error = {0};
    size_t lost = 0;
    smt_status status = run(operands, (size_t)count, &lost, &error);
    if (!status && lost) {
        smt_log(SMT_LOG_WARNING,
                "%zu %s skipped: missing or unreadable",
                lost,
                smt_plural(lost, "image", "images"));
    }
    return status ? cli_report(&error) : lost ? EXIT_SKIPPED : EXIT_DONE;
}
