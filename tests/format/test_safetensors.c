/* safetensors: round trips, every refusal of hostile files, checkpoints, failing allocations. */
#include "format/half.h"
#include "format/torch.h"

#include <semtinel/format.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static char *in_folder(const char *name)
{
    return smt_path_join(folder, name);
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/smt-safetensors-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char **names = NULL;
    size_t count = 0;
    if (smt_list_directory(folder, &names, &count, NULL) == SMT_OK) {
        for (size_t i = 0; i < count; i++) {
            char *path = in_folder(names[i]);
            unlink(path);
            smt_free(path);
        }
        smt_list_free(&names, count);
    }
    return rmdir(folder);
}

/* Every half is exact in float32, and comes back; the grid between two halves rounds to the nearer,
 * ties to even. */
static void test_half(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = smt_half_to_float((uint16_t)h);
        uint16_t back = smt_half_from_float(f);
        if (isnan(f)) {
            assert_true((back & 0x7c00) == 0x7c00 && (back & 0x3ff));
        } else {
            assert_int_equal(back, h);
        }
    }
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float a = smt_half_to_float((uint16_t)h), b = smt_half_to_float((uint16_t)(h + 1));
        float middle = (a + b) / 2;
        assert_int_equal(smt_half_from_float(middle), h & 1 ? h + 1 : h);
        assert_int_equal(smt_half_from_float(nextafterf(middle, 0)), h);
        assert_int_equal(smt_half_from_float(nextafterf(middle, 1e9f)), h + 1);
    }
    assert_true(smt_half_to_float(0x3c00) == 1.0f && smt_half_to_float(0xc000) == -2.0f);
    assert_int_equal(smt_half_from_float(65519.0f), 0x7bff);
    assert_int_equal(smt_half_from_float(65520.0f), 0x7c00);
}

/* A file of the given header text and data bytes; the header's length can be lied about. */
static void *compose(const char *header, size_t claimed, size_t data_bytes, size_t *size)
{
    size_t length = strlen(header);
    unsigned char *bytes = calloc(1, 8 + length + data_bytes + 1);
    assert_non_null(bytes);
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)((claimed ? claimed : length) >> (8 * i));
    }
    memcpy(bytes + 8, header, length);
    *size = 8 + length + data_bytes;
    return bytes;
}

static void
expect(const char *header, size_t claimed, size_t data_bytes, smt_status status, const char *word)
{
    size_t size;
    void *bytes = compose(header, claimed, data_bytes, &size);
    smt_tensor_file *file = NULL;
    smt_error error = {SMT_OK, ""};
    smt_status got = smt_safetensors_parse(bytes, size, "x.safetensors", &file, &error);
    if (got != status || (status && !strstr(error.message, word))) {
        fail_msg("%s: status %d, message '%s'", header, (int)got, error.message);
    }
    assert_int_equal(file != NULL, status == SMT_OK);
    smt_tensor_file_destroy(&file);
    free(bytes);
}

#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"

