/* semtinel synth: folders of simulated SEM images, and contact sheets of them. */
#include "cli/cli.h"

#include <semtinel/image.h>
#include <semtinel/report.h>
#include <semtinel/synth.h>

#include <string.h>
#include <unistd.h>

static const cli_command command = {
    .name = "synth",
    .arguments = "[OUT]",
    .summary = "Simulate SEM images of every class.",
    .details =
        "Writes OUT/CLASS/CLASS_NUMBER.png, with --splits OUT/train, OUT/val and OUT/test "
        "with 70, 15 and 15 percent of each class. The same seed gives the same bytes at "
        "any number of threads, and each image depends on the seed and its number, not on how many "
        "are made. --sheet draws a contact sheet instead, or as well when OUT is given.",
    .examples = "  semtinel synth simulated --per-class 200\n"
                "  semtinel synth simulated --preset phase3 --per-class 500 --splits --seed 7\n"
                "  semtinel synth --preset phase3 --sheet sheet.png\n",
    .min_operands = 0,
    .max_operands = 1,
};

enum { BY_CLASS, BY_LAYOUT, BY_ALL }; /* how finely the folders divide the images */

typedef struct job {
    smt_synth_preset preset;
    smt_synth_options options;
    int size, per_class, classes;
    int labels; /* BY_CLASS .. BY_ALL */
    bool splits;
    uint64_t seed;
    const char *folder;
    smt_error *errors; /* one a worker; the first failure of each */
    size_t *finished;  /* images done, one a worker */
    int workers;
} job;

static const char *split_of(const job *j, int number)
{
    if (!j->splits) {
        return "";
    }
    int train = j->per_class * 70 / 100, val = j->per_class * 85 / 100;
    return number < train || !number ? "train/" : number < val ? "val/" : "test/";
}

/* The folder of an image: CLASS, CLASS-LAYOUT or CLASS-LAYOUT-VARIANT-KIND, what it has of them. */
static char *folder_of(const job *j, int number, const char *name, const smt_synth_labels *l)
{
    const char *layout = j->labels == BY_CLASS ? NULL : l->layout,
               *variant = j->labels == BY_ALL ? l->variant : NULL,
               *kind = j->labels == BY_ALL ? l->kind : NULL;
    return smt_format("%s/%s%s%s%s%s%s%s%s",
                      j->folder,
                      split_of(j, number),
                      name,
                      layout ? "-" : "",
                      layout ? layout : "",
                      variant ? "-" : "",
                      variant ? variant : "",
                      kind ? "-" : "",
                      kind ? kind : "");
}

static void save_one(void *context, int task, int worker)
{
    job *j = context;
    smt_error *error = &j->errors[worker];
    if (error->status || smt_interrupted()) {
        return;
    }
    int class_index = task / j->per_class, number = task % j->per_class;
    const char *name = smt_synth_class_name(j->preset, class_index);
    smt_image image = {0};
    smt_synth_labels labels;
    if (smt_synth_render(j->preset,
                         class_index,
                         j->size,
                         j->seed,
                         (uint64_t)number,
                         &j->options,
                         &image,
                         &labels,
                         error)) {
        return;
    }
    char *folder = folder_of(j, number, name, &labels);
    char *path = folder ? smt_format("%s/%s_%05d.png", folder, name, number) : NULL;
    if (!path) {
        smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    } else if (j->labels == BY_CLASS || !smt_make_directory(folder, error)) {
        smt_image_save_png(path, &image, error);
    }
    smt_free(path);
    smt_free(folder);
    smt_image_free(&image);
    j->finished[worker]++;
    if (worker == 0) { /* one thread speaks; it works at the pace of the others */
        size_t total = (size_t)j->classes * (size_t)j->per_class,
               done = j->finished[0] * (size_t)j->workers;
        smt_progress("images", done < total ? done : total, total);
    }
}

static smt_status make_folders(const job *j, smt_error *error)
{
    static const char *const parts[] = {"train/", "val/", "test/"};
    for (int part = 0; part < (j->splits ? 3 : 1); part++) {
        for (int k = 0; k < j->classes; k++) {
            char *path = smt_format("%s/%s%s",
                                    j->folder,
                                    j->splits ? parts[part] : "",
                                    smt_synth_class_name(j->preset, k));
            smt_status status = path ? smt_make_directory(path, error)
                                     : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
            smt_free(path);
            if (status) {
                return status;
            }
        }
    }
    return SMT_OK;
}

