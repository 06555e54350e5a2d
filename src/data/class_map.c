/* A model's classes and a data set's classes in one list. The rules stand in data.h; each name gets
 * a label (the name under which it is compared), and equal labels meet. */
#include "base/guess.h"
#include "data/names.h"

#include <semtinel/data.h>

#include <stdio.h>
#include <string.h>

typedef struct side {
    const char *const *names;
    int count;
    const size_t *images; /* NULL: all present */
    char (*plain)[SMT_CANONICAL];
    char (*label)[SMT_CANONICAL];
    bool *fixed; /* labelled by an override */
    bool *told;  /* the list for the user has a line about it */
} side;

static void set_label(char label[SMT_CANONICAL], const char *text)
{
    if (label != text) {
        memcpy(label, text, strlen(text) + 1);
    }
}

static bool counts(const side *s, int i)
{
    return !s->images || s->images[i] > 0;
}

static bool has_label(const side *s, const char *label)
{
    for (int i = 0; i < s->count; i++) {
        if (strcmp(s->label[i], label) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_plain(const side *s, const char *plain)
{
    for (int i = 0; i < s->count; i++) {
        if (strcmp(s->plain[i], plain) == 0) {
            return true;
        }
    }
    return false;
}

static smt_status prepare(side *s)
{
    s->plain = smt_alloc((size_t)s->count, sizeof *s->plain);
    s->label = smt_alloc((size_t)s->count, sizeof *s->label);
    s->fixed = smt_alloc((size_t)s->count, sizeof *s->fixed);
    s->told = smt_alloc((size_t)s->count, sizeof *s->told);
    if (!s->plain || !s->label || !s->fixed || !s->told) {
        return SMT_ERR_MEMORY;
    }
    for (int i = 0; i < s->count; i++) {
        data_plain_name(s->names[i], s->plain[i]);
    }
    return SMT_OK;
}

/* "cd+" and "cd-" of one side have one plain name. Where the other side has such a name, too, the
 * whole of it counts on both sides. */
static void part_twins(const side *s, const side *other)
{
    char name[SMT_CANONICAL], met[SMT_CANONICAL];
    for (int i = 0; i < s->count; i++) {
        int twins = 0;
        data_plain_name(s->names[i], name);
        for (int k = 0; k < s->count; k++) {
            data_plain_name(s->names[k], met);
            twins += strcmp(met, name) == 0;
        }
        data_folded_name(s->names[i], name);
        for (int k = 0; k < other->count && twins > 1; k++) {
            data_folded_name(other->names[k], met);
            if (strcmp(met, name) == 0) {
                set_label(s->plain[i], name);
                set_label(other->plain[k], name);
            }
        }
    }
}

static void release(side *s)
{
    smt_free(s->plain);
    smt_free(s->label);
    smt_free(s->fixed);
    smt_free(s->told);
}

/* A synonym is looked for only where the other side has no class of the very name: {short, bridge}
 * on both sides stay two classes. */
static void label_side(side *s, const side *other)
{
    for (int i = 0; i < s->count; i++) {
        if (has_plain(other, s->plain[i])) {
            set_label(s->label[i], s->plain[i]);
        } else {
            smt_class_canonical(s->names[i], s->label[i]);
        }
        if (!s->label[i][0]) { /* a name of punctuation alone */
            snprintf(s->label[i], SMT_CANONICAL, "%.*s", SMT_CANONICAL - 1, s->names[i]);
        }
    }
}

/* Renames the classes of `s` called `from`: by exact name
 * if there is one, else by spelling, else by synonym. */
static int rename_class(side *s, const char *from, const char *label)
{
    char plain[SMT_CANONICAL], canonical[SMT_CANONICAL], own[SMT_CANONICAL];
    data_plain_name(from, plain);
    smt_class_canonical(from, canonical);
    for (int level = 0; level < 3; level++) {
        int found = 0;
        for (int i = 0; i < s->count; i++) {
            smt_class_canonical(s->names[i], own);
            bool same = level == 0   ? strcmp(s->names[i], from) == 0
                        : level == 1 ? strcmp(s->plain[i], plain) == 0
                                     : strcmp(own, canonical) == 0;
            if (same) {
                set_label(s->label[i], label);
                s->fixed[i] = true;
                found++;
            }
        }
        if (found) {
            return found;
        }
    }
    return 0;
}

/* The label of an override's right-hand side. */
static bool
target_label(const side *model, const side *set, const char *to, char out[SMT_CANONICAL])
{
    const side *sides[2] = {model, set};
    char plain[SMT_CANONICAL], own[SMT_CANONICAL];
    data_plain_name(to, plain);
    for (int level = 0; level < 2; level++) {
        for (int k = 0; k < 2; k++) {
            for (int i = 0; i < sides[k]->count; i++) {
                if (level == 0 ? strcmp(sides[k]->names[i], to) == 0
                               : strcmp(sides[k]->plain[i], plain) == 0) {
                    /* The class's label before any override, so that
                     * the order of overrides does not matter. */
                    if (has_plain(sides[!k], sides[k]->plain[i])) {
                        set_label(out, sides[k]->plain[i]);
                    } else {
                        smt_class_canonical(sides[k]->names[i], out);
                    }
                    return true;
                }
            }
        }
    }
    smt_class_canonical(to, out);
    if (strcmp(out, "other") == 0) {
        return true;
    }
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < sides[k]->count; i++) {
            smt_class_canonical(sides[k]->names[i], own);
            if (strcmp(own, out) == 0) {
                return true;
            }
        }
    }
    return false;
}

static smt_status apply_override(side *model, side *set, const char *text, smt_error *error)
{
    const char *equals = *text ? strchr(text + 1, '=') : NULL;
    char from[256], label[SMT_CANONICAL];
    if (!equals || !equals[1] || (size_t)(equals - text) >= sizeof from) {
        return smt_fail(
            error, SMT_ERR_ARGUMENT, "map %s: expected FROM=TO, such as scratch=other", text);
    }
    /* Names may hold '=': the first one between two names that are known. */
    for (const char *at = equals; at && (size_t)(at - text) < sizeof from;
         at = strchr(at + 1, '=')) {
        snprintf(from, sizeof from, "%.*s", (int)(at - text), text);
        if (at[1] && target_label(model, set, at + 1, label) &&
            rename_class(model, from, label) + rename_class(set, from, label)) {
            return SMT_OK;
        }
    }
    snprintf(from, sizeof from, "%.*s", (int)(equals - text), text);
    const char *unknown = target_label(model, set, equals + 1, label) ? from : equals + 1;
    smt_guess guess = {0};
    for (int i = 0; i < model->count + set->count; i++) {
        smt_nearest(
            &guess, unknown, i < model->count ? model->names[i] : set->names[i - model->count]);
    }
    char hint[SMT_HINT_MAX];
    return smt_fail(error,
                    SMT_ERR_ARGUMENT,
                    "map %s: neither the model nor the data set has a class '%s'; %s",
                    text,
                    unknown,
                    smt_hint(&guess,
                             hint,
                             "'semtinel info' lists the model's, the data set's are its "
                             "folders, and TO may be 'other'"));
}

static bool kind_of_clean(const char *label)
{
    return smt_class_is_clean(label) && label[5];
}

/* A kind of clean that the other side lacks counts as clean. */
static void merge_clean(side *s, const side *other)
{
    for (int i = 0; i < s->count; i++) {
        if (kind_of_clean(s->label[i]) && !has_label(other, s->label[i])) {
            set_label(s->label[i], "clean");
        }
    }
}

/* Where the set then has images of clean and the model only kinds, all kinds are clean: the model
 * would be right about these images by naming a defect that counts as other, and by nothing else.
 */
static void meet_clean(side *model, side *set)
{
    side *sides[2] = {model, set};
    bool needed = false;
    for (int i = 0; i < set->count; i++) {
        needed = needed || (counts(set, i) && strcmp(set->label[i], "clean") == 0);
    }
    needed = needed && !has_label(model, "clean");
    for (int k = 0; k < 2 && needed; k++) {
        for (int i = 0; i < sides[k]->count; i++) {
            if (kind_of_clean(sides[k]->label[i])) {
                set_label(sides[k]->label[i], "clean");
            }
        }
    }
}

static void note_clean(const side *s, bool *clean)
{
    char canonical[SMT_CANONICAL];
    for (int i = 0; i < s->count; i++) {
        smt_class_canonical(s->label[i], canonical); /* "ok" where both sides have it */
        clean[i] = smt_class_is_clean(canonical);
    }
}

static smt_status add_line(smt_class_map *map, char *line)
{
    if (!line) {
        return SMT_ERR_MEMORY;
    }
    map->lines[map->line_count++] = line;
    return SMT_OK;
}

/* The number of `label` in the list; a new one is added under `name`. -1: no memory. */
static int
enter(smt_class_map *map, char (*labels)[SMT_CANONICAL], const char *label, const char *name)
{
    for (int i = 0; i < map->class_count; i++) {
        if (strcmp(labels[i], label) == 0) {
            return i;
        }
    }
    map->classes[map->class_count] = smt_strdup(name);
    if (!map->classes[map->class_count]) {
        return -1;
    }
    set_label(labels[map->class_count], label);
    return map->class_count++;
}

/* The spelling under which a label is listed: a class whose
 * own name it is, the model's first; else the label. */
static const char *name_of(const side *model, const side *set, const char *label)
{
    const side *sides[2] = {model, set};
    char own[SMT_CANONICAL];
    for (int level = 0; level < 2; level++) {
        for (int k = 0; k < 2; k++) {
            for (int i = 0; i < sides[k]->count; i++) {
                smt_class_canonical(sides[k]->names[i], own);
                if (!sides[k]->fixed[i] && strcmp(level ? own : sides[k]->plain[i], label) == 0 &&
                    strcmp(sides[k]->label[i], label) == 0) {
                    return sides[k]->names[i];
                }
            }
        }
    }
    return label;
}

/* True classes that the model cannot name, and predicted ones that the set lacks. Apart, these meet
 * nothing, and those only what the model itself calls other. */
static smt_status meet_as_other(smt_class_map *map, side *model, side *set, bool apart)
{
    int unknown = 0, lacking = 0;
    bool other = !apart || has_label(model, "other");
    smt_status status = SMT_OK;
    for (int i = 0; i < set->count && status == SMT_OK; i++) {
        if (counts(set, i) && !has_label(model, set->label[i]) &&
            (!other || strcmp(set->label[i], "other"))) {
            status = add_line(map,
                              smt_format("true %s counts as %s: the model has no such class",
                                         set->names[i],
                                         other ? "other" : "a mistake, whatever is predicted"));
            set_label(set->label[i], other ? "other" : set->label[i]);
            set->told[i] = true;
            unknown++;
        }
    }
    for (int i = 0; i < model->count && status == SMT_OK; i++) {
        if (!has_label(set, model->label[i]) && strcmp(model->label[i], "other")) {
            status = add_line(map,
                              smt_format("predicted %s counts as %s: the set has no such class",
                                         model->names[i],
                                         apart ? "a mistake" : "other"));
            set_label(model->label[i], apart ? model->label[i] : "other");
            model->told[i] = true;
            lacking++;
        }
    }
    if (status == SMT_OK && unknown && lacking && apart) {
        status =
            add_line(map, smt_format("if some of these mean the same, say so with --map FROM=TO"));
    } else if (status == SMT_OK && unknown && lacking) {
        status = add_line(map,
                          smt_format("%d true and %d predicted classes count as other, and as "
                                     "right for each other; if some mean the same, say so with "
                                     "--map FROM=TO",
                                     unknown,
                                     lacking));
    }
    return status;
}

static smt_status fill(smt_class_map *map, side *model, side *set, bool apart)
{
    char(*labels)[SMT_CANONICAL] =
        smt_alloc((size_t)(model->count + set->count + 1), sizeof *labels);
    if (!labels) {
        return SMT_ERR_MEMORY;
    }
    smt_status status = meet_as_other(map, model, set, apart);
    /* The list: the model's order first, then what only the set has: "other", but for apart. */
    for (int i = 0; i < model->count && status == SMT_OK; i++) {
        map->from_model[i] =
            enter(map, labels, model->label[i], name_of(model, set, model->label[i]));
        status = map->from_model[i] < 0 ? SMT_ERR_MEMORY : SMT_OK;
    }
    for (int i = 0; i < set->count && status == SMT_OK; i++) {
        map->from_set[i] = -1;
        if (counts(set, i)) {
            map->from_set[i] =
                enter(map, labels, set->label[i], name_of(model, set, set->label[i]));
            status = map->from_set[i] < 0 ? SMT_ERR_MEMORY : SMT_OK;
            if (status == SMT_OK) {
                map->present[map->from_set[i]] = true;
            }
        }
    }
    const side *sides[2] = {model, set};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < sides[k]->count && status == SMT_OK; i++) {
            int to = k ? map->from_set[i] : map->from_model[i];
            if (to >= 0 && !sides[k]->told[i] && strcmp(map->classes[to], sides[k]->names[i])) {
                status = add_line(map,
                                  smt_format("%s %s counts as %s",
                                             k ? "true" : "predicted",
                                             sides[k]->names[i],
                                             map->classes[to]));
            }
        }
    }
    smt_free(labels);
    return status;
}

