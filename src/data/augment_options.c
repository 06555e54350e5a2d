#include <semtinel/augment.h>

#include <string.h>

typedef struct option_range {
    const char *name;
    size_t offset;
    float low, high;
} option_range;

#define RANGE(field, low, high)                                                                    \
    {                                                                                              \
#field, offsetof(smt_augment_options, field), low, high                                    \
    }
static const option_range ranges[] = {
    RANGE(quarter_turns, 0, 1),
    RANGE(flip_horizontal, 0, 1),
    RANGE(flip_vertical, 0, 1),
    RANGE(rotation, 0, 45),
    RANGE(zoom, 0, 1),
    RANGE(stretch, 0, 1),
    RANGE(shift, 0, 0.5f),
    RANGE(shear, 0, 0.5f),
    RANGE(contrast, 0, 2),
    RANGE(brightness, 0, 128),
    RANGE(gamma, 0, 2),
    RANGE(invert, 0, 1),
    RANGE(shade, 0, 64),
    RANGE(blur, 0, 2),
    RANGE(noise, 0, 64),
    RANGE(shot, 0, 64),
    RANGE(jitter, 0, 4),
    RANGE(cutout, 0, 1),
    RANGE(cutout_side, 0, 0.75f),
};

smt_augment_options smt_augment_none(void)
{
    return (smt_augment_options){0};
}

smt_augment_options smt_augment_defaults(void)
{
    return (smt_augment_options){
        .quarter_turns = 1,
        .flip_horizontal = 0.5f,
        .flip_vertical = 0.5f,
        .rotation = 15,
        .zoom = 0.2f,
        .stretch = 0.1f,
        .shift = 0.08f,
        .shear = 0.05f,
        .contrast = 0.35f,
        .brightness = 25,
        .gamma = 0.2f,
        .shade = 8,
        .noise = 8,
        .shot = 4,
        .cutout_side = 0.3f,
    };
}

smt_status smt_augment_check(const smt_augment_options *options, smt_error *error)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        float value;
        memcpy(&value, (const char *)options + ranges[i].offset, sizeof value);
        if (!(value >= ranges[i].low && value <= ranges[i].high)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "augmentation: %s = %g is not in %g .. %g",
                            ranges[i].name,
                            (double)value,
                            (double)ranges[i].low,
                            (double)ranges[i].high);
        }
    }
    return SMT_OK;
}
