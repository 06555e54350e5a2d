/* Finding the images of a data set: ROOT/class/image, or ROOT/split/class/image.
 *
 * A folder of ROOT is a split when its name says so ("train", "Validate", ...) and it holds folders
 * rather than images: a class that happens to be called "test" stays a class. As soon as one folder
 * is a split, the others are strays. The spelling of a class may differ from split to split
 * ("vias", "Vias"); the first spelling met names the class. */
#include <semtinel/data.h>

#include "base/room.h"
#include "data/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* Strays beyond these are counted, not named: a folder
 * of ten thousand .txt files says nothing new. */
#define STRAY_LINES 20

typedef struct scan {
    smt_dataset *set;
    size_t sample_capacity, class_capacity;
    size_t stray_lines;
    size_t images_beside_classes; /* image files where class folders are expected */
    bool deep;                    /* folders in class folders are read, too */
    bool divided;                 /* ROOT holds train/, val/ or test/ */
    bool nested;                  /* a class folder holds folders */
    char *inside; /* a class folder that is a data set: train/ or the like is in it */
    bool flat;    /* ROOT holds no folder: one thing to say, not one of each file */
    smt_error *error;
} scan;

typedef enum entry_kind { ENTRY_FOLDER, ENTRY_IMAGE, ENTRY_STRAY, ENTRY_HIDDEN } entry_kind;

const char *smt_split_name(smt_split split)
{
    static const char *const names[] = {"train", "val", "test", "all"};
    return (unsigned)split < SMT_SPLIT_COUNT ? names[split] : "?";
}

const char *data_relative(const smt_dataset *dataset, const char *path)
{
    size_t length = strlen(dataset->root);
    if (strncmp(path, dataset->root, length)) {
        return path;
    }
    path += length;
    while (*path == '/') {
        path++;
    }
    return path;
}

const char *data_below_class(const smt_dataset *dataset, const smt_sample *sample)
{
    const char *path = data_relative(dataset, sample->path);
    for (int folders = sample->split == SMT_SPLIT_NONE ? 1 : 2; folders; folders--) {
        const char *slash = strchr(path, '/');
        path = slash ? slash + 1 : path;
    }
    return path;
}

static smt_split split_of_name(const char *name)
{
    static const struct {
        const char *name;
        smt_split split;
    } table[] = {
        {"train", SMT_SPLIT_TRAIN},
        {"training", SMT_SPLIT_TRAIN},
        {"val", SMT_SPLIT_VAL},
        {"valid", SMT_SPLIT_VAL},
        {"validate", SMT_SPLIT_VAL},
        {"validation", SMT_SPLIT_VAL},
        {"test", SMT_SPLIT_TEST},
        {"testing", SMT_SPLIT_TEST},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcasecmp(name, table[i].name) == 0) {
            return table[i].split;
        }
    }
    return SMT_SPLIT_NONE;
}

/* A link that leads nowhere counts as an image by its name, so that it is reported as unreadable
 * and not passed over. */
static entry_kind classify(const char *path, const char *name)
{
    /* "@eaDir" has a NAS's thumbnails of the images beside it. */
    if (name[0] == '.' || strcasecmp(name, "Thumbs.db") == 0 ||
        strcasecmp(name, "desktop.ini") == 0 || strcmp(name, "@eaDir") == 0) {
        return ENTRY_HIDDEN;
    }
    struct stat info;
    if (stat(path, &info)) {
        return smt_image_suffix(name) ? ENTRY_IMAGE : ENTRY_STRAY;
    }
    if (S_ISDIR(info.st_mode)) {
        return ENTRY_FOLDER;
    }
    return S_ISREG(info.st_mode) && smt_image_suffix(name) ? ENTRY_IMAGE : ENTRY_STRAY;
}

bool smt_is_image_entry(const char *path, const char *name)
{
    return classify(path, name) == ENTRY_IMAGE;
}

bool smt_is_folder_entry(const char *path, const char *name)
{
    return classify(path, name) == ENTRY_FOLDER;
}

static void ignore(scan *s, const char *path, const char *why)
{
    struct stat info;
    s->set->ignored_count++;
    if (!s->flat && s->stray_lines++ < STRAY_LINES) {
        if (stat(path, &info)) { /* whatever it may be */
            why = errno == ENOENT ? "a link that leads nowhere" : strerror(errno);
        }
        smt_log(SMT_LOG_WARNING, "%s: ignored: %s", path, why);
    }
}

static smt_status no_memory(scan *s)
{
    return smt_fail(s->error, SMT_ERR_MEMORY, "%s: out of memory", s->set->root);
}

/* The class of a folder's name; a new one is added. Class
 * numbers are in order of appearance until finish() sorts. */
