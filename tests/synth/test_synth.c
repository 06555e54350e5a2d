/* The simulator: spectrum of its edges against the formula, determinism, defects against their
 * twins, statistics, bad arguments. */
#include <semtinel/synth.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>

#include "synth/scene.h"

static const double PI_ = 3.14159265358979323846;

static void near_to(double value, double expected, double relative, const char *what)
{
    if (!(fabs(value - expected) <= relative * fabs(expected))) {
        fail_msg("%s: %g, expected %g within %g%%", what, value, expected, 100 * relative);
    }
}

/* Power spectral density of edge displacement at frequency f, Palasantzas (Phys. Rev. B 48, 14472,
 * 1993) in the one-dimensional form used for line edges (Mack, J. Micro/Nanolith. 12, 2013),
 * two-sided, so that its integral over all f is sigma^2. sigma: standard deviation of the edge; xi:
 * correlation length; a: roughness exponent. */
static double formula(double f, double sigma, double xi, double a)
{
    double q = 2 * PI_ * f * xi;
    return sqrt(PI_) * exp(lgamma(a + 0.5) - lgamma(a)) * 2 * xi * sigma * sigma /
           pow(1 + q * q, a + 0.5);
}

/* Values of the formula from Python, with its math.gamma. */
static void test_formula(void **state)
{
    (void)state;
    near_to(formula(0, 2, 25, 0.6), 226.461739504315, 1e-12, "psd");
    near_to(formula(0.01, 2, 25, 0.6), 57.67536451327956, 1e-12, "psd");
    near_to(formula(0.2, 1.5, 10, 0.8), 0.08457838960210608, 1e-12, "psd");
    near_to(formula(0.05, 0.5, 50, 0.4), 0.14953825417726282, 1e-12, "psd");
    double sum = 0, step = 1e-4; /* the integral over all frequencies is sigma^2 */
    for (int k = 0; k < 2000000; k++) {
        sum += 2 * step * formula((k + 0.5) * step, 2, 25, 0.8);
    }
    near_to(sum, 4, 0.003, "integral of the spectrum");
}

/* Adds the windowed periodogram of an edge to psd[0 .. count / 2). */
static void
add_periodogram(const float *edge, int count, double step, double *psd, int from, int to)
{
    double weights = 0;
    for (int i = 0; i < count; i++) {
        double w = 0.5 - 0.5 * cos(2 * PI_ * (i + 0.5) / count);
        weights += w * w;
    }
    for (int k = from; k < to; k++) {
        double re = 0, im = 0, c = 1, s = 0, dc = cos(2 * PI_ * k / count),
               ds = sin(2 * PI_ * k / count);
        for (int i = 0; i < count; i++) {
            double w = 0.5 - 0.5 * cos(2 * PI_ * (i + 0.5) / count), x = w * (double)edge[i], t = c;
            re += x * c;
            im += x * s;
            c = c * dc - s * ds;
            s = t * ds + s * dc;
        }
        psd[k] += step * (re * re + im * im) / weights;
    }
}

static void check_spectrum(double sigma, double xi, double a)
{
    enum { COUNT = SYNTH_EDGE_SAMPLES, SCENES = 4, EDGES = SCENES * SYNTH_MAX_LINES };
    static float edges[SYNTH_MAX_LINES * 2 * COUNT];
    double psd[COUNT] = {0}, squares = 0, step = (double)SYNTH_EDGE_SPAN / COUNT;
    for (int n = 0; n < EDGES; n++) {
        if (n % SYNTH_MAX_LINES == 0) {
            synth_scene s = {.edges = edges,
                             .rng = smt_rng_seed(11, (uint64_t)n),
                             .sigma = (float)sigma,
                             .xi = (float)xi,
                             .exponent = (float)a,
                             .together = 0.5f};
            synth_edges(&s, SYNTH_MAX_LINES);
        }
        const float *edge = edges + n % SYNTH_MAX_LINES * 2 * COUNT;
        add_periodogram(edge, COUNT, step, psd, 2, 112);
        for (int i = 0; i < COUNT; i++) {
            squares += (double)(edge[i] * edge[i]) / COUNT / EDGES;
        }
    }
    /* Bands of an octave: the edges leave 2 to 4 percent of
     * scatter. Close to the lower end the window smears. */
    for (int from = 7; from < 112; from *= 2) {
        double measured = 0, expected = 0;
        for (int k = from; k < 2 * from && k < 112; k++) {
            measured += psd[k] / EDGES;
            expected += formula(k / (COUNT * step), sigma, xi, a);
        }
        near_to(measured, expected, 0.08, "band of the spectrum");
    }
    /* What lies beyond the Nyquist frequency is missing from the variance, and no more. */
    double below = 0, width = 0.5 / step / 20000;
    for (int k = 0; k < 20000; k++) {
        below += 2 * width * formula((k + 0.5) * width, sigma, xi, a);
    }
    near_to(squares, below, 0.05, "variance of the edge");
}