static void test_hostile(void **state)
{
    (void)state;
    smt_tensor_file *file = NULL;
    smt_error error;
    expect("{" T("a", "F32", "[2,3]", "0", "24") "}", 0, 24, SMT_OK, "");
    expect("{" T("a", "F32", "[]", "0", "4") "}   ", 0, 4, SMT_OK, "");
    expect("{" T("a", "F32", "[0]", "0", "0") "," T("b", "I64", "[1]", "0", "8") "}",
           0,
           8,
           SMT_OK,
           "");
    expect("{}", 0, 0, SMT_OK, "");
    expect("{" T("a", "F32", "[2,3]", "0", "24") "}", 1000, 24, SMT_ERR_FORMAT, "cut");
    expect("{" T("a", "F32", "[2,3]", "0", "24") "}", 5, 24, SMT_ERR_FORMAT, "header");
    expect("{" T("a", "F32", "[2,3]", "0", "24") "}", SIZE_MAX, 24, SMT_ERR_LIMIT, "header");
    expect("{" T("a", "F32", "[2,3]", "0", "24") "}", 0, 23, SMT_ERR_FORMAT, "23 of 24 bytes");
    expect("{" T("a", "F32", "[2,3]", "0", "24") "}", 0, 25, SMT_ERR_FORMAT, "follow");
    expect("{" T("a", "F32", "[2,3]", "0", "20") "}", 0, 20, SMT_ERR_FORMAT, "fit");
    expect("{" T("a", "F32", "[2,2]", "4", "20") "}", 0, 20, SMT_ERR_FORMAT, "gap");
    expect("{" T("a", "F32", "[2]", "8", "0") "}", 0, 8, SMT_ERR_FORMAT, "fit");
    expect("{" T("a", "F32", "[2]", "-8", "0") "}", 0, 8, SMT_ERR_FORMAT, "places");
    expect("{" T("a", "F32", "[-2]", "0", "8") "}", 0, 8, SMT_ERR_FORMAT, "sizes");
    expect("{" T("a", "F32", "[2.5]", "0", "8") "}", 0, 8, SMT_ERR_FORMAT, "sizes");
    expect("{" T("a", "F32", "[4294967296,4294967296,4]", "0", "8") "}",
           0,
           8,
           SMT_ERR_FORMAT,
           "bytes");
    expect(
        "{" T("a", "F32", "[9223372036854775807,2]", "0", "8") "}", 0, 8, SMT_ERR_FORMAT, "bytes");
    expect(
        "{" T("a", "F32", "[9223372036854775808]", "0", "8") "}", 0, 8, SMT_ERR_FORMAT, "header");
    expect(
        "{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 0, 4, SMT_ERR_FORMAT, "dimensions");
    expect("{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "4", "12") "}",
           0,
           12,
           SMT_ERR_FORMAT,
           "overlaps");
    expect("{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "0", "8") "}",
           0,
           8,
           SMT_ERR_FORMAT,
           "overlaps");
    expect("{" T("a", "F32", "[1]", "0", "4") "," T("a", "F32", "[1]", "4", "8") "}",
           0,
           8,
           SMT_ERR_FORMAT,
           "duplicate");
    expect("{" T("a", "F8_E4M3", "[4]", "0", "4") "}", 0, 4, SMT_ERR_UNSUPPORTED, "F8_E4M3");
    expect("{" T("", "F32", "[1]", "0", "4") "}", 0, 4, SMT_ERR_FORMAT, "empty");
    expect("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, 4, SMT_ERR_FORMAT, "missing");
    expect("{\"a\":[]}", 0, 0, SMT_ERR_FORMAT, "missing");
    expect("{\"a\":{\"dtype\":3,\"shape\":{},\"data_offsets\":[0,\"4\"]}}",
           0,
           4,
           SMT_ERR_FORMAT,
           "missing");
    expect("{\"__metadata__\":[]}", 0, 0, SMT_ERR_FORMAT, "__metadata__");
    expect("{\"__metadata__\":{\"a\":1}}", 0, 0, SMT_ERR_FORMAT, "not a text");
    expect("{\"a\":\"\xff\"}", 0, 0, SMT_ERR_FORMAT, "JSON");
    expect("{\"a\":", 0, 0, SMT_ERR_FORMAT, "JSON");
    assert_int_equal(smt_safetensors_parse("abc", 3, "x", &file, &error), SMT_ERR_FORMAT);
    assert_int_equal(smt_safetensors_parse("", 0, "x", &file, &error), SMT_ERR_FORMAT);
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n";
    assert_int_equal(smt_safetensors_parse(lfs, sizeof lfs - 1, "x", &file, &error),
                     SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "LFS"));
    /* Nesting far deeper than any real header must not exhaust the stack. */
    size_t depth = 100000;
    char *deep = calloc(1, 2 * depth + 16);
    assert_non_null(deep);
    strcpy(deep, "{\"a\":");
    memset(deep + 5, '[', depth);
    expect(deep, 0, 0, SMT_ERR_FORMAT, "header");
    free(deep);
}

