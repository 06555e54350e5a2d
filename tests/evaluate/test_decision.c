/* Temperature, thresholds, the coverage curve, and their way through a model's provenance. */
#include "evaluate/scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IMAGES 4000
#define CLASSES 4
#define HAIR 1e-4f /* a threshold is so much below the confidence that it lets pass */

static char *names[CLASSES] = {"bridge", "CLEAN_LAYER", "crack", "open"};
static int identity[CLASSES] = {0, 1, 2, 3};
static bool present[CLASSES] = {true, true, true, true};
static bool is_clean[CLASSES] = {false, true, false, false};
static smt_class_map map = {.class_count = CLASSES,
                            .classes = names,
                            .present = present,
                            .model_count = CLASSES,
                            .from_model = identity,
                            .set_count = CLASSES,
                            .from_set = identity,
                            .model_clean = is_clean,
                            .set_clean = is_clean};
static int truth[IMAGES], predicted[IMAGES], top[IMAGES];
static bool of_clean[IMAGES];
static float probabilities[IMAGES * CLASSES], confidence[IMAGES];
static char set[] = "a set";

static smt_evaluation wrap(size_t count)
{
    return (smt_evaluation){.set = set,
                            .split = "val",
                            .info = {.class_count = CLASSES,
                                     .classes = (const char *const *)names,
                                     .decision = {.temperature = 1}},
                            .map = &map,
                            .count = count,
                            .truth = truth,
                            .predicted = predicted,
                            .top = top,
                            .clean = of_clean,
                            .probabilities = probabilities,
                            .confidence = confidence};
}

static void place(size_t i, int label, const double *p)
{
    truth[i] = label;
    of_clean[i] = is_clean[label];
    for (int c = 0; c < CLASSES; c++) {
        probabilities[i * CLASSES + (size_t)c] = (float)p[c];
    }
    top[i] = predicted[i] = smt_argmax(probabilities + i * CLASSES, CLASSES);
    confidence[i] = probabilities[i * CLASSES + (size_t)top[i]];
}

/* Labels are drawn from softmax(z), the model claims
 * softmax(factor z): the temperature to find is factor. */
static smt_evaluation claiming(double factor, size_t images)
{
    smt_rng rng = smt_rng_seed(11, 0);
    for (size_t i = 0; i < images; i++) {
        double z[CLASSES], honest[CLASSES], claimed[CLASSES], sum = 0, claimed_sum = 0;
        for (int c = 0; c < CLASSES; c++) {
            z[c] = 1.5 * smt_rng_normal(&rng);
            sum += honest[c] = exp(z[c]);
            claimed_sum += claimed[c] = exp(factor * z[c]);
        }
        double at = smt_rng_uniform(&rng, 0, sum);
        int label = 0;
        while (label < CLASSES - 1 && at > honest[label]) {
            at -= honest[label++];
        }
        for (int c = 0; c < CLASSES; c++) {
            claimed[c] /= claimed_sum;
        }
        place(i, label, claimed);
    }
    return wrap(images);
}

/* What a hundred images do not show is not believed; much of it is. */
static void test_no_temperature(void **state)
{
    (void)state;
    const smt_decision_options options = {.target = SMT_REJECT_NONE};
    smt_decision decision;
    smt_calibration calibration;
    smt_evaluation e = claiming(1.05, 100);
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
    assert_true(calibration.temperature == 1);
    assert_true(calibration.loss_after == calibration.loss_before);
    e = claiming(2.5, 100);
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
    assert_true(calibration.temperature > 1.5);
}

/* Where the likelihood ratio is what chance reaches in one case of twenty, and more. */
static void test_chance(void **state)
{
    (void)state;
    const smt_decision_options options = {.target = SMT_REJECT_NONE};
    smt_decision decision;
    smt_calibration calibration;
    double below = 0, above = INFINITY;
    for (size_t images = 90; images < 130; images++) {
        smt_evaluation e = claiming(1.3, images);
        double least = INFINITY;
        for (double t = 0.5; t < 4; t *= 1.002) {
            least = fmin(least, smt_loss_at(&e, t));
        }
        double ratio = 2 * (double)images * (smt_loss_at(&e, 1) - least);
        assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
        bool kept = calibration.temperature == 1;
        below = kept ? fmax(below, ratio) : below;
        above = kept ? above : fmin(above, ratio);
    }
    assert_true(below > 3.7 && below < 3.85 && above > 3.83 && above < 4);
}

/* Images that are all recognised would be so most surely at temperature 0, and those of tomorrow
 * too, mistakes and all. */