static void test_spectrum(void **state)
{
    (void)state;
    check_spectrum(0.01, 0.06, 0.5);
    check_spectrum(0.02, 0.07, 0.8);
    check_spectrum(0.004, 0.02, 0.6);
}

/* Threads draw at once, and lgamma leaves a sign there. */
static void test_edge_changes_no_global(void **state)
{
    (void)state;
    float edges[2 * SYNTH_EDGE_SAMPLES];
    synth_scene s = {
        .edges = edges, .rng = smt_rng_seed(1, 0), .sigma = 0.01f, .xi = 0.1f, .exponent = 0.6f};
    signgam = 7;
    synth_edges(&s, 1);
    assert_int_equal(signgam, 7);
}

static void test_edge_pairs(void **state)
{
    (void)state;
    static float edges[SYNTH_MAX_LINES * 2 * SYNTH_EDGE_SAMPLES];
    for (int k = 0; k < 3; k++) {
        synth_scene s;
        memset(&s, 0, sizeof s);
        s.edges = edges;
        s.rng = smt_rng_seed(5, (uint64_t)k);
        s.sigma = 0.01f;
        s.xi = 0.02f;
        s.exponent = 0.7f;
        s.together = 0.5f * (float)k;
        synth_edges(&s, SYNTH_MAX_LINES);
        double left = 0, right = 0, both = 0;
        for (int line = 0; line < SYNTH_MAX_LINES; line++) {
            const float *a = edges + line * 2 * SYNTH_EDGE_SAMPLES, *b = a + SYNTH_EDGE_SAMPLES;
            for (int i = 0; i < SYNTH_EDGE_SAMPLES; i++) {
                left += (double)(a[i] * a[i]);
                right += (double)(b[i] * b[i]);
                both += (double)(a[i] * b[i]);
            }
        }
        double count = SYNTH_MAX_LINES * SYNTH_EDGE_SAMPLES;
        double correlation = both / sqrt(left * right);
        assert_true(fabs(correlation - (k - 1)) < 0.05);
        assert_true(left / count > 0.85e-4 && left / count < 1.05e-4);
        assert_true(right / count > 0.85e-4 && right / count < 1.05e-4);
    }
}

/* ---- the pattern's defects ---- */

enum { SIDE = 96, PIXELS = SIDE * SIDE };

/* Upright lines, 0.07 wide at a pitch of 0.14. */
static void draw_lines(float *field)
{
    for (int i = 0; i < PIXELS; i++) {
        double x = (i % SIDE + 0.5) / SIDE / 0.14, off = fabs(x - floor(x) - 0.5);
        field[i] = (float)((off - 0.25) * 0.14);
    }
}

/* How many connected pieces the pattern has, specks aside. */
static int pieces(const float *field)
{
    static int stack[PIXELS];
    static bool seen[PIXELS];
    int found = 0;
    memset(seen, 0, sizeof seen);
    for (int first = 0; first < PIXELS; first++) {
        int count = 0, area = 0;
        if (field[first] < 0 && !seen[first]) {
            seen[first] = true;
            stack[count++] = first;
        }
        while (count) {
            int k = stack[--count], x = k % SIDE, y = k / SIDE;
            const int next[4] = {x ? k - 1 : k,
                                 x < SIDE - 1 ? k + 1 : k,
                                 y ? k - SIDE : k,
                                 y < SIDE - 1 ? k + SIDE : k};
            area++;
            for (int n = 0; n < 4; n++) {
                if (field[next[n]] < 0 && !seen[next[n]]) {
                    seen[next[n]] = true;
                    stack[count++] = next[n];
                }
            }
        }
        found += area > 20;
    }
    return found;
}

