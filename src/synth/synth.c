/* The public functions: options, classes, and the walk of one image through the stages. A class is
 * a choice of layouts and a defect; each stage draws from its own stream of random numbers, so
 * leaving the defect out changes nothing else. */
#include "classes.h"

#include <string.h>

enum {
    STREAM_LAYOUT = 1,
    STREAM_DEFECT,
    STREAM_PAINT,
    STREAM_OPTICS,
    STREAM_DETECTOR,
    STREAM_OVERLAY
};

enum { PLANES = 8 }; /* of a scene; the last is the image's */

void smt_synth_defaults(smt_synth_options *options)
{
    *options = (smt_synth_options){.roughness = 1,
                                   .noise = 1,
                                   .blur = 1,
                                   .distortion = 1,
                                   .contrast = 1,
                                   .overlays = 1,
                                   .defect = true};
}

static smt_status check(const smt_synth_options *o, smt_error *error)
{
    const struct {
        const char *name;
        double value, high;
    } table[] = {{"roughness", o->roughness, 4},
                 {"noise", o->noise, 4},
                 {"blur", o->blur, 4},
                 {"distortion", o->distortion, 4},
                 {"contrast", o->contrast, 2},
                 {"overlays", o->overlays, 2}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!(table[i].value >= 0 && table[i].value <= table[i].high)) {
            return smt_fail(error,
                            SMT_ERR_ARGUMENT,
                            "simulator option %s = %g: not in 0 .. %g",
                            table[i].name,
                            table[i].value,
                            table[i].high);
        }
    }
    return SMT_OK;
}

/* Edges of the class of rough edges: anything from a visible fray to a strong meander. */
static void roughen(synth_scene *s)
{
    s->rough = true;
    s->sigma = synth_log(s, 0.0022f, 0.018f);
    s->xi = synth_log(s, 0.015f, 0.15f);
    s->exponent = synth_uniform(s, 0.4f, 1.6f);
    s->together = synth_uniform(s, 0, 1);
    s->wave = synth_chance(s, 0.35f) ? synth_log(s, 0.005f, 0.04f) : 0;
    s->wave_period = synth_log(s, 0.12f, 0.8f);
    s->local = synth_chance(s, 0.35f);
    s->bulge = s->local && synth_chance(s, 0.5f) ? 1 : 0; /* scaled when the pitch is known */
    synth_kind_is(s,
                  s->bulge > 0     ? "bulge"
                  : s->local       ? "local"
                  : s->wave > 0    ? "meander"
                  : s->xi < 0.047f ? "fray"
                                   : "wander");
}

static void draw_layout(synth_scene *s, synth_layout layout)
{
    static const char *const names[LAYOUT_COUNT] = {[LAYOUT_LINES] = "lines",
                                                    [LAYOUT_ARRAY] = "array",
                                                    [LAYOUT_ROUTED] = "routed",
                                                    [LAYOUT_PADS] = "pads",
                                                    [LAYOUT_FILM] = "film",
                                                    [LAYOUT_BRUSHED] = "brushed",
                                                    [LAYOUT_VIAS] = "vias",
                                                    [LAYOUT_STACK] = "stack",
                                                    [LAYOUT_BUMP] = "bump",
                                                    [LAYOUT_RINGS] = "rings",
                                                    [LAYOUT_GAP] = "gap"};
    s->labels.layout = names[layout];
    switch (layout) {
    case LAYOUT_LINES:
        synth_layout_lines(s);
        break;
    case LAYOUT_ARRAY:
        synth_layout_array(s);
        break;
    case LAYOUT_ROUTED:
        synth_layout_routed(s);
        break;
    case LAYOUT_PADS:
        synth_layout_pads(s);
        break;
    case LAYOUT_FILM:
        synth_layout_film(s);
        break;
    case LAYOUT_BRUSHED:
        synth_layout_brushed(s);
        break;
    case LAYOUT_VIAS:
        synth_layout_vias(s);
        break;
    case LAYOUT_STACK:
        synth_layout_stack(s);
        break;
    case LAYOUT_BUMP:
        synth_layout_bump(s);
        break;
    case LAYOUT_RINGS:
        synth_layout_rings(s);
        break;
    case LAYOUT_GAP:
    case LAYOUT_COUNT:
        synth_layout_gap(s);
        break;
    }
}

