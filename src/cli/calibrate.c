#include "cli/classify.h"
#include "cli/cli.h"
#include "cli/pixels.h"
#include "evaluate/folds.h"
#include "evaluate/scores.h"

#include <semtinel/format.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SURE 0.8
#define MORE_VIEWS_IMAGES 1000 /* half a minute */
#define LOWER_PURITIES 3       /* offered where the one that was asked for decides nothing */

static const char *output;
static int split, views;
static const smt_split_choice choices[] = {/* of --split */
                                           SMT_CHOOSE_VAL,
                                           SMT_CHOOSE_TEST,
                                           SMT_CHOOSE_TRAIN,
                                           SMT_CHOOSE_ALL,
                                           SMT_CHOOSE_FOLDS};
static double purity = -1, sure = SURE, rejection = -1, unfamiliar; /* -1: not given */
static const char *foreign;
static bool per_class;
static cli_list purity_of, overrides;
static float given[sizeof purity_of.items / sizeof *purity_of.items]; /* by --purity-of */

static const cli_option options[] = {
    {"output", 'o', CLI_FILE(&output, "FILE"), "write the model there instead of over MODEL"},
    {"split",
     0,
     CLI_CHOICE(&split, "val|test|train|all|folds"),
     "part of the set to fit on; folds: all but test, each by the network of 'train --folds' that "
     "has not seen it"},
    {"views",
     0,
     CLI_CHOICE(&views, "1|2|4|8"),
     "classify by the mean of so many views, turned and mirrored; kept in the model"},
    {"purity",
     0,
     CLI_REAL(&purity, 0, 1, "X"),
     "share of the automatic decisions that must be right"},
    {"purity-of",
     0,
     CLI_PAIRS(&purity_of, "CLASS=X"),
     "purity of the predictions of this class, instead of --purity"},
    {"sure",
     0,
     CLI_REAL(&sure, 0.5, 0.999, "X"),
     "probability with which the purity holds on other images of this kind"},
    {"max-rejection",
     0,
     CLI_REAL(&rejection, 0, 1, "X"),
     "largest share sent to review, with what --unfamiliar sends"},
    {"per-class", 0, CLI_FLAG(&per_class), "a threshold of its own for each predicted class"},
    {"unfamiliar",
     0,
     CLI_REAL(&unfamiliar, 0, 0.5, "X"),
     "also send to review what is less familiar than this share of the images of the fit"},
    {"foreign",
     0,
     CLI_INPUT(&foreign, "DIR"),
     "images of another kind, to measure how well they are recognised, with or without "
     "--unfamiliar"},
    {"map", 0, CLI_PAIRS(&overrides, "FROM=TO"), "count class FROM as TO, on either side"},
    {0},
};

static const cli_command command = {
    .name = "calibrate",
    .arguments = "MODEL DATASET",
    .summary = "Calibrate a model's confidence, and set its thresholds for review.",
    .details =
        "Fits one temperature to the validation images, so that of the predictions with confidence "
        "0.8 about 80% are right, and on request thresholds under which 'predict' says 'review'. "
        "Both are kept in the model (a checkpoint or a run's folder); quantize and export keep "
        "them. Fit on images that the model was not trained on, and evaluate on others again. "
        "Where a folder has no val/, the part that the training held out is used. The temperature "
        "stays 1 unless the images show otherwise. Images of a class that the model does not know "
        "count as mistakes; --map says what they are called.\n\n"
        "--split folds fits on all images but those of test, by the networks of 'train --folds', "
        "each of which has not seen a part of them: several times as many images as val, which a "
        "high purity needs.\n\n"
        "--views classifies by the mean over an image and its mirror image (2), over mirroring in "
        "both directions (4), and turned by quarters as well (8). That is right more often, in as "
        "many times the time. It is kept in the model: 'predict', 'evaluate' and exported C on a "
        "board then do the same.\n\n"
        "A threshold that just reaches the purity on a hundred images misses it on others. So the "
        "purity has to be shown: with --sure 0.8 it holds on other images in about eight of ten "
        "cases. To show 95%, at least 32 decisions have to be right in a row, 59 with --sure 0.95; "
        "where no threshold shows it, all images go to review.\n\n"
        "--purity-of sets another purity for the predictions of one class, where a mistake costs "
        "more, or less. --purity is then for the other classes; without it, those are always "
        "decided automatically. 'clean' means every kind of clean, unless a class has that very "
        "name.",
    .examples =
        "  semtinel calibrate run ../data\n"
        "  semtinel calibrate run ../data --purity 0.95\n"
        "  semtinel calibrate run ../data --split folds --purity 0.95\n"
        "  semtinel calibrate run ../data --purity 0.9 --purity-of clean=0.99 --purity-of "
        "crack=0.95\n"
        "  semtinel calibrate run ../data --max-rejection 0.1 --per-class -o careful.safetensors\n",
    .min_operands = 2,
    .max_operands = 2,
    .in_place = true,
};

