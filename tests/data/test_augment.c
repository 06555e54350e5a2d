#include <semtinel/augment.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the three above. */
#include <cmocka.h>

#define SIZE 64
#define PIXELS (SIZE * SIZE)
#define DRAWS 200

static uint8_t image[PIXELS];
static float out[PIXELS];

static smt_augmenter *make(const smt_augment_options *options, int size)
{
    smt_augmenter *augmenter = NULL;
    smt_error error = {0};
    if (smt_augmenter_create(options, size, 2, &augmenter, &error) != SMT_OK) {
        fail_msg("%s", error.message);
    }
    return augmenter;
}

/* The grey levels of draw number `draw`. */
static void apply(smt_augmenter *augmenter, uint64_t draw)
{
    smt_augment_apply(augmenter, 0, image, smt_rng_seed(11, draw), 0, 1, 1, out);
}

static void random_image(void)
{
    smt_rng rng = smt_rng_seed(5, 0);
    for (int i = 0; i < PIXELS; i++) {
        image[i] = (uint8_t)smt_rng_next(&rng);
    }
}

static void ramp_image(void)
{
    for (int i = 0; i < PIXELS; i++) {
        image[i] = (uint8_t)(60 + 2 * (i % SIZE));
    }
}

static void no_option_changes_nothing(void **state)
{
    (void)state;
    smt_augment_options none = smt_augment_none();
    for (int size = 1; size <= SIZE; size += size < 8 ? 1 : 7) {
        smt_augmenter *augmenter = make(&none, size);
        float *three = smt_alloc((size_t)size * (size_t)size, 3 * sizeof *three);
        assert_non_null(three);
        random_image();
        smt_augment_apply(augmenter, 0, image, smt_rng_seed(1, 1), 128, 128, 1, out);
        smt_augment_apply(augmenter, 1, image, smt_rng_seed(1, 1), 100, 50, 3, three);
        for (int i = 0; i < size * size; i++) {
            assert_true(out[i] == ((float)image[i] - 128) / 128);
            for (int c = 0; c < 3; c++) {
                assert_true(fabsf(three[3 * i + c] - ((float)image[i] - 100) / 50) < 1e-6f);
            }
        }
        smt_free(three);
        smt_augmenter_destroy(&augmenter);
        assert_null(augmenter);
    }
}

static void turns_and_flips_are_exact(void **state)
{
    (void)state;
    smt_augment_options options = smt_augment_none();
    options.quarter_turns = 1;
    options.flip_horizontal = 0.5f;
    smt_augmenter *augmenter = make(&options, SIZE);
    random_image();
    int seen[8] = {0};
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        int match = -1, matches = 0;
        for (int kind = 0; kind < 8; kind++) {
            bool equal = true;
            for (int y = 0; equal && y < SIZE; y++) {
                for (int x = 0; equal && x < SIZE; x++) {
                    int u = kind & 1 ? SIZE - 1 - x : x, v = kind & 2 ? SIZE - 1 - y : y;
                    equal =
                        out[y * SIZE + x] == (float)image[kind & 4 ? u * SIZE + v : v * SIZE + u];
                }
            }
            if (equal) {
                match = kind;
                matches++;
            }
        }
        assert_int_equal(matches, 1);
        seen[match]++;
    }
    for (int kind = 0; kind < 8; kind++) {
        assert_in_range(seen[kind], DRAWS / 8 - 18, DRAWS / 8 + 18); /* four deviations */
    }
    smt_augmenter_destroy(&augmenter);
}

/* Slopes and centre of the plane that a ramp of slope 2 along x became, from the middle of the
 * image, with the largest error. */
static void fit_plane(float *slope_x, float *slope_y, float *centre, float *worst)
{
    int low = SIZE / 2 - 8, high = SIZE / 2 + 7;
    float span = (float)(high - low);
    *slope_x = (out[SIZE / 2 * SIZE + high] - out[SIZE / 2 * SIZE + low]) / span;
    *slope_y = (out[high * SIZE + SIZE / 2] - out[low * SIZE + SIZE / 2]) / span;
    float origin = out[SIZE / 2 * SIZE + SIZE / 2];
    *worst = 0;
    for (int y = low; y <= high; y++) {
        for (int x = low; x <= high; x++) {
            float plane =
                origin + *slope_x * (float)(x - SIZE / 2) + *slope_y * (float)(y - SIZE / 2);
            *worst = fmaxf(*worst, fabsf(out[y * SIZE + x] - plane));
        }
    }
    *centre = origin - 0.5f * (*slope_x + *slope_y);
}

