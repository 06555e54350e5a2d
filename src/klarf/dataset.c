/* The images of KLARFs as class folders. */
#include "data/tree.h"

#include <semtinel/klarf.h>

#include <math.h>
#include <string.h>
#include <strings.h>

#define NAME_BYTES 100

typedef struct writer {
    const smt_klarf *k;
    const smt_klarf_dataset_options *options;
    smt_klarf_dataset_result *result;
    tree out;
    size_t prefix; /* bytes of the staging folder's path */
    smt_file *list;
    smt_klarf_images *images;
    const smt_image_file *file; /* of the image in hand */
    smt_error *error;
} writer;

static bool of_type(const smt_klarf_image *image, const char *type)
{
    return !type || strcasecmp(image->type, type) == 0;
}

/* Letters, digits and what is harmless in a file's name; the rest becomes '_'. */
static void plain_part(const char *text, char out[NAME_BYTES])
{
    size_t used = 0;
    for (; *text && used < NAME_BYTES - 1; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     c == '-' || c >= 0x80 || (c == '.' && used);
        out[used++] = plain ? (char)c : '_';
    }
    out[used] = 0;
}

/* The name of a class as a folder's. */
static char *folder_of(const char *name, int number)
{
    char *folder = *name ? smt_format("%.200s", name) : smt_format("class_%d", number);
    for (char *c = folder; c && *c; c++) {
        bool bad = *c == '/' || *c == '\\' || (unsigned char)*c < ' ' || (*c == '.' && c == folder);
        *c = bad ? '_' : *c;
    }
    return folder;
}

static smt_status save_copy(const smt_image_file *file, const char *path, smt_error *error)
{
    smt_status status = smt_file_save_bulk(path, file->data, file->size, error);
    return status ? status : smt_image_copy_sidecars(file->path, path, error);
}

static void list_image(writer *w,
                       const smt_klarf_defect *defect,
                       const smt_klarf_image *image,
                       int number,
                       const char *path)
{
    smt_file *list = w->list;
    const char *texts[] = {path + w->prefix,
                           w->file->path,
                           NULL,
                           smt_klarf_about(w->k)->path,
                           defect->lot,
                           defect->wafer,
                           defect->id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i]) {
            smt_file_csv_field(list, texts[i]);
        } else {
            smt_file_printf(list, "%d", image->page);
        }
        smt_file_write(list, ",", 1);
    }
    smt_file_printf(list, number == SMT_KLARF_NONE ? "," : "%d,", number);
    smt_file_printf(list, isnan(defect->x) ? "," : "%.4f,", defect->x);
    smt_file_printf(list, isnan(defect->y) ? "\n" : "%.4f\n", defect->y);
}

/* Copies the image, the n-th of its defect, into the folder of its class. */
static smt_status write_image(writer *w,
                              const smt_klarf_defect *defect,
                              const smt_klarf_image *image,
                              int n,
                              int number,
                              const char *folder)
{
    smt_image page = {0};
    smt_error why = {0};
    char lot[NAME_BYTES], wafer[NAME_BYTES], id[NAME_BYTES], *name = NULL, *path = NULL;
    bool pages = w->file->count > 1;
    smt_status status = SMT_OK;
    if (pages && smt_image_file_load(w->file, (size_t)image->page - 1, NULL, 0, &page, &why)) {
        if (why.status == SMT_ERR_MEMORY) {
            return smt_fail(w->error, why.status, "%s", why.message);
        }
        smt_klarf_images_lose(w->images, why.message);
        return SMT_OK;
    }
    plain_part(defect->lot, lot);
    plain_part(defect->wafer, wafer);
    plain_part(defect->id, id);
    name = smt_format("%s%s%s%s%s_%d%s",
                      lot,
                      *lot ? "_" : "",
                      wafer,
                      *wafer ? "_" : "",
                      id,
                      n,
                      pages ? ".png" : w->file->suffix);
    status = name ? tree_free_path(&w->out, NULL, folder, name, &path, w->error)
                  : smt_fail(w->error, SMT_ERR_MEMORY, "%s: out of memory", w->file->path);
    if (!status) {
        status =
            pages ? smt_image_save_png(path, &page, w->error) : save_copy(w->file, path, w->error);
    }
    if (!status) {
        list_image(w, defect, image, number, path);
        w->result->images++;
    }
    smt_image_free(&page);
    smt_free(name);
    smt_free(path);
    return status;
}