static smt_status
save(const smt_classifier_info *info, bool watches, const char *provenance, smt_error *error)
{
    smt_model *model = NULL;
    smt_tensor_file *extra = NULL;
    smt_status status = smt_model_load(info->path, &model, error);
    if (!status && watches) {
        status = smt_familiarity_store(info, &extra, error);
    }
    if (status) {
        smt_model_destroy(&model);
        return status;
    }
    smt_free(model->provenance);
    model->provenance = smt_strdup(provenance);
    status = model->provenance
                 ? smt_model_save(model, output ? output : info->path, SMT_DTYPE_F32, extra, error)
                 : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", info->path);
    smt_tensor_file_destroy(&extra);
    smt_model_destroy(&model);
    return status;
}

/* The threshold of class i, or of all classes. */
static void
print_threshold(const smt_calibration *c, const smt_decision *decision, int i, const char *whose)
{
    int pad = smt_utf8_pad(whose, 16);
    char own[32] = "";
    if (decision->purity[i] > 0) {
        snprintf(own, sizeof own, "purity %g: ", (double)decision->purity[i]);
    }
    if (decision->threshold[i] == 0) {
        cli_say("  %-*s always decided automatically%s",
                pad,
                whose,
                decision->watches ? ", unless unfamiliar" : "");
    } else if (decision->threshold[i] <= 1) {
        cli_say("  %-*s %sthreshold %.4f", pad, whose, own, (double)decision->threshold[i]);
    } else if (c->fewest[i] == SIZE_MAX) {
        cli_say("  %-*s %salways to review: no number of images shows that no mistake is ever made",
                pad,
                whose,
                own);
    } else {
        cli_say("  %-*s %salways to review: no threshold shows the purity, for which at least "
                "%zu %s must be right in a row",
                pad,
                whose,
                own,
                c->fewest[i],
                smt_plural(c->fewest[i], "decision", "decisions"));
    }
}

/* What to know of a temperature that is not simply the best one. */
static const char *about_temperature(double temperature)
{
    if (temperature == 1) {
        return ": these images do not show that it should be another";
    }
    if (temperature < 1.001 * SMT_LEAST_TEMPERATURE) {
        return ": the lowest that is set; a lower one would fit these images better still. To the "
               "network all classes are nearly as probable, as to one that is hardly trained: "
               "train it longer";
    }
    if (temperature > 0.999 * SMT_MOST_TEMPERATURE) {
        return ": the highest that is set; a higher one would fit these images better still. The "
               "network says hardly more than chance of them: train it longer, or look whether "
               "their labels are right";
    }
    return "";
}

static void
print(const smt_calibration *c, const smt_decision *decision, const smt_classifier_info *info)
{
    cli_say("temperature %.4f%s", c->temperature, about_temperature(c->temperature));
    cli_say("expected calibration error  %.4f -> %.4f", c->error_before, c->error_after);
    cli_say("log loss                    %.4f -> %.4f", c->loss_before, c->loss_after);
    if (decision->rejects) {
        char text[SMT_REJECTION_TEXT];
        smt_rejection_text(&c->rejection, text);
        cli_say("%s%s: %s", decision->target, decision->per_class ? ", per class" : "", text);
        bool by_class = smt_decision_by_class(decision);
        for (int i = 0; i < (by_class ? info->class_count : 1); i++) {
            print_threshold(c, decision, i, by_class ? info->classes[i] : "all classes");
        }
    }
}

