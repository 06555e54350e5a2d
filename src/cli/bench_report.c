/* semtinel bench: what its measurements write into. */
#include "cli/bench.h"
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

size_t bench_resident(void)
{
    unsigned long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%lu %lu", &total, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

int bench_print_json(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(object);
    if (!text) {
        fputs("semtinel: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    puts(text);
    free(text);
    return EXIT_DONE;
}

smt_status bench_report_reserve(bench_report *report, int operators, smt_error *error)
{
    size_t runs = (size_t)report->runs;
    report->seconds = smt_alloc(runs, sizeof *report->seconds);
    report->operators = smt_alloc((size_t)operators + 1, sizeof *report->operators);
    bool complete = report->seconds && report->operators;
    for (int i = 0; complete && i < operators; i++) {
        report->operators[i].seconds = smt_alloc(runs, sizeof(double));
        complete = report->operators[i].seconds;
        report->operator_count += complete;
    }
    return complete ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory for the times");
}

void bench_report_free(bench_report *report)
{
    for (int i = 0; i < report->operator_count; i++) {
        smt_free(report->operators[i].seconds);
    }
    smt_free(report->operators);
    smt_free(report->seconds);
    *report = (bench_report){0};
}