/* What tells the classes apart: a bridge joins lines and takes nothing away, an open parts or
 * removes lines and adds nothing. */
static void test_bridges_and_opens(void **state)
{
    (void)state;
    static float before[PIXELS], after[PIXELS];
    static synth_scene s;
    draw_lines(before);
    const int lines = pieces(before);
    assert_int_equal(lines, 7);
    int joined = 0, parted = 0;
    for (int open = 0; open < 2; open++) {
        for (int i = 0; i < 100; i++) {
            s = (synth_scene){.size = SIDE, .pixel = 1.0f / SIDE, .count = PIXELS, .field = after};
            s.rng = smt_rng_seed(6, (uint64_t)i);
            s.look.level = 0.5f;
            memcpy(after, before, sizeof after);
            (open ? synth_defect_open : synth_defect_bridge)(&s);
            for (int k = 0; k < s.mark_count && !open; k++) { /* a stray wire */
                synth_stamp(&s, after, &s.marks[k].shape);
            }
            for (int k = 0; k < PIXELS; k++) {
                assert_true(open ? after[k] >= before[k] - 1e-6f : after[k] <= before[k] + 1e-6f);
            }
            int now = pieces(after);
            joined += !open && now < lines;
            parted += open && now != lines;
        }
    }
    print_message("of 100, bridges that join: %d, opens that part: %d\n", joined, parted);
    assert_true(joined >= 85 && parted >= 85);
}

static void test_polygon(void **state)
{
    (void)state;
    static float field[PIXELS];
    static const float square[4][2] = {
        {0.25f, 0.25f}, {0.75f, 0.25f}, {0.75f, 0.75f}, {0.25f, 0.75f}};
    synth_scene s = {.size = SIDE, .pixel = 1.0f / SIDE, .count = PIXELS};
    synth_fill(&s, field, SYNTH_FAR);
    synth_stamp_polygon(&s, field, square, 4, 0, 1);
    assert_float_equal(field[48 * SIDE + 26], -(26.5f / SIDE - 0.25f), 1e-5f);
    assert_float_equal(field[48 * SIDE + 20], 0.25f - 20.5f / SIDE, 1e-5f);
}

/* ---- images ---- */

enum { SIZE = 64, EACH = 6 };

typedef struct batch {
    smt_synth_preset preset;
    bool backwards;
    smt_image images[11 * EACH];
} batch;

static void render_task(void *context, int task, int worker)
{
    (void)worker;
    batch *b = context;
    int total = smt_synth_class_count(b->preset) * EACH,
        at = b->backwards ? total - 1 - task : task;
    smt_synth_render(
        b->preset, at / EACH, SIZE, 42, (uint64_t)(at % EACH), NULL, &b->images[at], NULL, NULL);
}

static void test_determinism(void **state)
{
    (void)state;
    static batch one, three;
    for (int preset = 0; preset < 2; preset++) {
        int total = smt_synth_class_count((smt_synth_preset)preset) * EACH;
        one = (batch){.preset = (smt_synth_preset)preset};
        three = (batch){.preset = (smt_synth_preset)preset, .backwards = true};
        smt_pool *pool = NULL;
        assert_int_equal(smt_pool_create(1, &pool, NULL), SMT_OK);
        smt_pool_run(pool, total, render_task, &one);
        smt_pool_destroy(&pool);
        assert_int_equal(smt_pool_create(3, &pool, NULL), SMT_OK);
        smt_pool_run(pool, total, render_task, &three);
        smt_pool_destroy(&pool);
        for (int i = 0; i < total; i++) {
            assert_non_null(one.images[i].pixels);
            assert_memory_equal(one.images[i].pixels, three.images[i].pixels, SIZE * SIZE);
            if (i) { /* and no two are the same */
                assert_int_not_equal(
                    memcmp(one.images[i].pixels, one.images[i - 1].pixels, SIZE * SIZE), 0);
            }
        }
        smt_image other = {0};
        assert_int_equal(
            smt_synth_render((smt_synth_preset)preset, 0, SIZE, 43, 0, NULL, &other, NULL, NULL),
            SMT_OK);
        assert_int_not_equal(memcmp(other.pixels, one.images[0].pixels, SIZE * SIZE), 0);
        smt_image_free(&other);
        for (int i = 0; i < total; i++) {
            smt_image_free(&one.images[i]);
            smt_image_free(&three.images[i]);
        }
    }
}