/* The model is written over itself if that is asked for, but over no image. */
static smt_status keep_images(const smt_dataset *dataset, smt_error *error)
{
    smt_status status = SMT_OK;
    for (size_t i = 0; i < dataset->sample_count && !status; i++) {
        status = smt_check_kept(output, dataset->samples[i].path, error);
    }
    return status;
}

/* A class that is called as what predict says of images for review. */
static void warn_of_class_review(const smt_classifier_info *info, const smt_decision *decision)
{
    for (int c = 0; c < info->class_count && decision->rejects; c++) {
        if (strcasecmp(info->classes[c], "review") == 0) {
            smt_log(SMT_LOG_WARNING,
                    "%s: has a class '%s', the word for what a person should look at; where "
                    "review_reason is empty, 'predict' means the class. To tell them apart at "
                    "sight, rename its folder and train again",
                    info->path,
                    info->classes[c]);
        }
    }
}

/* What the model had and has no more, because its options were not given again. */
static void say_dropped(const smt_decision *before, const smt_decision *now)
{
    if ((before->rejects && !now->rejects) || (before->watches && !now->watches)) {
        cli_say("before, it sent images to review by %s: to keep that, give its options again",
                before->target);
    }
    if (before->views > now->views) {
        cli_say("before, it classified by %d views: to keep that, give --views %d again",
                before->views,
                before->views);
    }
}

/* Up to SMT_REMEMBERED training images, evenly picked; *out stays NULL where the set has none. */
static smt_status load_training(const smt_dataset *dataset,
                                int size,
                                float cut_percent,
                                smt_pool *pool,
                                smt_pixels **out,
                                smt_error *error)
{
    bool *wanted = smt_alloc(dataset->sample_count, sizeof *wanted);
    size_t total = 0, at = 0;
    smt_status status = wanted ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < dataset->sample_count; i++) {
        total += dataset->samples[i].split == SMT_SPLIT_TRAIN;
    }
    size_t count = total < SMT_REMEMBERED ? total : SMT_REMEMBERED;
    for (size_t i = 0; i < dataset->sample_count && !status; i++) {
        if (dataset->samples[i].split == SMT_SPLIT_TRAIN) {
            wanted[i] = (at + 1) * count / total > at * count / total;
            at++;
        }
    }
    if (!status && count) {
        status = smt_pixels_load(dataset, wanted, size, cut_percent, pool, out, error);
    }
    smt_free(wanted);
    return status;
}

/* The training images are what is familiar, and the images of the fit are measured against them;
 * where there are none, the images of the fit, each measured against the others. */
static smt_status remember(smt_classifier *classifier,
                           smt_evaluation *e,
                           const smt_dataset *dataset,
                           smt_pool *pool,
                           smt_error *error)
{
    float *features = NULL;
    smt_pixels *known = NULL;
    int width = 0;
    smt_status status = SMT_OK;
    /* Others than the training images. */
    if (choices[split] == SMT_CHOOSE_VAL || choices[split] == SMT_CHOOSE_TEST) {
        status = load_training(
            dataset, e->info.input_size, e->info.preprocess.cut_percent, pool, &known, error);
    }
    const smt_pixels *from = known ? known : e->pixels;
    if (!status) {
        status =
            smt_classifier_features(classifier, from->data, from->count, &features, &width, error);
    }
    status =
        status ? status : smt_classifier_remember(classifier, features, from->count, width, error);
    if (!status && known) {
        status = smt_classifier_familiarity(
            classifier, e->pixels->data, e->count, e->familiarity, error);
    } else if (!status) {
        status =
            smt_familiarity_of_each(&e->info.layout, features, e->count, e->familiarity, error);
    }
    smt_pixels_destroy(&known);
    smt_free(features);
    return status;
}

/* How well familiarity and confidence tell images of another kind from those of the fit, and how
 * many go to review. */