/* What a warp does to a ramp is known exactly: a plane
 * whose slopes are the first row of the matrix. */
static void warps_stay_in_their_ranges(void **state)
{
    (void)state;
    ramp_image();
    const float middle = 60 + 2 * 0.5f * (SIZE - 1);
    for (int kind = 0; kind < 4; kind++) {
        smt_augment_options options = smt_augment_none();
        options.rotation = kind == 0 ? 20 : 0;
        options.zoom = kind == 1 ? 0.25f : 0;
        options.shift = kind == 2 ? 0.1f : 0;
        options.stretch = kind == 3 ? 0.21f : 0;
        smt_augmenter *augmenter = make(&options, SIZE);
        float least = 1e9f, most = -1e9f;
        for (uint64_t draw = 0; draw < DRAWS; draw++) {
            float a, b, centre, worst;
            apply(augmenter, draw);
            fit_plane(&a, &b, &centre, &worst);
            assert_true(worst < 0.05f);
            float value = kind == 0   ? atan2f(-b, a) * 180 / 3.14159265f
                          : kind == 1 ? a / 2
                          : kind == 2 ? (centre - middle) / 2
                                      : a / 2;
            assert_true(kind == 0 || fabsf(b) < 0.01f);
            assert_true(kind == 2 || fabsf(centre - middle) < 0.05f);
            assert_true(kind != 0 || fabsf(hypotf(a, b) - 2) < 0.02f);
            least = fminf(least, value);
            most = fmaxf(most, value);
        }
        /* The whole range is used, and not left. */
        static const float low[] = {-20, 0.8f, -6.4f, 0.9091f}, high[] = {20, 1.25f, 6.4f, 1.1f};
        float slack = 0.05f * (high[kind] - low[kind]);
        assert_true(least > low[kind] - 0.02f * slack - 0.01f && least < low[kind] + slack);
        assert_true(most < high[kind] + 0.02f * slack + 0.01f && most > high[kind] - slack);
        smt_augmenter_destroy(&augmenter);
    }
}

static void tones_are_monotonic_and_in_range(void **state)
{
    (void)state;
    for (int i = 0; i < PIXELS; i++) {
        image[i] = (uint8_t)(i % 256);
    }
    smt_augment_options options = smt_augment_none();
    options.contrast = 0.5f;
    smt_augmenter *augmenter = make(&options, SIZE);
    float least = 9, most = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        float gain = (out[138] - out[118]) / 20;
        least = fminf(least, gain);
        most = fmaxf(most, gain);
        assert_true(fabsf(out[128] - 128) < 0.01f);
    }
    assert_true(least > 0.66f && least < 0.7f && most > 1.43f && most < 1.51f);
    smt_augmenter_destroy(&augmenter);

    options = (smt_augment_options){.gamma = 1, .brightness = 0};
    augmenter = make(&options, SIZE);
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        float exponent = logf(out[100] / 255) / logf(100.0f / 255);
        assert_true(exponent > 0.499f && exponent < 2.001f);
        assert_true(fabsf(out[200] - 255 * powf(200.0f / 255, exponent)) < 0.02f);
        assert_true(out[0] == 0 && fabsf(out[255] - 255) < 0.01f);
    }
    smt_augmenter_destroy(&augmenter);

    options = (smt_augment_options){.gamma = 1, .brightness = 100, .contrast = 1};
    augmenter = make(&options, SIZE);
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        for (int i = 1; i < 256; i++) {
            assert_true(out[i] >= out[i - 1] && out[i] <= 255 && out[i] >= 0);
        }
    }
    smt_augmenter_destroy(&augmenter);
}