static void test_no_mistake(void **state)
{
    (void)state;
    const smt_decision_options options = {.target = SMT_REJECT_NONE};
    smt_decision decision;
    smt_calibration calibration;
    for (size_t i = 0; i < 120; i++) {
        double p[CLASSES] = {0.02, 0.02, 0.02, 0.02};
        p[i % CLASSES] = 0.94;
        place(i, (int)(i % CLASSES), p);
    }
    smt_evaluation e = wrap(120);
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
    assert_true(calibration.temperature == 1);

    /* Nor do those of a class that the model does not know show another. */
    smt_class_map wider = map;
    wider.class_count = CLASSES + 1;
    e.map = &wider;
    for (size_t i = 0; i < 5; i++) {
        truth[i] = CLASSES;
    }
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
    assert_true(calibration.temperature == 1);
}

/* In a cross-validation, images of a class that their fold's network has no example of, which
 * therefore has 0, do not move the temperature, and stay at 0 at any. */
static void test_lone_class(void **state)
{
    (void)state;
    const smt_decision_options options = {.target = SMT_REJECT_NONE};
    smt_decision decision;
    smt_calibration alone, together;
    smt_evaluation e = claiming(2.5, 1000);
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &alone, NULL), SMT_OK);
    for (size_t i = 1000; i < 1300; i++) {
        place(i, 3, (const double[CLASSES]){0.7, 0.1, 0.2, 0});
    }
    e = wrap(1300);
    e.split = "folds";
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &together, NULL), SMT_OK);
    assert_true(alone.temperature > 2);
    assert_true(fabs(together.temperature - alone.temperature) < 1e-3);
    size_t right, known = smt_evaluation_known(&e, &right);
    assert_int_equal(known, 1000);

    /* What is left at another temperature is the softmax over the other three. */
    double sum = pow(0.7, 0.5) + pow(0.1, 0.5) + pow(0.2, 0.5);
    smt_error_at(&e, 2, confidence);
    assert_true(fabs((double)confidence[1200] - pow(0.7, 0.5) / sum) < 1e-5);
}

/* A board's confidence, of sums of int8 outputs and in float, is that of the host. */
static void test_powers(void **state)
{
    (void)state;
    static float table[255 * SMT_VIEWS_MOST + 1];
    static const double temperatures[] = {SMT_LEAST_TEMPERATURE, 0.6, 1.7, SMT_MOST_TEMPERATURE};
    static const int sizes[] = {2, 10, SMT_CLASS_MAX};
    smt_rng rng = smt_rng_seed(12, 0);
    for (size_t trial = 0; trial < 3000; trial++) {
        const smt_decision d = {.temperature = (float)temperatures[trial % 4],
                                .views = 1 << trial / 12 % 4};
        int count = sizes[trial / 4 % 3], sums[SMT_CLASS_MAX] = {0}, best = 0;
        /* from all equal to nearly all in one class; the last: a single step above nothing */
        for (int left = trial < 2990 ? 255 * d.views : 1; left > 0; left--) {
            double at = pow(smt_rng_uniform(&rng, 0, 1), (double)(trial % 7));
            sums[(int)(at * 0.999 * count)]++;
        }
        float row[SMT_CLASS_MAX], others = 0;
        smt_decision_powers(&d, table);
        for (int c = 0; c < count; c++) {
            row[c] = (float)sums[c] / (float)(256 * d.views);
            best = sums[c] > sums[best] ? c : best;
        }
        for (int c = 0; c < count; c++) {
            others += c == best ? 0 : table[sums[c]];
        }
        smt_to_probabilities(row, count, true, (double)d.temperature);
        assert_true(isnormal(table[sums[best]]));
        assert_float_equal(table[sums[best]] / (table[sums[best]] + others), row[best], 1e-5);
    }
}

static void test_temperature(void **state)
{
    (void)state;
    smt_evaluation e = claiming(2.5, IMAGES);
    const smt_decision_options options = {.target = SMT_REJECT_NONE};
    smt_decision decision;
    smt_calibration calibration;
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
    assert_float_equal(calibration.temperature, 2.5, 0.15);
    assert_true(calibration.error_before > 0.1);
    assert_true(calibration.error_after < 0.03);
    assert_true(calibration.loss_after < calibration.loss_before);
    assert_false(decision.rejects);
    assert_float_equal(smt_uncalibrated_error(&e), calibration.error_before, 1e-12);

    /* It is the minimum: the loss by the definition, over a grid of temperatures. */
    double best = 1e9, best_at = 0;
    for (double t = 1.5; t < 4; t += 0.01) {
        double loss = 0;
        for (size_t i = 0; i < IMAGES; i++) {
            double sum = 0;
            for (int c = 0; c < CLASSES; c++) {
                sum += pow((double)probabilities[i * CLASSES + (size_t)c], 1 / t);
            }
            loss -= log(pow((double)probabilities[i * CLASSES + (size_t)truth[i]], 1 / t) / sum) /
                    IMAGES;
        }
        if (loss < best) {
            best = loss;
            best_at = t;
        }
    }
    assert_float_equal(calibration.temperature, best_at, 0.011);
    assert_float_equal(calibration.loss_after, best, 1e-4);

    /* So it is of a network that is far too sure, where the true class has next to nothing. */
    const smt_calibration first = calibration;
    e = claiming(10, IMAGES);
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
    assert_float_equal(calibration.temperature / 4, first.temperature, 0.01);
    assert_float_equal(calibration.loss_after, first.loss_after, 1e-4);

    /* The same network with a temperature already: its answers are honest, and what they were
     * before is known from them. */
    e = claiming(1, IMAGES);
    e.info.decision.temperature = 2.5f;
    assert_float_equal(smt_uncalibrated_error(&e), first.error_before, 1e-3);
    assert_int_equal(smt_decision_fit(&e, &options, &decision, &calibration, NULL), SMT_OK);
    assert_float_equal(calibration.temperature, first.temperature, 1e-2);
    assert_float_equal(calibration.loss_before, first.loss_before, 1e-2);
}

