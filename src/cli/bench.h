/* What 'semtinel bench' measures of a network, whatever runs it. */
#ifndef SEMTINEL_CLI_BENCH_H
#define SEMTINEL_CLI_BENCH_H

#include <edge.h>
#include <semtinel/base.h>

#include <jansson.h>

typedef struct bench_operator {
    const char *name; /* static */
    int h, w, c;      /* of the result */
    double *seconds;  /* [runs]; sorted by the report */
} bench_operator;

typedef struct bench_report {
    const char *runtime; /* static: "edge" or "training engine" */
    char kernels[64];
    double load;            /* seconds from opening the file to the first result */
    size_t resident;        /* bytes of the process after the first result */
    size_t arena, prepared; /* bytes: working memory, and of it constants made at the start */
    int runs;               /* timed ones */
    double *seconds;        /* [runs] of batch 1 on one thread */
    double one, many;       /* images a second on one and on all threads */
    int threads;            /* all of them */
    int operator_count;
    bench_operator *operators;
} bench_report;

/* Each fills a report whose `runs` and `threads` are set; bench_report_free() releases it, also
 * after a failure. */
smt_status bench_edge(const char *path,
                      const smt_edge_kernels *kernels,
                      bench_report *report,
                      smt_error *error);
smt_status bench_engine(const char *path, bench_report *report, smt_error *error);
void bench_report_free(bench_report *report);
/* Prints the object, which it consumes (NULL: no memory); the exit code. */
int bench_print_json(json_t *object);

/* Memory for the times of `operators` operators. */
smt_status bench_report_reserve(bench_report *report, int operators, smt_error *error);
size_t bench_resident(void); /* bytes of this process now; 0: not known */

bool bench_through_edge(const char *path); /* else the training engine runs it */
/* Measures MODEL, prints the report, returns the exit code. `kernels`: of a .tflite. */
int bench_model(const char *path, const smt_edge_kernels *kernels, int runs, bool json);

#endif
