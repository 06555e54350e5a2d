/* Thresholds on the calibrated confidence: below it a prediction goes to review. Solved on
 * validation images by scanning the predictions from the most confident to the least. Images that
 * go to review for being unfamiliar are no decisions: thresholds are solved on the others. */
#include "base/gamma.h"
#include "evaluate/scores.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct vote {
    float confidence;
    bool right;
} vote;

static int surest_first(const void *a, const void *b)
{
    float x = ((const vote *)a)->confidence, y = ((const vote *)b)->confidence;
    return (x < y) - (x > y);
}

/* A class with fewer predictions than this keeps the
 * common threshold: so few say nothing about it. */
#define FEWEST 5

/* P(at most k of n) of a binomial distribution, from the largest of its terms down; they fall fast
 * where the sum is small, which is where it matters. From the mean on it is more than a half, which
 * shows nothing, and counts as 1: of what lies far above, the term at k may round to 0. */
static double at_most(size_t k, size_t n, double p)
{
    double x = (double)k, m = (double)n;
    if (x >= m * p) {
        return 1;
    }
    double term = exp(smt_lgamma(m + 1) - smt_lgamma(x + 1) - smt_lgamma(m - x + 1) + x * log(p) +
                      (m - x) * log1p(-p));
    double sum = term;
    for (; x > 0 && term > 1e-12 * sum; x--) {
        term *= x / (m - x + 1) * (1 - p) / p;
        sum += term;
    }
    return sum;
}

/* The exact binomial bound (Clopper and Pearson 1934). A threshold at which the share of right
 * decisions just reaches the purity is the luckiest of many, and reaches less on other images. */
static bool shows_purity(size_t right, size_t accepted, const smt_decision_options *options)
{
    return options->value <= 0 ||
           at_most(accepted - right, accepted, 1 - options->value) <= 1 - options->sure + 1e-9;
}

static bool has_own(const smt_decision_options *options, int c)
{
    return options->purity && options->purity[c] > 0;
}

/* What is asked of the predictions of class c; -1: of those without a purity of their own. */
static smt_decision_options asked_of(const smt_decision_options *options, int c)
{
    smt_decision_options asked = *options;
    if (c >= 0 && has_own(options, c)) {
        asked.target = SMT_REJECT_BY_PURITY;
        asked.value = (double)options->purity[c];
    }
    return asked;
}

/* Decisions, all right, that are needed to show the purity. */
static size_t fewest(const smt_decision_options *options)
{
    if (options->target != SMT_REJECT_BY_PURITY) {
        return 0;
    }
    if (options->value >= 1) {
        return SIZE_MAX;
    }
    double least = log1p(-options->sure) / log(options->value);
    return least > 1 ? (size_t)ceil(least - 1e-9) : 1;
}

/* Under `least`, which is decided, and over `next`, which is not: the same image has a confidence
 * that differs in its last digits where another file or processor computes it. */
static float just_below(float least, float next)
{
    const float hair = 1e-4f;
    float half = (least - next) / 2, below = least - (half < hair ? half : hair);
    return below > next ? below : least; /* half-way rounds to either of two neighbours */
}

/* The threshold that reaches the target on these votes: of a purity the smallest, which decides the
 * most; of a rate the largest. Equal confidences stand or fall together. */
static float solve(vote *votes, size_t count, const smt_decision_options *options)
{
    const float never = 2.0f; /* no confidence reaches it */
    float best = options->target == SMT_REJECT_BY_PURITY && options->value > 0 ? never : 0.0f;
    size_t right = 0;
    qsort(votes, count, sizeof *votes, surest_first);
    for (size_t i = 0; i < count; i++) {
        right += votes[i].right;
        float next = i + 1 < count ? votes[i + 1].confidence : 0;
        if (i + 1 < count && next == votes[i].confidence) {
            continue;
        }
        double accepted = (double)(i + 1);
        if (options->target == SMT_REJECT_BY_PURITY && shows_purity(right, i + 1, options)) {
            best = just_below(votes[i].confidence, next);
        }
        if (options->target == SMT_REJECT_BY_RATE &&
            (double)count - accepted <= options->value * (double)count + 1e-9) {
            return just_below(votes[i].confidence, next);
        }
    }
    return best;
}

static float familiarity_of(const smt_evaluation *e, size_t i)
{
    return e->familiarity ? e->familiarity[i] : (float)NAN;
}

/* A familiarity that is not known (NaN) speaks against nothing. */
static bool unfamiliar(const smt_decision *decision, float familiarity)
{
    return decision->watches && familiarity < decision->least_familiarity;
}

/* alone[c]: class c gets a threshold from its own predictions. Returns the predictions of the other
 * classes. */
