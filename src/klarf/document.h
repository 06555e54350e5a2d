/* A KLARF in memory: its text, and where in it what stands. Private to src/klarf. */
#ifndef SEMTINEL_KLARF_DOCUMENT_H
#define SEMTINEL_KLARF_DOCUMENT_H

#include "base/room.h"
#include "klarf/tokens.h"

#include <semtinel/klarf.h>

#define KLARF_NO_FILE SIZE_MAX

typedef struct klarf_column {
    char *name;
    char type;   /* of a tree: 'n' a number, 's' a text, 'i' a list of images */
    bool images; /* a list of images: several tokens */
} klarf_column;

/* The columns of DefectLists. */
typedef struct klarf_spec {
    klarf_column *columns; /* owned */
    int count;
} klarf_spec;

typedef struct klarf_class {
    int number;
    char *name; /* owned */
} klarf_class;

/* A ClassLookup, with the places where it is added to. */
typedef struct klarf_lookup {
    klarf_class *rows; /* owned */
    size_t count, capacity;
    klarf_spec spec;    /* of a tree */
    size_t declared_at; /* the token that says how many rows there are */
    size_t declared_size;
    size_t row_at;    /* where the last row begins; 0: there is none */
    size_t insert_at; /* behind the last row; of an absent table: where it would stand */
    bool unended;     /* of a tree: no semicolon stands behind the last row */
    bool absent;      /* the file has none */
} klarf_lookup;

/* What a run of defects has in common. */
typedef struct klarf_list {
    char *lot, *wafer;          /* owned; NULL: not said */
    double pitch[2], centre[2]; /* NaN: not said */
    size_t lookup;              /* SIZE_MAX: none yet */
    size_t spec;
} klarf_list;

typedef struct klarf_row {
    const char *text; /* where its first token, or white space before it, begins */
    size_t list, first_image;
    uint32_t image_count;
} klarf_row;

typedef struct klarf_picture {
    const char *type; /* type_size bytes of the text */
    size_t file;      /* KLARF_NO_FILE: not said */
    int page;
    uint8_t type_size;
} klarf_picture;

struct smt_klarf {
    smt_klarf_info info;
    char *path, *text;
    size_t size;
    bool tree; /* 1.8 */
    klarf_spec *specs;
    size_t spec_count, spec_room;
    klarf_lookup *lookups;
    size_t lookup_count, lookup_room;
    klarf_list *lists;
    size_t list_count, list_room;
    char **files;
    size_t file_count, file_room;
    klarf_row *rows;
    size_t row_count, row_room;
    klarf_picture *pictures;
    size_t picture_count, picture_room;
};

typedef struct klarf_reader {
    smt_klarf *klarf;
    tokens from;
    smt_error *error;
    bool quiet; /* no warnings */
} klarf_reader;

/* smt_klarf_parse() of a text that was written here, whose warnings were given when its source was
 * read. */
smt_status klarf_parse_quietly(
    const void *data, size_t size, const char *path, smt_klarf **out, smt_error *error);

/* Fails with file, line and reason. */
smt_status
klarf_fail(const klarf_reader *r, size_t line, smt_status status, const char *format, ...)
    SMT_PRINTF(4, 5);
smt_status klarf_no_memory(const klarf_reader *r);
smt_status klarf_cut_off(const klarf_reader *r, const char *what, size_t line);
/* An unexpected token; for TOKEN_UNCLOSED and TOKEN_END what that means. */
smt_status klarf_unexpected(const klarf_reader *r, token t, const char *expected);

/* Without blanks at its ends, with '_' for control characters, and in UTF-8: what is not, is taken
 * as Latin-1, in which older programs write. */
char *klarf_text(const char *text, size_t size);
/* The new one's index, or SIZE_MAX: no memory. */
size_t klarf_new_spec(smt_klarf *klarf);
size_t klarf_new_lookup(smt_klarf *klarf);
size_t klarf_new_list(smt_klarf *klarf);
smt_status
klarf_add_column(const klarf_reader *r, klarf_spec *spec, token name, char type, bool images);
smt_status klarf_add_class(const klarf_reader *r, klarf_lookup *lookup, token number, token name);
smt_status klarf_add_row(const klarf_reader *r, const char *text, size_t list);
/* To the last row. */
smt_status klarf_add_picture(const klarf_reader *r, size_t file, int page, token type);
/* The index of the file in *index. */
smt_status klarf_add_file(const klarf_reader *r, const char *name, size_t size, size_t *index);
/* Lists without a ClassLookup get the first of the file; a file without one gets an absent one. */
smt_status klarf_settle_lookups(const klarf_reader *r, size_t insert_at);

int klarf_find_column(const klarf_spec *spec, const char *name); /* -1: none */
/* Moves behind a cell and gives its first token. */
token klarf_skip_cell(tokens *from, bool tree, const klarf_column *column);
/* The first token of a defect's cell; TOKEN_END: it has no such column. */
token klarf_cell(const smt_klarf *klarf, size_t defect, const char *column);

smt_status klarf_read_flat(klarf_reader *r);
smt_status klarf_read_tree(klarf_reader *r);

#endif