static void test_thresholds(void **state)
{
    (void)state;
    /* Confidence 0.9 right, 0.8 right, 0.7 wrong (a crack called clean), 0.6 right, 0.5 wrong. */
    static const int labels[5] = {0, 1, 2, 3, 0}, said[5] = {0, 1, 1, 3, 3};
    for (size_t i = 0; i < 5; i++) {
        double top_share = 0.9 - 0.1 * (double)i, p[CLASSES];
        for (int c = 0; c < CLASSES; c++) {
            p[c] = c == said[i] ? top_share : (1 - top_share) / 3;
        }
        place(i, labels[i], p);
    }
    smt_evaluation e = wrap(5);
    smt_decision_options options = {
        .keep_temperature = true, .target = SMT_REJECT_BY_PURITY, .value = 0.6, .sure = 0.5};
    smt_decision d;
    smt_calibration c;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_float_equal(d.threshold[0], 0.6f - HAIR, 1e-6);
    assert_int_equal(c.rejection.accepted, 4);
    assert_float_equal(c.rejection.purity, 0.75, 1e-12);
    assert_float_equal(c.rejection.coverage, 0.8, 1e-12);
    assert_int_equal(c.rejection.defects, 4);
    assert_int_equal(c.rejection.escapes, 1);
    assert_int_equal(c.fewest[0], 2);
    options.value = 0.65;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_float_equal(d.threshold[0], 0.8f - HAIR, 1e-6);
    assert_int_equal(c.rejection.escapes, 0);
    assert_int_equal(c.rejection.escapes_before, 1);
    char text[SMT_REJECTION_TEXT];
    smt_rejection_text(&c.rejection, text);
    assert_string_equal(text,
                        "40.0% decided automatically, purity 1.0000, 0 of 4 defects called clean "
                        "(1 without review)");
    options = (smt_decision_options){
        .keep_temperature = true, .target = SMT_REJECT_BY_RATE, .value = 0.4};
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_float_equal(d.threshold[0], 0.7f - HAIR, 1e-6);
    assert_int_equal(c.rejection.accepted, 3);
    /* Too few predictions of any class: per class, each keeps the threshold of all. */
    options.per_class = true;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_float_equal(d.threshold[3], 0.7f - HAIR, 1e-6);
    options.value = 1.5;
    smt_error error = {0};
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_ERR_ARGUMENT);

    smt_coverage_point points[5];
    double area = smt_coverage_curve(&e, points);
    static const double accuracy[5] = {1, 1, 2.0 / 3, 0.75, 0.6};
    for (int i = 0; i < 5; i++) {
        assert_float_equal(points[i].accuracy, accuracy[i], 1e-12);
        assert_true(fabs(points[i].coverage - 0.2 * (i + 1)) < 1e-12);
    }
    assert_float_equal(area, (1.0 / 3 + 0.25 + 0.4) / 5, 1e-12);
    /* Of equal confidences each is the mean of them, in whatever order they come. */
    e.confidence[2] = e.confidence[1] = e.confidence[0];
    static const double shared[5] = {2.0 / 3, 2.0 / 3, 2.0 / 3, 0.75, 0.6};
    area = smt_coverage_curve(&e, points);
    for (int i = 0; i < 5; i++) {
        assert_float_equal(points[i].accuracy, shared[i], 1e-12);
    }
    assert_float_equal(area, (3 * (1.0 / 3) + 0.25 + 0.4) / 5, 1e-12);
}

