/* Writing images that a model has labelled as a data set. */
#include <semtinel/split.h>

#include "data/tree.h"

#include <string.h>

/* Class names come from a model's file, and become names of folders. */
static smt_status check_name(const char *name, smt_error *error)
{
    if (!*name || *name == '.' || strchr(name, '/')) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "class '%s': cannot be the name of a folder; give the classes other names",
                        name);
    }
    return SMT_OK;
}

/* *copied: the path of the copy, freed with smt_free; NULL if the label is not chosen. */
static smt_status
copy(const tree *t, const smt_label *label, bool link, char **copied, smt_error *error)
{
    *copied = NULL;
    if (!label->chosen) {
        return SMT_OK;
    }
    smt_status status = check_name(label->class_name, error);
    status =
        status
            ? status
            : tree_free_path(t, NULL, label->class_name, smt_path_name(label->path), copied, error);
    return status ? status : tree_copy(label->path, *copied, link, error);
}

smt_status
smt_label_write(const smt_label *labels, size_t count, bool link, const char *out, smt_error *error)
{
    tree t;
    smt_file *file = NULL;
    char *path = NULL;
    smt_status status = tree_begin(out, NULL, &t, error);
    if (status) {
        return status;
    }
    size_t prefix = strlen(t.staging) + 1;
    status = tree_path(&t, NULL, NULL, "labels.csv", &path, error);
    status = status ? status : smt_file_create(path, &file, error);
    smt_free(path);
    if (!status) {
        smt_file_printf(file, "image_name,predicted_class,confidence,file\n");
    }
    for (size_t i = 0; i < count && !status; i++) {
        char *copied = NULL;
        status = smt_check_interrupted(error);
        status = status ? status : copy(&t, &labels[i], link, &copied, error);
        if (!status) {
            smt_file_csv_field(file, labels[i].path);
            smt_file_write(file, ",", 1);
            smt_file_csv_field(file, labels[i].class_name);
            smt_file_printf(file, ",%.6f,", labels[i].confidence);
            smt_file_csv_field(file, copied ? copied + prefix : "");
            smt_file_write(file, "\n", 1);
            smt_progress("copying", i + 1, count);
        }
        smt_free(copied);
    }
    status = status ? status : smt_file_commit(&file, error);
    smt_file_abandon(&file);
    if (status) {
        tree_abandon(&t);
        return status;
    }
    return tree_commit(&t, error);
}
