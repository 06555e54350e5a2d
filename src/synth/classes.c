#include "classes.h"

static const synth_recipe phase1[] = {
    {"bridge", FLAW_BRIDGE, {6, 0.8f, 2.2f, 0.6f, 0, 0, 0, 0, 0, 0, 1.2f}},
    {"clean", FLAW_NONE, {4, 2, 1.2f, 1, 0.5f, 1.4f, 0.9f, 0.9f, 0.5f, 0.3f, 0.2f}},
    {"cmp", FLAW_CMP, {3, 2, 1, 2.5f, 3, 0.3f, 0, 0, 0, 0.1f, 0.2f}},
    {"crack", FLAW_CRACK, {0.5f, 0.1f, 0.3f, 0.3f, 5, 1, 0, 0.3f, 2.2f, 0, 0}},
    {"ler", FLAW_LER, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"open", FLAW_OPEN, {6, 0.3f, 1.5f, 0.2f, 0, 0, 0, 0, 0, 0, 0.4f}},
    {"other", FLAW_OTHER, {1.5f, 0.8f, 1.2f, 0.6f, 4, 1, 0.1f, 0.4f, 0.1f, 0.4f, 0.3f}},
    {"particle", FLAW_PARTICLE, {4, 2, 0.8f, 1.2f, 2, 0.2f, 0, 0, 0, 0.1f, 0.3f}},
    {"scratch", FLAW_SCRATCH, {0.9f, 0.6f, 0.1f, 1.5f, 3, 2.5f, 0, 0, 0, 0.1f, 0}},
    {"vias", FLAW_VIA, {0, 0, 0, 0, 0, 0, 5, 0.9f, 0, 0, 0}},
};

static const synth_recipe phase3[] = {
    {"BRIDGE", FLAW_BRIDGE, {8, 0.5f, 0.8f, 0.2f, 0, 0, 0, 0, 0, 0, 0.4f}},
    {"CLEAN_CRACK", FLAW_NONE, {0, 0, 0, 0, 0.15f, 0, 0, 0.2f, 4, 0, 0}},
    {"CLEAN_LAYER", FLAW_NONE, {6, 2, 0.8f, 1.2f, 0, 0, 0, 0, 0, 0, 0.2f}},
    {"CLEAN_VIA", FLAW_NONE, {0, 0, 0, 0, 0, 0, 4, 1.5f, 0, 0, 0}},
    {"CMP", FLAW_CMP, {4, 2, 0.8f, 2.5f, 2, 0.1f, 0, 0, 0, 0, 0.3f}},
    {"CRACK", FLAW_CRACK, {0.3f, 0, 0, 0.1f, 1.2f, 0.3f, 0, 0.4f, 5, 0, 0}},
    {"LER", FLAW_LER, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {"OPEN", FLAW_OPEN, {8, 0.3f, 0.4f, 0, 0, 0, 0, 0, 0, 0, 0.2f}},
    {"OTHERS", FLAW_OTHER, {2, 1, 2.5f, 0.5f, 0.6f, 0.1f, 0.5f, 1.5f, 0.1f, 0.2f, 0.2f}},
    {"PARTICLE", FLAW_PARTICLE, {5, 2, 0.6f, 1, 1, 0, 0, 0, 0, 0, 0.4f}},
    {"VIA", FLAW_VIA, {0, 0, 0, 0, 0, 0, 5, 0.9f, 0, 0, 0}},
};

const synth_recipe *synth_recipes(smt_synth_preset preset, int *count)
{
    switch (preset) {
    case SMT_SYNTH_PHASE1:
        *count = (int)(sizeof phase1 / sizeof *phase1);
        return phase1;
    case SMT_SYNTH_PHASE3:
        *count = (int)(sizeof phase3 / sizeof *phase3);
        return phase3;
    }
    *count = 0;
    return NULL;
}

const char *smt_synth_preset_name(smt_synth_preset preset)
{
    return preset == SMT_SYNTH_PHASE1   ? "phase1"
           : preset == SMT_SYNTH_PHASE3 ? "phase3"
                                        : "unknown";
}

int smt_synth_class_count(smt_synth_preset preset)
{
    int count;
    synth_recipes(preset, &count);
    return count;
}

const char *smt_synth_class_name(smt_synth_preset preset, int class_index)
{
    int count;
    const synth_recipe *list = synth_recipes(preset, &count);
    return class_index >= 0 && class_index < count ? list[class_index].name : NULL;
}
