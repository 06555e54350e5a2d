/* metrics.json. */
#include "base/json.h"

#include <semtinel/evaluate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *whole(size_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *interval(smt_interval i)
{
    return json_pack("[f,f]", i.low, i.high);
}

static json_t *averages(const smt_class_score *score)
{
    return json_pack(
        "{s:f,s:f,s:f}", "precision", score->precision, "recall", score->recall, "f1", score->f1);
}

static json_t *class_rows(const smt_evaluation *e)
{
    json_t *rows = json_array();
    for (int c = 0; c < e->metrics->class_count; c++) {
        const smt_class_score *s = &e->metrics->classes[c];
        if (smt_metrics_active(e->metrics, c)) {
            json_t *row = averages(s);
            json_object_set_new(row, "class", smt_json_text(e->map->classes[c]));
            json_object_set_new(row, "support", whole(s->support));
            json_object_set_new(row, "predicted", whole(s->predicted));
            json_array_append_new(rows, row);
        }
    }
    return rows;
}

static json_t *confusion(const smt_metrics *m)
{
    json_t *rows = json_array();
    for (int t = 0; t < m->class_count; t++) {
        json_t *row = json_array();
        for (int p = 0; p < m->class_count; p++) {
            if (smt_metrics_active(m, p)) {
                json_array_append_new(
                    row, whole(m->confusion[(size_t)t * (size_t)m->class_count + (size_t)p]));
            }
        }
        if (smt_metrics_active(m, t)) {
            json_array_append_new(rows, row);
        } else {
            json_decref(row);
        }
    }
    return rows;
}

static json_t *mapping(const smt_class_map *map)
{
    json_t *lines = json_array();
    for (int i = 0; i < map->line_count; i++) {
        json_array_append_new(lines, smt_json_text(map->lines[i]));
    }
    return lines;
}

static json_t *bins(const smt_metrics *m)
{
    json_t *rows = json_array();
    for (int b = 0; b < SMT_CALIBRATION_BINS; b++) {
        json_array_append_new(rows,
                              json_pack("{s:f,s:f,s:I,s:f,s:f}",
                                        "low",
                                        (double)b / SMT_CALIBRATION_BINS,
                                        "high",
                                        (double)(b + 1) / SMT_CALIBRATION_BINS,
                                        "count",
                                        (json_int_t)m->bins[b].count,
                                        "confidence",
                                        m->bins[b].confidence,
                                        "accuracy",
                                        m->bins[b].accuracy));
    }
    return rows;
}

static json_t *known(const smt_evaluation *e)
{
    size_t right, images = smt_evaluation_known(e, &right);
    return json_pack("{s:I,s:o}",
                     "images",
                     (json_int_t)images,
                     "accuracy",
                     images ? json_real((double)right / (double)images) : json_null());
}

/* Accuracy of the most confident tenth, two tenths, ... of the images. */
static json_t *coverage(const smt_evaluation *e)
{
    smt_coverage_point *points = smt_alloc(e->count, sizeof *points);
    json_t *json = points ? json_pack("{s:f}", "area", smt_coverage_curve(e, points)) : NULL;
    json_t *rows = json_array();
    for (size_t part = 1; points && part <= 10; part++) {
        size_t at = e->count * part / 10;
        if (at) {
            json_array_append_new(rows,
                                  json_pack("{s:f,s:f,s:f}",
                                            "coverage",
                                            points[at - 1].coverage,
                                            "accuracy",
                                            points[at - 1].accuracy,
                                            "threshold",
                                            points[at - 1].threshold));
        }
    }
    json_object_set_new(json, "points", rows);
    smt_free(points);
    return json;
}