static size_t find_alone(const smt_evaluation *e,
                         const smt_decision_options *options,
                         const smt_decision *decision,
                         bool *alone)
{
    size_t least = fewest(options) > FEWEST ? fewest(options) : FEWEST, rest = 0;
    size_t predictions[SMT_CLASS_MAX] = {0};
    for (size_t i = 0; i < e->count; i++) {
        predictions[e->top[i]] += !unfamiliar(decision, familiarity_of(e, i));
    }
    for (int c = 0; c < e->info.class_count; c++) {
        alone[c] = has_own(options, c) || (options->per_class && predictions[c] >= least);
        rest += alone[c] ? 0 : predictions[c];
    }
    return rest;
}

static smt_status solve_thresholds(const smt_evaluation *e,
                                   const smt_decision_options *options,
                                   const float *confidence,
                                   smt_decision *decision,
                                   smt_error *error)
{
    vote *votes = smt_alloc(e->count, sizeof *votes);
    if (!votes) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", e->set);
    }
    bool alone[SMT_CLASS_MAX];
    size_t rest = find_alone(e, options, decision, alone);
    /* c = -1: the common threshold, from the predictions that it decides: those of the classes that
     * have no threshold of their own. Where there are none, a rate is that of all predictions. */
    bool shared = rest > 0 || options->target != SMT_REJECT_BY_RATE;
    for (int c = -1; c < e->info.class_count; c++) {
        if (c >= 0 && !alone[c]) {
            continue;
        }
        size_t count = 0;
        for (size_t i = 0; i < e->count; i++) {
            bool decides = c < 0 ? !(shared && alone[e->top[i]]) : e->top[i] == c;
            if (decides && !unfamiliar(decision, familiarity_of(e, i))) {
                votes[count++] = (vote){confidence[i], e->truth[i] == e->predicted[i]};
            }
        }
        const smt_decision_options asked = asked_of(options, c);
        float threshold = solve(votes, count, &asked);
        for (int k = 0; k < e->info.class_count; k++) {
            if (c < 0 || k == c) {
                decision->threshold[k] = threshold;
            }
        }
    }
    smt_free(votes);
    return SMT_OK;
}

smt_review smt_decision_review(const smt_decision *decision,
                               int class_index,
                               float confidence,
                               float familiarity)
{
    if (!decision->rejects) {
        return SMT_REVIEW_NONE;
    }
    if (unfamiliar(decision, familiarity)) {
        return SMT_REVIEW_UNFAMILIAR;
    }
    return confidence >= decision->threshold[class_index] ? SMT_REVIEW_NONE : SMT_REVIEW_UNSURE;
}

const char *smt_review_name(smt_review review)
{
    static const char *const names[] = {"", "unsure", "unfamiliar"};
    return names[review];
}

/* Of the images taken for class `only` of the model; -1: of all. */
static smt_rejection
measure(const smt_evaluation *e, const smt_decision *decision, const float *confidence, int only)
{
    smt_rejection r = {0};
    for (int c = 0; c < e->map->model_count; c++) {
        r.knows_clean = r.knows_clean || e->map->model_clean[c];
    }
    for (size_t i = 0; i < e->count; i++) {
        if (only >= 0 && e->top[i] != only) {
            continue;
        }
        bool accepted =
            !smt_decision_review(decision, e->top[i], confidence[i], familiarity_of(e, i));
        bool escape = !e->clean[i] && e->map->model_clean[e->top[i]];
        r.count++;
        r.accepted += accepted;
        r.right += accepted && e->truth[i] == e->predicted[i];
        r.defects += !e->clean[i];
        r.escapes_before += escape;
        r.escapes += escape && accepted;
    }
    r.coverage = r.count ? (double)r.accepted / (double)r.count : 0;
    r.purity = r.accepted ? (double)r.right / (double)r.accepted : 0;
    return r;
}

smt_review smt_evaluation_review(const smt_evaluation *e, size_t i)
{
    return smt_decision_review(
        &e->info.decision, e->top[i], e->confidence[i], familiarity_of(e, i));
}

smt_rejection smt_rejection_measure(const smt_evaluation *evaluation)
{
    return measure(evaluation, &evaluation->info.decision, evaluation->confidence, -1);
}

smt_rejection smt_rejection_of_class(const smt_evaluation *evaluation, int model_class)
{
    return measure(evaluation, &evaluation->info.decision, evaluation->confidence, model_class);
}

bool smt_decision_by_class(const smt_decision *decision)
{
    bool own = false;
    for (int c = 0; c < SMT_CLASS_MAX; c++) {
        own = own || decision->purity[c] > 0;
    }
    return decision->rejects && (decision->per_class || own);
}

/* Adds to what was asked for; what does not fit is cut. */
static void SMT_PRINTF(2, 3) add_target(smt_decision *decision, const char *format, ...)
{
    size_t used = strlen(decision->target);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decision->target + used, sizeof decision->target - used, format, arguments);
    va_end(arguments);
}

