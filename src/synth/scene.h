/* What the simulator's stages share: a scene is drawn in unit coordinates (the frame is [0, 1] x
 * [0, 1], y down) and sampled at pixel centres, so the same scene can be had at any size.
 *
 * Shapes are signed distances (negative inside). The pattern that a defect may join or cut stays a
 * distance field until the defect has worked on it: a smooth union gives a bridge its neck, a
 * smooth difference gives an open its rounded ends. Only then is it painted into material level,
 * height and edge glow, antialiased by its distance. */
#ifndef SYNTH_SCENE_H
#define SYNTH_SCENE_H

#include <math.h>
#include <semtinel/synth.h>

enum {
    SYNTH_MAX_LINES = 160,
    SYNTH_EDGE_SAMPLES = 256, /* of an edge, over SYNTH_EDGE_SPAN frames */
    SYNTH_LATTICE = 1 << 16,  /* values in the largest noise lattice */
    SYNTH_MAX_ANCHORS = 64,
    SYNTH_MAX_MARKS = 8
};
#define SYNTH_EDGE_SPAN 1.5f
#define SYNTH_FAR 1.0f /* a distance beyond every effect of an edge */

/* How a pattern turns into signal. Distances in frames, levels in units of full signal. */
typedef struct synth_look {
    float level;   /* secondary-electron level of the pattern's material, 0 .. 1 */
    float height;  /* above its surroundings, frames; negative: a hole */
    float wall;    /* projected width of the side wall */
    float glow_in; /* brightness of the edge line, just inside and just outside */
    float glow_out;
    float reach_in; /* decay lengths of both */
    float reach_out;
    float grain; /* relative amplitude of the material's texture */
} synth_look;

/* A feature that defects of cross-sections aim at. */
typedef struct synth_anchor {
    float x, y;   /* centre of the top */
    float bottom; /* y of its foot */
    float half_top, half_bottom;
    float level;
} synth_anchor;

typedef enum synth_kind { SYNTH_ELLIPSE, SYNTH_BOX, SYNTH_CAPSULE, SYNTH_TRAPEZOID } synth_kind;

typedef struct synth_shape {
    synth_kind kind;
    float x, y;   /* centre; capsule: its first end */
    float a, b;   /* radii, half sides; capsule: its second end; trapezoid: half widths at top and
                     bottom */
    float height; /* trapezoid: half its height */
    float round;  /* radius of a box's corners, radius of a capsule */
    float taper;  /* capsule: radius at the second end, as a fraction of the first; 0 means 1 */
    float angle;  /* radians, of ellipse and box */
    float wobble; /* displacement of the outline by noise, frames */
    float wobble_scale; /* its cells a frame */
    uint32_t seed;
    bool subtract; /* cut instead of join */
    float blend;   /* radius of the fillet where it meets what is there */
} synth_shape;

/* Something that a defect of the pattern leaves on top of it: a burnt pit, a stray wire. */
typedef struct synth_mark {
    synth_shape shape;
    synth_look look;
    float alpha;
} synth_mark;