static void inversion_and_shading_are_exact(void **state)
{
    (void)state;
    smt_augment_options options = smt_augment_none();
    options.invert = 0.5f;
    smt_augmenter *augmenter = make(&options, SIZE);
    random_image();
    int inverted = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        bool inverse = out[0] != (float)image[0];
        for (int i = 0; i < PIXELS; i++) {
            assert_true(out[i] == (float)(inverse ? 255 - image[i] : image[i]));
        }
        inverted += inverse;
    }
    assert_in_range(inverted, 72, 128);
    smt_augmenter_destroy(&augmenter);

    options = (smt_augment_options){.shade = 20};
    augmenter = make(&options, SIZE);
    memset(image, 128, PIXELS);
    float most = 0, turned[2] = {0, 0};
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        float a, b, centre, worst;
        apply(augmenter, draw);
        fit_plane(&a, &b, &centre, &worst);
        assert_true(worst < 0.01f && fabsf(centre - 128) < 0.01f);
        float height = hypotf(a, b) * SIZE / 2;
        assert_true(height < 20.01f);
        most = fmaxf(most, height);
        turned[0] += a > 0;
        turned[1] += b > 0;
    }
    assert_true(most > 18);
    assert_true(fabsf(turned[0] - DRAWS / 2) < 28 && fabsf(turned[1] - DRAWS / 2) < 28);
    smt_augmenter_destroy(&augmenter);
}

static float deviation(float *mean)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < PIXELS; i++) {
        sum += (double)out[i];
        squares += (double)out[i] * (double)out[i];
    }
    double m = sum / PIXELS;
    *mean = (float)m;
    return (float)sqrt(fmax(squares / PIXELS - m * m, 0));
}

static void noise_has_the_stated_deviation(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        /* Gaussian; shot noise at white / 2 and at white / 8, where it is sqrt(1/2) and sqrt(1/8)
         * of that at white. */
        static const uint8_t grey[] = {128, 128, 32};
        static const float factor[] = {1, 0.7085f, 0.3542f};
        smt_augment_options options = smt_augment_none();
        *(kind ? &options.shot : &options.noise) = 10;
        smt_augmenter *augmenter = make(&options, SIZE);
        memset(image, grey[kind], PIXELS);
        float sum = 0, most = 0;
        for (uint64_t draw = 0; draw < DRAWS; draw++) {
            float mean, sd;
            apply(augmenter, draw);
            sd = deviation(&mean);
            assert_true(fabsf(mean - grey[kind]) < 0.1f * sd + 0.01f);
            sum += sd;
            most = fmaxf(most, sd);
        }
        assert_true(fabsf(sum / DRAWS / factor[kind] - 5) <
                    0.8f); /* uniform in 0 .. 10: four deviations */
        assert_true(most / factor[kind] < 10.5f && most / factor[kind] > 9.3f);
        smt_augmenter_destroy(&augmenter);
    }
}

static void neighbours_are_independent(void **state)
{
    (void)state;
    smt_augment_options options = smt_augment_none();
    options.noise = 20;
    smt_augmenter *augmenter = make(&options, SIZE);
    memset(image, 128, PIXELS);
    double across = 0, down = 0, power = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        for (int i = 0; i + SIZE < PIXELS; i++) {
            double here = (double)out[i] - 128;
            across += here * ((double)out[i + 1] - 128);
            down += here * ((double)out[i + SIZE] - 128);
            power += here * here;
        }
    }
    assert_true(fabs(across / power) < 0.02 && fabs(down / power) < 0.02);
    smt_augmenter_destroy(&augmenter);
}