/* Simulated images must not mix with what is already there. */
static smt_status check_empty(const char *folder, smt_error *error)
{
    if (!smt_path_exists(folder)) {
        return SMT_OK;
    }
    char **names = NULL;
    size_t count = 0;
    smt_status status = smt_list_directory(folder, &names, &count, error);
    smt_list_free(&names, count);
    if (!status && count) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: not empty; choose another folder, or add --force to write into it",
                        folder);
    }
    return status;
}

static smt_status write_images(job *j, smt_error *error)
{
    smt_pool *pool = NULL;
    smt_status status = j->labels == BY_CLASS ? make_folders(j, error) : SMT_OK;
    if (!status) {
        status = smt_pool_create(cli_shared.threads, &pool, error);
    }
    if (status) {
        return status;
    }
    j->workers = smt_pool_threads(pool);
    j->errors = smt_alloc((size_t)j->workers, sizeof *j->errors);
    j->finished = smt_alloc((size_t)j->workers, sizeof *j->finished);
    if (j->errors && j->finished) {
        int total = j->classes * j->per_class;
        smt_pool_run(pool, total, save_one, j);
        for (int k = 0; k < j->workers && !status; k++) {
            if (j->errors[k].status) {
                status = smt_fail(error, j->errors[k].status, "%s", j->errors[k].message);
            }
        }
        if (!status && smt_interrupted()) {
            status = smt_fail(error,
                              SMT_ERR_INTERRUPTED,
                              "interrupted; %s holds the images made so far",
                              j->folder);
        }
        if (!status) {
            smt_progress("images", (size_t)total, (size_t)total);
        }
    } else {
        status = smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    }
    smt_free(j->errors);
    smt_free(j->finished);
    smt_pool_destroy(&pool);
    return status;
}

/* Folders in which there is no image, as after the first one found the disk full. */
static void remove_empty(const char *folder)
{
    char **names = NULL;
    size_t count = 0;
    if (smt_list_directory(folder, &names, &count, NULL) == SMT_OK) {
        for (size_t i = 0; i < count; i++) {
            char *path = smt_path_join(folder, names[i]);
            if (path && smt_path_is_directory(path)) {
                remove_empty(path);
                rmdir(path);
            }
            smt_free(path);
        }
    }
    smt_list_free(&names, count);
}

static smt_status write_folder(job *j, bool force, smt_error *error)
{
    smt_status status = smt_check_output(j->folder, true, error);
    status = status || force ? status : check_empty(j->folder, error);
    double start = smt_clock();
    if (!status) {
        status = cli_make_folder(j->folder, error);
        status = status ? status : write_images(j, error);
        if (status && !force) { /* else they may be another's */
            remove_empty(j->folder);
        }
    }
    if (!status) {
        double seconds = smt_clock() - start;
        int total = j->classes * j->per_class;
        cli_say("%s: %d %s of %d %s, %.0f images/s",
                j->folder,
                total,
                smt_plural((size_t)total, "image", "images"),
                j->classes,
                smt_plural((size_t)j->classes, "class", "classes"),
                total / (seconds > 0 ? seconds : 1));
    }
    return status;
}

static smt_status
write_sheet(const job *j, const char *path, int columns, int rows, int only, smt_error *error)
{
    int first = only < 0 ? 0 : only, classes = only < 0 ? j->classes : 1;
    size_t count = (size_t)classes * (size_t)rows * (size_t)columns, made = 0;
    smt_image *images = smt_alloc(count, sizeof *images);
    smt_sheet_cell *cells = smt_alloc(count, sizeof *cells);
    smt_status status = images && cells ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    for (; !status && made < count; made++) {
        int class_index = first + (int)made / (rows * columns),
            number = (int)made % (rows * columns);
        status = smt_check_interrupted(error);
        status = status ? status
                        : smt_synth_render(j->preset,
                                           class_index,
                                           j->size,
                                           j->seed,
                                           (uint64_t)number,
                                           &j->options,
                                           &images[made],
                                           NULL,
                                           error);
        if (status) {
            break;
        }
        cells[made] = (smt_sheet_cell){
            &images[made], number ? NULL : smt_synth_class_name(j->preset, class_index)};
    }
    if (!status) {
        char *title = smt_format("Simulated images, preset %s, seed %llu",
                                 smt_synth_preset_name(j->preset),
                                 (unsigned long long)j->seed);
        status = smt_sheet_save(path, title, cells, count, columns, 128, error);
        smt_free(title);
    }
    for (size_t k = 0; k < made; k++) {
        smt_image_free(&images[k]);
    }
    smt_free(images);
    smt_free(cells);
    return status;
}