typedef struct synth_scene {
    int size;
    float pixel; /* 1 / size */
    size_t count;
    const smt_synth_options *options;
    smt_synth_labels labels; /* what the image shows, told by the stage that draws it */
    smt_rng rng; /* of the running stage: each stage has its own stream, so a scene and its twin
                    share the others */

    float *level;  /* material level */
    float *height; /* frames */
    float *glow;   /* edge brightness that is added to the signal */
    float *field;  /* signed distance of the pattern */
    float *work[3];
    float *lattice; /* SYNTH_LATTICE floats */
    float *edges;   /* SYNTH_MAX_LINES * 2 * SYNTH_EDGE_SAMPLES */
    void *block;

    synth_look look;  /* of the pattern in `field` */
    bool has_pattern; /* whether `field` holds something to paint */
    bool section;     /* a cross-section: no side walls, no tilt */
    bool fine_defect; /* the defect is as small as the lines: do not draw the finest */
    bool wires;       /* features are so far apart that a bridge is a stray wire */
    bool collapsed;   /* the pattern is bent already: no second defect is needed */

    /* Edge roughness that the layout is to use; the class
     * of rough edges raises it. Frames, frames, 1. */
    float sigma, xi, exponent;
    float together; /* 1: both edges of a line wander together, 0: apart (width varies), 0.5:
                       independent */
    float wave;     /* amplitude of a periodic meander, frames */
    float wave_period;
    bool rough; /* the class of rough edges: layouts take the values above, else they draw small
                   ones */
    bool calm;  /* not to be taken for it: straighter than any of that class; with `rough`: the
                   same edges, made so straight */
    /* Roughness of a few lines, or of a stretch of them, the rest being `rest` times as rough: */
    bool local;
    float rest;
    float bulge; /* amplitude of a notch or bulge within the stretch, frames */

    int anchor_count;
    synth_anchor anchors[SYNTH_MAX_ANCHORS];
    int mark_count;
    synth_mark marks[SYNTH_MAX_MARKS];
    float body_level;   /* of a bump or film that cracks run through */
    float crack_box[4]; /* x0, y0, x1, y1: where a crack may run */
    float base_grain;

    /* signal */
    float tilt_gain, relief_gain, relief_angle, bloom_gain, bloom_radius, shadow_gain, view_tilt;
} synth_scene;

/* ---- random draws ---- */

static inline float synth_uniform(synth_scene *s, float low, float high)
{
    return low + (high - low) * (float)(smt_rng_next(&s->rng) >> 40) * 0x1p-24f;
}
/* Uniform in the logarithm: for lengths and rates that range over decades. */
static inline float synth_log(synth_scene *s, float low, float high)
{
    return low * expf(synth_uniform(s, 0, logf(high / low)));
}
static inline bool synth_chance(synth_scene *s, float probability)
{
    return synth_uniform(s, 0, 1) < probability;
}
static inline int synth_int(synth_scene *s, int low, int high) /* both included */
{
    return low + (int)smt_rng_below(&s->rng, (uint32_t)(high - low + 1));
}
static inline float synth_clamp(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}
static inline float synth_lerp(float a, float b, float t)
{
    return a + (b - a) * t;
}
static inline float
synth_step(float low, float high, float x) /* smooth from 0 at low to 1 at high */
{
    float t = synth_clamp((x - low) / (high - low), 0, 1);
    return t * t * (3 - 2 * t);
}
/* Sum of four 16-bit uniforms: variance 1, tails end at
 * 3.46; enough for pixel noise and five times faster. */
static inline float synth_normal(smt_rng *rng)
{
    uint64_t bits = smt_rng_next(rng);
    int sum = (int)(bits & 0xffff) + (int)(bits >> 16 & 0xffff) + (int)(bits >> 32 & 0xffff) +
              (int)(bits >> 48);
    return (float)(sum - 131070) * 2.6429e-5f;
}
/* Tells what is drawn; of several defects the first names the kind. */
static inline void synth_variant(synth_scene *s, const char *name)
{
    s->labels.variant = name;
}
static inline void synth_kind_is(synth_scene *s, const char *name)
{
    s->labels.kind = s->labels.kind ? s->labels.kind : name;
}
int synth_weighted(synth_scene *s, const float *weights, int count);

/* ---- noise.c ---- */

/* Adds smooth noise in [-amplitude, amplitude] with fx,
 * fy cells a frame along axes turned by `angle`. */
void synth_noise_add(synth_scene *s, float *out, float fx, float fy, float angle, float amplitude);
/* Octaves of it, each twice as fine and `gain` times as strong, up to the pixel's scale. */
void synth_fractal_add(synth_scene *s,
                       float *out,
                       float fx,
                       float fy,
                       float angle,
                       float amplitude,
                       int octaves,
                       float gain);
/* Value noise in [-1, 1] at one point, by hashing: for outlines. */
float synth_noise_at(uint32_t seed, float x, float y);
/* Gaussian blur, in place; sigmas in pixels; mirrored at the borders. scratch: size * size. */
void synth_blur(float *image, float *scratch, int size, float sigma_x, float sigma_y);

