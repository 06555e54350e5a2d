/* Which rows have the largest inner products with each row. The result is that of all pairs, but
 * few products are computed.
 *
 * HEAD orthonormal directions hold most of the rows' energy. With h(a) the projection on them and
 * r(a) the length of the rest, a.b <= h(a).h(b) + r(a) r(b) by Cauchy and Schwarz. A pair whose
 * bound is below the last entry of a full list is skipped: 95% of 100 000 images' pairs. The bound
 * holds for any orthonormal directions, so the best ones need not be found exactly: a few rounds of
 * subspace iteration on the second moments of a sample do. */
#include "data/nearest.h"

#include "base/vector.h"

#include <math.h>
#include <string.h>

#define WIDTH PRINT_SHAPE_PADDED
#define HEAD 32
#define TILE 64
#define LANES 16
#define SAMPLE 2048
#define ROUNDS 8
/* Far above what rounding adds to a bound or a product, some 1e-6. */
#define MARGIN 1e-4f

typedef struct directions {
    double moments[WIDTH][WIDTH], basis[HEAD][WIDTH], next[HEAD][WIDTH];
} directions;

static void take_moments(const nearest *index, directions *d)
{
    size_t step = (index->count + SAMPLE - 1) / SAMPLE;
    for (size_t i = 0; i < index->count; i += step) {
        const float *row = index->rows + i * WIDTH;
        for (int y = 0; y < WIDTH; y++) {
            for (int x = 0; x < WIDTH; x++) {
                d->moments[y][x] += (double)row[y] * (double)row[x];
            }
        }
    }
}

static double product_f64(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < WIDTH; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Gram and Schmidt, twice for the digits. What depends on the directions before becomes zero, which
 * leaves the bound valid. */
static void orthonormalise(directions *d)
{
    for (int k = 0; k < HEAD; k++) {
        double *row = d->basis[k], before = product_f64(row, row);
        for (int j = 0; j < 2 * k; j++) {
            const double *other = d->basis[j % k];
            double share = product_f64(row, other);
            for (int i = 0; i < WIDTH; i++) {
                row[i] -= share * other[i];
            }
        }
        double square = product_f64(row, row);
        double scale = square > 1e-20 * before ? 1 / sqrt(square) : 0;
        for (int i = 0; i < WIDTH; i++) {
            row[i] *= scale;
        }
    }
}

static void find_directions(const nearest *index, directions *d)
{
    smt_rng rng = smt_rng_seed(1, 1);
    for (int i = 0; i < HEAD * WIDTH; i++) {
        d->basis[i / WIDTH][i % WIDTH] = smt_rng_normal(&rng);
    }
    take_moments(index, d);
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < HEAD; k++) {
            for (int i = 0; i < WIDTH; i++) {
                d->next[k][i] = product_f64(d->basis[k], d->moments[i]);
            }
        }
        memcpy(d->basis, d->next, sizeof d->basis);
        orthonormalise(d);
    }
}

smt_status nearest_prepare(const float *rows, size_t count, nearest *out, smt_error *error)
{
    size_t tiles = (count + TILE - 1) / TILE;
    *out = (nearest){.rows = rows, .count = count};
    directions *d = smt_alloc(1, sizeof *d);
    out->heads = smt_alloc(tiles, HEAD * TILE * sizeof *out->heads);
    out->rests = smt_alloc(tiles, TILE * sizeof *out->rests);
    if (!d || !out->heads || !out->rests) {
        smt_free(d);
        nearest_free(out);
        return smt_fail(error, SMT_ERR_MEMORY, "search among %zu images: out of memory", count);
    }
    find_directions(out, d);
    for (size_t i = 0; i < count; i++) {
        double row[WIDTH];
        for (int k = 0; k < WIDTH; k++) {
            row[k] = (double)rows[i * WIDTH + (size_t)k];
        }
        double rest = product_f64(row, row);
        for (size_t k = 0; k < HEAD; k++) {
            double part = product_f64(row, d->basis[k]);
            out->heads[(i / TILE * HEAD + k) * TILE + i % TILE] = (float)part;
            rest -= part * part;
        }
        out->rests[i] = rest > 0 ? (float)sqrt(rest) : 0;
    }
    smt_free(d);
    return SMT_OK;
}