static smt_status find_class(scan *s, const char *folder, const char *path, int *out)
{
    smt_dataset *set = s->set;
    char *name = smt_utf8_class(folder); /* as models keep it */
    if (!name) {
        return no_memory(s);
    }
    *out = data_find_class(set, name, false);
    if (*out >= 0) {
        if (strcmp(set->classes[*out], name) != 0) {
            smt_log(SMT_LOG_INFO, "%s: taken as class %s", path, set->classes[*out]);
        }
        smt_free(name);
        return SMT_OK;
    }
    if (!SMT_ROOM(set->classes, set->class_count, s->class_capacity)) {
        smt_free(name);
        return no_memory(s);
    }
    set->classes[set->class_count] = name;
    *out = set->class_count++;
    return SMT_OK;
}

/* Takes ownership of path. */
static smt_status add_sample(scan *s, char *path, int class_index, smt_split split)
{
    smt_dataset *set = s->set;
    if (!SMT_ROOM(set->samples, set->sample_count, s->sample_capacity)) {
        smt_free(path);
        return no_memory(s);
    }
    set->samples[set->sample_count++] =
        (smt_sample){.path = path, .class_index = class_index, .split = split};
    return SMT_OK;
}

/* *class_index: -1 until there is an image. */
static smt_status
scan_images(scan *s, const char *folder, const char *class_name, int *class_index, smt_split split)
{
    char **names = NULL;
    size_t count = 0;
    smt_status status = smt_list_directory(folder, &names, &count, s->error);
    for (size_t i = 0; status == SMT_OK && i < count; i++) {
        if (smt_interrupted()) {
            status = smt_fail(s->error, SMT_ERR_INTERRUPTED, "interrupted");
            break;
        }
        char *path = smt_path_join(folder, names[i]);
        if (!path) {
            status = no_memory(s);
            break;
        }
        entry_kind kind = classify(path, names[i]);
        if (kind == ENTRY_IMAGE) {
            if (*class_index < 0) {
                status = find_class(s, class_name, folder, class_index);
            }
            if (status) {
                smt_free(path);
                break;
            }
            status = add_sample(s, path, *class_index, split);
            continue;
        }
        const char *why = kind == ENTRY_FOLDER && s->deep ? smt_folder_refused(folder, path) : NULL;
        if (why) {
            ignore(s, path, why);
        } else if (kind == ENTRY_FOLDER && s->deep) {
            status = scan_images(s, path, class_name, class_index, split);
        } else if (kind == ENTRY_FOLDER) {
            s->nested = true;
            if (!s->inside && split_of_name(names[i]) != SMT_SPLIT_NONE) {
                s->inside = smt_strdup(folder);
            }
            ignore(s,
                   path,
                   "a folder inside a class folder; move its images up, or make it a class folder");
        } else if (kind == ENTRY_STRAY && !smt_image_is_sidecar(path)) {
            ignore(s, path, "not an image file (" SMT_IMAGE_SUFFIXES ")");
        }
        smt_free(path);
    }
    smt_list_free(&names, count);
    return status;
}

static smt_status scan_class(scan *s, const char *folder, const char *class_name, smt_split split)
{
    size_t before = s->set->sample_count;
    int class_index = -1;
    smt_status status = scan_images(s, folder, class_name, &class_index, split);
    if (status == SMT_OK && s->set->sample_count == before && s->stray_lines++ < STRAY_LINES) {
        smt_log(SMT_LOG_WARNING, "%s: class folder without images, skipped", folder);
    }
    return status;
}

/* A folder that a command wrote: its pictures are of no class. */
static bool holds_results(const char *folder)
{
    static const char *const files[] = {
        "model.safetensors", "metrics.json", "precision.json", "explanations.csv"};
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof *files && !found; i++) {
        char *path = smt_path_join(folder, files[i]);
        found = path && smt_path_exists(path);
        smt_free(path);
    }
    return found;
}

const char *smt_folder_refused(const char *folder, const char *path)
{
    return smt_path_inside(folder, path) ? "a link to a folder that it lies in"
           : holds_results(path)         ? "results of semtinel, not images of a class"
                                         : NULL;
}

/* What split, augment, label and klarf leave beside the folders. */
static bool own_file(const char *name)
{
    return strcmp(name, "split.json") == 0 || strcmp(name, "augmented.csv") == 0 ||
           strcmp(name, "labels.csv") == 0 || strcmp(name, "defects.csv") == 0;
}