smt_status smt_class_map_create(const char *const *model_classes,
                                int model_count,
                                const char *const *set_classes,
                                const size_t *set_images,
                                int set_count,
                                const char *const *overrides,
                                int override_count,
                                bool apart,
                                smt_class_map **out,
                                smt_error *error)
{
    if (model_count < 1 || set_count < 1) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "class map: an empty list of classes");
    }
    side model = {.names = model_classes, .count = model_count};
    side set = {.names = set_classes, .count = set_count, .images = set_images};
    size_t total = (size_t)model_count + (size_t)set_count;
    smt_class_map *map = smt_alloc(1, sizeof *map);
    smt_status status = map ? SMT_OK : SMT_ERR_MEMORY;
    if (map) {
        map->model_count = model_count;
        map->set_count = set_count;
        map->classes = smt_alloc(total + 1, sizeof *map->classes);
        map->present = smt_alloc(total + 1, sizeof *map->present);
        map->from_model = smt_alloc((size_t)model_count, sizeof *map->from_model);
        map->from_set = smt_alloc((size_t)set_count, sizeof *map->from_set);
        map->model_clean = smt_alloc((size_t)model_count, sizeof *map->model_clean);
        map->set_clean = smt_alloc((size_t)set_count, sizeof *map->set_clean);
        map->lines = smt_alloc(2 * total, sizeof *map->lines);
        if (!map->classes || !map->present || !map->from_model || !map->from_set ||
            !map->model_clean || !map->set_clean || !map->lines) {
            status = SMT_ERR_MEMORY;
        }
    }
    if (status == SMT_OK && prepare(&model) == SMT_OK && prepare(&set) == SMT_OK) {
        part_twins(&model, &set);
        part_twins(&set, &model);
        label_side(&model, &set);
        label_side(&set, &model);
        for (int i = 0; i < override_count && status == SMT_OK; i++) {
            status = apply_override(&model, &set, overrides[i], error);
        }
        if (status == SMT_OK) {
            merge_clean(&model, &set);
            merge_clean(&set, &model);
            meet_clean(&model, &set);
            note_clean(&model, map->model_clean);
            note_clean(&set, map->set_clean);
            status = fill(map, &model, &set, apart);
        }
    } else {
        status = SMT_ERR_MEMORY;
    }
    release(&model);
    release(&set);
    if (status) {
        smt_class_map_destroy(&map);
        return status == SMT_ERR_MEMORY ? smt_fail(error, status, "class map: out of memory")
                                        : status;
    }
    *out = map;
    return SMT_OK;
}

void smt_class_map_destroy(smt_class_map **map)
{
    if (!map || !*map) {
        return;
    }
    smt_class_map *m = *map;
    smt_list_free(&m->classes, (size_t)m->class_count);
    smt_list_free(&m->lines, (size_t)m->line_count);
    smt_free(m->present);
    smt_free(m->from_model);
    smt_free(m->from_set);
    smt_free(m->model_clean);
    smt_free(m->set_clean);
    smt_free(m);
    *map = NULL;
}