/* The second moment of a point's image is the variance of the blur. */
static void blur_has_the_stated_width(void **state)
{
    (void)state;
    smt_augment_options options = smt_augment_none();
    options.blur = 1.5f;
    smt_augmenter *augmenter = make(&options, SIZE);
    memset(image, 0, PIXELS);
    image[SIZE / 2 * SIZE + SIZE / 2] = 255;
    float widest = 0, total = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        double mass = 0, moment_x = 0, moment_y = 0;
        apply(augmenter, draw);
        for (int i = 0; i < PIXELS; i++) {
            int x = i % SIZE - SIZE / 2, y = i / SIZE - SIZE / 2;
            mass += (double)out[i];
            moment_x += (double)(out[i] * (float)(x * x));
            moment_y += (double)(out[i] * (float)(y * y));
        }
        assert_true(fabs(mass - 255) < 4); /* rounding of many small values */
        float sigma = (float)sqrt(moment_x / mass);
        assert_true(fabs((double)sigma - sqrt(moment_y / mass)) < 0.1);
        widest = fmaxf(widest, sigma);
        total += sigma;
    }
    assert_true(widest > 1.35f && widest < 1.6f);
    assert_true(fabsf(total / DRAWS - 0.75f) < 0.13f);
    smt_augmenter_destroy(&augmenter);
}

static void jitter_moves_rows(void **state)
{
    (void)state;
    smt_augment_options options = smt_augment_none();
    options.jitter = 2;
    smt_augmenter *augmenter = make(&options, SIZE);
    ramp_image();
    double total = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        double squares = 0;
        for (int y = 0; y < SIZE; y++) {
            const float *row = out + y * SIZE;
            double shift = ((double)row[20] - 100) / 2;
            assert_true(fabs((double)row[40] - 140 - 2 * shift) <
                        0.05); /* the whole row moves as one */
            squares += shift * shift;
        }
        total += sqrt(squares / SIZE);
    }
    assert_true(fabs(total / DRAWS - 1) < 0.2);
    smt_augmenter_destroy(&augmenter);
}

static void boxes_are_of_the_stated_size(void **state)
{
    (void)state;
    smt_augment_options options = smt_augment_none();
    options.cutout = 0.5f;
    options.cutout_side = 0.4f;
    smt_augmenter *augmenter = make(&options, SIZE);
    for (int i = 0; i < PIXELS; i++) {
        image[i] = (i + i / SIZE) % 2 ? 200 : 100;
    }
    int boxes = 0, largest = 0;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
        apply(augmenter, draw);
        int changed = 0, left = SIZE, right = -1, top = SIZE, bottom = -1;
        for (int i = 0; i < PIXELS; i++) {
            if (out[i] != (float)image[i]) {
                int x = i % SIZE, y = i / SIZE;
                assert_true(fabsf(out[i] - 150) < 0.01f); /* the mean grey */
                changed++;
                left = x < left ? x : left, right = x > right ? x : right;
                top = y < top ? y : top, bottom = y > bottom ? y : bottom;
            }
        }
        if (changed) {
            assert_int_equal(changed, (right - left + 1) * (bottom - top + 1));
            assert_true(right - left + 1 <= 27 && bottom - top + 1 <= 27);
            largest = right - left + 1 > largest ? right - left + 1 : largest;
            boxes++;
        }
    }
    assert_in_range(boxes, 70, 130);
    assert_in_range(largest, 22, 27);
    smt_augmenter_destroy(&augmenter);
}

/* The greatest allowed changes, for awkward sizes: run under the sanitizers. */
static void extremes_stay_inside_memory(void **state)
{
    (void)state;
    smt_augment_options wild = {.quarter_turns = 1,
                                .flip_horizontal = 0.5f,
                                .flip_vertical = 0.5f,
                                .rotation = 45,
                                .zoom = 1,
                                .stretch = 1,
                                .shift = 0.5f,
                                .shear = 0.5f,
                                .contrast = 2,
                                .brightness = 128,
                                .gamma = 2,
                                .invert = 0.5f,
                                .shade = 64,
                                .blur = 2,
                                .noise = 64,
                                .shot = 64,
                                .jitter = 4,
                                .cutout = 1,
                                .cutout_side = 0.75f};
    random_image();
    for (int size = 1; size <= SIZE; size++) {
        smt_augmenter *augmenter = make(&wild, size);
        uint8_t *exact = malloc((size_t)size * (size_t)size), bytes[PIXELS];
        assert_non_null(exact);
        memcpy(exact, image, (size_t)size * (size_t)size);
        for (uint64_t draw = 0; draw < 40; draw++) {
            smt_rng rng = smt_rng_seed(7, draw);
            smt_augment_apply(augmenter, 1, exact, rng, 0, 1, 1, out);
            smt_augment_apply_u8(augmenter, 0, exact, rng, bytes);
            for (int i = 0; i < size * size; i++) {
                assert_true(out[i] >= 0 && out[i] <= 255);
                assert_int_equal(bytes[i], (int)(out[i] + 0.5f));
            }
        }
        free(exact);
        smt_augmenter_destroy(&augmenter);
    }
}

