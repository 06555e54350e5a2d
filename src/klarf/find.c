/* Where the images that a KLARF names lie on this machine. The names are another machine's, and may
 * be anybody's: nothing outside the folder is taken on their word. */
#include <semtinel/klarf.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct smt_klarf_finder {
    char *folder;
    char **names; /* in it, in any case's order */
    size_t count;
};

static int by_name(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    int order = strcasecmp(*x, *y);
    return order ? order : strcmp(*x, *y);
}

smt_status smt_klarf_finder_create(const smt_klarf *klarf,
                                   const char *folder,
                                   smt_klarf_finder **out,
                                   smt_error *error)
{
    const char *path = smt_klarf_about(klarf)->path, *name = smt_path_name(path);
    smt_klarf_finder *finder = smt_alloc(1, sizeof *finder);
    smt_status status = SMT_OK;
    if (finder) {
        finder->folder = folder         ? smt_strdup(folder)
                         : name == path ? smt_strdup(".")
                                        : smt_format("%.*s", (int)(name - path), path);
    }
    if (!finder || !finder->folder) {
        status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    status =
        status ? status : smt_list_directory(finder->folder, &finder->names, &finder->count, error);
    if (status) {
        smt_klarf_finder_destroy(&finder);
        return status;
    }
    if (finder->count) {
        qsort(finder->names, finder->count, sizeof *finder->names, by_name);
    }
    *out = finder;
    return SMT_OK;
}

void smt_klarf_finder_destroy(smt_klarf_finder **finder)
{
    if (*finder) {
        smt_list_free(&(*finder)->names, (*finder)->count);
        smt_free((*finder)->folder);
        smt_free(*finder);
        *finder = NULL;
    }
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Of another machine, or on the way out of the folder. */
static bool leads_out(const char *name)
{
    if (name[0] == '/' || (name[0] && name[1] == ':')) {
        return true;
    }
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2])) {
            return true;
        }
    }
    return false;
}

/* The first of the folder's names that equals `name` in any case; NULL: none. */
static const char *any_case(const smt_klarf_finder *finder, const char *name)
{
    size_t low = 0, high = finder->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcasecmp(finder->names[middle], name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < finder->count && strcasecmp(finder->names[low], name) == 0 ? finder->names[low]
                                                                            : NULL;
}

/* Changes `name`. False: no memory. */
static bool find(const smt_klarf_finder *finder, char *name, char **path)
{
    for (char *c = name; *c; c++) {
        *c = *c == '\\' ? '/' : *c;
    }
    const char *base = smt_path_name(name);
    if (name[0] && name[1] == ':' && base == name) {
        base = name + 2; /* "C:a.tif" */
    }
    const char *tries[3] = {leads_out(name) ? NULL : name, base, any_case(finder, base)};
    for (int i = 0; i < 3 && *base; i++) {
        if (!tries[i] || strcmp(tries[i], "..") == 0) {
            continue;
        }
        char *whole = smt_path_join(finder->folder, tries[i]);
        if (!whole || is_file(whole)) {
            *path = whole;
            return whole;
        }
        smt_free(whole);
    }
    return true;
}

smt_status
smt_klarf_find(const smt_klarf_finder *finder, const char *file, char **path, smt_error *error)
{
    *path = NULL;
    char *name = smt_strdup(file), *utf8 = smt_utf8_name(file);
    bool complete = name && utf8 && find(finder, name, path) && (*path || find(finder, utf8, path));
    smt_free(name);
    smt_free(utf8);
    return complete ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", file);
}