/* Between two confidences next to one another nothing fits: the lower one stays out. */
static void test_next_confidence(void **state)
{
    (void)state;
    const smt_decision_options options = {
        .keep_temperature = true, .target = SMT_REJECT_BY_RATE, .value = 0.5};
    smt_decision d;
    smt_calibration c;
    float low = 0.9f;
    for (int i = 0; i < 8; i++) {
        float high = nextafterf(low, 1);
        place(0, 0, (const double[CLASSES]){(double)high, 0, 0, 0});
        place(1, 0, (const double[CLASSES]){(double)low, 0, 0, 0});
        smt_evaluation e = wrap(2);
        assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
        assert_int_equal(c.rejection.accepted, 1);
        low = high;
    }
    /* Where a hair fits only just, half-way. */
    place(0, 0, (const double[CLASSES]){0.9, 0, 0, 0});
    place(1, 0, (const double[CLASSES]){0.9 - (double)HAIR, 0, 0, 0});
    smt_evaluation e = wrap(2);
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_float_equal(d.threshold[0], 0.9f - HAIR / 2, 1e-6);
}

/* Many right decisions of one class, which has its own threshold, show nothing about the few of
 * another: these are half wrong, and go to review. */
static void test_common_threshold(void **state)
{
    (void)state;
    for (size_t i = 0; i < 44; i++) {
        double p[CLASSES] = {0.02, 0.02, 0.02, 0.02};
        p[i < 40 ? 0 : 1] = 0.94;
        place(i, i < 40 ? 0 : i < 42 ? 1 : 2, p);
    }
    smt_evaluation e = wrap(44);
    smt_decision_options options = {
        .keep_temperature = true, .target = SMT_REJECT_BY_PURITY, .value = 0.9, .sure = 0.8};
    smt_decision d;
    smt_calibration c;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_int_equal(c.rejection.accepted, 44);
    options.per_class = true;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_int_equal(c.rejection.accepted, 40);
    assert_true(d.threshold[0] < 1 && d.threshold[1] > 1 && d.threshold[2] > 1);
}

/* Nor do they decide how many of the others go to review: of 40 equally sure and 4 less sure ones,
 * a tenth may, which is four of the first but none of the four, now that each class has its tenth.
 */
static void test_common_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < 44; i++) {
        double sure = i < 4 ? 0.5 : i < 40 ? 0.94 : 0.4;
        double p[CLASSES] = {(1 - sure) / 3, (1 - sure) / 3, (1 - sure) / 3, (1 - sure) / 3};
        p[i < 40 ? 0 : 1] = sure;
        place(i, i < 40 ? 0 : 1, p);
    }
    smt_evaluation e = wrap(44);
    smt_decision_options options = {
        .keep_temperature = true, .target = SMT_REJECT_BY_RATE, .value = 0.1, .per_class = true};
    smt_decision d;
    smt_calibration c;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_int_equal(c.rejection.accepted, 40);
    assert_float_equal(d.threshold[0], 0.94f - HAIR, 1e-6);
    assert_float_equal(d.threshold[1], 0.4f - HAIR, 1e-6);
    assert_float_equal(d.threshold[3], 0.4f - HAIR, 1e-6);
    /* Five predictions are enough for a threshold of their own, four are not. */
    for (size_t i = 0; i < 7; i++) {
        double sure = i < 4 ? 0.6 : i < 5 ? 0.4 : 0.5;
        double p[CLASSES] = {(1 - sure) / 3, (1 - sure) / 3, (1 - sure) / 3, (1 - sure) / 3};
        p[i < 5 ? 1 : 2] = sure;
        place(40 + i, i < 5 ? 1 : 2, p);
    }
    e = wrap(47);
    options.value = 0.2;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_float_equal(d.threshold[1], 0.6f - HAIR, 1e-6);
    assert_float_equal(d.threshold[2], 0.5f - HAIR, 1e-6);
    options.value = 0.1;
    /* Where every class that is predicted has its own, the rate of all goes to the others. */
    e = wrap(40);
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_float_equal(d.threshold[1], 0.94f - HAIR, 1e-6);
}

/* All predictions are of one class and confidence, `right` of them right. */
static smt_status
fit_equal(size_t right, size_t count, const smt_decision_options *o, bool *accepts)
{
    static const double p[CLASSES] = {0.7, 0.1, 0.1, 0.1};
    for (size_t i = 0; i < count; i++) {
        place(i, i < right ? 0 : 1, p);
    }
    smt_evaluation e = wrap(count);
    smt_decision d;
    smt_calibration c;
    smt_status status = smt_decision_fit(&e, o, &d, &c, NULL);
    *accepts = !status && d.threshold[0] <= 1;
    return status;
}

/* Where a purity counts as shown: Clopper and Pearson's bounds. Of 200 decisions 5 may be wrong for
 * 95% with probability 0.9 and 6 not: the bounds are 0.0458 and 0.0519. */