static smt_tensor_file *sample(void)
{
    static const float values[6] = {0, -1.5f, 3.25f, 1e-3f, 65504, 2e-8f};
    static const int64_t dims[2] = {2, 3};
    smt_tensor_file *file = NULL;
    assert_int_equal(smt_tensor_file_create(&file, NULL), SMT_OK);
    assert_int_equal(smt_tensor_file_add(file, "half", SMT_DTYPE_F16, 1, dims + 1, values, NULL),
                     SMT_OK);
    assert_int_equal(smt_tensor_file_add(file, "wide", SMT_DTYPE_F32, 2, dims, values, NULL),
                     SMT_OK);
    assert_int_equal(smt_tensor_file_add(file, "scalar", SMT_DTYPE_F32, 0, NULL, values + 2, NULL),
                     SMT_OK);
    assert_int_equal(smt_tensor_file_set(file, "note", "first", NULL), SMT_OK);
    assert_int_equal(smt_tensor_file_set(file, "note", "a \"quoted\" \xc3\xa9", NULL), SMT_OK);
    return file;
}

static void test_round_trip(void **state)
{
    (void)state;
    char *path = in_folder("round.safetensors");
    smt_tensor_file *file = sample(), *back = NULL;
    smt_error error = {SMT_OK, ""};
    assert_int_equal(smt_safetensors_save(file, path, &error), SMT_OK);
    assert_int_equal(smt_safetensors_load(path, &back, &error), SMT_OK);
    assert_int_equal(back->count, 3);
    assert_string_equal(smt_tensor_file_get(back, "note"), "a \"quoted\" \xc3\xa9");
    assert_null(smt_tensor_file_get(back, "absent"));
    const smt_tensor *wide = smt_tensor_file_find(back, "wide");
    assert_int_equal(wide->rank, 2);
    assert_int_equal(wide->dim[1], 3);
    assert_memory_equal(wide->data, smt_tensor_file_find(file, "wide")->data, 6 * sizeof(float));
    assert_true(smt_tensor_file_find(back, "scalar")->data[0] == 3.25f);
    const smt_tensor *half = smt_tensor_file_find(back, "half");
    assert_int_equal(half->dtype, SMT_DTYPE_F16);
    assert_true(half->data[1] == -1.5f && half->data[2] == 3.25f);
    assert_int_equal(smt_tensor_file_add(back, "wide", SMT_DTYPE_F32, 0, NULL, half->data, NULL),
                     SMT_ERR_ARGUMENT);
    assert_int_equal(smt_tensor_file_add(back, "\xe9", SMT_DTYPE_F32, 0, NULL, half->data, NULL),
                     SMT_ERR_ARGUMENT);

    float large = 1e6f;
    assert_int_equal(smt_tensor_file_add(back, "large", SMT_DTYPE_F16, 0, NULL, &large, NULL),
                     SMT_OK);
    assert_int_equal(smt_safetensors_save(back, path, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "float16"));
    smt_tensor_file_destroy(&back);

    /* Every shorter file is refused. */
    void *data = NULL;
    size_t size = 0;
    assert_int_equal(smt_file_load(path, 0, &data, &size, NULL), SMT_OK);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_not_equal(smt_safetensors_parse(data, cut, "cut", &back, &error), SMT_OK);
        assert_null(back);
    }
    smt_free(data);
    smt_tensor_file_destroy(&file);
    smt_free(path);
}

/* jansson's memory comes from smt_alloc here, so that its failures are part of the count-down. */
static void *json_memory(size_t size)
{
    return smt_alloc(size, 1);
}