static smt_status measure_foreign(smt_classifier *classifier,
                                  const smt_evaluation *e,
                                  smt_pool *pool,
                                  size_t *skipped,
                                  smt_error *error)
{
    const smt_classifier_info *info = smt_classifier_about(classifier);
    const smt_decision *decision = &info->decision;
    size_t classes = (size_t)info->class_count, review = 0, count = 0;
    smt_pixels *images = NULL;
    float *probabilities = NULL, *familiarity = NULL, *confidence = NULL, *own = NULL;
    smt_status status = cli_load_images(&foreign,
                                        1,
                                        0,
                                        info->input_size,
                                        info->preprocess.cut_percent,
                                        pool,
                                        &images,
                                        skipped,
                                        error);
    if (status) {
        return status;
    }
    count = images->count;
    probabilities = smt_alloc(count, classes * sizeof *probabilities);
    familiarity = smt_alloc(count, sizeof *familiarity);
    confidence = smt_alloc(count, sizeof *confidence);
    own = smt_alloc(e->count, sizeof *own);
    status = probabilities && familiarity && confidence && own
                 ? smt_classifier_run_scored(
                       classifier, images->data, count, probabilities, familiarity, error)
                 : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", foreign);
    for (size_t i = 0; i < count && !status; i++) {
        const float *row = probabilities + i * classes;
        int best = smt_argmax(row, info->class_count);
        confidence[i] = row[best];
        review += smt_decision_review(decision, best, row[best], familiarity[i]) != SMT_REVIEW_NONE;
    }
    if (!status) {
        smt_error_at(e, (double)decision->temperature, own); /* as the foreign ones are */
        cli_say("%zu foreign %s: area under the ROC curve %.3f by familiarity, %.3f by confidence; "
                "%.1f%% to review%s",
                count,
                smt_plural(count, "image", "images"),
                smt_auroc(e->familiarity, e->count, familiarity, count),
                smt_auroc(own, e->count, confidence, count),
                100.0 * (double)review / (double)count,
                decision->watches ? "" : "; --unfamiliar X would send the least familiar there");
    }
    smt_free(probabilities);
    smt_free(familiarity);
    smt_free(confidence);
    smt_free(own);
    smt_pixels_destroy(&images);
    return status;
}

/* Where nothing is decided automatically: the next lower purities, in twentieths, that are shown.
 */
static smt_status say_lower_purities(const smt_evaluation *e,
                                     smt_decision_options wanted,
                                     const smt_calibration *fitted,
                                     smt_error *error)
{
    int twentieths = (int)ceil(purity * 20 - 1e-9) - 1, left = LOWER_PURITIES;
    smt_status status = SMT_OK;
    if (fitted->rejection.accepted) {
        return SMT_OK;
    }
    for (; twentieths > 0 && left && !status; twentieths--) {
        smt_decision decision;
        smt_calibration lower;
        wanted.value = twentieths / 20.0;
        status = smt_decision_fit(e, &wanted, &decision, &lower, error);
        if (!status && lower.rejection.accepted) {
            cli_say("--purity %.2f would decide   %.1f%% automatically",
                    wanted.value,
                    100 * lower.rejection.coverage);
            left = lower.rejection.coverage < 1 ? left - 1 : 0;
        }
    }
    bool trained = smt_folds_trained(&e->info);
    if (!status && purity >= 0 && choices[split] == SMT_CHOOSE_VAL &&
        (trained || smt_folds_trainable(&e->info))) {
        cli_say("more images show more: %s--split folds fits on all but those of test",
                trained ? "" : "after 'semtinel train' with --folds 5 and --resume, ");
    }
    return status;
}

