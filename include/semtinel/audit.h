/* semtinel/audit.h: what is wrong with a data set: unreadable images, duplicates, leaks across
 * splits, label conflicts.
 *
 * Two images are near-duplicates when one is a copy of the other but for a quarter turn, a
 * mirroring, brightness, contrast, a little noise, blur, compression, or a crop by a few percent.
 * The measure is taken on 64 x 64 thumbnails over the 8 symmetries of the square: the mean of the
 * peak of the band-limited phase-only correlation (Ito et al., IEICE Trans. Fundamentals E87-A,
 * 2004), which is about 0.3 for two gratings that merely have the same pitch although their grey
 * levels correlate by 0.95, and of the ordinary correlation after alignment, which is about 0 for
 * two different pictures of one particle although their phases agree by 0.8. */
#ifndef SEMTINEL_AUDIT_H
#define SEMTINEL_AUDIT_H

#include <semtinel/data.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum smt_pair_kind {
    SMT_PAIR_FILE,   /* the same bytes */
    SMT_PAIR_PIXELS, /* other bytes, the same grey pixels */
    SMT_PAIR_NEAR,   /* a copy, changed as above */
    SMT_PAIR_EDITED, /* a copy, changed in one place: a defect drawn in or removed. Labels may
                        rightly differ */
    SMT_PAIR_KINDS
} smt_pair_kind;

typedef struct smt_pair {
    uint32_t a, b; /* a < b: indices into dataset->samples */
    smt_pair_kind kind;
    float similarity; /* 0 .. 1 */
    int symmetry; /* of b that matches a: bit 0 mirrored left-right, bit 1 top-bottom, bit 2 then
                     transposed */
} smt_pair;

typedef enum smt_content {
    SMT_CONTENT_OK,
    SMT_CONTENT_UNREADABLE,
    SMT_CONTENT_FLAT,  /* grey levels of all but 2% of the pixels within 6 of one another */
    SMT_CONTENT_DARK,  /* at least 98% of the pixels at most 2 */
    SMT_CONTENT_BRIGHT /* at least 98% of the pixels at least 253 */
} smt_content;

typedef struct smt_audit_options {
    float threshold;   /* least similarity of a near-duplicate, 0.75 .. 1; default 0.82 */
    int neighbours;    /* candidates that are compared per image, 1 .. 1024; default 32 */
    const char *group; /* borrowed, outlives the audit; a pattern for smt_name_groups; NULL: none */
} smt_audit_options;
SMT_API smt_audit_options smt_audit_defaults(void);

#define SMT_NO_GROUP UINT32_MAX
/* Groups that the images' paths tell, such as lots or wafers: images are in one if the path below
 * their class folder matches the POSIX extended regular expression `pattern` with the same text:
 * that of its first parenthesis, else of the whole match. An empty match is none. */
typedef struct smt_name_groups {
    const char *pattern;   /* NULL: none was asked for, and everything is 0 */
    uint32_t *group;       /* sample_count: 0 .. count - 1, or SMT_NO_GROUP */
    size_t count, matched; /* groups; images in one */
    size_t crossing;       /* groups with images of several splits; ... */
    uint32_t example[2];   /* ... two samples of the first such */
} smt_name_groups;

typedef struct smt_audit_summary {
    size_t content[SMT_CONTENT_BRIGHT + 1];
    size_t pairs[SMT_PAIR_KINDS];
    size_t images_with_duplicate;   /* of any kind */
    size_t conflicts_exact;         /* pairs of the same file or pixels under different labels */
    size_t conflicts_near;          /* near-duplicates under different labels */
    size_t conflicts_edited;        /* edited copies under different labels */
    size_t crossing;                /* pairs of images of two splits */
    size_t leaks[SMT_SPLIT_COUNT];  /* images of val and of test that have a duplicate in train */
    size_t images[SMT_SPLIT_COUNT]; /* images of each split */
    smt_paged paged;                /* its path is the data set's */
} smt_audit_summary;

typedef struct smt_audit {
    const smt_dataset *dataset; /* borrowed: must outlive the audit */
    smt_content *content;       /* sample_count */
    char **reasons;             /* sample_count: why an image is unreadable, else NULL */
    float *suspect_percent;     /* sample_count: for smt_strips_count */
    smt_strips strips;
    smt_audit_summary summary;
    size_t pair_count;
    smt_pair *pairs; /* exact ones first, then by falling similarity */
    smt_name_groups named;
    uint32_t *group; /* sample_count: images linked by pairs share a number, and so do an image and
                        its copies by `augment`, and images of one of the named groups; unreadable
                        ones are alone; numbers rise with the first member */
    size_t group_count;
} smt_audit;

/* Reads every image of the data set once. Unreadable ones are part of the result, not an error.
 * Equal files give equal results at any number of threads. options NULL: the defaults.
 * SMT_ERR_ARGUMENT: an option out of its range; a `group` that is no regular expression, that no
 * image matches, or that all match with the same text. */
SMT_API smt_status smt_audit_run(const smt_dataset *dataset,
                                 const smt_audit_options *options,
                                 smt_pool *pool,
                                 smt_audit **out,
                                 smt_error *error);
SMT_API void smt_audit_destroy(smt_audit **audit);

/* What a pair means for the use of the set. */
SMT_API bool smt_pair_crosses_splits(const smt_audit *audit, const smt_pair *pair);
SMT_API bool smt_pair_differs_in_class(const smt_audit *audit, const smt_pair *pair);
SMT_API const char *smt_pair_kind_name(smt_pair_kind kind); /* "same file", "same pixels", ... */

/* The report as text, freed with smt_free; at most `rows` lines a list (0: all). */
SMT_API smt_status smt_audit_text(const smt_audit *audit,
                                  size_t rows,
                                  char **out,
                                  smt_error *error);
/* The same and everything else as JSON, freed with smt_free. */
SMT_API smt_status smt_audit_json(const smt_audit *audit, char **out, smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