/* The class folders inside ROOT or inside one split. */
static smt_status scan_classes(scan *s, const char *folder, smt_split split)
{
    char **names = NULL;
    size_t count = 0;
    smt_status status = smt_list_directory(folder, &names, &count, s->error);
    for (size_t i = 0; status == SMT_OK && i < count; i++) {
        char *path = smt_path_join(folder, names[i]);
        if (!path) {
            status = no_memory(s);
            break;
        }
        entry_kind kind = classify(path, names[i]);
        const char *why = kind == ENTRY_FOLDER ? smt_folder_refused(folder, path) : NULL;
        if (why) {
            ignore(s, path, why);
        } else if (kind == ENTRY_FOLDER) {
            status = scan_class(s, path, names[i], split);
        } else if (kind != ENTRY_HIDDEN && !own_file(names[i])) {
            s->images_beside_classes += kind == ENTRY_IMAGE;
            ignore(s,
                   path,
                   kind == ENTRY_IMAGE ? "an image outside of a class folder"
                                       : "a file beside class folders");
        }
        smt_free(path);
    }
    smt_list_free(&names, count);
    return status;
}

/* Of a folder whose name is that of a split: folders inside make it one, images a class. With
 * neither it is one beside another, but hides no classes. */
static void look_inside(const char *folder, bool *folders, bool *images)
{
    char **names = NULL;
    size_t count = 0;
    *images = false;
    *folders = smt_list_directory(folder, &names, &count, NULL); /* the scan gives the reason */
    for (size_t i = 0; i < count && !*folders; i++) {
        char *path = smt_path_join(folder, names[i]);
        if (path) {
            entry_kind kind = classify(path, names[i]);
            *folders = kind == ENTRY_FOLDER;
            *images = *images || kind == ENTRY_IMAGE;
        }
        smt_free(path);
    }
    smt_list_free(&names, count);
}

static smt_status scan_root(scan *s)
{
    const char *root = s->set->root;
    char **names = NULL;
    smt_split *splits = NULL;
    size_t count = 0;
    smt_status status = smt_list_directory(root, &names, &count, s->error);
    if (status) {
        return status;
    }
    splits = smt_alloc(count, sizeof *splits);
    if (!splits) {
        status = no_memory(s);
        goto done;
    }
    s->flat = true;
    for (size_t i = 0; i < count; i++) {
        char *path = smt_path_join(root, names[i]);
        if (!path) {
            status = no_memory(s);
            goto done;
        }
        s->flat = s->flat && classify(path, names[i]) != ENTRY_FOLDER;
        bool folders = false, images = false;
        splits[i] = smt_path_is_directory(path) ? split_of_name(names[i]) : SMT_SPLIT_NONE;
        if (splits[i] != SMT_SPLIT_NONE) {
            look_inside(path, &folders, &images);
        }
        splits[i] = folders || !images ? splits[i] : SMT_SPLIT_NONE;
        s->divided = s->divided || folders;
        smt_free(path);
    }
    if (!s->divided) {
        status = scan_classes(s, root, SMT_SPLIT_NONE);
        goto done;
    }
    for (int split = 0; split < SMT_SPLIT_COUNT && status == SMT_OK; split++) {
        for (size_t i = 0; i < count && status == SMT_OK; i++) {
            if ((int)splits[i] != split) {
                continue;
            }
            char *path = smt_path_join(root, names[i]);
            if (!path) {
                status = no_memory(s);
            } else if (split == SMT_SPLIT_NONE &&
                       (own_file(names[i]) || classify(path, names[i]) == ENTRY_HIDDEN)) {
                smt_log(SMT_LOG_DEBUG, "%s: passed over", path);
            } else if (split == SMT_SPLIT_NONE) {
                ignore(s, path, "beside train/, val/ or test/ only these are read");
            } else {
                status = scan_classes(s, path, splits[i]);
            }
            smt_free(path);
        }
    }
done:
    smt_free(splits);
    smt_list_free(&names, count);
    return status;
}

/* train/ and val/ with images directly in them: a network would learn which part an image is of. */
static bool splits_without_classes(const smt_dataset *set)
{
    int splits = 0;
    for (int i = 0; i < set->class_count; i++) {
        splits += split_of_name(set->classes[i]) != SMT_SPLIT_NONE;
    }
    return splits == set->class_count;
}

int data_compare_samples(const void *a, const void *b)
{
    const smt_sample *x = a, *y = b;
    if (x->added != y->added) {
        return x->added < y->added ? -1 : 1;
    }
    if (x->split != y->split) {
        return x->split < y->split ? -1 : 1;
    }
    if (x->class_index != y->class_index) {
        return x->class_index < y->class_index ? -1 : 1;
    }
    return strcmp(x->path, y->path);
}