static void test_shown(void **state)
{
    (void)state;
    static const struct {
        size_t right, count;
        double value, sure;
        bool shown;
    } cases[] = {{14, 14, 0.95, 0.5, true},
                 {13, 13, 0.95, 0.5, false},
                 {32, 32, 0.95, 0.8, true},
                 {31, 31, 0.95, 0.8, false},
                 {59, 60, 0.95, 0.8, true},
                 {57, 58, 0.95, 0.8, false},
                 {195, 200, 0.95, 0.9, true},
                 {194, 200, 0.95, 0.9, false},
                 {14, 27, 0.5, 0.5, true}, /* the bound is just met */
                 {1000, 1000, 1, 0.8, false},
                 {1200, 2000, 0.95, 0.8, false}, /* so unlikely that it rounds to 0 */
                 {0, 10, 0, 0.8, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const smt_decision_options o = {.keep_temperature = true,
                                        .target = SMT_REJECT_BY_PURITY,
                                        .value = cases[i].value,
                                        .sure = cases[i].sure};
        bool accepts = false;
        assert_int_equal(fit_equal(cases[i].right, cases[i].count, &o, &accepts), SMT_OK);
        if (accepts != cases[i].shown) {
            fail_msg("%zu of %zu right, purity %g sure %g: %sshown",
                     cases[i].right,
                     cases[i].count,
                     cases[i].value,
                     cases[i].sure,
                     accepts ? "" : "not ");
        }
    }
    bool accepts;
    const smt_decision_options out_of_range = {
        .target = SMT_REJECT_BY_PURITY, .value = 0.9, .sure = 1};
    assert_int_equal(fit_equal(5, 5, &out_of_range, &accepts), SMT_ERR_ARGUMENT);
}

/* The promise of a purity on other images: thresholds from 100 images each, measured on 4000. */
static void promise(double sure, double *coverage, double *held)
{
    enum { FIT = 100, SETS = IMAGES / FIT };
    const smt_decision_options options = {
        .keep_temperature = true, .target = SMT_REJECT_BY_PURITY, .value = 0.8, .sure = sure};
    size_t holds = 0;
    *coverage = 0;
    smt_rng rng = smt_rng_seed(3, 0);
    for (size_t i = 0; i < IMAGES; i++) {
        double sure_of_it = smt_rng_uniform(&rng, 0.4, 1), rest = (1 - sure_of_it) / 3;
        const double p[CLASSES] = {sure_of_it, rest, rest, rest};
        place(i, smt_rng_uniform(&rng, 0, 1) < sure_of_it ? 0 : 1, p);
    }
    smt_evaluation all = wrap(IMAGES);
    for (size_t s = 0; s < SETS; s++) {
        smt_evaluation e = all;
        e.count = FIT;
        e.truth += s * FIT;
        e.predicted += s * FIT;
        e.top += s * FIT;
        e.probabilities += s * FIT * CLASSES;
        e.confidence += s * FIT;
        smt_decision d;
        smt_calibration c;
        assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
        all.info.decision = d;
        smt_rejection r = smt_rejection_measure(&all);
        *coverage += r.coverage / SETS;
        holds += !r.accepted || r.purity >= options.value;
    }
    *held = (double)holds / SETS;
}

static void test_promise(void **state)
{
    (void)state;
    double coverage, held;
    promise(0.8, &coverage, &held);
    assert_true(coverage > 0.2);
    assert_true(held >= 0.75);
    promise(0.95, &coverage, &held);
    assert_true(held >= 0.92);
}

/* Classes with a purity of their own: theirs is solved on their predictions alone, that of the
 * others on the others' alone, and all of it is kept in the model. */
static void test_purity_by_class(void **state)
{
    (void)state;
    /* 100 predictions a class, with confidence falling from 0.99 to 0.5: of bridge every one is
     * right, of CLEAN_LAYER the 60 most confident, of crack and open the 80 most confident. */
    static const size_t right[CLASSES] = {100, 60, 80, 80};
    for (size_t i = 0; i < 400; i++) {
        int said = (int)(i % CLASSES);
        size_t rank = i / CLASSES;
        double top_share = 0.99 - 0.0049 * (double)rank, p[CLASSES];
        for (int c = 0; c < CLASSES; c++) {
            p[c] = c == said ? top_share : (1 - top_share) / 3;
        }
        place(i, rank < right[said] ? said : (said + 2) % CLASSES, p);
    }
    smt_evaluation e = wrap(400);
    float purity[CLASSES] = {0, 0.95f, 0, 0.999f};
    smt_decision_options options = {.keep_temperature = true,
                                    .target = SMT_REJECT_BY_PURITY,
                                    .value = 0.9,
                                    .sure = 0.8,
                                    .purity = purity};
    smt_decision d;
    smt_calibration c;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    /* 60 of 61 show 95% with probability 0.8, 60 of 62 no more: at 5% wrong, at most one of 61 or
     * two of 62 would be wrong with probability 0.18 and 0.39. 100 right decisions do not show
     * 99.9%, for which it takes 1609. */
    e.info.decision = d;
    smt_rejection clean = smt_rejection_of_class(&e, 1), open = smt_rejection_of_class(&e, 3);
    assert_int_equal(clean.count, 100);
    assert_int_equal(clean.right, 60);
    assert_int_equal(clean.accepted, 61);
    assert_int_equal(open.accepted, 0);
    assert_int_equal(c.fewest[3], 1609);
    assert_int_equal(c.fewest[1], 32);
    assert_true(d.threshold[3] > 1);
    /* bridge and crack share one threshold. */
    assert_float_equal(d.threshold[0], d.threshold[2], 0);
    size_t others = smt_rejection_of_class(&e, 0).accepted + smt_rejection_of_class(&e, 2).accepted;
    size_t others_right = smt_rejection_of_class(&e, 0).right + smt_rejection_of_class(&e, 2).right;
    assert_true((double)others_right >= 0.9 * (double)others && others > 180);
    assert_true(smt_decision_by_class(&d));
    assert_string_equal(d.target, "purity 0.9, of CLEAN_LAYER 0.95, of open 0.999, sure 0.8");

    char *text = NULL;
    assert_int_equal(smt_decision_store("{}", &d, &c, &e, &text, NULL), SMT_OK);
    smt_decision back = smt_decision_load(text, (const char *const *)names, CLASSES);
    smt_free(text);
    for (int k = 0; k < CLASSES; k++) {
        assert_float_equal(back.purity[k], purity[k], 1e-6);
        assert_float_equal(back.threshold[k], d.threshold[k], 1e-6);
    }
    assert_string_equal(back.target, d.target);

    /* Without a purity for the others they are always decided. */
    options.target = SMT_REJECT_NONE;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_string_equal(d.target, "purity of CLEAN_LAYER 0.95, of open 0.999, sure 0.8");
    assert_true(d.rejects);
    assert_false(smt_decision_review(&d, 0, 0, NAN));
    assert_true(smt_decision_review(&d, 1, 0.5f, NAN));
    assert_int_equal(c.fewest[0], 0);

    /* A class that is never predicted shows nothing. */
    for (size_t i = 0; i < 400; i++) {
        top[i] = top[i] == 3 ? 2 : top[i];
    }
    purity[3] = 0.1f;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_true(d.threshold[3] > 1);

    smt_error error = {0};
    purity[3] = 1.5f;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "open"));
    purity[3] = 0.5f;
    options.target = SMT_REJECT_BY_RATE;
    options.value = 0.1;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_ERR_ARGUMENT);
}