static void equal_streams_give_equal_bits(void **state)
{
    (void)state;
    smt_augment_options options = smt_augment_defaults();
    smt_augmenter *augmenter = make(&options, SIZE), *other = make(&options, SIZE);
    static float again[PIXELS];
    random_image();
    uint8_t in_place[PIXELS], apart[PIXELS];
    int different = 0;
    for (uint64_t draw = 0; draw < 50; draw++) {
        apply(augmenter, draw);
        smt_augment_apply(other, 1, image, smt_rng_seed(11, draw), 0, 1, 1, again);
        assert_memory_equal(out, again, sizeof out);
        smt_augment_apply(other, 0, image, smt_rng_seed(11, draw + 1), 0, 1, 1, again);
        different += memcmp(out, again, sizeof out) != 0;
        memcpy(in_place, image, PIXELS);
        smt_augment_apply_u8(augmenter, 0, in_place, smt_rng_seed(11, draw), in_place);
        smt_augment_apply_u8(augmenter, 0, image, smt_rng_seed(11, draw), apart);
        assert_memory_equal(in_place, apart, PIXELS);
    }
    assert_int_equal(different, 50);
    smt_augmenter_destroy(&augmenter);
    smt_augmenter_destroy(&other);
}

static void refuses_wrong_options_and_short_memory(void **state)
{
    (void)state;
    smt_error error;
    smt_augmenter *augmenter = NULL;
    smt_augment_options options = smt_augment_defaults();
    assert_int_equal(smt_augment_check(&options, &error), SMT_OK);
    options.rotation = 46;
    assert_int_equal(smt_augment_check(&options, &error), SMT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "rotation = 46 is not in 0 .. 45"));
    options.rotation = NAN;
    assert_int_equal(smt_augmenter_create(&options, 8, 1, &augmenter, &error), SMT_ERR_ARGUMENT);
    options = smt_augment_defaults();
    options.noise = -1;
    assert_int_equal(smt_augment_check(&options, &error), SMT_ERR_ARGUMENT);
    options = smt_augment_defaults();
    assert_int_equal(smt_augmenter_create(&options, 0, 1, &augmenter, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_augmenter_create(&options, 5000, 1, &augmenter, &error), SMT_ERR_ARGUMENT);
    assert_int_equal(smt_augmenter_create(&options, 8, 0, &augmenter, &error), SMT_ERR_ARGUMENT);
    int failures = 0;
    for (long countdown = 0;; countdown++) {
        smt_alloc_fail_after(countdown);
        smt_status status = smt_augmenter_create(&options, 32, 2, &augmenter, &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            break;
        }
        assert_int_equal(status, SMT_ERR_MEMORY);
        assert_null(augmenter);
        failures++;
    }
    assert_true(failures >= 8);
    smt_augmenter_destroy(&augmenter);
    smt_augmenter_destroy(&augmenter);
    smt_augmenter_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_option_changes_nothing),
        cmocka_unit_test(turns_and_flips_are_exact),
        cmocka_unit_test(warps_stay_in_their_ranges),
        cmocka_unit_test(tones_are_monotonic_and_in_range),
        cmocka_unit_test(inversion_and_shading_are_exact),
        cmocka_unit_test(noise_has_the_stated_deviation),
        cmocka_unit_test(neighbours_are_independent),
        cmocka_unit_test(blur_has_the_stated_width),
        cmocka_unit_test(jitter_moves_rows),
        cmocka_unit_test(boxes_are_of_the_stated_size),
        cmocka_unit_test(extremes_stay_inside_memory),
        cmocka_unit_test(equal_streams_give_equal_bits),
        cmocka_unit_test(refuses_wrong_options_and_short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