/* Share of the pixels that differ between an image and the same scene without its defect. */
static double difference(smt_synth_preset preset, int class_index, uint64_t index)
{
    smt_synth_options options;
    smt_synth_defaults(&options);
    options.noise = options.distortion = options.overlays = options.contrast = 0;
    smt_image with = {0}, without = {0};
    assert_int_equal(
        smt_synth_render(preset, class_index, 96, 8, index, &options, &with, NULL, NULL), SMT_OK);
    options.defect = false;
    assert_int_equal(
        smt_synth_render(preset, class_index, 96, 8, index, &options, &without, NULL, NULL),
        SMT_OK);
    int changed = 0;
    for (int i = 0; i < 96 * 96; i++) {
        changed += abs(with.pixels[i] - without.pixels[i]) > 12;
    }
    smt_image_free(&with);
    smt_image_free(&without);
    return changed / (96.0 * 96);
}

static void test_defects(void **state)
{
    (void)state;
    for (int preset = 0; preset < 2; preset++) {
        for (int k = 0; k < smt_synth_class_count((smt_synth_preset)preset); k++) {
            const char *name = smt_synth_class_name((smt_synth_preset)preset, k);
            bool clean = strncasecmp(name, "clean", 5) == 0;
            int seen = 0;
            for (uint64_t i = 0; i < 40; i++) {
                double changed = difference((smt_synth_preset)preset, k, i);
                if (clean) {
                    assert_true(changed == 0);
                }
                seen += changed > 4 / (96.0 * 96);
            }
            if (!clean && seen < 36) {
                fail_msg("%s: only %d of 40 images differ from their twins", name, seen);
            }
        }
    }
}

/* Where a crack changes the scene most, that is darker but for one in some. */
static void test_cracks_are_dark(void **state)
{
    (void)state;
    int crack = -1, darker = 0;
    for (int k = 0; k < smt_synth_class_count(SMT_SYNTH_PHASE1); k++) {
        crack = strcmp(smt_synth_class_name(SMT_SYNTH_PHASE1, k), "crack") == 0 ? k : crack;
    }
    smt_synth_options options;
    smt_synth_defaults(&options);
    options.noise = options.distortion = options.overlays = options.contrast = 0;
    for (uint64_t i = 0; i < 40; i++) {
        smt_image image[2] = {{0}, {0}};
        int largest = 0;
        for (int with = 0; with < 2; with++) {
            options.defect = with;
            assert_int_equal(
                smt_synth_render(
                    SMT_SYNTH_PHASE1, crack, SIDE, 8, i, &options, &image[with], NULL, NULL),
                SMT_OK);
        }
        for (int k = 0; k < PIXELS; k++) {
            int change = image[1].pixels[k] - image[0].pixels[k];
            largest = abs(change) > abs(largest) ? change : largest;
        }
        darker += largest < 0;
        smt_image_free(&image[0]);
        smt_image_free(&image[1]);
    }
    print_message("of 40 cracks, %d are darker than what they crack\n", darker);
    assert_true(darker >= 28);
}

