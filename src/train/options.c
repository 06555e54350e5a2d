/* The table of training options, and what is made from
 * it: the check of ranges and the JSON in checkpoints. */
#include "train/options.h"

#include "base/choice.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS_OF_TRAINED = 720, STEPS_MIXED = 1080, STEPS_TAUGHT = 2160 };

#define AT(member) offsetof(smt_train_options, member)
#define INT(name, member, low, high, help)                                                         \
    {                                                                                              \
        name, SMT_FIELD_INT, AT(member), low, high, NULL, help                                     \
    }
#define REAL(name, member, low, high, help)                                                        \
    {                                                                                              \
        name, SMT_FIELD_REAL, AT(member), low, high, NULL, help                                    \
    }
#define FLOAT(name, member, low, high, help)                                                       \
    {                                                                                              \
        name, SMT_FIELD_FLOAT, AT(member), low, high, NULL, help                                   \
    }
#define FLAG(name, member, help)                                                                   \
    {                                                                                              \
        name, SMT_FIELD_FLAG, AT(member), 0, 1, NULL, help                                         \
    }
#define CHOICE(name, member, choices, help)                                                        \
    {                                                                                              \
        name, SMT_FIELD_CHOICE, AT(member), 0, 0, choices, help                                    \
    }

static const smt_train_field fields[] = {
    FLOAT("width", arch.width, 0.25, 2, "channels relative to MobileNetV3-Small's"),
    INT("size",
        arch.input_size,
        0,
        512,
        "side of the square input, pixels, from 32; 0: that of the run whose weights --init names, "
        "else 160"),
    INT("channels", arch.channels, 1, 3, "input channels: 1 grey, or 3 equal ones"),
    FLAG("wide-head", arch.wide_head, "add the 1024-wide layer between pooling and classifier"),
    FLOAT("dropout", arch.dropout, 0, 0.9, "share of the features dropped before the classifier"),
    CHOICE(
        "padding", arch.padding, "same|symmetric", "of convolutions: TensorFlow's, or PyTorch's"),
    FLOAT("bn-momentum",
          arch.bn_momentum,
          0,
          0.9999,
          "share of the running statistics kept per step"),

    INT("epochs",
        epochs,
        0,
        100000,
        "passes over the training images; 0: 200 from random weights, those of 720 steps from "
        "trained ones (1080 with simulated images mixed in, 2160 with a teacher), 20 to 200"),
    INT("batch", batch, 1, 1024, "images per step"),
    CHOICE("optimizer", optimizer.kind, "adamw|adam|sgd", "the optimiser"),
    REAL("rate",
         schedule.rate,
         0,
         10,
         "highest learning rate; 0: 0.004 from random weights, 0.0006 from the shipped ones, "
         "0.0003 from others"),
    REAL("backbone-rate", backbone_rate, 0, 1, "factor on the rate of all but the classifier"),
    REAL("weight-decay",
         optimizer.weight_decay,
         0,
         10,
         "of convolutions' and the classifier's weights"),
    REAL("range-decay",
         range_decay,
         -1,
         1000,
         "draws the ranges of channels before a hard-swish together, for int8; 0: not; -1: 20 from "
         "weights that are not of semtinel's, at widths under 1, else 0"),
    REAL("beta1", optimizer.beta1, 0, 0.9999, "Adam's decay of the mean gradient"),
    REAL("beta2", optimizer.beta2, 0, 0.999999, "Adam's decay of the squared gradient"),
    REAL("epsilon", optimizer.epsilon, 1e-12, 1, "Adam's guard against division by zero"),
    REAL("momentum", optimizer.momentum, 0, 0.9999, "of SGD"),
    FLAG("nesterov", optimizer.nesterov, "Nesterov momentum for SGD"),
    REAL("clip", optimizer.clip_norm, 0, 1e6, "largest norm of the gradient; 0: no limit"),

    CHOICE("schedule",
           schedule.kind,
           "one-cycle|cosine|plateau|constant",
           "how the rate changes over time"),
    REAL("warmup",
         schedule.warmup,
         0,
         0.9,
         "share of the steps in which the rate rises, with one-cycle and cosine"),
    REAL("start-divisor", schedule.start_divisor, 1, 1e6, "it rises from rate / this"),
    REAL("end-divisor",
         schedule.end_divisor,
         1,
         1e9,
         "and ends at rate / start-divisor / this, the lowest with plateau, too"),
    FLAG("cycle-momentum",
         schedule.cycle_momentum,
         "one-cycle also changes momentum, opposite to the rate"),
    REAL("momentum-low", schedule.momentum_low, 0, 0.9999, "lowest momentum of that cycle"),
    REAL("momentum-high", schedule.momentum_high, 0, 0.9999, "highest momentum of that cycle"),
    REAL("plateau-factor",
         schedule.plateau_factor,
         0.01,
         0.99,
         "plateau multiplies the rate by this"),
    INT("plateau-patience",
        schedule.plateau_patience,
        0,
        10000,
        "after more than so many epochs without progress"),
    REAL("plateau-threshold",
         schedule.plateau_threshold,
         0,
         0.5,
         "relative decrease of the loss that counts as progress"),

    REAL("label-smoothing",
         label_smoothing,
         0,
         0.5,
         "share of the label spread over all classes; none with a teacher"),
    REAL("class-weight",
         class_weight,
         0,
         1,
         "give rare classes more weight; 1: all classes count the same"),
    REAL("balance", balance, 0, 1, "draw rare classes more often; 1: all equally often"),
    REAL(
        "mixup", mixup, 0, 8, "alpha of the Beta distribution that mixes pairs of images; 0: none"),
    REAL("style", style, 0, 1, "probability that an image takes over another's grey levels"),
    INT("freeze-epochs",
        freeze_epochs,
        0,
        100000,
        "first train the classifier alone for so many epochs"),
    FLAG("freeze-bn", freeze_bn, "keep the batch-norm statistics of the initial weights"),
    CHOICE(
        "average", average, "none|ema|swa", "of weights: exponential by step, or mean over epochs"),
    REAL("average-decay",
         average_decay,
         0.5,
         0.999999,
         "largest share of the old average that ema keeps per step; step n keeps at most "
         "n / (n + 9)"),
    REAL("average-start",
         average_start,
         0,
         0.95,
         "use averages after this part of the epochs, and keep none of the epochs before"),
    CHOICE("keep",
           keep,
           "best|last",
           "the epoch with the best validation macro F1, or the last: then validation chooses "
           "nothing"),
    INT("patience",
        patience,
        0,
        100000,
        "stop after so many epochs without a better one; 0: never"),
    REAL("val-share",
         val_share,
         0,
         0.5,
         "held out for validation if DATASET has no val/, 0.02 at least; 0: nothing, all of it "
         "trains and the last epoch is kept"),
    REAL("cut-bottom",
         cut_bottom,
         -1,
         50,
         "percent of the images' height to cut off at the bottom, an info strip, where no metadata "
         "tell of one; -1: as the run whose weights --init names, else 0"),
    REAL("mix-synth",
         extra_share,
         -1,
         0.9,
         "share of every batch that is simulated images of the same classes; 0: none; below 0: 0.2 "
         "from random and from the shipped weights if the simulator knows three quarters of the "
         "classes, else none"),
    INT("synth-per-class", synth_per_class, 1, 100000, "simulated images of each class to mix in"),

    FLAG("no-augment", no_augment, "show the images as they are; --mixup mixes them still"),
    FLOAT("quarter-turns",
          augment.quarter_turns,
          0,
          1,
          "probability of a random turn by 0, 90, 180 or 270 degrees"),
    FLOAT("flip-horizontal", augment.flip_horizontal, 0, 1, "probability"),
    FLOAT("flip-vertical", augment.flip_vertical, 0, 1, "probability"),
    FLOAT("rotation", augment.rotation, 0, 45, "up to so many degrees either way"),
    FLOAT("zoom", augment.zoom, 0, 1, "up to 1 + this, in or out"),
    FLOAT("stretch", augment.stretch, 0, 1, "the same for the ratio of the sides"),
    FLOAT("shift", augment.shift, 0, 0.5, "up to this part of the side"),
    FLOAT("shear", augment.shear, 0, 0.5, "up to this tangent"),
    FLOAT("contrast", augment.contrast, 0, 2, "up to a factor of 1 + this, up or down"),
    FLOAT("brightness", augment.brightness, 0, 128, "up to so many grey levels, up or down"),
    FLOAT("gamma", augment.gamma, 0, 2, "exponent up to 1 + this, or its inverse"),
    FLOAT("invert", augment.invert, 0, 1, "probability of exchanging dark and bright"),
    FLOAT("shade", augment.shade, 0, 64, "ramp of grey levels from side to side"),
    FLOAT("blur", augment.blur, 0, 2, "standard deviation up to so many pixels"),
    FLOAT("noise", augment.noise, 0, 64, "standard deviation up to so many grey levels"),
    FLOAT("shot", augment.shot, 0, 64, "noise that grows with the signal; its deviation at white"),
    FLOAT("jitter", augment.jitter, 0, 4, "shift of rows against each other, pixels"),
    FLOAT("cutout", augment.cutout, 0, 1, "probability of a grey box"),
    FLOAT("cutout-side",
          augment.cutout_side,
          0,
          0.75,
          "the box's sides, up to this part of the image's"),
    {NULL, SMT_FIELD_INT, 0, 0, 0, NULL, NULL},
};
_Static_assert(sizeof fields / sizeof *fields <= SMT_TRAIN_FIELDS_MAX + 1, "room for all");