void nearest_free(nearest *index)
{
    smt_free(index->heads);
    smt_free(index->rests);
    *index = (nearest){0};
}

static SMT_VECTOR_CLONES float product(const float *a, const float *b)
{
    /* Sixteen partial sums: a fixed order that vectorises without reordering by the compiler. */
    float sums[LANES] = {0};
    for (int i = 0; i < WIDTH; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    float total = 0;
    for (int k = 0; k < LANES; k++) {
        total += sums[k];
    }
    return total;
}

/* Places in the tile, in order, whose bound reaches the limit. */
static SMT_VECTOR_CLONES int promising(const float *head,
                                       float rest,
                                       const float *tile,
                                       const float *rests,
                                       float limit,
                                       uint8_t *places)
{
    float bounds[TILE];
    for (int k = 0; k < TILE; k++) {
        bounds[k] = rest * rests[k];
    }
    for (int d = 0; d < HEAD; d += 4) {
        const float *rows = tile + d * TILE;
        for (int k = 0; k < TILE; k++) {
            bounds[k] += head[d] * rows[k] + head[d + 1] * rows[TILE + k] +
                         head[d + 2] * rows[2 * TILE + k] + head[d + 3] * rows[3 * TILE + k];
        }
    }
    int found = 0;
    for (int k = 0; k < TILE; k++) {
        places[found] = (uint8_t)k;
        found += bounds[k] >= limit;
    }
    return found;
}

typedef struct best {
    float head[HEAD], scores[NEAREST_MOST];
    int count;
} best;

static void offer(best *b, uint32_t *list, int most, float score, uint32_t row)
{
    int at = b->count < most ? b->count++ : most - 1;
    for (; at > 0 && b->scores[at - 1] < score; at--) {
        b->scores[at] = b->scores[at - 1];
        list[at] = list[at - 1];
    }
    b->scores[at] = score;
    list[at] = row;
}

/* The tile's rows into the list of `self`, which those of lower index are in already. */
static void add_tile(
    const nearest *index, size_t tile, size_t self, int most, float least, best *b, uint32_t *list)
{
    uint8_t places[TILE];
    float limit = b->count == most ? b->scores[most - 1] : least;
    int found = promising(b->head,
                          index->rests[self],
                          index->heads + tile * HEAD * TILE,
                          index->rests + tile * TILE,
                          limit - MARGIN,
                          places);
    for (int i = 0; i < found; i++) {
        size_t other = tile * TILE + places[i];
        if (other == self) {
            continue;
        }
        float score = product(index->rows + self * WIDTH, index->rows + other * WIDTH);
        if (score >= least && (b->count < most || score > b->scores[most - 1])) {
            offer(b, list, most, score, (uint32_t)other);
        }
    }
}

bool nearest_list(const nearest *index, size_t block, int most, float least, uint32_t *lists)
{
    size_t first = block * NEAREST_BLOCK, end = first + NEAREST_BLOCK;
    end = end < index->count ? end : index->count;
    best *found = smt_alloc_unset(NEAREST_BLOCK, sizeof *found); /* half a megabyte */
    if (!found) {
        return false;
    }
    for (size_t i = first; i < end; i++) {
        best *b = &found[i - first];
        b->count = 0;
        for (size_t d = 0; d < HEAD; d++) {
            b->head[d] = index->heads[(i / TILE * HEAD + d) * TILE + i % TILE];
        }
    }
    for (size_t tile = 0; tile * TILE < index->count; tile++) {
        for (size_t i = first; i < end; i++) {
            add_tile(
                index, tile, i, most, least, &found[i - first], lists + (i - first) * (size_t)most);
        }
    }
    for (size_t i = first; i < end; i++) {
        uint32_t *list = lists + (i - first) * (size_t)most;
        for (int k = found[i - first].count; k < most; k++) {
            list[k] = UINT32_MAX;
        }
    }
    smt_free(found);
    return true;
}