/* What more views would bring on the images of the fit, where these are few enough to tell soon. */
static smt_status say_more_views(smt_classifier *classifier,
                                 const smt_dataset *dataset,
                                 smt_evaluate_options how,
                                 const smt_evaluation *one,
                                 smt_pool *pool,
                                 smt_error *error)
{
    if (one->info.decision.views != 1 || one->count > MORE_VIEWS_IMAGES || cli_shared.quiet) {
        return SMT_OK;
    }
    how.earlier = one;
    smt_status status = SMT_OK;
    for (int more = 2; more <= SMT_VIEWS_MOST && !status; more *= 2) {
        smt_evaluation *mean = NULL;
        const smt_decision plain = {.temperature = 1, .views = more}; /* as `one` was measured */
        smt_classifier_decide(classifier, &plain);
        status = smt_evaluate(classifier, dataset, &how, pool, &mean, error);
        if (!status) {
            cli_say("--views %d would have        accuracy %.4f instead of %.4f, log loss %.4f "
                    "instead of %.4f, in %d times the time",
                    more,
                    mean->metrics->accuracy,
                    one->metrics->accuracy,
                    mean->metrics->log_loss,
                    one->metrics->log_loss,
                    more);
        }
        smt_evaluation_destroy(&mean);
    }
    return status;
}

/* The number behind the last '=' of CLASS=X; 0: it is none above 0 and up to 1. */
static float read_purity(const char *pair)
{
    char *end = NULL;
    const char *number = strrchr(pair, '=') + 1;
    double read = strtod(number, &end);
    return end != number && !*end && read > 0 && read <= 1 ? (float)read : 0;
}

/* wanted: the purity of each class of the model that --purity-of names; 0: not named. */
static smt_status purities(const smt_classifier_info *info, float *wanted, smt_error *error)
{
    bool chosen[SMT_CLASS_MAX];
    for (int c = 0; c < info->class_count; c++) {
        wanted[c] = 0;
    }
    for (int i = 0; i < purity_of.count; i++) {
        char *name = smt_strdup(purity_of.items[i]);
        if (!name) {
            return smt_fail(error, SMT_ERR_MEMORY, "out of memory");
        }
        *strrchr(name, '=') = 0;
        smt_status status = cli_find_classes(info, name, chosen, error);
        for (int c = 0; c < info->class_count && !status; c++) {
            if (chosen[c] && wanted[c] > 0) {
                status = smt_fail(error,
                                  SMT_ERR_ARGUMENT,
                                  "--purity-of %s: class '%s' has a purity already",
                                  name,
                                  info->classes[c]);
            } else if (chosen[c]) {
                wanted[c] = given[i];
            }
        }
        smt_free(name);
        if (status) {
            return status;
        }
    }
    return SMT_OK;
}

static int parse(int argc, char **argv, char ***operands)
{
    int operand_count;
    int code = cli_parse(&command, options, argc, argv, operands, &operand_count);
    if (code >= 0) {
        return code;
    }
    if (purity >= 0 && rejection >= 0) {
        return cli_usage(&command, "--purity and --max-rejection exclude each other");
    }
    if (rejection >= 0 && unfamiliar > rejection) {
        return cli_usage(&command,
                         "--unfamiliar %g alone sends more to review than --max-rejection %g "
                         "allows: give a smaller share, or allow more",
                         unfamiliar,
                         rejection);
    }
    if (choices[split] == SMT_CHOOSE_FOLDS && (unfamiliar > 0 || foreign)) {
        return cli_usage(&command,
                         "--unfamiliar and --foreign need images that this network has not seen: "
                         "not with --split folds");
    }
    if (per_class && purity < 0 && rejection < 0) {
        return cli_usage(
            &command,
            "--per-class says for what a target counts: give --purity or --max-rejection too");
    }
    if (sure != SURE && purity < 0 && !purity_of.count) {
        return cli_usage(&command,
                         "--sure says how surely a purity holds: give --purity or --purity-of too");
    }
    for (int i = 0; i < purity_of.count; i++) {
        given[i] = read_purity(purity_of.items[i]);
        if (given[i] <= 0) {
            return cli_usage(&command,
                             "--purity-of %s: not a number above 0 and up to 1 behind '='",
                             purity_of.items[i]);
        }
    }
    const smt_model_format *format = output ? smt_format_by_suffix(output) : NULL;
    if (format && strcmp(format->name, "safetensors")) {
        return cli_usage(&command,
                         "-o %s: a calibrated model is written as .safetensors; quantize or export "
                         "it then",
                         output);
    }
    if (purity_of.count && rejection >= 0) {
        return cli_usage(&command, "--purity-of and --max-rejection exclude each other");
    }
    return -1;
}