static double correlation(const uint8_t *first, const uint8_t *second, int count)
{
    double a = 0, b = 0, aa = 0, bb = 0, ab = 0, n = count;
    for (int i = 0; i < count; i++) {
        double x = first[i], y = second[i];
        a += x;
        b += y;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    return (ab - a * b / n) / sqrt((aa - a * a / n) * (bb - b * b / n));
}

/* Mean correlation between the upper rows of images of a class and of the same scenes without their
 * defects; of one variant of the layout and two kinds of the defect, unless these are NULL. */
static double
likeness(int class_index, const char *variant, const char *kind, const char *other, int rows)
{
    smt_synth_options options;
    smt_synth_defaults(&options);
    options.noise = options.distortion = options.overlays = options.contrast = 0;
    double sum = 0;
    int count = 0;
    for (uint64_t index = 0; count < 16; index++) {
        smt_image image[2] = {{0}, {0}};
        smt_synth_labels labels[2];
        for (int with = 0; with < 2; with++) {
            options.defect = with;
            assert_int_equal(smt_synth_render(SMT_SYNTH_PHASE1,
                                              class_index,
                                              SIDE,
                                              8,
                                              index,
                                              &options,
                                              &image[with],
                                              &labels[with],
                                              NULL),
                             SMT_OK);
        }
        assert_string_equal(labels[0].layout, labels[1].layout);
        assert_ptr_equal(labels[0].variant, labels[1].variant);
        assert_null(labels[0].kind);
        if ((!variant || (labels[1].variant && strcmp(labels[1].variant, variant) == 0)) &&
            (!kind || strcmp(labels[1].kind, kind) == 0 || strcmp(labels[1].kind, other) == 0)) {
            sum += correlation(image[0].pixels, image[1].pixels, rows * SIDE);
            count++;
        }
        smt_image_free(&image[0]);
        smt_image_free(&image[1]);
    }
    return sum / count;
}

/* Without their defects, rough lines are the same lines, and a surface with marks that are seen by
 * their relief shows its own texture in the same light. */
static void test_twins(void **state)
{
    (void)state;
    assert_string_equal(smt_synth_class_name(SMT_SYNTH_PHASE1, 4), "ler");
    assert_string_equal(smt_synth_class_name(SMT_SYNTH_PHASE1, 2), "cmp");
    double lines = likeness(4, NULL, NULL, NULL, SIDE),
           film = likeness(2, "grain", "chatter", "pits", SIDE / 6);
    print_message(
        "correlation with the twins: rough lines %.2f, marks on film %.2f\n", lines, film);
    assert_true(lines > 0.7);
    assert_true(film > 0.7);
}

static void test_sizes(void **state)
{
    (void)state;
    /* The same scene at twice the size, averaged down, is the same picture. */
    smt_synth_options options;
    smt_synth_defaults(&options);
    options.noise = options.distortion = options.overlays = 0;
    double sum = 0;
    int count = 0;
    for (int k = 0; k < 10; k++) {
        smt_image small = {0}, large = {0}, half = {0};
        assert_int_equal(
            smt_synth_render(SMT_SYNTH_PHASE1, k, 64, 1, 2, &options, &small, NULL, NULL), SMT_OK);
        assert_int_equal(
            smt_synth_render(SMT_SYNTH_PHASE1, k, 128, 1, 2, &options, &large, NULL, NULL), SMT_OK);
        assert_int_equal(smt_image_resize(&large, 64, 64, &half, NULL), SMT_OK);
        sum += correlation(small.pixels, half.pixels, 64 * 64);
        count++;
        smt_image_free(&small);
        smt_image_free(&large);
        smt_image_free(&half);
    }
    near_to(sum / count, 1, 0.12, "correlation between sizes");
    const int sizes[] = {SMT_SYNTH_MIN_SIZE, 17, 100, 224, SMT_SYNTH_MAX_SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int k = 0; k < (sizes[i] > 500 ? 2 : 10); k++) {
            smt_image image = {0};
            assert_int_equal(
                smt_synth_render(SMT_SYNTH_PHASE1, k, sizes[i], 1, 1, NULL, &image, NULL, NULL),
                SMT_OK);
            assert_int_equal(image.width, sizes[i]);
            assert_int_equal(image.height, sizes[i]);
            smt_image_free(&image);
        }
    }
}

static void test_statistics(void **state)
{
    (void)state;
    double mean_sum = 0, lowest = 255, highest = 0;
    int flat = 0, total = 0;
    for (int preset = 0; preset < 2; preset++) {
        for (int k = 0; k < smt_synth_class_count((smt_synth_preset)preset); k++) {
            for (uint64_t i = 0; i < 20; i++) {
                smt_image image = {0};
                assert_int_equal(
                    smt_synth_render(
                        (smt_synth_preset)preset, k, SIZE, 4, i, NULL, &image, NULL, NULL),
                    SMT_OK);
                double sum = 0, squares = 0;
                for (int p = 0; p < SIZE * SIZE; p++) {
                    sum += image.pixels[p];
                    squares += image.pixels[p] * image.pixels[p];
                }
                double mean = sum / (SIZE * SIZE),
                       deviation = sqrt(squares / (SIZE * SIZE) - mean * mean);
                flat += deviation < 5;
                mean_sum += mean;
                lowest = mean < lowest ? mean : lowest;
                highest = mean > highest ? mean : highest;
                total++;
                smt_image_free(&image);
            }
        }
    }
    assert_true(flat < total / 50);
    assert_true(mean_sum / total > 85 && mean_sum / total < 125);
    assert_true(lowest > 15 && lowest < 70); /* brightness ranges widely */
    assert_true(highest < 245 && highest > 140);
}