/* Sorts the classes by name and the samples by split, class, name. */
static smt_status finish(scan *s)
{
    smt_dataset *set = s->set;
    int *rank = smt_alloc((size_t)set->class_count, sizeof *rank);
    char **sorted = smt_alloc((size_t)set->class_count, sizeof *sorted);
    if (!rank || !sorted) {
        smt_free(rank);
        smt_free(sorted);
        return no_memory(s);
    }
    for (int i = 0; i < set->class_count; i++) {
        for (int j = 0; j < set->class_count; j++) {
            rank[i] += strcmp(set->classes[j], set->classes[i]) < 0;
        }
        sorted[rank[i]] = set->classes[i];
    }
    for (size_t i = 0; i < set->sample_count; i++) {
        set->samples[i].class_index = rank[set->samples[i].class_index];
    }
    smt_free(set->classes);
    set->classes = sorted;
    smt_free(rank);
    qsort(set->samples, set->sample_count, sizeof *set->samples, data_compare_samples);
    return SMT_OK;
}

static smt_status no_images(const scan *s)
{
    const char *root = s->set->root;
    if (s->inside) {
        return smt_fail(s->error,
                        SMT_ERR_FORMAT,
                        "%s: no class folders; a data set is one level down: name %s",
                        root,
                        s->inside);
    }
    if (s->nested) {
        return smt_fail(s->error,
                        SMT_ERR_FORMAT,
                        "%s: its folders hold folders, not images; if they are parts, call them "
                        "train, val and test; if they are classes, move their images up, or divide "
                        "them by the folders inside ('semtinel split --group \"^[^/]*/\"'); else "
                        "name a folder of class folders ('train --also' takes "
                        "further ones)",
                        root);
    }
    if (s->images_beside_classes) {
        return smt_fail(s->error,
                        SMT_ERR_FORMAT,
                        "%s: %zu %s but no class folders; put the images of each class into a "
                        "folder named after it ('semtinel klarf' does, where a KLARF file has the "
                        "classes)",
                        root,
                        s->images_beside_classes,
                        smt_plural(s->images_beside_classes, "image", "images"));
    }
    if (s->divided) {
        return smt_fail(s->error,
                        SMT_ERR_FORMAT,
                        "%s: no images in the class folders of its train/, val/ or test/, beside "
                        "which no others are read; expected %s/train/CLASS/IMAGE.png",
                        root,
                        root);
    }
    return smt_fail(s->error,
                    SMT_ERR_FORMAT,
                    "%s: no images; expected %s/CLASS/IMAGE.png or %s/train/CLASS/IMAGE.png",
                    root,
                    root,
                    root);
}

smt_status smt_dataset_scan_lots(const char *root, bool deep, smt_dataset **out, smt_error *error)
{
    scan s = {.error = error, .deep = deep};
    if (!smt_path_is_directory(root)) {
        if (!smt_path_exists(root)) {
            return smt_fail(
                error, SMT_ERR_IO, "%s: cannot read the folder: %s", root, strerror(errno));
        }
        return smt_fail(
            error, SMT_ERR_IO, "%s: is a file; a folder of class folders is needed", root);
    }
    s.set = smt_alloc(1, sizeof *s.set);
    if (!s.set) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", root);
    }
    smt_status status = SMT_OK;
    s.set->root = smt_strdup(root);
    if (!s.set->root) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", root);
        goto done;
    }
    status = scan_root(&s);
    if (status) {
        goto done;
    }
    if (s.stray_lines > STRAY_LINES) {
        size_t more = s.stray_lines - STRAY_LINES;
        smt_log(SMT_LOG_WARNING,
                "%s: %zu more %s ignored",
                root,
                more,
                smt_plural(more, "file or folder", "files and folders"));
    }
    if (!s.set->sample_count) {
        status = no_images(&s);
        goto done;
    }
    if (splits_without_classes(s.set)) {
        status = smt_fail(error,
                          SMT_ERR_FORMAT,
                          "%s: %s holds images but no class folders; put the images of each class "
                          "into a folder: %s/%s/CLASS/IMAGE.png",
                          root,
                          s.set->classes[0],
                          root,
                          s.set->classes[0]);
        goto done;
    }
    status = finish(&s);
    if (status) {
        goto done;
    }
    *out = s.set;
    s.set = NULL;
done:
    smt_free(s.inside);
    smt_dataset_destroy(&s.set);
    return status;
}

smt_status smt_dataset_scan(const char *root, smt_dataset **out, smt_error *error)
{
    return smt_dataset_scan_lots(root, false, out, error);
}

void smt_dataset_destroy(smt_dataset **dataset)
{
    if (!dataset || !*dataset) {
        return;
    }
    smt_dataset *set = *dataset;
    for (size_t i = 0; i < set->sample_count; i++) {
        smt_free(set->samples[i].path);
    }
    smt_list_free(&set->classes, (size_t)set->class_count);
    smt_free(set->samples);
    smt_free(set->root);
    smt_free(set);
    *dataset = NULL;
}