/* What was asked for stays a whole text, however many and long the names are. */
static void test_long_target(void **state)
{
    (void)state;
    enum { MANY = 60 };
    static char storage[MANY][48];
    static const char *many[MANY];
    float purity[MANY];
    for (int c = 0; c < MANY; c++) {
        snprintf(storage[c], sizeof storage[c], "a class with a rather long name, number %d", c);
        many[c] = storage[c];
        purity[c] = 0.5f;
    }
    static float wide[20 * MANY];
    smt_evaluation e = claiming(1, 20);
    for (size_t i = 0; i < 20; i++) {
        memcpy(wide + i * MANY, probabilities + i * CLASSES, CLASSES * sizeof *wide);
    }
    static int from_model[MANY]; /* to class 0, whatever they are */
    static bool none_clean[MANY];
    smt_class_map many_map = map;
    many_map.model_count = MANY;
    many_map.from_model = from_model;
    many_map.model_clean = none_clean;
    e.map = &many_map;
    e.probabilities = wide;
    e.info.class_count = MANY;
    e.info.classes = many;
    const smt_decision_options options = {
        .keep_temperature = true, .sure = 0.8, .unfamiliar = 0, .purity = purity};
    smt_decision d;
    smt_calibration c;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    char text[SMT_REJECTION_TEXT];
    smt_rejection_text(&c.rejection, text);
    assert_null(strstr(text, "clean"));
    assert_string_equal(d.target,
                        "purity of a class with a rather long name, number 0 0.5, of a class with "
                        "a rather long name, number 1 0.5, of a class with a rather long name, "
                        "number 2 0.5, of 57 more classes, sure 0.8");
}

/* Nothing right: no threshold reaches a purity, all goes to review, and nothing breaks. */
static void test_hopeless(void **state)
{
    (void)state;
    static const double p[CLASSES] = {0.7, 0.1, 0.1, 0.1};
    for (size_t i = 0; i < 10; i++) {
        place(i, 1, p);
    }
    smt_evaluation e = wrap(10);
    const smt_decision_options options = {
        .target = SMT_REJECT_BY_PURITY, .value = 0.5, .sure = 0.8};
    smt_decision d;
    smt_calibration c;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_int_equal(c.rejection.accepted, 0);
    assert_int_equal(smt_decision_review(&d, 0, 1.0f, NAN), SMT_REVIEW_UNSURE);
    assert_true(isfinite(c.temperature) && isfinite(c.loss_after));
    char *text = NULL;
    assert_int_equal(smt_decision_store("{}", &d, &c, &e, &text, NULL), SMT_OK);
    assert_non_null(strstr(text, "\"purity\":null"));
    smt_free(text);
}