static void test_noise_option(void **state)
{
    (void)state;
    double roughness[2] = {0, 0};
    for (int noisy = 0; noisy < 2; noisy++) {
        smt_synth_options options;
        smt_synth_defaults(&options);
        options.overlays = 0;
        options.noise = noisy ? 2 : 0;
        for (uint64_t i = 0; i < 20; i++) {
            smt_image image = {0};
            assert_int_equal(
                smt_synth_render(SMT_SYNTH_PHASE1, 1, SIZE, 4, i, &options, &image, NULL, NULL),
                SMT_OK);
            for (int p = 1; p < SIZE * SIZE; p++) {
                roughness[noisy] += abs(image.pixels[p] - image.pixels[p - 1]);
            }
            smt_image_free(&image);
        }
    }
    assert_true(roughness[1] > 1.2 * roughness[0]);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(smt_synth_class_count(SMT_SYNTH_PHASE1), 10);
    assert_int_equal(smt_synth_class_count(SMT_SYNTH_PHASE3), 11);
    for (int preset = 0; preset < 2; preset++) {
        smt_synth_preset p = (smt_synth_preset)preset;
        for (int k = 1; k < smt_synth_class_count(p); k++) {
            assert_true(strcmp(smt_synth_class_name(p, k - 1), smt_synth_class_name(p, k)) < 0);
        }
        assert_null(smt_synth_class_name(p, -1));
        assert_null(smt_synth_class_name(p, smt_synth_class_count(p)));
    }
}

/* Mean of the absolute differences of neighbours, both ways, of images of one layout of clean. */
static double roughness_of(const char *layout)
{
    double sum = 0;
    int images = 0;
    for (uint64_t index = 0; index < 1000 && images < 12; index++) {
        smt_image image = {0};
        smt_synth_labels labels;
        smt_synth_options options;
        smt_synth_defaults(&options);
        options.noise = options.overlays = options.distortion = 0;
        assert_int_equal(
            smt_synth_render(SMT_SYNTH_PHASE1, 1, 64, 5, index, &options, &image, &labels, NULL),
            SMT_OK);
        assert_null(labels.kind); /* a clean image has no defect to tell */
        if (strcmp(labels.layout, layout) == 0) {
            for (int y = 0; y + 1 < 64; y++) {
                for (int x = 0; x + 1 < 64; x++) {
                    const uint8_t *p = image.pixels + y * 64 + x;
                    sum += abs(p[1] - p[0]) + abs(p[64] - p[0]);
                }
            }
            images++;
        }
        smt_image_free(&image);
    }
    assert_int_equal(images, 12);
    return sum / (images * 63.0 * 63.0);
}

/* The layout that is told is the one that is drawn, and as frequent as its class says; every defect
 * has a kind, and another one the image without it. */