/* own_purity: filled later, by purities(). */
static smt_decision_options wanted_decision(const float *own_purity)
{
    return (smt_decision_options){.per_class = per_class,
                                  .target = purity >= 0      ? SMT_REJECT_BY_PURITY
                                            : rejection >= 0 ? SMT_REJECT_BY_RATE
                                                             : SMT_REJECT_NONE,
                                  .value = purity >= 0 ? purity : rejection,
                                  .sure = sure,
                                  .purity = purity_of.count ? own_purity : NULL,
                                  .unfamiliar = unfamiliar};
}

int cli_calibrate(int argc, char **argv)
{
    char **operands;
    int code = parse(argc, argv, &operands);
    if (code >= 0) {
        return code;
    }
    smt_error error = {0};
    smt_pool *pool = NULL;
    smt_classifier *classifier = NULL;
    smt_dataset *dataset = NULL;
    smt_evaluation *evaluation = NULL;
    char *provenance = NULL;
    smt_evaluate_options how = smt_evaluate_defaults();
    how.split = choices[split];
    how.overrides = overrides.items;
    how.override_count = overrides.count;
    how.apart = true; /* a decision about a class that the model does not know is no right one */
    how.resamples = 0;
    float own_purity[SMT_CLASS_MAX];
    smt_decision_options wanted = wanted_decision(own_purity);
    smt_decision decision = {.temperature = 1, .views = 1 << views}, before = {0};
    size_t skipped = 0; /* foreign images */
    smt_calibration calibration;

    smt_status status = smt_pool_create(cli_shared.threads, &pool, &error);
    status = status ? status : cli_open_classifier(operands[0], NULL, pool, &classifier, &error);
    const smt_classifier_info *info = classifier ? smt_classifier_about(classifier) : NULL;
    if (!status && strcmp(info->format, "safetensors")) {
        status = smt_fail(&error,
                          SMT_ERR_UNSUPPORTED,
                          "%s: %s files keep what they were made with; calibrate the run or "
                          "checkpoint, then quantize or export it again",
                          info->path,
                          info->format);
    }
    status = status ? status : purities(info, own_purity, &error);
    status = status ? status : smt_check_output(output ? output : info->path, false, &error);
    status = status ? status : smt_dataset_scan(operands[1], &dataset, &error);
    status = status || !output ? status : keep_images(dataset, &error);
    if (!status && how.split == SMT_CHOOSE_VAL) {
        status = smt_held_out_again(info, dataset, pool, &error);
    }
    if (!status) {
        before = info->decision;
        smt_classifier_decide(classifier, &decision);
        status = smt_evaluate(classifier, dataset, &how, pool, &evaluation, &error);
    }
    if (!status && (unfamiliar > 0 || foreign)) {
        status = remember(classifier, evaluation, dataset, pool, &error);
    }
    status =
        status ? status : smt_decision_fit(evaluation, &wanted, &decision, &calibration, &error);
    status = status
                 ? status
                 : smt_decision_store(
                       info->provenance, &decision, &calibration, evaluation, &provenance, &error);
    if (!status && foreign) { /* before it is saved: there may be no image */
        smt_classifier_decide(classifier, &decision);
        status = measure_foreign(classifier, evaluation, pool, &skipped, &error);
    }
    status = status ? status : smt_check_interrupted(&error);
    status = status ? status : save(info, decision.watches, provenance, &error);
    if (!status) {
        print(&calibration, &decision, info);
        cli_say("wrote %s", output ? output : info->path);
        warn_of_class_review(info, &decision);
        say_dropped(&before, &decision);
        status = say_lower_purities(evaluation, wanted, &calibration, &error);
    }
    if (!status) {
        status = say_more_views(classifier, dataset, how, evaluation, pool, &error);
    }
    if (!status) {
        code = evaluation->skipped || skipped ? EXIT_SKIPPED : EXIT_DONE;
    } else {
        code = cli_report(&error);
    }
    smt_free(provenance);
    smt_evaluation_destroy(&evaluation);
    smt_dataset_destroy(&dataset);
    smt_classifier_close(&classifier);
    smt_pool_destroy(&pool);
    return code;
}
