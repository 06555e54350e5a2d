/* semtinel bench MODEL: the report. */
#include "base/json.h"
#include "cli/bench.h"
#include "cli/cli.h"

#include <semtinel/format.h>

#include <stdio.h>
#include <string.h>

/* The value below which `percent` of the sorted runs are. */
static double percentile(const bench_report *r, const double *sorted, int percent)
{
    return sorted[(r->runs - 1) * percent / 100];
}

static json_t *operators_json(const bench_report *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->operator_count; i++) {
        const bench_operator *o = &r->operators[i];
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:[i,i,i], s:f}",
                                        "index",
                                        i,
                                        "name",
                                        o->name,
                                        "shape",
                                        o->h,
                                        o->w,
                                        o->c,
                                        "us",
                                        1e6 * percentile(r, o->seconds, 50)));
    }
    return list;
}

static int print_json(const char *path, const bench_report *r)
{
    json_t *object = json_pack(
        "{s:o, s:s, s:s, s:f, s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:i, s:f, s:f, s:o}",
        "model",
        smt_json_text(path),
        "runtime",
        r->runtime,
        "kernels",
        r->kernels,
        "load_ms",
        1e3 * r->load,
        "resident_bytes",
        (json_int_t)r->resident,
        "arena_bytes",
        (json_int_t)r->arena,
        "prepared_bytes",
        (json_int_t)r->prepared,
        "runs",
        r->runs,
        "latency_ms",
        1e3 * percentile(r, r->seconds, 50),
        "latency_ms_p10",
        1e3 * percentile(r, r->seconds, 10),
        "latency_ms_p90",
        1e3 * percentile(r, r->seconds, 90),
        "images_per_second_one_thread",
        r->one,
        "threads",
        r->threads,
        "images_per_second",
        r->many,
        "latency_ms_fastest",
        1e3 * r->seconds[0],
        "operators",
        operators_json(r));
    return bench_print_json(object);
}

static void print_text(const char *path, const bench_report *r)
{
    printf("%s through %s%s%s\n", path, r->runtime, r->kernels[0] ? ", kernels " : "", r->kernels);
    printf("  from the file to the first result %.2f ms, resident memory then %.1f MB\n",
           1e3 * r->load,
           1e-6 * (double)r->resident);
    printf("  working memory %zu bytes", r->arena);
    if (r->prepared) {
        printf(", of which %zu for constants prepared at the start", r->prepared);
    }
    printf("\n  latency, batch 1, one thread: median %.3f ms, 10%% below %.3f, 90%% below %.3f (%d "
           "%s)\n",
           1e3 * percentile(r, r->seconds, 50),
           1e3 * percentile(r, r->seconds, 10),
           1e3 * percentile(r, r->seconds, 90),
           r->runs,
           smt_plural((size_t)r->runs, "run", "runs"));
    printf("  throughput: %.0f images/s on one thread, %.0f on %d (%.2f times)\n",
           r->one,
           r->many,
           r->threads,
           r->many / r->one);
    double total = 0;
    for (int i = 0; i < r->operator_count; i++) {
        total += percentile(r, r->operators[i].seconds, 50);
    }
    printf("\n    # operator                      result          us      %%\n");
    for (int i = 0; i < r->operator_count; i++) {
        const bench_operator *o = &r->operators[i];
        char shape[40];
        double seconds = percentile(r, o->seconds, 50);
        snprintf(shape, sizeof shape, "%d x %d x %d", o->h, o->w, o->c);
        printf("%5d %-24s %16s %9.2f %6.1f\n",
               i,
               o->name,
               shape,
               1e6 * seconds,
               total > 0 ? 100 * seconds / total : 0.0);
    }
}

bool bench_through_edge(const char *path)
{
    const smt_model_format *format = smt_format_of_file(path, NULL);
    return format && strcmp(format->name, "tflite") == 0;
}

int bench_model(const char *path, const smt_edge_kernels *kernels, int runs, bool json)
{
    bench_report report = {.runs = runs};
    smt_error error = {0};
    smt_pool *pool = NULL; /* only to learn how many threads 0 means */
    smt_status status = smt_pool_create(cli_shared.threads, &pool, &error);
    if (!status) {
        report.threads = smt_pool_threads(pool);
        smt_pool_destroy(&pool);
        status = bench_through_edge(path) ? bench_edge(path, kernels, &report, &error)
                                          : bench_engine(path, &report, &error);
    }
    int code = status ? cli_report(&error) : EXIT_DONE;
    if (!status) {
        smt_sort_doubles(report.seconds, (size_t)report.runs);
        for (int i = 0; i < report.operator_count; i++) {
            smt_sort_doubles(report.operators[i].seconds, (size_t)report.runs);
        }
        if (json) {
            code = print_json(path, &report);
        } else {
            print_text(path, &report);
        }
    }
    bench_report_free(&report);
    return code;
}