static int find_class(smt_synth_preset preset, const char *name)
{
    for (int k = 0; k < smt_synth_class_count(preset); k++) {
        if (strcmp(smt_synth_class_name(preset, k), name) == 0) {
            return k;
        }
    }
    return -1;
}

int cli_synth(int argc, char **argv)
{
    enum { PER_CLASS = 100, COLUMNS = 12, ROWS = 1 };
    int preset = SMT_SYNTH_PHASE1, columns = COLUMNS, rows = ROWS;
    bool force = false, twins = false;
    const char *sheet = NULL, *only = NULL;
    job j = {.per_class = PER_CLASS, .size = 128, .labels = BY_CLASS};
    smt_synth_defaults(&j.options);
    const cli_option options[] = {
        {"preset", 'p', CLI_CHOICE(&preset, "phase1|phase3"), "the set of classes"},
        {"per-class", 'n', CLI_INT(&j.per_class, 1, 100000, "N"), "images of each class"},
        {"size",
         's',
         CLI_INT(&j.size, SMT_SYNTH_MIN_SIZE, SMT_SYNTH_MAX_SIZE, "PX"),
         "side of an image in pixels"},
        {"splits", 0, CLI_FLAG(&j.splits), "make train, val and test folders"},
        {"labels",
         0,
         CLI_CHOICE(&j.labels, "class|layout|all"),
         "a folder for each class, each layout of it, or each variant of that and kind of defect: "
         "finer classes, to pretrain on"},
        {"force", 0, CLI_FLAG(&force), "write into a folder that is not empty"},
        {"sheet", 0, CLI_FILE(&sheet, "FILE"), "draw a contact sheet as PNG"},
        {"sheet-columns", 0, CLI_INT(&columns, 1, 40, "N"), "images in a row of the sheet"},
        {"sheet-rows", 0, CLI_INT(&rows, 1, 40, "N"), "rows of the sheet for each class"},
        {"sheet-class", 0, CLI_TEXT(&only, "NAME"), "draw this class only"},
        {"without-defect", 0, CLI_FLAG(&twins), "the same scenes without their defects"},
        {"roughness", 0, CLI_REAL(&j.options.roughness, 0, 4, "X"), "scale of edge roughness"},
        {"noise", 0, CLI_REAL(&j.options.noise, 0, 4, "X"), "scale of noise"},
        {"blur", 0, CLI_REAL(&j.options.blur, 0, 4, "X"), "scale of the point spread"},
        {"distortion",
         0,
         CLI_REAL(&j.options.distortion, 0, 4, "X"),
         "scale of drift, jitter and charging"},
        {"contrast",
         0,
         CLI_REAL(&j.options.contrast, 0, 2, "X"),
         "scale of the spread of contrast and brightness"},
        {"overlays",
         0,
         CLI_REAL(&j.options.overlays, 0, 2, "X"),
         "scale of how often data bars, frames and labels appear"},
        {0},
    };
    char **operands;
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, &operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    if (!operand_count && !sheet) {
        return cli_usage(&command, "give a folder to write, or --sheet FILE");
    }
    if (!sheet && (columns != COLUMNS || rows != ROWS || only)) {
        return cli_usage(&command,
                         "--sheet-columns, --sheet-rows and --sheet-class are of the contact "
                         "sheet: give --sheet FILE too");
    }
    if (!operand_count && (j.per_class != PER_CLASS || j.splits || j.labels || force)) {
        return cli_usage(&command,
                         "--per-class, --splits, --labels and --force are of a folder of images: "
                         "name it too");
    }
    j.preset = (smt_synth_preset)preset;
    j.options.defect = !twins;
    j.seed = cli_shared.seed;
    j.classes = smt_synth_class_count(j.preset);
    int chosen = only ? find_class(j.preset, only) : -1;
    if (only && chosen < 0) {
        return cli_usage(&command,
                         "--sheet-class %s: no such class in preset %s",
                         only,
                         smt_synth_preset_name(j.preset));
    }
    smt_error error = {0};
    smt_status status = SMT_OK;
    if (operand_count) {
        j.folder = operands[0];
        status = write_folder(&j, force, &error);
    }
    if (!status && sheet) {
        status = write_sheet(&j, sheet, columns, rows, chosen, &error);
        if (!status) {
            cli_say("%s: contact sheet", sheet);
        }
    }
    return status ? cli_report(&error) : EXIT_DONE;
}