static void draw_optics(synth_scene *s)
{
    s->tilt_gain = synth_chance(s, 0.5f) ? synth_uniform(s, 0, 0.12f) : 0;
    if (s->relief_gain <= 0 && synth_chance(s, 0.35f)) {
        s->relief_gain = synth_uniform(s, 0, 0.25f);
    }
    s->relief_angle =
        synth_chance(s, 0.5f) ? (float)synth_int(s, 0, 3) * 1.5708f : synth_uniform(s, 0, 6.2832f);
    s->bloom_gain = synth_uniform(s, 0, 6);
    s->shadow_gain = synth_uniform(s, 0, 12);
    s->bloom_radius = synth_log(s, 0.008f, 0.04f);
}

/* The defects that work on the pattern's distance field. */
static void flaw_pattern(synth_scene *s, synth_flaw f)
{
    if (f == FLAW_BRIDGE) {
        synth_defect_bridge(s);
    } else if (f == FLAW_OPEN) {
        synth_defect_open(s);
    } else if (f == FLAW_OTHER && s->has_pattern && synth_chance(s, 0.4f)) {
        synth_defect_collapse(s);
        s->collapsed = true;
    }
}

static void flaw_surface(synth_scene *s, synth_flaw f, synth_layout layout)
{
    switch (f) {
    case FLAW_CMP:
        synth_defect_cmp(s);
        break;
    case FLAW_CRACK:
        if (layout == LAYOUT_BUMP) {
            synth_defect_delamination(s);
        } else {
            synth_defect_crack(s);
        }
        break;
    case FLAW_OTHER:
        if (!s->collapsed || synth_chance(s, 0.25f)) {
            synth_defect_other(s);
        }
        break;
    case FLAW_PARTICLE:
        synth_defect_particle(s);
        break;
    case FLAW_SCRATCH:
        synth_defect_scratch(s);
        break;
    case FLAW_VIA:
        synth_defect_via(s);
        break;
    case FLAW_NONE:
    case FLAW_BRIDGE:
    case FLAW_LER:
    case FLAW_OPEN:
        break;
    }
}

static void paint_pattern(synth_scene *s)
{
    synth_look look = s->look;
    if (look.grain > 0) { /* metal that is rough or spotted */
        memset(s->work[0], 0, s->count * sizeof(float));
        float f = synth_log(s, 12, 60);
        synth_fractal_add(s, s->work[0], f, f, 0, look.grain, 2, 0.7f);
    }
    synth_paint(s, s->field, &look, 1);
    for (size_t i = 0; look.grain > 0 && i < s->count; i++) {
        if (s->field[i] < 0) {
            s->level[i] *= 1 + s->work[0][i];
        }
    }
}

static void paint_marks(synth_scene *s)
{
    for (int i = 0; i < s->mark_count; i++) {
        synth_fill(s, s->work[0], SYNTH_FAR);
        synth_stamp(s, s->work[0], &s->marks[i].shape);
        synth_paint(s, s->work[0], &s->marks[i].look, s->marks[i].alpha);
    }
}

/* What lies under the beam: layout and defect, painted. */
static void
build(synth_scene *s, const synth_recipe *r, uint64_t seed, uint64_t scene_id, bool flawed)
{
    bool rough = r->flaw == FLAW_LER;
    if (rough) {
        s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_DEFECT));
        roughen(s);
        s->labels.kind = flawed ? s->labels.kind : NULL;
    }
    s->calm = r->flaw == FLAW_NONE || (rough && !flawed);
    s->fine_defect = r->flaw == FLAW_BRIDGE || r->flaw == FLAW_OPEN;
    s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_LAYOUT));
    s->body_level = 0.4f;
    s->crack_box[0] = s->crack_box[1] = 0;
    s->crack_box[2] = s->crack_box[3] = 1;
    if (synth_chance(s, 0.5f)) {
        s->base_grain = synth_uniform(s, 0, 0.15f);
    }
    synth_layout layout = (synth_layout)synth_weighted(s, r->layouts, LAYOUT_COUNT);
    draw_layout(s, layout);
    s->wires = layout == LAYOUT_ROUTED || layout == LAYOUT_GAP;

    if (s->has_pattern) {
        s->body_level = s->look.level;
        if (flawed) {
            s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_DEFECT));
            flaw_pattern(s, r->flaw);
        }
        smt_rng defect = s->rng;
        s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_PAINT));
        paint_pattern(s);
        s->rng = defect;
        paint_marks(s);
    } else {
        s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_DEFECT));
    }
    if (flawed) {
        flaw_surface(s, r->flaw, layout);
    }
}