static smt_model *small_model(int channels, int classes, float width)
{
    static const char *const names[] = {"bridge", "clean", "crack", "via"};
    smt_mobilenet_options options = smt_mobilenet_defaults();
    options.width = width;
    options.channels = channels;
    options.classes = classes;
    options.input_size = 64;
    smt_graph *graph = NULL;
    smt_model *model = NULL;
    assert_int_equal(smt_mobilenetv3_small(&options, (uint64_t)channels, &graph, NULL), SMT_OK);
    assert_int_equal(smt_model_create(graph, &options, names, classes, &model, NULL), SMT_OK);
    return model;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    char *path = in_folder("memory.safetensors");
    smt_model *model = small_model(1, 3, 0.25f);
    smt_error error;
    json_set_alloc_funcs(json_memory, free);
    bool done = false;
    /* A checkpoint makes some thousand allocations: the first hundred one by one, then in steps. */
    for (long after = 0; !done; after += after < 100 ? 1 : 37) {
        assert_true(after < 100000);
        smt_alloc_fail_after(after);
        done = smt_model_save(model, path, SMT_DTYPE_F32, NULL, &error) == SMT_OK;
        smt_alloc_fail_after(-1);
        assert_int_equal(smt_path_exists(path), done);
    }
    done = false;
    for (long after = 0; !done; after += after < 100 ? 1 : 37) {
        smt_model *back = model; /* stays so on failure */
        assert_true(after < 100000);
        smt_alloc_fail_after(after);
        smt_status status = smt_model_load(path, &back, &error);
        smt_alloc_fail_after(-1);
        done = status == SMT_OK;
        assert_int_equal(done, back != model);
        if (done) {
            smt_model_destroy(&back);
        }
    }
    json_set_alloc_funcs(malloc, free);
    smt_model_destroy(&model);
    smt_free(path);
}

static void test_checkpoint(void **state)
{
    (void)state;
    char *path = in_folder("model.safetensors");
    smt_model *model = small_model(1, 3, 0.5f), *back = NULL;
    smt_error error = {SMT_OK, ""};
    smt_free(model->provenance);
    model->provenance = smt_strdup("{\"seed\": 7}");
    smt_tensor_file *extra = NULL;
    float moment = 0.5f;
    assert_int_equal(smt_tensor_file_create(&extra, NULL), SMT_OK);
    assert_int_equal(
        smt_tensor_file_add(extra, "state.moment", SMT_DTYPE_F32, 0, NULL, &moment, NULL), SMT_OK);
    assert_int_equal(smt_tensor_file_set(extra, "history", "[1]", NULL), SMT_OK);
    assert_int_equal(smt_model_save(model, path, SMT_DTYPE_F32, extra, &error), SMT_OK);
    /* The folder stands for the run. */
    assert_int_equal(smt_model_load(folder, &back, &error), SMT_OK);
    assert_true(back->arch.width == 0.5f && back->arch.input_size == 64);
    assert_int_equal(back->class_count, 3);
    assert_string_equal(back->classes[2], "crack");
    assert_string_equal(back->provenance, "{\"seed\": 7}");
    assert_int_equal(back->graph->param_count, model->graph->param_count);
    for (int i = 0; i < back->graph->param_count; i++) {
        assert_memory_equal(back->graph->params[i].data,
                            model->graph->params[i].data,
                            model->graph->params[i].count * sizeof(float));
    }
    smt_model_destroy(&back);
    smt_tensor_file *file = NULL;
    assert_int_equal(smt_safetensors_load(path, &file, &error), SMT_OK);
    assert_true(smt_tensor_file_find(file, "state.moment")->data[0] == 0.5f);
    assert_string_equal(smt_tensor_file_get(file, "history"), "[1]");

    /* Damage that a container cannot see. */
    static const struct {
        const char *key, *value, *word;
    } wrong[] = {
        {"semtinel", "9", "version"},
        {"architecture", "{}", "name"},
        {"architecture", "no JSON", "architecture"},
        {"architecture", "{\"name\":\"mobilenetv3-small-ensemble\"}", "members"},
        {"architecture", "{\"name\":\"mobilenetv3-small-ensemble\",\"members\":[{}]}", "members"},
        {"architecture", "{\"name\":\"mobilenetv3-small-ensemble\",\"members\":[{},1]}", "name"},
        {"architecture",
         "{\"name\":\"mobilenetv3-small\",\"width\":0.5,\"input_size\":64,\"channels\":1,"
         "\"classes\":100000,\"wide_head\":false,\"dropout\":0.2,\"padding\":\"same\",\"bn_"
         "epsilon\":0.001,\"bn_momentum\":0.9}",
         "classes"},
        {"architecture",
         "{\"name\":\"mobilenetv3-small\",\"width\":1.0,\"input_size\":64,\"channels\":1,"
         "\"classes\":3,\"wide_head\":false,\"dropout\":0.2,\"padding\":\"same\",\"bn_epsilon\":0."
         "001,\"bn_momentum\":0.9}",
         "needs"},
        {"classes", "[\"one\"]", "class names"},
        {"classes", "{}", "classes"},
        {"preprocess", "{\"mean\":0,\"scale\":0,\"normalise\":false}", "scale"},
        {"preprocess",
         "{\"mean\":0,\"scale\":1,\"normalise\":false,\"cut_percent\":51}",
         "cut_percent"},
        {"preprocess", "{\"mean\":0,\"scale\":1,\"normalise\":true}", "contrast normalisation"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *before = smt_strdup(smt_tensor_file_get(file, wrong[i].key));
        assert_int_equal(smt_tensor_file_set(file, wrong[i].key, wrong[i].value, NULL), SMT_OK);
        smt_status status = smt_model_from_tensors(file, "damaged", &back, &error);
        if (!status || !strstr(error.message, wrong[i].word) || back) {
            fail_msg("%s: %s", wrong[i].value, error.message);
        }
        assert_int_equal(smt_tensor_file_set(file, wrong[i].key, before, NULL), SMT_OK);
        smt_free(before);
    }
    file->tensors[0].data[0] = NAN;
    assert_int_equal(smt_model_from_tensors(file, "damaged", &back, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "nan"));
    file->tensors[0].data[0] = 0;
    file->tensors[0].name[0] = 'X';
    assert_int_equal(smt_model_from_tensors(file, "damaged", &back, &error), SMT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "missing"));
    smt_tensor_file_destroy(&file);
    smt_tensor_file_destroy(&extra);
    smt_model_destroy(&model);
    smt_free(path);

    assert_int_equal(smt_model_load("/dev/null/model", &back, &error), SMT_ERR_IO);
    assert_non_null(strstr(error.message, "/dev/null/model"));
    assert_int_equal(smt_model_load("/tmp", &back, &error), SMT_ERR_IO);
}

