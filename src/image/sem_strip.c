/* Info strips by their look: of microscopes that write one without saying so, to be cut off; where
 * no metadata tell, to be warned of. */
#include "image/sem.h"

/* A panel's rows consist mostly of one grey level: 0.47 to
 * 1 of each in real files, 0 to 0.02 of specimen rows. */
#define PANEL_SHARE 0.4
#define PANEL_LEAST_ROWS 12
#define PANEL_MOST 0.2 /* of the height; more is the specimen's background */
#define ORPHAN_ROWS 1  /* scan rows that some programs leave under the panel */

/* The commonest grey level of a row and its count. */
static int dominant(const uint8_t *row, int width, int *level)
{
    int histogram[256] = {0}, best = 0;
    for (int x = 0; x < width; x++) {
        histogram[row[x]]++;
    }
    for (int i = 1; i < 256; i++) {
        best = histogram[i] > histogram[best] ? i : best;
    }
    *level = best;
    return histogram[best];
}

int smt_sem_find_panel(const smt_image *image)
{
    int width = image->width, height = image->height, rows = 0, panel_level = -1, level;
    for (int y = height - 1; y >= 0; y--) {
        int count = dominant(image->pixels + (size_t)y * (size_t)width, width, &level);
        bool like = count >= PANEL_SHARE * width && (panel_level < 0 || level == panel_level);
        if (like) {
            panel_level = level;
        } else if (panel_level >= 0 || height - y > ORPHAN_ROWS) {
            break;
        }
        rows = height - y;
    }
    return panel_level >= 0 && rows >= PANEL_LEAST_ROWS && rows <= PANEL_MOST * height ? rows : 0;
}

/* What a strip looks like where no metadata tell: paper of one level, black or white, for half of
 * its pixels and more, and letters on it. A specimen's dark or bright rows have no letters, its
 * structures no even paper. */
#define PAPER_NEAR 6     /* levels off the paper's by compression */
#define PAPER_DARK 40    /* paper is at most so bright, ... */
#define PAPER_BRIGHT 235 /* ... or at least */
#define INK_FAR 64       /* levels between ink and paper */
#define STRIP_LEAST 40   /* a strip has one 40th of the height at least, */
#define STRIP_MOST 5     /* and a 5th at most */
#define STRIP_LINES 3    /* rows of a frame or between lines of text */
#define LETTERED_ROWS 2  /* rows with three strokes and more, one of them with four */

/* The mean of the levels that most of the pixels are near to, if paper has such a one; else -1. */
static int paper_level(const uint8_t *pixels, size_t count)
{
    size_t histogram[256 + 2 * PAPER_NEAR] = {0}, most = 0;
    int paper = -1;
    for (size_t i = 0; i < count; i++) {
        histogram[pixels[i] + PAPER_NEAR]++;
    }
    for (int level = 0; level < 256; level++) {
        size_t near = 0, sum = 0;
        for (int i = level; i <= level + 2 * PAPER_NEAR; i++) {
            near += histogram[i];
            sum += histogram[i] * (size_t)i;
        }
        if (near > most) {
            most = near;
            paper = (int)(sum / near) - PAPER_NEAR;
        }
    }
    return paper <= PAPER_DARK || paper >= PAPER_BRIGHT ? paper : -1;
}

/* A row's pixels of the paper's level, and its strokes of ink. */
static int read_row(const uint8_t *row, int width, int paper, int *strokes)
{
    int near = 0;
    bool inked = false;
    *strokes = 0;
    for (int x = 0; x < width; x++) {
        int off = row[x] < paper ? paper - row[x] : row[x] - paper;
        near += off <= PAPER_NEAR;
        *strokes += !inked && off > INK_FAR;
        inked = inked ? off >= INK_FAR / 2 : off > INK_FAR;
    }
    return near;
}

int smt_sem_suspect_strip(const smt_image *image)
{
    int width = image->width, height = image->height, least = height / STRIP_LEAST;
    least = least < 4 ? 4 : least;
    if (least * STRIP_MOST > height) {
        return 0;
    }
    /* More than the least, or a frame would be taken for paper. */
    const uint8_t *bottom = image->pixels + (size_t)(height - 2 * least) * (size_t)width;
    int paper = paper_level(bottom, 2 * (size_t)least * (size_t)width);
    int rows = 0, even = 0, lines = 0, lettered = 0, most_strokes = 0, strokes;
    size_t near = 0;
    for (int y = height - 1; paper >= 0 && y >= 0 && lines <= STRIP_LINES; y--) {
        int found = read_row(image->pixels + (size_t)y * (size_t)width, width, paper, &strokes);
        if (found < PANEL_SHARE * width) {
            lines++;
            continue;
        }
        lines = 0;
        rows = height - y;
        if (rows * STRIP_MOST > height) {
            return 0;
        }
        even++;
        near += (size_t)found;
        lettered += strokes >= 3;
        most_strokes = strokes > most_strokes ? strokes : most_strokes;
    }
    bool strip = rows >= least && 2 * near >= (size_t)even * (size_t)width &&
                 lettered >= LETTERED_ROWS && most_strokes >= 4;
    return strip ? rows : 0;
}
