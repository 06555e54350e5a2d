/* Where the pages of a TIFF lie. A file of a hundred thousand pages is an everyday thing in a fab,
 * and libtiff walks the chain of directories from its beginning to each of them; so the chain is
 * walked once, here, and pages are opened by their place. */
#include "base/room.h"
#include "image/decode.h"

#define MAX_PAGES ((size_t)1 << 22)

typedef struct chain {
    const image_source *source;
    bool big_endian, big; /* BigTIFF: 64-bit offsets and counts */
} chain;

/* `bytes` (2, 4 or 8) at an offset that was checked. */
static uint64_t number_at(const chain *c, uint64_t at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        unsigned place = c->big_endian ? i : bytes - 1 - i;
        value = value << 8 | c->source->data[at + place];
    }
    return value;
}

static bool inside(const chain *c, uint64_t at, uint64_t bytes)
{
    return at <= c->source->size && bytes <= c->source->size - at;
}

static chain chain_of(const image_source *source)
{
    return (chain){.source = source,
                   .big_endian = source->data[0] == 'M',
                   .big = source->size >= 16 && (source->data[2] == '+' || source->data[3] == '+')};
}

static uint64_t first_directory(const chain *c)
{
    return c->source->size < 8 ? 0 : number_at(c, c->big ? 8 : 4, c->big ? 8 : 4);
}

/* The directory after the one at `at`, 0: none. False: it does not lie in the file. */
static bool next_directory(const chain *c, uint64_t at, uint64_t *next)
{
    unsigned count_bytes = c->big ? 8 : 2, entry = c->big ? 20 : 12, offset = c->big ? 8 : 4;
    if (!inside(c, at, count_bytes)) {
        return false;
    }
    uint64_t entries = number_at(c, at, count_bytes);
    if (!entries || entries > c->source->size / entry ||
        !inside(c, at, count_bytes + entries * entry + offset)) {
        return false;
    }
    *next = number_at(c, at + count_bytes + entries * entry, offset);
    return true;
}

smt_status
smt_tiff_pages(const image_source *source, uint64_t **pages, size_t *count, smt_error *error)
{
    chain c = chain_of(source);
    uint64_t *list = NULL;
    size_t used = 0, room = 0, most = source->size / 18; /* no directory is smaller */
    most = most < MAX_PAGES ? most : MAX_PAGES;
    const char *reason = NULL;
    uint64_t at = first_directory(&c);
    if (!at) {
        reason = "it has no page";
    }
    while (at && !reason) {
        if (!SMT_ROOM(list, used, room)) {
            smt_free(list);
            return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", source->name);
        }
        list[used++] = at;
        if (!next_directory(&c, at, &at)) {
            used--;
            at = 0;
            reason = used ? NULL : "its first page lies outside of it";
            smt_log(used ? SMT_LOG_WARNING : SMT_LOG_DEBUG,
                    "%s: its chain of pages breaks off behind page %zu",
                    source->name,
                    used);
        } else if (used > most) {
            reason = "its pages lead back to an earlier one";
        }
    }
    if (reason) {
        smt_free(list);
        return smt_fail(
            error, SMT_ERR_FORMAT, "%s: damaged or incomplete TIFF: %s", source->name, reason);
    }
    *pages = list;
    *count = used;
    return SMT_OK;
}

/* Is a checked directory that of a smaller copy or of a mask, by its tag NewSubfileType? */
static bool is_auxiliary(const chain *c, uint64_t at)
{
    unsigned count_bytes = c->big ? 8 : 2, entry = c->big ? 20 : 12;
    uint64_t entries = number_at(c, at, count_bytes);
    for (uint64_t i = 0, place = at + count_bytes; i < entries; i++, place += entry) {
        if (number_at(c, place, 2) == 254) {
            bool is_short = number_at(c, place + 2, 2) == 3;
            return number_at(c, place + (c->big ? 12 : 8), is_short ? 2 : 4) & 5;
        }
    }
    return false;
}

bool smt_tiff_has_more(const image_source *source)
{
    enum { MOST = 32 }; /* the chain may be a circle */
    chain c = chain_of(source);
    uint64_t at = first_directory(&c), next = 0;
    bool more = false;
    for (int i = 0; i < MOST && at && !more && next_directory(&c, at, &next); i++) {
        more = i > 0 && !is_auxiliary(&c, at);
        at = next;
    }
    return more;
}