static void test_labels(void **state)
{
    (void)state;
    int lines = 0, uniform = 0, missing = 0, count = 800;
    for (int k = 0; k < smt_synth_class_count(SMT_SYNTH_PHASE1); k++) {
        const char *name = smt_synth_class_name(SMT_SYNTH_PHASE1, k);
        bool clean = strcmp(name, "clean") == 0, ler = strcmp(name, "ler") == 0,
             bridge = strcmp(name, "bridge") == 0;
        for (int i = 0; i < (bridge ? count : 40); i++) {
            smt_image image = {0};
            smt_synth_labels labels;
            assert_int_equal(
                smt_synth_render(
                    SMT_SYNTH_PHASE1, k, 16, 3, (uint64_t)i, NULL, &image, &labels, NULL),
                SMT_OK);
            smt_image_free(&image);
            assert_non_null(labels.layout);
            assert_true(!clean || !labels.kind);
            missing += !clean && !labels.kind;
            bool on_lines = strcmp(labels.layout, "lines") == 0;
            assert_true(on_lines || !ler);
            assert_true(!on_lines || labels.variant);
            lines += bridge && on_lines;
            uniform += bridge && on_lines && strcmp(labels.variant, "uniform") == 0;
        }
    }
    assert_true(abs(lines - count * 6 * 10 / 108) < 57); /* 6 of 10.8, four deviations */
    assert_in_range(missing, 0, 8); /* lines too fine for sixteen pixels to be cut */
    assert_true(abs(uniform * 100 - lines * 65) <
                lines * 9); /* 74%, less what is bent or crossed */
    double film = roughness_of("film"), with_lines = roughness_of("lines");
    if (!(with_lines > 1.5 * film)) {
        fail_msg("differences of neighbours: film %g, lines %g", film, with_lines);
    }
}

static void test_bad_arguments(void **state)
{
    (void)state;
    smt_image image = {0};
    smt_error error = {0};
    assert_int_equal(smt_synth_render((smt_synth_preset)9, 0, 64, 1, 1, NULL, &image, NULL, &error),
                     SMT_ERR_ARGUMENT);
    assert_int_equal(smt_synth_render(SMT_SYNTH_PHASE1, 10, 64, 1, 1, NULL, &image, NULL, &error),
                     SMT_ERR_ARGUMENT);
    assert_int_equal(smt_synth_render(SMT_SYNTH_PHASE1, -1, 64, 1, 1, NULL, &image, NULL, &error),
                     SMT_ERR_ARGUMENT);
    assert_int_equal(smt_synth_render(SMT_SYNTH_PHASE1, 0, 15, 1, 1, NULL, &image, NULL, &error),
                     SMT_ERR_ARGUMENT);
    assert_int_equal(smt_synth_render(SMT_SYNTH_PHASE1, 0, 1025, 1, 1, NULL, &image, NULL, &error),
                     SMT_ERR_ARGUMENT);
    for (int k = 0; k < 6; k++) {
        smt_synth_options options;
        smt_synth_defaults(&options);
        double *values[] = {&options.roughness,
                            &options.noise,
                            &options.blur,
                            &options.distortion,
                            &options.contrast,
                            &options.overlays};
        *values[k] = k % 2 ? -0.1 : 4.5;
        assert_int_equal(
            smt_synth_render(SMT_SYNTH_PHASE1, 0, 64, 1, 1, &options, &image, NULL, &error),
            SMT_ERR_ARGUMENT);
        *values[k] = (double)NAN;
        assert_int_equal(
            smt_synth_render(SMT_SYNTH_PHASE1, 0, 64, 1, 1, &options, &image, NULL, &error),
            SMT_ERR_ARGUMENT);
    }
    assert_null(image.pixels);
    for (long n = 0; n < 2; n++) {
        smt_alloc_fail_after(n);
        assert_int_equal(
            smt_synth_render(SMT_SYNTH_PHASE1, 0, 64, 1, 1, NULL, &image, NULL, &error),
            SMT_ERR_MEMORY);
    }
    smt_alloc_fail_after(-1);
    assert_null(image.pixels);
}

static void test_speed(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    print_message("speed is not tested under sanitizers\n");
    skip();
#else
    clock_t start = clock(); /* not the clock on the wall, which other programs slow down */
    for (int i = 0; i < 60; i++) {
        smt_image image = {0};
        assert_int_equal(
            smt_synth_render(
                SMT_SYNTH_PHASE1, i % 10, 128, 2, (uint64_t)i, NULL, &image, NULL, NULL),
            SMT_OK);
        smt_image_free(&image);
    }
    double rate = 60.0 * CLOCKS_PER_SEC / (double)(clock() - start);
    assert_true(rate > 30); /* 600 on an idle core; bench_synth measures */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_spectrum),
        cmocka_unit_test(test_edge_changes_no_global),
        cmocka_unit_test(test_edge_pairs),
        cmocka_unit_test(test_bridges_and_opens),
        cmocka_unit_test(test_polygon),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_defects),
        cmocka_unit_test(test_cracks_are_dark),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_noise_option),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