static void test_provenance(void **state)
{
    (void)state;
    smt_evaluation e = claiming(2.5, IMAGES);
    const smt_decision_options options = {
        .target = SMT_REJECT_BY_PURITY, .value = 0.9, .sure = 0.8, .per_class = true};
    smt_decision d;
    smt_calibration c;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_true(c.rejection.purity >= 0.9);
    char *text = NULL;
    assert_int_equal(smt_decision_store("{\"seed\": 7}", &d, &c, &e, &text, NULL), SMT_OK);
    assert_non_null(strstr(text, "\"seed\":7"));
    smt_decision back = smt_decision_load(text, (const char *const *)names, CLASSES);
    assert_true(back.rejects && back.per_class);
    assert_string_equal(back.target, "purity 0.9 sure 0.8");
    assert_float_equal(back.temperature, d.temperature, 1e-6);
    for (int i = 0; i < CLASSES; i++) {
        assert_float_equal(back.threshold[i], d.threshold[i], 1e-6);
    }
    /* Other classes: the temperature stays, the thresholds cannot. */
    static const char *const others[2] = {"bridge", "scratch"};
    back = smt_decision_load(text, others, 2);
    assert_false(back.rejects);
    smt_free(text);
    static const char *const broken[] = {
        "",
        "[]",
        "{\"decision\": 3}",
        "{\"decision\": {\"temperature\": -1}}",
        "{\"decision\": {\"temperature\": 1e9, \"rejection\": {\"thresholds\": []}}}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        back = smt_decision_load(broken[i], (const char *const *)names, CLASSES);
        assert_float_equal(back.temperature, 1, 0);
        assert_int_equal(back.views, 1);
        assert_false(back.rejects);
        assert_false(smt_decision_review(&back, 0, 0, -100));
    }
    for (int views = -1; views < 20; views++) {
        bool known = views == 2 || views == 4 || views == 8;
        char *some = smt_format("{\"decision\": {\"views\": %d}}", views);
        back = smt_decision_load(some, (const char *const *)names, CLASSES);
        assert_int_equal(back.views, known ? views : 1);
        smt_free(some);
    }
}

static void test_familiarity(void **state)
{
    (void)state;
    /* By hand: of the 6 pairs 4 are won and 1 is a tie. */
    static const float high[3] = {3, 1, 5}, low[2] = {1, 2};
    assert_true(fabs(smt_auroc(high, 3, low, 2) - 4.5 / 6) < 1e-12);
    assert_true(isnan(smt_auroc(high, 0, low, 2)));
    static const float broken[2] = {1, NAN};
    assert_true(isnan(smt_auroc(high, 3, broken, 2)));

    smt_evaluation e = claiming(2.5, IMAGES);
    static float familiarity[IMAGES];
    for (size_t i = 0; i < IMAGES; i++) {
        familiarity[i] = (float)((i * 2654435761u) % IMAGES);
    }
    e.familiarity = familiarity;
    const smt_decision_options options = {.keep_temperature = true, .unfamiliar = 0.1};
    smt_decision d;
    smt_calibration c;
    smt_error error = {0};
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_OK);
    assert_true(d.rejects && d.watches);
    assert_int_equal(c.rejection.count - c.rejection.accepted, IMAGES / 10);
    assert_string_equal(d.target, "unfamiliar 0.1");
    assert_int_equal(smt_decision_review(&d, 0, 1, d.least_familiarity - 1), SMT_REVIEW_UNFAMILIAR);
    assert_false(smt_decision_review(&d, 0, 0, d.least_familiarity));
    assert_false(smt_decision_review(&d, 0, 0, NAN));
    char *text = NULL;
    assert_int_equal(smt_decision_store("{}", &d, &c, &e, &text, NULL), SMT_OK);
    smt_decision back = smt_decision_load(text, (const char *const *)names, CLASSES);
    assert_true(back.watches);
    assert_float_equal(back.least_familiarity, d.least_familiarity, 1e-3);
    smt_free(text);
    const smt_decision_options all = {.keep_temperature = true, .unfamiliar = 1};
    assert_int_equal(smt_decision_fit(&e, &all, &d, &c, &error), SMT_OK);
    assert_float_equal(d.least_familiarity, IMAGES - 1, 1e-3);
    const smt_decision_options few = {.keep_temperature = true, .unfamiliar = 0.5 / IMAGES};
    assert_int_equal(smt_decision_fit(&e, &few, &d, &c, &error), SMT_OK);
    assert_int_equal(c.rejection.accepted, IMAGES);
    assert_float_equal(d.least_familiarity, -HAIR, 1e-9);
    e = wrap(100); /* 0.29 * 100 is less than 29 */
    const smt_decision_options some = {.keep_temperature = true, .unfamiliar = 0.29};
    e.familiarity = familiarity;
    assert_int_equal(smt_decision_fit(&e, &some, &d, &c, &error), SMT_OK);
    assert_int_equal(c.rejection.count - c.rejection.accepted, 29);
    familiarity[7] = NAN;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_ERR_UNSUPPORTED);
}

