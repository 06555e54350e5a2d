/* The classes: which layouts each is drawn on, how often, and with which defect. */
#ifndef SYNTH_CLASSES_H
#define SYNTH_CLASSES_H

#include "scene.h"

typedef enum synth_flaw {
    FLAW_NONE,
    FLAW_BRIDGE,
    FLAW_CMP,
    FLAW_CRACK,
    FLAW_LER,
    FLAW_OPEN,
    FLAW_OTHER,
    FLAW_PARTICLE,
    FLAW_SCRATCH,
    FLAW_VIA
} synth_flaw;

typedef struct synth_recipe {
    const char *name;
    synth_flaw flaw;
    /* LINES ARRAY ROUTED PADS FILM BRUSHED VIAS STACK BUMP RINGS GAP */
    float layouts[LAYOUT_COUNT];
} synth_recipe;

/* The classes of a preset, sorted by name, and their number;
 * NULL and 0 for a value outside the enumeration. */
const synth_recipe *synth_recipes(smt_synth_preset preset, int *count);

#endif
