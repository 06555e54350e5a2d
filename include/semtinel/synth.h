/* semtinel/synth.h: the SEM simulator.
 *
 * An image is layout -> defect -> secondary-electron signal -> column and detector;
 * docs/simulator.md describes the model, its sources and every range. Nothing in it is measured
 * from a particular image: every quantity is drawn from a wide range (domain randomisation), so
 * that a network trained on it meets real tools prepared.
 */
#ifndef SEMTINEL_SYNTH_H
#define SEMTINEL_SYNTH_H

#include <semtinel/image.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum smt_synth_preset {
    SMT_SYNTH_PHASE1, /* bridge clean cmp crack ler open other particle scratch vias */
    SMT_SYNTH_PHASE3  /* BRIDGE CLEAN_CRACK CLEAN_LAYER CLEAN_VIA CMP CRACK LER OPEN OTHERS PARTICLE
                         VIA */
} smt_synth_preset;

/* "phase1" or "phase3"; "unknown" for a value outside the enumeration. */
SMT_API const char *smt_synth_preset_name(smt_synth_preset preset);
/* Number of classes: 10 (phase1) or 11 (phase3); 0 for a value outside the enumeration. */
SMT_API int smt_synth_class_count(smt_synth_preset preset);
/* A static string, in the order of sorted names; NULL out
 * of range. Class indices below follow this order. */
SMT_API const char *smt_synth_class_name(smt_synth_preset preset, int class_index);

/* How far the simulation is to range. Every member scales one stage; 1 is the documented range of
 * docs/simulator.md, 0 switches the stage off (an ideal microscope, straight edges); some images
 * are sharpened all the same. */
typedef struct smt_synth_options {
    double roughness;  /* edge roughness outside the class of rough edges; [0, 4], default 1 */
    double noise;      /* electron and chain noise; [0, 4], default 1 */
    double blur;       /* width of the point spread; [0, 4], default 1 */
    double distortion; /* drift, line jitter and charging streaks; [0, 4], default 1 */
    double contrast;   /* spread of contrast, brightness, gamma and vignetting; [0, 2], default 1 */
    double overlays; /* probability scale of data bars, frames, text and compression traces; [0, 2],
                        default 1 */
    bool defect;     /* false: the same scene without its defect, for pairs; default true. Classes
                      * without a defect do not change. */
} smt_synth_options;

SMT_API void smt_synth_defaults(smt_synth_options *options);

enum { SMT_SYNTH_MIN_SIZE = 16, SMT_SYNTH_MAX_SIZE = 1024 };

/* What an image shows, more finely than its class: static strings of letters. */
typedef struct smt_synth_labels {
    const char *layout;  /* "lines", "array", "routed", "pads", "film", "brushed", "vias", "stack",
                          * "bump", "rings" or "gap" */
    const char *variant; /* of the layout, such as "contacts" of "array"; NULL: it has one only */
    const char *kind;    /* of the defect, such as "flake" of particle; NULL: it shows none */
} smt_synth_labels;

/* Image `index` of a class: size x size grey pixels, size in [SMT_SYNTH_MIN_SIZE,
 * SMT_SYNTH_MAX_SIZE]. A deterministic function of its arguments, the same on any number of
 * threads; (seed, class, index) pick the scene, and the same scene rendered at another size shows
 * the same things at another sampling, with blur, exposure and noise of its own. `out` is created
 * and owned by the caller (smt_image_free). options NULL: the defaults; labels may be NULL.
 * Thread-safe. SMT_ERR_ARGUMENT for a class, size or option out of range, SMT_ERR_MEMORY. */
SMT_API smt_status smt_synth_render(smt_synth_preset preset,
                                    int class_index,
                                    int size,
                                    uint64_t seed,
                                    uint64_t index,
                                    const smt_synth_options *options,
                                    smt_image *out,
                                    smt_synth_labels *labels,
                                    smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