static smt_status write_defect(writer *w, size_t index)
{
    smt_klarf_defect defect;
    smt_klarf_image image;
    smt_klarf_dataset_result *result = w->result;
    smt_klarf_defect_at(w->k, index, &defect);
    int n = 0, number = smt_klarf_number(w->k, index, result->column);
    size_t before = result->images;
    for (size_t i = 0; i < defect.image_count; i++) {
        smt_klarf_image_at(w->k, defect.first_image + i, &image);
        n += of_type(&image, w->options->type);
    }
    if (!n) {
        result->without++;
        return SMT_OK;
    }
    const char *name = number > 0 ? smt_klarf_class_name(w->k, index, number) : NULL;
    if (!name) {
        result->unclassified++;
        if (!w->options->keep_unclassified) {
            return SMT_OK;
        }
        name = SMT_KLARF_UNCLASSIFIED;
    }
    char *folder = folder_of(name, number);
    smt_status status =
        folder ? SMT_OK : smt_fail(w->error, SMT_ERR_MEMORY, "%s: out of memory", w->out.out);
    n = 0;
    for (size_t i = 0; i < defect.image_count && !status; i++) {
        smt_klarf_image_at(w->k, defect.first_image + i, &image);
        if (!of_type(&image, w->options->type)) {
            continue;
        }
        n++;
        status = smt_klarf_images_take(w->images, &image, defect.id, &w->file, w->error);
        if (!status && w->file) {
            status = write_image(w, &defect, &image, n, number, folder);
        }
    }
    result->copied += result->images > before;
    smt_free(folder);
    return status;
}

static const char *choose_column(smt_klarf *const *files, size_t count, const char *asked)
{
    bool all = true, says = false;
    for (size_t f = 0; f < count && !asked; f++) {
        all = all && smt_klarf_has_column(files[f], "MANSEMCLASS");
        size_t defects = smt_klarf_about(files[f])->defect_count;
        for (size_t i = 0; i < defects && all && !says; i++) {
            says = smt_klarf_number(files[f], i, "MANSEMCLASS") > 0;
        }
    }
    return asked ? asked : all && says ? "MANSEMCLASS" : "CLASSNUMBER";
}

static smt_status write_file(writer *w, size_t done, size_t total)
{
    size_t count = smt_klarf_about(w->k)->defect_count;
    smt_status status =
        smt_klarf_images_create(w->k, w->options->folder, &w->result->lost, &w->images, w->error);
    for (size_t i = 0; i < count && !status; i++) {
        status = smt_check_interrupted(w->error);
        status = status ? status : write_defect(w, i);
        smt_progress("copying", done + i + 1, total);
    }
    smt_klarf_images_destroy(&w->images);
    return status;
}

static smt_status begin_list(writer *w)
{
    char *path = NULL;
    smt_status status = tree_path(&w->out, NULL, NULL, "defects.csv", &path, w->error);
    status = status ? status : smt_file_create(path, &w->list, w->error);
    smt_free(path);
    if (!status) {
        smt_file_printf(w->list,
                        "file,source,page,klarf,lot,wafer,defect_id,class_number,x_um,y_um\n");
    }
    return status;
}

smt_status smt_klarf_write_dataset(smt_klarf *const *files,
                                   size_t count,
                                   const smt_klarf_dataset_options *options,
                                   const char *out,
                                   smt_klarf_dataset_result *result,
                                   smt_error *error)
{
    writer w = {.options = options, .result = result, .error = error};
    *result = (smt_klarf_dataset_result){.column = choose_column(files, count, options->column)};
    smt_status status = SMT_OK;
    for (size_t f = 0; f < count && !status; f++) {
        status = smt_klarf_check_column(files[f], result->column, error);
        result->defects += smt_klarf_about(files[f])->defect_count;
    }
    status = status ? status : tree_begin(out, NULL, &w.out, error);
    if (status) {
        return status;
    }
    w.prefix = strlen(w.out.staging) + 1;
    status = begin_list(&w);
    size_t done = 0;
    for (size_t f = 0; f < count && !status; f++) {
        w.k = files[f];
        status = write_file(&w, done, result->defects);
        done += smt_klarf_about(w.k)->defect_count;
    }
    if (!status && !result->images) {
        status = smt_fail(
            error,
            SMT_ERR_FORMAT,
            "%s%s: no image to copy; defects: %zu, without an image%s%s: %zu, without a class "
            "in %s: %zu; images that are lost: %zu%s",
            smt_klarf_about(files[0])->path,
            count > 1 ? " and others" : "",
            result->defects,
            options->type ? " of type " : "",
            options->type ? options->type : "",
            result->without,
            result->column,
            result->unclassified,
            result->lost,
            result->lost ? " (--images names their folder)" : "");
    }
    status = status ? status : smt_file_commit(&w.list, error);
    smt_file_abandon(&w.list);
    if (status) {
        tree_abandon(&w.out);
        return status;
    }
    return tree_commit(&w.out, error);
}