/* Some marks of polishing are seen by their relief: without them, the light is the same. */
static void build_twin(synth_scene *s, const synth_recipe *r, uint64_t seed, uint64_t scene_id)
{
    synth_scene blank = *s;
    build(s, r, seed, scene_id, true);
    float relief_gain = s->relief_gain;
    *s = blank;
    memset(s->block, 0, s->count * PLANES * sizeof(float));
    build(s, r, seed, scene_id, false);
    s->relief_gain = relief_gain;
}

static void
render(synth_scene *s, const synth_recipe *r, uint64_t seed, uint64_t scene_id, float *image)
{
    if (s->options->defect) {
        build(s, r, seed, scene_id, true);
    } else {
        build_twin(s, r, seed, scene_id);
    }
    s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_OPTICS));
    if (!s->section) {
        draw_optics(s);
    } else {
        s->bloom_radius = 0.01f;
    }
    synth_signal(s, image);
    s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_DETECTOR));
    synth_detector(s, image);
    s->rng = smt_rng_seed(seed, smt_hash64(scene_id, STREAM_OVERLAY));
    synth_overlay(s, image);
    if (r->flaw == FLAW_OTHER && synth_chance(s, 0.12f * (float)s->options->overlays)) {
        synth_annotate(s, image);
    }
    if (synth_chance(s, 0.15f * (float)s->options->overlays)) {
        synth_blocks(s, image);
    }
}

static smt_status open_scene(synth_scene *s, int size, smt_error *error)
{
    memset(s, 0, sizeof *s);
    s->size = size;
    s->pixel = 1 / (float)size;
    s->count = (size_t)size * (size_t)size;
    size_t edges = (size_t)SYNTH_MAX_LINES * 2 * SYNTH_EDGE_SAMPLES;
    float *at = smt_alloc(s->count * PLANES + SYNTH_LATTICE + edges, sizeof *at);
    if (!at) {
        return smt_fail(error, SMT_ERR_MEMORY, "no memory for a scene of %d x %d", size, size);
    }
    s->block = at;
    float **parts[] = {
        &s->level, &s->height, &s->glow, &s->field, &s->work[0], &s->work[1], &s->work[2]};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i] = at;
        at += s->count;
    }
    s->lattice = at + s->count; /* one plane is left for the image */
    s->edges = s->lattice + SYNTH_LATTICE;
    return SMT_OK;
}

/* Presets and classes have unrelated scenes: the name's hash tells them apart. */
static uint64_t scene_of(const synth_recipe *recipe, uint64_t index)
{
    return smt_hash64(smt_crc32(0, recipe->name, strlen(recipe->name)), index);
}

smt_status smt_synth_render(smt_synth_preset preset,
                            int class_index,
                            int size,
                            uint64_t seed,
                            uint64_t index,
                            const smt_synth_options *options,
                            smt_image *out,
                            smt_synth_labels *labels,
                            smt_error *error)
{
    int count;
    const synth_recipe *list = synth_recipes(preset, &count);
    if (!list) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "simulator preset %d: there are phase1 and phase3",
                        (int)preset);
    }
    if (class_index < 0 || class_index >= count) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "class %d of preset %s: not in 0 .. %d",
                        class_index,
                        smt_synth_preset_name(preset),
                        count - 1);
    }
    if (size < SMT_SYNTH_MIN_SIZE || size > SMT_SYNTH_MAX_SIZE) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "simulated image of %d pixels: not in %d .. %d",
                        size,
                        SMT_SYNTH_MIN_SIZE,
                        SMT_SYNTH_MAX_SIZE);
    }
    smt_synth_options defaults;
    smt_synth_defaults(&defaults);
    options = options ? options : &defaults;
    smt_status status = check(options, error);
    synth_scene scene;
    smt_image image = {0};
    if (!status) {
        status = open_scene(&scene, size, error);
    }
    if (status) {
        return status;
    }
    scene.options = options;
    status = smt_image_create(size, size, &image, error);
    if (!status) {
        float *grey = scene.work[2] + scene.count;
        render(&scene, &list[class_index], seed, scene_of(&list[class_index], index), grey);
        for (size_t i = 0; i < scene.count; i++) {
            image.pixels[i] = (uint8_t)(synth_clamp(grey[i], 0, 255) + 0.5f);
        }
        *out = image;
        if (labels) {
            *labels = scene.labels;
        }
    }
    smt_free(scene.block);
    return status;
}
