#include "cli/quantize.h"

#include "cli/pixels.h"

#include <string.h>

smt_status quantize_folder_check(const char *path, const char *model, smt_error *error)
{
    static const char *const names[] = {
        "float32.tflite", "float32.onnx", "float16.tflite", "dynamic.tflite", "dynamic.onnx"};
    smt_status status = SMT_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && !status; i++) {
        char *file = smt_path_join(path, names[i]);
        status = file ? smt_check_kept(file, model, error)
                      : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        smt_free(file);
    }
    return status;
}

smt_status quantize_folder_compare_on(quantize_folder *folder,
                                      const char *set,
                                      const cli_list *agree,
                                      const char *model,
                                      smt_pool *pool,
                                      size_t *failed,
                                      smt_error *error)
{
    smt_status status = set ? smt_dataset_scan(set, &folder->set, error) : SMT_OK;
    if (set && !status) {
        const smt_evaluate_options how = smt_evaluate_defaults();
        const smt_classifier_info info = {.path = model,
                                          .classes = (const char *const *)folder->model->classes,
                                          .class_count = folder->model->class_count};
        status = smt_evaluate_check(&info, folder->set, &how, error);
    }
    if (!status && agree->count) {
        status = cli_load_images(agree->items,
                                 agree->count,
                                 0,
                                 folder->model->graph->nodes[0].shape.h,
                                 folder->model->preprocess.cut_percent,
                                 pool,
                                 &folder->unlabelled,
                                 failed,
                                 error);
    }
    return status;
}

smt_status quantize_folder_add(
    quantize_folder *folder, const smt_graph *graph, const char *name, bool half, smt_error *error)
{
    static const char *const suffixes[] = {"tflite", "onnx"};
    const smt_write_options how = {.raw_input = folder->raw_input, .half = half};
    smt_status status = SMT_OK;
    for (int k = 0; k < (half ? 1 : 2) && status == SMT_OK; k++) {
        char *file = smt_format("%s.%s", name, suffixes[k]);
        char *path = file ? smt_path_join(folder->path, file) : NULL;
        smt_free(file);
        if (!path) {
            return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        }
        status = graph ? smt_quantized_save(graph, folder->model, path, &how, false, error)
                       : smt_format_by_suffix(path)->write(folder->model, path, &how, error);
        if (!status) {
            cli_say("wrote %s", path);
        }
        if (k == 0) {
            folder->paths[folder->count] = path;
            folder->files[folder->count++] = (smt_precision_file){.name = name, .path = path};
        } else {
            smt_free(path);
        }
    }
    return status;
}

smt_status
quantize_folder_compare(quantize_folder *folder, smt_pool *pool, size_t *failed, smt_error *error)
{
    char *table = NULL;
    const smt_evaluate_options how = smt_evaluate_defaults();
    smt_status status = smt_precision_compare(folder->files,
                                              folder->count,
                                              folder->set,
                                              folder->unlabelled,
                                              &how,
                                              pool,
                                              folder->path,
                                              &table,
                                              failed,
                                              error);
    char *text = smt_path_join(folder->path, "precision.txt");
    if (status == SMT_OK && text) {
        cli_say("%s", "");
        for (const char *line = table, *end; line; line = end ? end + 1 : NULL) {
            end = strchr(line, '\n');
            cli_say("%.*s", (int)strcspn(line, "\n"), line);
        }
        cli_say("wrote %s, .json and .png", text);
    }
    smt_free(text);
    smt_free(table);
    return status;
}

void quantize_folder_name_left(const quantize_folder *folder, bool tuned)
{
    static const char *const names[] = {"int8-qat.tflite", "int8-qat.onnx", "precision.txt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (i < 2 ? !tuned : !folder->set) {
            cli_name_left(folder->path, names[i]);
        }
    }
}

void quantize_folder_release(quantize_folder *folder)
{
    for (int i = 0; i < folder->count; i++) {
        smt_free(folder->paths[i]);
    }
    smt_pixels_destroy(&folder->unlabelled);
    smt_dataset_destroy(&folder->set);
}