#define TARGET_REST 80 /* bytes of a target kept free for what follows the classes */

/* "purity 0.9, of bridge 0.99, of open 0.98, sure 0.8" */
static void
describe_purity(const smt_evaluation *e, const smt_decision_options *options, smt_decision *d)
{
    bool others = options->target == SMT_REJECT_BY_PURITY;
    int named = 0, more = 0;
    add_target(d, "purity");
    if (others) {
        add_target(d, " %g", options->value);
    }
    for (int c = 0; c < e->info.class_count; c++) {
        const char *name = e->info.classes[c];
        if (!has_own(options, c)) {
            continue;
        }
        if (strlen(d->target) + strlen(name) + TARGET_REST < sizeof d->target) {
            add_target(
                d, "%s of %s %g", others || named ? "," : "", name, (double)options->purity[c]);
            named++;
        } else {
            more++;
        }
    }
    if (more) {
        add_target(d, "%s of %d %sclasses", named || others ? "," : "", more, named ? "more " : "");
    }
    add_target(d, "%s sure %g", named + more ? "," : "", options->sure);
}

static smt_status
limit_familiarity(const smt_evaluation *e, double share, smt_decision *decision, smt_error *error)
{
    float *sorted = smt_alloc(e->count, sizeof *sorted);
    smt_status status =
        sorted ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", e->set);
    for (size_t i = 0; i < e->count && !status; i++) {
        sorted[i] = familiarity_of(e, i);
        if (!isfinite(sorted[i])) {
            status = smt_fail(error,
                              SMT_ERR_UNSUPPORTED,
                              "%s: remembers no images, so familiarity is not known",
                              e->info.path);
        }
    }
    if (!status && e->count) {
        smt_sort_floats(sorted, e->count);
        size_t below = (size_t)(share * (double)e->count + 1e-9);
        below = below < e->count ? below : e->count - 1;
        decision->least_familiarity =
            just_below(sorted[below], below ? sorted[below - 1] : -INFINITY);
        decision->watches = decision->rejects = true;
    }
    smt_free(sorted);
    return status;
}

/* The share of the familiar images that a rate of all images leaves to the thresholds. */
static double rate_left(const smt_evaluation *e, double rate, const smt_decision *decision)
{
    size_t away = 0;
    for (size_t i = 0; i < e->count; i++) {
        away += unfamiliar(decision, familiarity_of(e, i));
    }
    return fmax(rate * (double)e->count - (double)away, 0) / (double)(e->count - away);
}

/* How many of the sorted values lie below one; `equal`: or are it. */
static size_t count_below(const float *sorted, size_t count, float value, bool equal)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = (low + count) / 2;
        if (equal ? sorted[middle] <= value : sorted[middle] < value) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

double smt_auroc(const float *high, size_t high_count, const float *low, size_t low_count)
{
    float *sorted = smt_alloc(low_count, sizeof *sorted);
    double wins = sorted && high_count && low_count ? 0 : (double)NAN;
    for (size_t i = 0; sorted && i < low_count; i++) {
        sorted[i] = low[i];
        wins += isfinite(low[i]) ? 0 : (double)NAN;
    }
    if (sorted) {
        smt_sort_floats(sorted, low_count);
    }
    for (size_t i = 0; i < high_count && isfinite(wins); i++) {
        size_t below = count_below(sorted, low_count, high[i], false);
        size_t upto = count_below(sorted, low_count, high[i], true);
        wins += isfinite(high[i]) ? 0.5 * (double)(below + upto) : (double)NAN;
    }
    smt_free(sorted);
    return wins / ((double)high_count * (double)low_count);
}

static smt_status check(const smt_evaluation *e,
                        const smt_decision_options *options,
                        bool *by_purity,
                        smt_error *error)
{
    if (options->target != SMT_REJECT_NONE && !(options->value >= 0 && options->value <= 1)) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "purity or rejection rate %g: not in 0 .. 1", options->value);
    }
    *by_purity = options->target == SMT_REJECT_BY_PURITY;
    for (int c = 0; options->purity && c < e->info.class_count; c++) {
        if (!(options->purity[c] >= 0 && options->purity[c] <= 1)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "purity of %s %g: not in 0 .. 1",
                            e->info.classes[c],
                            (double)options->purity[c]);
        }
        if (has_own(options, c) && options->target == SMT_REJECT_BY_RATE) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "purity of %s: not together with a rejection rate",
                            e->info.classes[c]);
        }
        *by_purity = *by_purity || has_own(options, c);
    }
    if (*by_purity && !(options->sure >= 0.5 && options->sure <= 0.999)) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "sure %g: not in 0.5 .. 0.999", options->sure);
    }
    if (!(options->unfamiliar >= 0 && options->unfamiliar <= 1)) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "unfamiliar %g: not in 0 .. 1", options->unfamiliar);
    }
    if (options->target == SMT_REJECT_BY_RATE && options->unfamiliar > options->value) {
        return smt_fail(
            error,
            SMT_ERR_ARGUMENT,
            "unfamiliar %g: more than the rejection rate %g allows; ask for a smaller share",
            options->unfamiliar,
            options->value);
    }
    return SMT_OK;
}