smt_train_options smt_train_defaults(void)
{
    smt_train_options o = {
        .arch = smt_mobilenet_defaults(),
        .seed = 1,
        .batch = 32,
        .optimizer = smt_optimizer_defaults(),
        .schedule = smt_schedule_defaults(),
        .backbone_rate = 1,
        .label_smoothing = 0.05,
        .average = SMT_AVERAGE_EMA,
        .average_decay = 0.99,
        .average_start = 0.5,
        .val_share = 0.15,
        .range_decay = -1,
        .cut_bottom = -1,
        .extra_share = -1,
        .synth_per_class = 300,
        .augment = smt_augment_defaults(),
    };
    o.arch.input_size = 0;
    o.schedule.rate = 0;
    o.schedule.warmup = 0.2;
    return o;
}

const smt_train_field *smt_train_fields(void)
{
    return fields;
}

void smt_train_resolve(smt_train_options *options,
                       smt_start start,
                       bool taught,
                       size_t steps_per_epoch)
{
    static const double rates[] = {
        [SMT_START_RANDOM] = 4e-3, [SMT_START_SHIPPED] = 6e-4, [SMT_START_WEIGHTS] = 3e-4};
    if (options->epochs == 0) {
        options->epochs = SMT_EPOCHS_MOST;
        if (start != SMT_START_RANDOM && steps_per_epoch) {
            size_t steps = taught                     ? STEPS_TAUGHT
                           : options->extra_share > 0 ? STEPS_MIXED
                                                      : STEPS_OF_TRAINED;
            size_t epochs = (steps + steps_per_epoch - 1) / steps_per_epoch;
            epochs = epochs < SMT_EPOCHS_MOST ? epochs : SMT_EPOCHS_MOST;
            options->epochs = epochs > SMT_EPOCHS_LEAST ? (int)epochs : SMT_EPOCHS_LEAST;
        }
    }
    if (options->schedule.rate <= 0) {
        options->schedule.rate = rates[start];
    }
}