/* A PyTorch state dictionary kept as safetensors is the same network as the .pth. */
static void test_torchvision_names(void **state)
{
    (void)state;
    char *path = in_folder("torch.safetensors");
    smt_tensor_file *file = NULL;
    smt_model *a = NULL, *b = NULL;
    smt_error error = {SMT_OK, ""};
    assert_int_equal(smt_pth_load(SMT_TEST_DIR "/golden/format/torchvision.pth", &file, &error),
                     SMT_OK);
    assert_int_equal(smt_safetensors_save(file, path, &error), SMT_OK);
    assert_int_equal(smt_model_load(SMT_TEST_DIR "/golden/format/torchvision.pth", &a, &error),
                     SMT_OK);
    assert_int_equal(smt_model_load(path, &b, &error), SMT_OK);
    assert_int_equal(a->graph->param_count, b->graph->param_count);
    for (int i = 0; i < a->graph->param_count; i++) {
        const smt_param *p = &a->graph->params[i], *q = &b->graph->params[i];
        assert_memory_equal(p->data, q->data, p->count * sizeof(float));
    }
    char *json = NULL;
    assert_int_equal(smt_describe(path, &json, &error), SMT_OK);
    assert_non_null(strstr(json, "\"layers\""));
    smt_free(json);
    smt_model_destroy(&a);
    smt_model_destroy(&b);
    smt_tensor_file_destroy(&file);
    smt_free(path);
}