smt_status smt_decision_fit(const smt_evaluation *e,
                            const smt_decision_options *options,
                            smt_decision *decision,
                            smt_calibration *calibration,
                            smt_error *error)
{
    bool by_purity = false;
    smt_status status = check(e, options, &by_purity, error);
    if (status) {
        return status;
    }
    float *confidence = smt_alloc(e->count, sizeof *confidence);
    if (!confidence) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", e->set);
    }
    smt_decision d = {
        .temperature = 1, .views = e->info.decision.views, .per_class = options->per_class};
    smt_calibration c = {.loss_before = smt_loss_at(e, 1),
                         .error_before = smt_error_at(e, 1, confidence)};
    if (!options->keep_temperature) {
        d.temperature = (float)smt_fit_temperature(e);
    }
    c.temperature = (double)d.temperature;
    c.loss_after = smt_loss_at(e, c.temperature);
    c.error_after = smt_error_at(e, c.temperature, confidence);
    smt_decision_options familiar = *options; /* what is asked of the familiar images */
    if (options->unfamiliar > 0) {
        status = limit_familiarity(e, options->unfamiliar, &d, error);
    }
    if (!status && (by_purity || options->target != SMT_REJECT_NONE)) {
        d.rejects = true;
        if (by_purity) {
            describe_purity(e, options, &d);
        } else {
            add_target(&d, "rejection %g", options->value);
        }
        for (int k = 0; k < e->info.class_count; k++) {
            const smt_decision_options asked = asked_of(options, k);
            c.fewest[k] = fewest(&asked);
            d.purity[k] = has_own(options, k) ? options->purity[k] : 0;
        }
        if (options->target == SMT_REJECT_BY_RATE && d.watches) {
            familiar.value = rate_left(e, options->value, &d);
        }
        status = solve_thresholds(e, &familiar, confidence, &d, error);
    }
    if (!status) {
        if (d.watches) { /* last: adapt cuts it off */
            add_target(&d, "%sunfamiliar %g", *d.target ? ", " : "", options->unfamiliar);
        }
        c.rejection = measure(e, &d, confidence, -1);
        *decision = d;
        *calibration = c;
    }
    smt_free(confidence);
    return status;
}

double smt_coverage_curve(const smt_evaluation *e, smt_coverage_point *points)
{
    vote *votes = smt_alloc(e->count, sizeof *votes);
    if (!votes) {
        return -1;
    }
    for (size_t i = 0; i < e->count; i++) {
        votes[i] = (vote){e->confidence[i], e->truth[i] == e->predicted[i]};
    }
    qsort(votes, e->count, sizeof *votes, surest_first);
    double right = 0, area = 0;
    for (size_t start = 0, end; start < e->count; start = end) {
        size_t hits = 0;
        for (end = start; end < e->count && votes[end].confidence == votes[start].confidence;
             end++) {
            hits += votes[end].right;
        }
        for (size_t i = start; i < end; i++) {
            double share = (double)(i + 1 - start) / (double)(end - start);
            double accuracy = (right + share * (double)hits) / (double)(i + 1);
            points[i] = (smt_coverage_point){
                (double)votes[i].confidence, (double)(i + 1) / (double)e->count, accuracy};
            area += (1 - accuracy) / (double)e->count;
        }
        right += (double)hits;
    }
    smt_free(votes);
    return area;
}

void smt_rejection_text(const smt_rejection *r, char text[SMT_REJECTION_TEXT])
{
    int used = r->accepted ? snprintf(text,
                                      SMT_REJECTION_TEXT,
                                      "%.1f%% decided automatically, purity %.4f",
                                      100 * r->coverage,
                                      r->purity)
                           : snprintf(text, SMT_REJECTION_TEXT, "nothing decided automatically");
    const char *plural = smt_plural(r->defects, "defect", "defects");
    char *rest = text + used;
    size_t room = SMT_REJECTION_TEXT - (size_t)used;
    if (r->knows_clean && r->accepted) {
        snprintf(rest,
                 room,
                 ", %zu of %zu %s called clean (%zu without review)",
                 r->escapes,
                 r->defects,
                 plural,
                 r->escapes_before);
    } else if (r->knows_clean) {
        snprintf(rest,
                 room,
                 " (without review %zu of %zu %s called clean)",
                 r->escapes_before,
                 r->defects,
                 plural);
    }
}