/* ---- roughness.c ---- */

/* Two edges for each of `lines` lines into s->edges, from s->sigma .. s->wave_period. */
void synth_edges(synth_scene *s, int lines);

/* ---- shapes.c ---- */

void synth_fill(const synth_scene *s, float *field, float value);
void synth_stamp(const synth_scene *s, float *field, const synth_shape *shape);
/* Distance to a closed polygon of at most 32 points, joined into the field. */
void synth_stamp_polygon(const synth_scene *s,
                         float *field,
                         const float (*points)[2],
                         int count,
                         float wobble,
                         uint32_t seed);
/* Paints a field into level, height and glow; alpha scales its opacity. */
void synth_paint(synth_scene *s, const float *field, const synth_look *look, float alpha);
/* A rounded look of something solid, from the scene's contrast. */
synth_look synth_look_of(synth_scene *s, float level);
/* A random point on the middle of a feature (inside) or of a gap
 * (outside), away from the border, with the unit vector across it and its
 * half width in frames; false if there is none of at most `limit`. */
bool synth_probe(synth_scene *s,
                 bool inside,
                 float limit,
                 float *x,
                 float *y,
                 float *dx,
                 float *dy,
                 float *half);

/* ---- layouts ---- */

typedef enum synth_layout {
    LAYOUT_LINES,   /* gratings, meanders, groups, chevrons */
    LAYOUT_ARRAY,   /* contacts, posts, slots, bricks */
    LAYOUT_ROUTED,  /* wires with bends, pads on wires */
    LAYOUT_PADS,    /* blocks of all sizes */
    LAYOUT_FILM,    /* bare film, grain */
    LAYOUT_BRUSHED, /* machined surface with streaks */
    LAYOUT_VIAS,    /* cross-section of plugs */
    LAYOUT_STACK,   /* cross-section of interconnect levels */
    LAYOUT_BUMP,    /* cross-section of a bump or solder ball */
    LAYOUT_RINGS,
    LAYOUT_GAP, /* two blocks or traces facing each other */
    LAYOUT_COUNT
} synth_layout;

void synth_layout_lines(synth_scene *s);
void synth_layout_array(synth_scene *s);
void synth_layout_routed(synth_scene *s);
void synth_layout_pads(synth_scene *s);
void synth_layout_gap(synth_scene *s);
void synth_layout_film(synth_scene *s);
void synth_layout_brushed(synth_scene *s);
void synth_layout_rings(synth_scene *s);
void synth_layout_vias(synth_scene *s);
void synth_layout_stack(synth_scene *s);
void synth_layout_bump(synth_scene *s);

/* ---- defects; those of the first group change s->field,
 * those of the second the painted scene ---- */

void synth_defect_bridge(synth_scene *s);
void synth_defect_open(synth_scene *s);
void synth_defect_collapse(synth_scene *s);

void synth_defect_particle(synth_scene *s);
void synth_defect_scratch(synth_scene *s);
void synth_defect_cmp(synth_scene *s);
void synth_defect_crack(synth_scene *s);
void synth_defect_delamination(synth_scene *s);
void synth_defect_via(synth_scene *s);
void synth_defect_other(synth_scene *s);

void synth_particle_at(synth_scene *s, float x, float y, float radius);
/* A dark branching path into the field, from (x, y) along `heading` for `length` frames. */
void synth_crack_path(synth_scene *s,
                      float *field,
                      float x,
                      float y,
                      float heading,
                      float length,
                      float width,
                      int depth);
void synth_residue(synth_scene *s);

/* ---- signal.c, detector.c, overlay.c ---- */

void synth_signal(synth_scene *s, float *out);     /* level, height, glow -> electrons */
void synth_detector(synth_scene *s, float *image); /* in place; result in 0 .. 255 */
void synth_overlay(synth_scene *s, float *image);  /* data bar, frame, marks; 0 .. 255 */
void synth_annotate(synth_scene *s, float *image);
void synth_blocks(synth_scene *s, float *image); /* traces of lossy compression */

#endif
