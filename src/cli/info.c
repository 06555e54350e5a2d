/* semtinel info: what is in a model file. */
#include "base/json.h"
#include "cli/cli.h"

#include <semtinel/format.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool as_json, brief;

static const cli_option options[] = {
    {"json", 0, CLI_FLAG(&as_json), "print one JSON object a model"},
    {"brief", 'b', CLI_FLAG(&brief), "leave out layers, tensors and the options of the training"},
    {0},
};

static const cli_command command = {
    .name = "info",
    .arguments = "MODEL...",
    .summary = "Say what is in a model file.",
    .details = "MODEL is a run's folder, or a file that semtinel reads or writes: safetensors, "
               "TensorFlow Lite (float and quantised), ONNX, PyTorch .pth, Keras .h5, TensorFlow "
               ".pb. It prints layers, shapes, parameters, multiply-adds (MACs) for one image, "
               "bytes, quantisation, classes, preprocessing and where the model comes from.",
    .examples = "  semtinel info run\n"
                "  semtinel info --brief model.tflite model.onnx\n"
                "  semtinel info --json model-int8.tflite | jq .arena_bytes\n",
    .min_operands = 1,
    .max_operands = -1,
};

static json_int_t whole(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static const char *shape_text(const json_t *shape, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < json_array_size(shape) && at < size; i++) {
        at += (size_t)snprintf(text + at,
                               size - at,
                               "%s%lld",
                               i ? " x " : "",
                               (long long)json_integer_value(json_array_get(shape, i)));
    }
    return text;
}

/* "  scale 0.0235 zero -128", or nothing. */
static const char *quantisation_text(const json_t *owner, char *text, size_t size)
{
    const json_t *q = json_object_get(owner, "quantisation");
    text[0] = 0;
    if (json_object_get(q, "scale")) {
        snprintf(text,
                 size,
                 "scale %.6g, zero point %lld",
                 json_number_value(json_object_get(q, "scale")),
                 (long long)whole(q, "zero_point"));
    } else if (q) {
        snprintf(text,
                 size,
                 "%lld %s",
                 (long long)whole(q, "channels"),
                 smt_plural((size_t)whole(q, "channels"), "scale", "scales"));
    }
    return text;
}

/* "int8 weights" of a layer that computes in float, or nothing. */
static const char *stored_text(const json_t *layer, char *text, size_t size)
{
    const char *stored = word(layer, "weight_type");
    bool smaller = strcmp(stored, "int8") == 0 || strcmp(stored, "float16") == 0;
    text[0] = 0;
    if (smaller && strcmp(word(layer, "type"), "float32") == 0) {
        snprintf(text, size, "%s weights", stored);
    }
    return text;
}

static void print_end(const char *label, const json_t *end)
{
    char shape[96], quantisation[96];
    if (end) {
        quantisation_text(end, quantisation, sizeof quantisation);
        printf("%-14s %s, %s%s%s\n",
               label,
               shape_text(json_object_get(end, "shape"), shape, sizeof shape),
               word(end, "type"),
               *quantisation ? ", " : "",
               quantisation);
    }
}

static void print_layers(const json_t *layers)
{
    printf("\n%4s  %-26s %-17s %-18s %-8s %10s %11s  %s\n",
           "",
           "layer",
           "operator",
           "output",
           "type",
           "parameters",
           "MACs",
           "");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *l = json_array_get(layers, i);
        char shape[96], kernel[48] = "", quantisation[96];
        const json_t *k = json_object_get(l, "kernel");
        if (k) {
            snprintf(kernel,
                     sizeof kernel,
                     "%lldx%lld/%lld ",
                     (long long)json_integer_value(json_array_get(k, 0)),
                     (long long)json_integer_value(json_array_get(k, 1)),
                     (long long)whole(l, "stride"));
        }
        if (!*quantisation_text(l, quantisation, sizeof quantisation)) {
            stored_text(l, quantisation, sizeof quantisation);
        }
        printf("%4zu  %-26.60s %-17s %-18s %-8s %10lld %11lld  %s%s%s%s\n",
               i,
               word(l, "name"),
               word(l, "operator"),
               shape_text(json_object_get(l, "output"), shape, sizeof shape),
               word(l, "type"),
               (long long)whole(l, "parameters"),
               (long long)whole(l, "macs"),
               kernel,
               word(l, "activation"),
               *word(l, "activation") && *quantisation ? ", " : "",
               quantisation);
    }
}