double smt_train_field_get(const smt_train_options *options, const smt_train_field *field)
{
    const char *at = (const char *)options + field->offset;
    switch (field->kind) {
    case SMT_FIELD_INT: {
        int value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    case SMT_FIELD_REAL: {
        double value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    case SMT_FIELD_FLOAT: {
        float value;
        memcpy(&value, at, sizeof value);
        return (double)value;
    }
    case SMT_FIELD_FLAG:
        return *(const bool *)at;
    case SMT_FIELD_CHOICE: {
        smt_averaging value; /* all enums here have the size of this one */
        memcpy(&value, at, sizeof value);
        return (double)value;
    }
    }
    return 0;
}

void smt_train_field_set(smt_train_options *options, const smt_train_field *field, double value)
{
    char *at = (char *)options + field->offset;
    switch (field->kind) {
    case SMT_FIELD_INT: {
        int copy = (int)value;
        memcpy(at, &copy, sizeof copy);
        break;
    }
    case SMT_FIELD_REAL:
        memcpy(at, &value, sizeof value);
        break;
    case SMT_FIELD_FLOAT: {
        float copy = (float)value;
        memcpy(at, &copy, sizeof copy);
        break;
    }
    case SMT_FIELD_FLAG:
        *(bool *)at = value != 0;
        break;
    case SMT_FIELD_CHOICE: {
        smt_averaging copy = (smt_averaging)value;
        memcpy(at, &copy, sizeof copy);
        break;
    }
    }
}

_Static_assert(sizeof(smt_augment_options) == 19 * sizeof(float), "an option for each kind");
_Static_assert(sizeof(smt_averaging) == sizeof(smt_optimizer_kind), "enums of one size");
_Static_assert(sizeof(smt_averaging) == sizeof(smt_schedule_kind), "enums of one size");
_Static_assert(sizeof(smt_averaging) == sizeof(smt_keep), "enums of one size");
_Static_assert(sizeof(smt_averaging) == sizeof(smt_padding), "enums of one size");

smt_status smt_train_check(const smt_train_options *options, smt_error *error)
{
    for (const smt_train_field *f = fields; f->name; f++) {
        double value = smt_train_field_get(options, f);
        double high = f->kind == SMT_FIELD_CHOICE ? smt_choice_count(f->choices) - 1 : f->high;
        /* Ranges are decimal; a float just beside its bound is meant to be on it. */
        double slack = f->kind == SMT_FIELD_FLOAT ? 1e-6 * high : 0;
        if (!(value >= f->low - slack && value <= high + slack)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "--%s %g is not in %g .. %g",
                            f->name,
                            value,
                            f->low,
                            high);
        }
    }
    if (options->arch.input_size && options->arch.input_size < 32) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "--size %d: 32 .. 512, or 0 for the usual one",
                        options->arch.input_size);
    }
    if (options->arch.channels == 2) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "--channels 2: the input has 1 channel or 3");
    }
    if (options->extra_share > 0 && lrint(options->extra_share * options->batch) < 1) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "--mix-synth %g of --batch %d is less than an image; 0: none",
                        options->extra_share,
                        options->batch);
    }
    if (options->val_share > 0 && options->val_share < 0.02) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "--val-share %g: 0.02 .. 0.5, or 0 for none",
                        options->val_share);
    }
    if (options->keep == SMT_KEEP_LAST && options->patience) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "--patience waits for a better epoch, and --keep last asks for none; leave "
                        "one of them out");
    }
    if (options->epochs && options->freeze_epochs > options->epochs) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "--freeze-epochs %d is more than --epochs %d",
                        options->freeze_epochs,
                        options->epochs);
    }
    return SMT_OK;
}