/* What is done with the images that are taken for each class of the model. */
static json_t *rejection_rows(const smt_evaluation *e)
{
    json_t *rows = json_array();
    for (int c = 0; c < e->info.class_count; c++) {
        smt_rejection r = smt_rejection_of_class(e, c);
        float asked = e->info.decision.purity[c];
        json_array_append_new(rows,
                              json_pack("{s:o,s:o,s:f,s:I,s:I,s:o}",
                                        "class",
                                        smt_json_text(e->info.classes[c]),
                                        "purity_asked",
                                        asked > 0 ? json_real(smt_tidy(asked)) : json_null(),
                                        "threshold",
                                        smt_tidy(e->info.decision.threshold[c]),
                                        "predicted",
                                        (json_int_t)r.count,
                                        "accepted",
                                        (json_int_t)r.accepted,
                                        "purity",
                                        r.accepted ? json_real(r.purity) : json_null()));
    }
    return rows;
}

/* Where the model calls nothing clean, nothing is known of what escapes. */
static json_t *of_clean(const smt_rejection *r, size_t value)
{
    return r->knows_clean ? whole(value) : json_null();
}

static json_t *rejection(const smt_evaluation *e)
{
    if (!e->info.decision.rejects) {
        return json_null();
    }
    smt_rejection r = smt_rejection_measure(e);
    return json_pack("{s:o,s:o,s:b,s:I,s:f,s:o,s:o,s:o,s:o}",
                     "target",
                     smt_json_text(e->info.decision.target),
                     "classes",
                     rejection_rows(e),
                     "per_class",
                     (int)e->info.decision.per_class,
                     "accepted",
                     (json_int_t)r.accepted,
                     "coverage",
                     r.coverage,
                     "purity",
                     r.accepted ? json_real(r.purity) : json_null(),
                     "defects",
                     of_clean(&r, r.defects),
                     "escapes",
                     of_clean(&r, r.escapes),
                     "escapes_without_review",
                     of_clean(&r, r.escapes_before));
}

smt_status smt_save_metrics(const smt_evaluation *e, const char *path, smt_error *error)
{
    const smt_metrics *m = e->metrics;
    json_t *root = json_object();
    const struct {
        const char *name;
        json_t *value;
    } fields[] = {
        {"semtinel", smt_json_text(smt_version())},
        {"model", smt_json_text(e->model)},
        {"format", smt_json_text(e->info.format)},
        {"precision", smt_json_text(e->info.precision)},
        {"views", whole((size_t)e->info.decision.views)},
        {"dataset", smt_json_text(e->set)},
        {"split", smt_json_text(e->split)},
        {"images", whole(m->count)},
        {"skipped", whole(e->skipped)},
        {"trained_on", whole(e->trained)},
        {"accuracy", number(m->accuracy)},
        {"accuracy_95", interval(m->accuracy_95)},
        {"known_classes", known(e)},
        {"macro_avg", averages(&m->macro)},
        {"macro_f1_95", interval(m->macro_f1_95)},
        {"weighted_avg", averages(&m->weighted)},
        {"interval_method", smt_json_text("percentile bootstrap over images, 2.5% to 97.5%")},
        {"log_loss", number(m->log_loss)},
        {"top2_accuracy", number(m->top2)},
        {"expected_calibration_error", number(m->calibration_error)},
        {"expected_calibration_error_equal_counts", number(m->calibration_error_equal)},
        {"calibration_error_by_chance", number(m->calibration_chance)},
        {"calibration_error_by_chance_95", number(m->calibration_chance_95)},
        {"temperature", number(smt_tidy(e->info.decision.temperature))},
        {"expected_calibration_error_uncalibrated", number(smt_uncalibrated_error(e))},
        {"calibration_bins", bins(m)},
        {"risk_coverage", coverage(e)},
        {"rejection", rejection(e)},
        {"classes", class_rows(e)},
        {"confusion", confusion(m)},
        {"mapping", mapping(e->map)},
        {"seconds", number(e->seconds)}};
    bool failed = !root;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        failed = json_object_set_new(root, fields[i].name, fields[i].value) || failed;
    }
    char *dumped = failed ? NULL : json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(root);
    if (!dumped) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    smt_file *file = NULL;
    smt_status status = smt_file_create(path, &file, error);
    if (!status) {
        smt_file_printf(file, "%s\n", dumped);
        status = smt_file_commit(&file, error);
    }
    free(dumped);
    return status;
}