/* Image i of `count` is of class i % CLASSES, recognised with a confidence that falls with i; the
 * last `strange` images are the least familiar. */
static smt_evaluation watched(size_t count, size_t strange)
{
    static float familiarity[IMAGES];
    for (size_t i = 0; i < count; i++) {
        double sure = 0.99 - 0.5 * (double)i / (double)count, rest = (1 - sure) / 3;
        double p[CLASSES] = {rest, rest, rest, rest};
        p[i % CLASSES] = sure;
        place(i, (int)(i % CLASSES), p);
        familiarity[i] = i < count - strange ? 1 : 0;
    }
    smt_evaluation e = wrap(count);
    e.familiarity = familiarity;
    return e;
}

/* A rate is that of all reasons for review together, whether or not it is one for each class. */
static void test_rate_with_unfamiliar(void **state)
{
    (void)state;
    smt_decision_options options = {
        .keep_temperature = true, .target = SMT_REJECT_BY_RATE, .value = 0.1, .unfamiliar = 0.04};
    smt_decision d;
    smt_calibration c;
    smt_error error = {0};
    smt_evaluation e = watched(400, 16);
    for (size_t i = 0; i < 16; i++) { /* they are no less sure than others, and all of class 0 */
        static const double p[CLASSES] = {0.97, 0.01, 0.01, 0.01};
        place(384 + i, 0, p);
    }
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_OK);
    assert_int_equal(c.rejection.accepted, 360);
    assert_string_equal(d.target, "rejection 0.1, unfamiliar 0.04");
    options.per_class = true; /* 24 of 384 are 6 of 96 in each class */
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_OK);
    assert_int_equal(c.rejection.accepted, 360);
    e.info.decision = d;
    assert_int_equal(smt_rejection_of_class(&e, 0).accepted, 90);
    assert_int_equal(smt_rejection_of_class(&e, 3).accepted, 90);
    options.value = 0.04; /* nothing is left */
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_OK);
    assert_int_equal(c.rejection.accepted, 384);
    options.value = 0.03;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "unfamiliar 0.04: more than the rejection rate 0.03"));
    options = (smt_decision_options){
        .keep_temperature = true, .target = SMT_REJECT_BY_RATE, .value = 0.29};
    e = watched(100, 0); /* 0.29 * 100 is less than 29 */
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, &error), SMT_OK);
    assert_int_equal(c.rejection.accepted, 71);
}

/* What goes to review anyway speaks neither for a purity nor against it. */
static void test_purity_with_unfamiliar(void **state)
{
    (void)state;
    smt_decision_options options = {.keep_temperature = true,
                                    .target = SMT_REJECT_BY_PURITY,
                                    .value = 0.95,
                                    .sure = 0.8,
                                    .unfamiliar = 0.1};
    smt_decision d;
    smt_calibration c;
    smt_evaluation e = watched(40, 4);
    for (size_t i = 36; i < 40; i++) {
        static const double p[CLASSES] = {1, 0, 0, 0};
        place(i, 1, p);
    }
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_int_equal(c.rejection.accepted, 36);
    e = watched(32, 3); /* 32 would show it, but 29 are decided */
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_int_equal(c.rejection.accepted, 0);
    e = watched(160, 40); /* 20 of a class do not show it alone: it shares the common threshold */
    for (size_t i = 0; i < 160; i++) {
        e.familiarity[i] = i % CLASSES < 2 && i < 80 ? 0 : 1;
    }
    options.unfamiliar = 0.25;
    options.per_class = true;
    assert_int_equal(smt_decision_fit(&e, &options, &d, &c, NULL), SMT_OK);
    assert_int_equal(c.rejection.accepted, 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_temperature),
                                       cmocka_unit_test(test_powers),
                                       cmocka_unit_test(test_no_temperature),
                                       cmocka_unit_test(test_chance),
                                       cmocka_unit_test(test_no_mistake),
                                       cmocka_unit_test(test_lone_class),
                                       cmocka_unit_test(test_thresholds),
                                       cmocka_unit_test(test_next_confidence),
                                       cmocka_unit_test(test_common_threshold),
                                       cmocka_unit_test(test_common_rate),
                                       cmocka_unit_test(test_shown),
                                       cmocka_unit_test(test_purity_by_class),
                                       cmocka_unit_test(test_long_target),
                                       cmocka_unit_test(test_promise),
                                       cmocka_unit_test(test_hopeless),
                                       cmocka_unit_test(test_familiarity),
                                       cmocka_unit_test(test_rate_with_unfamiliar),
                                       cmocka_unit_test(test_purity_with_unfamiliar),
                                       cmocka_unit_test(test_provenance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