json_t *smt_options_json(const smt_train_options *options)
{
    json_t *object = json_object();
    for (const smt_train_field *f = fields; f->name; f++) {
        double value = smt_train_field_get(options, f);
        json_t *item = NULL;
        switch (f->kind) {
        case SMT_FIELD_INT:
            item = json_integer((json_int_t)value);
            break;
        case SMT_FIELD_REAL:
        case SMT_FIELD_FLOAT:
            item = json_real(value);
            break;
        case SMT_FIELD_FLAG:
            item = json_boolean(value != 0);
            break;
        case SMT_FIELD_CHOICE: {
            int length;
            const char *word = smt_choice_word(f->choices, (int)value, &length);
            item = json_stringn(word, (size_t)length);
            break;
        }
        }
        if (json_object_set_new(object, f->name, item)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* The field's value as on the command line. */
static void print_value(const smt_train_field *field, double value, char *text, size_t size)
{
    if (field->kind == SMT_FIELD_CHOICE) {
        int length;
        const char *word = smt_choice_word(field->choices, (int)value, &length);
        snprintf(text, size, "%.*s", length, word);
    } else {
        snprintf(text, size, "%g", value);
    }
}

smt_status smt_options_from_json(const json_t *object,
                                 const char *path,
                                 smt_train_options *options,
                                 smt_error *error)
{
    smt_train_options read = smt_train_defaults();
    for (const smt_train_field *f = fields; f->name; f++) {
        const json_t *item = json_object_get(object, f->name);
        double value = 0;
        bool good = false;
        if (f->kind == SMT_FIELD_CHOICE) {
            value =
                json_is_string(item) ? smt_choice_find(f->choices, json_string_value(item)) : -1;
            good = value >= 0;
        } else if (f->kind == SMT_FIELD_FLAG) {
            good = json_is_boolean(item);
            value = json_is_true(item);
        } else {
            good = json_is_number(item);
            value = json_number_value(item);
            good = good && value >= f->low - 1e-6 && value <= f->high + 1e-6;
        }
        if (!good) {
            return smt_fail(error,
                            SMT_ERR_FORMAT,
                            "%s: option %s is missing or out of its range",
                            path,
                            f->name);
        }
        smt_train_field_set(&read, f, value);
    }
    *options = read;
    return SMT_OK;
}

smt_status smt_options_same(const smt_train_options *then,
                            const smt_train_options *now,
                            const char *run,
                            smt_error *error)
{
    for (const smt_train_field *f = fields; f->name; f++) {
        double was = smt_train_field_get(then, f), is = smt_train_field_get(now, f);
        if (was != is) {
            char before[64], now_set[64];
            print_value(f, was, before, sizeof before);
            print_value(f, is, now_set, sizeof now_set);
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "%s: cannot resume: it was started with --%s %s, not %s; leave the "
                            "option out, or train into another folder",
                            run,
                            f->name,
                            before,
                            now_set);
        }
    }
    if (then->seed != now->seed) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: cannot resume: it was started with --seed %llu, not %llu; leave the "
                        "option out, or train into another folder",
                        run,
                        (unsigned long long)then->seed,
                        (unsigned long long)now->seed);
    }
    return SMT_OK;
}