static void print_tensors(const json_t *tensors)
{
    printf("\n%-48s %-22s %-9s %10s\n", "tensor", "shape", "type", "values");
    for (size_t i = 0; i < json_array_size(tensors); i++) {
        const json_t *t = json_array_get(tensors, i);
        char shape[160];
        printf("%-48s %-22s %-9s %10lld\n",
               word(t, "name"),
               shape_text(json_object_get(t, "shape"), shape, sizeof shape),
               word(t, "type"),
               (long long)whole(t, "values"));
    }
}

static void print_classes(const json_t *classes)
{
    if (json_array_size(classes)) {
        char label[32];
        snprintf(label, sizeof label, "classes (%zu)", json_array_size(classes));
        printf("%-14s ", label);
        for (size_t i = 0; i < json_array_size(classes); i++) {
            printf("%s%s", i ? ", " : "", json_string_value(json_array_get(classes, i)));
        }
        printf("\n");
    }
}

static void print_provenance(const char *label, const json_t *object)
{
    char *dumped = json_object_size(object) ? json_dumps(object, 0) : NULL;
    if (dumped) {
        char *text = smt_provenance_text(dumped);
        printf("%-14s %s\n", label, text ? text : "");
        smt_free(text);
    }
    free(dumped);
}

/* Texts (safetensors) a line each, cut; sizes of blobs (.tflite) on one line. */
static void print_metadata(json_t *metadata)
{
    const char *key;
    json_t *value;
    bool started = false;
    json_object_foreach(metadata, key, value)
    {
        char name[256];
        snprintf(name, sizeof name, "%s", key);
        smt_printable(name);
        if (json_is_string(value)) {
            printf("%-14s %s: %.100s\n", started ? "" : "metadata", name, json_string_value(value));
        } else {
            printf("%s%s (%lld bytes)",
                   started ? ", " : "metadata       ",
                   name,
                   (long long)json_integer_value(value));
        }
        started = true;
    }
    if (started && json_is_integer(value)) {
        printf("\n");
    }
}

/* The network, or an ensemble and its members. */
static void print_network(const char *label, const json_t *arch)
{
    const json_t *members = json_object_get(arch, "members");
    if (members) {
        printf("%-14s %s of %zu\n", label, word(arch, "name"), json_array_size(members));
        for (size_t i = 0; i < json_array_size(members); i++) {
            print_network("  member", json_array_get(members, i));
        }
        return;
    }
    printf("%-14s %s, width %g, %lld pixels, padding %s%s\n",
           label,
           word(arch, "name"),
           json_number_value(json_object_get(arch, "width")),
           (long long)whole(arch, "input_size"),
           word(arch, "padding"),
           json_is_true(json_object_get(arch, "wide_head")) ? ", wide head" : "");
}