static void test_describe(void **state)
{
    (void)state;
    char *path = in_folder("state.safetensors"), *json = NULL;
    smt_tensor_file *file = sample();
    smt_error error = {SMT_OK, ""};
    assert_int_equal(smt_safetensors_save(file, path, &error), SMT_OK);
    assert_int_equal(smt_describe(path, &json, &error), SMT_OK);
    json_t *root = json_loads(json, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "tensors")), 3);
    assert_int_equal(json_integer_value(json_object_get(root, "parameters")), 10);
    json_decref(root);
    smt_free(json);
    smt_model *model = small_model(1, 3, 0.25f);
    assert_int_equal(smt_model_save(model, path, SMT_DTYPE_F16, NULL, &error), SMT_OK);
    assert_int_equal(smt_describe(path, &json, &error), SMT_OK);
    root = json_loads(json, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "macs")),
                     smt_graph_macs(model->graph, -1));
    assert_int_equal(json_array_size(json_object_get(root, "classes")), 3);
    assert_int_equal(json_array_size(json_object_get(root, "layers")), model->graph->node_count);
    json_decref(root);
    smt_free(json);
    assert_int_equal(smt_describe("/dev/null/none", &json, &error), SMT_ERR_IO);
    smt_model_destroy(&model);
    smt_tensor_file_destroy(&file);
    smt_free(path);
}

static void test_transfer(void **state)
{
    (void)state;
    smt_model *three = small_model(3, 4, 0.5f), *one = small_model(1, 3, 0.5f),
              *other = small_model(1, 3, 0.25f);
    smt_transfer_report report = {.rows = NULL};
    smt_error error = {SMT_OK, ""};
    smt_graph *start = NULL;
    assert_int_equal(smt_graph_clone(one->graph, &start, NULL), SMT_OK);
    assert_int_equal(smt_model_transfer(one, three, &report, &error), SMT_OK);
    int p = smt_graph_find_param(one->graph, "stem.weight");
    const float *grey = one->graph->params[p].data, *colour = three->graph->params[p].data;
    for (int i = 0; i < 16 * 9; i++) {
        double sum = (double)colour[3 * i] + (double)colour[3 * i + 1] + (double)colour[3 * i + 2];
        assert_true(fabs((double)grey[i] - sum) < 1e-6);
    }
    p = smt_graph_find_param(one->graph, "block5.project.bn.gamma");
    assert_memory_equal(one->graph->params[p].data,
                        three->graph->params[p].data,
                        one->graph->params[p].count * sizeof(float));
    p = smt_graph_find_param(one->graph, "classifier.weight");
    assert_memory_equal(
        one->graph->params[p].data, start->params[p].data, start->params[p].count * sizeof(float));
    assert_int_equal(report.rows[0].kind, SMT_TRANSFER_SUMMED);
    assert_int_equal(report.rows[report.count - 1].kind, SMT_TRANSFER_SHAPE);
    assert_int_equal(report.total - report.taken, start->params[p].count + 3);
    char *text = smt_transfer_report_text(&report);
    assert_non_null(strstr(text, "3 input channels summed to 1"));
    assert_non_null(strstr(text, "4 there, 3 here"));
    smt_free(text);
    smt_transfer_report_free(&report);

    /* Equal classes: everything is taken. */
    smt_model *again = small_model(1, 3, 0.5f);
    assert_int_equal(smt_model_transfer(again, one, &report, &error), SMT_OK);
    assert_int_equal(report.taken, report.total);
    smt_transfer_report_free(&report);

    smt_graph_destroy(&start);
    assert_int_equal(smt_graph_clone(other->graph, &start, NULL), SMT_OK);
    assert_int_equal(smt_model_transfer(other, one, &report, &error), SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "--width 0.5"));
    for (int i = 0; i < start->param_count; i++) {
        assert_memory_equal(start->params[i].data,
                            other->graph->params[i].data,
                            start->params[i].count * sizeof(float));
    }
    smt_graph_destroy(&start);
    one->arch.padding = SMT_PAD_EXPLICIT;
    assert_int_equal(smt_model_transfer(again, one, &report, &error), SMT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "--padding symmetric"));
    smt_model_destroy(&again);
    smt_model_destroy(&three);
    smt_model_destroy(&one);
    smt_model_destroy(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_torchvision_names),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_transfer),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