static void print_text(const json_t *root)
{
    const json_t *arch = json_object_get(root, "architecture"),
                 *pre = json_object_get(root, "preprocess");
    printf("%-14s %s\n", "file", word(root, "file"));
    printf("%-14s %s, %lld bytes, CRC-32 %s\n",
           "format",
           word(root, "format"),
           (long long)whole(root, "bytes"),
           word(root, "crc32"));
    if (*word(root, "description")) {
        printf("%-14s %s\n", "description", word(root, "description"));
    }
    if (arch) {
        print_network("network", arch);
    }
    print_end("input", json_object_get(root, "input"));
    if (json_is_true(json_object_get(root, "input_size_assumed"))) {
        printf("%-14s %s\n", "", "this size is assumed: the file holds weights alone");
    }
    if (pre) {
        printf("%-14s x = (p - %g) / %g\n",
               "preprocess",
               json_number_value(json_object_get(pre, "mean")),
               json_number_value(json_object_get(pre, "scale")));
        if (json_object_get(pre, "cut_percent")) {
            printf("%-14s %g%% of an image file's height are cut off at the bottom first\n",
                   "",
                   json_number_value(json_object_get(pre, "cut_percent")));
        }
    }
    print_end("output", json_object_get(root, "output"));
    print_classes(json_object_get(root, "classes"));
    printf("%-14s %lld%s\n",
           "parameters",
           (long long)whole(root, "parameters"),
           json_is_true(json_object_get(root, "float16")) ? ", stored as float16"
           : json_is_true(json_object_get(root, "int8"))  ? ", stored as int8"
                                                          : "");
    if (json_object_get(root, "macs")) {
        printf("%-14s %.3f million an image\n", "MACs", (double)whole(root, "macs") / 1e6);
    }
    if (json_object_get(root, "places_bytes")) {
        printf("%-14s %lld bytes on a Cortex-M and %lld for the plan",
               "arena",
               (long long)whole(root, "arena_bytes"),
               (long long)whole(root, "places_bytes"));
        if (json_object_get(root, "exported_arena_bytes")) {
            printf("; %lld as exported C", (long long)whole(root, "exported_arena_bytes"));
        }
        printf("\n");
    } else if (json_object_get(root, "arena_bytes")) {
        printf("%-14s %lld bytes to run it (portable kernels; those for a Cortex-M take fully "
               "quantised files)\n",
               "arena",
               (long long)whole(root, "arena_bytes"));
    }
    if (json_object_get(root, "cannot_run")) {
        printf("%-14s %s\n", "cannot run", word(root, "cannot_run"));
    }
    print_provenance("provenance", json_object_get(root, "provenance"));
    print_metadata(json_object_get(root, "metadata"));
    if (json_object_get(root, "layers")) {
        print_layers(json_object_get(root, "layers"));
    }
    if (json_object_get(root, "tensors")) {
        print_tensors(json_object_get(root, "tensors"));
    }
}

static void shorten(json_t *root)
{
    json_object_del(root, "layers");
    json_object_del(root, "tensors");
    json_object_del(json_object_get(root, "provenance"), "options");
}

/* Models hold floats as reals of nine digits: 0.850000024, which nobody has set. */
static void tidy_floats(json_t *value)
{
    const char *key;
    json_t *part;
    size_t i;
    double real = json_real_value(value);
    char given[32], single[32];
    if (json_is_real(value) && fabs(real) < 1e30) {
        snprintf(given, sizeof given, "%.9g", real);
        snprintf(single, sizeof single, "%.9g", (double)(float)real);
        if (strcmp(given, single) == 0) {
            json_real_set(value, smt_tidy((float)real));
        }
    }
    json_array_foreach(value, i, part)
    {
        tidy_floats(part);
    }
    json_object_foreach(value, key, part)
    {
        tidy_floats(part);
    }
}

static bool print_json(json_t *root)
{
    tidy_floats(root);
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    if (!text) {
        fputs("semtinel: out of memory\n", stderr);
        return false;
    }
    puts(text);
    free(text);
    return true;
}

/* What a file says of itself must not break a line or drive a terminal. */
static void make_printable(json_t *value)
{
    const char *key;
    json_t *part;
    size_t i;
    char *text = json_is_string(value) ? smt_strdup(json_string_value(value)) : NULL;
    if (text) {
        smt_printable(text);
        json_string_set(value, text);
        smt_free(text);
    }
    json_array_foreach(value, i, part)
    {
        make_printable(part);
    }
    json_object_foreach(value, key, part)
    {
        make_printable(part);
    }
}

int cli_info(int argc, char **argv)
{
    char **operands;
    int count;
    int code = cli_parse(&command, options, argc, argv, &operands, &count);
    if (code >= 0) {
        return code;
    }
    code = EXIT_DONE;
    for (int i = 0; i < count; i++) {
        char *text = NULL;
        smt_error error = {SMT_OK, ""};
        if (smt_describe(operands[i], &text, &error)) {
            code = cli_report(&error);
            continue;
        }
        json_t *root = json_loads(text, 0, NULL);
        if (brief) {
            shorten(root);
        }
        if (as_json) {
            code = print_json(root) ? code : EXIT_FAILED;
        } else if (root) {
            printf("%s", i ? "\n" : "");
            make_printable(root);
            print_text(root);
        }
        json_decref(root);
        smt_free(text);
    }
    return code;
}
