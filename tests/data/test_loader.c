#include <semtinel/loader.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the three above. */
#include <cmocka.h>

#define SIZE 8
#define PIXELS (SIZE * SIZE)
#define CLASSES 4
#define COUNT 103
#define EXTRA 10
#define BATCH 16

/* Image i is filled with a pattern that begins with i; classes are unequal: 0 has most, 3 few, some
 * images have none. */
static uint8_t data[COUNT * PIXELS], extra_data[EXTRA * PIXELS];
static uint32_t samples[COUNT];
static int labels[COUNT], extra_labels[EXTRA];
static const smt_pixels pixels = {.size = SIZE, .count = COUNT, .data = data, .sample = samples};
static const smt_pixels extra_pixels = {
    .size = SIZE, .count = EXTRA, .data = extra_data, .sample = samples};
static const smt_loader_set set = {&pixels, labels}, extra = {&extra_pixels, extra_labels};
static int usable, class_counts[CLASSES];

static int set_up(void **state)
{
    (void)state;
    smt_rng rng = smt_rng_seed(2, 0);
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i % 20 == 7 ? -1 : i < 60 ? 0 : i < 90 ? 1 : i < 98 ? 2 : 3;
        usable += labels[i] >= 0;
        if (labels[i] >= 0) {
            class_counts[labels[i]]++;
        }
        for (int p = 0; p < PIXELS; p++) {
            data[i * PIXELS + p] = p ? (uint8_t)smt_rng_next(&rng) : (uint8_t)i;
        }
    }
    for (int i = 0; i < EXTRA * PIXELS; i++) {
        extra_data[i] = (uint8_t)smt_rng_next(&rng);
        extra_labels[i / PIXELS] = i / PIXELS % CLASSES;
    }
    return 0;
}

typedef struct epoch {
    int batches, count, counts[64];
    float input[512 * PIXELS], target[512 * CLASSES];
    uint32_t index[512];
} epoch;

static smt_loader *
make(const smt_loader_set *second, const smt_loader_options *options, smt_pool *pool)
{
    smt_loader *loader = NULL;
    smt_error error = {0};
    if (smt_loader_create(&set, second, options, pool, &loader, &error) != SMT_OK) {
        fail_msg("%s", error.message);
    }
    return loader;
}

static void collect(smt_loader *loader, uint64_t number, epoch *e)
{
    memset(e, 0, sizeof *e);
    smt_loader_start(loader, number);
    for (;;) {
        int n = smt_loader_next(loader,
                                e->input + e->count * PIXELS,
                                e->target + e->count * CLASSES,
                                e->index + e->count);
        if (!n) {
            break;
        }
        assert_int_equal(n, smt_loader_count(loader, (size_t)e->batches));
        e->counts[e->batches++] = n;
        e->count += n;
    }
    assert_int_equal(e->batches, smt_loader_batches(loader));
}

static epoch first, second;

static void plain_is_every_image_in_order(void **state)
{
    (void)state;
    smt_loader_options options = smt_loader_plain(CLASSES);
    options.batch = BATCH;
    options.mean = 100;
    options.scale = 3;
    smt_loader *loader = make(NULL, &options, NULL);
    collect(loader, 0, &first);
    assert_int_equal(first.count, usable);
    assert_int_equal(first.batches, (usable + BATCH - 1) / BATCH);
    int image = 0;
    for (int i = 0; i < first.count; i++, image++) {
        image += labels[image] < 0;
        assert_int_equal(first.index[i], image);
        for (int p = 0; p < PIXELS; p++) {
            assert_true(first.input[i * PIXELS + p] == ((float)data[image * PIXELS + p] - 100) / 3);
        }
        for (int c = 0; c < CLASSES; c++) {
            assert_true(first.target[i * CLASSES + c] == (c == labels[image] ? 1.0f : 0.0f));
        }
    }
    smt_loader_destroy(&loader);
    assert_null(loader);
}

static int times_seen(const epoch *e, uint32_t image)
{
    int times = 0;
    for (int i = 0; i < e->count; i++) {
        times += e->index[i] == image;
    }
    return times;
}

static void shuffling_deals_every_image_once(void **state)
{
    (void)state;
    for (int partial = 0; partial < 2; partial++) {
        smt_loader_options options = smt_loader_defaults(CLASSES);
        options.batch = BATCH;
        options.partial = partial != 0;
        smt_loader *loader = make(NULL, &options, NULL);
        collect(loader, 3, &first);
        collect(loader, 4, &second);
        assert_int_equal(first.count, partial ? usable : usable / BATCH * BATCH);
        int seen = 0;
        for (uint32_t i = 0; i < COUNT; i++) {
            assert_true(times_seen(&first, i) <= (labels[i] >= 0));
            seen += times_seen(&first, i);
        }
        assert_int_equal(seen, first.count);
        assert_memory_not_equal(
            first.index, second.index, (size_t)first.count * sizeof *first.index);
        collect(loader, 3, &second);
        assert_memory_equal(&first, &second, sizeof first);
        options.seed = 1;
        smt_loader *other = make(NULL, &options, NULL);
        collect(other, 3, &second);
        assert_memory_not_equal(
            first.index, second.index, (size_t)first.count * sizeof *first.index);
        smt_loader_destroy(&other);
        smt_loader_destroy(&loader);
    }
}

static void balance_evens_the_classes(void **state)
{
    (void)state;
    static const float balances[] = {0, 0.5f, 1};
    for (int k = 0; k < 3; k++) {
        smt_loader_options options = smt_loader_defaults(CLASSES);
        options.batch = BATCH;
        options.partial = true;
        options.balance = balances[k];
        smt_loader *loader = make(NULL, &options, NULL);
        collect(loader, 1, &first);
        assert_int_equal(first.count, usable);
        double weights[CLASSES], total = 0;
        for (int c = 0; c < CLASSES; c++) {
            weights[c] = pow(class_counts[c], 1 - (double)balances[k]);
            total += weights[c];
        }
        for (int c = 0; c < CLASSES; c++) {
            int count = 0, least = 1000, most = 0;
            for (uint32_t i = 0; i < COUNT; i++) {
                if (labels[i] == c) {
                    int times = times_seen(&first, i);
                    count += times;
                    least = times < least ? times : least;
                    most = times > most ? times : most;
                }
            }
            assert_true(fabs(count - weights[c] / total * usable) < 1);
            assert_true(most - least <= 1); /* whole rounds */
        }
        smt_loader_destroy(&loader);
    }
}

static void the_second_set_has_its_share_of_every_batch(void **state)
{
    (void)state;
    smt_loader_options options = smt_loader_defaults(CLASSES);
    options.batch = BATCH;
    options.partial = true;
    options.extra_share = 0.25f;
    smt_loader *loader = make(&extra, &options, NULL);
    collect(loader, 1, &first);
    int at = 0, own = 0, at_front = 0, times[EXTRA] = {0};
    for (int b = 0; b < first.batches; b++) {
        int extras = 0;
        for (int i = at; i < at + first.counts[b]; i++) {
            uint32_t code = first.index[i];
            if (code & SMT_LOADER_EXTRA) {
                uint32_t image = code & ~SMT_LOADER_EXTRA;
                assert_true(image < EXTRA);
                assert_true(first.target[i * CLASSES + extra_labels[image]] == 1);
                times[image]++;
                extras++;
                at_front += i < at + 12;
            } else {
                assert_int_equal(times_seen(&first, code), 1);
                own++;
            }
        }
        assert_true(first.counts[b] < BATCH || extras == 4);
        at += first.counts[b];
    }
    assert_int_equal(own, usable);
    assert_true(at_front > 10); /* mixed among the others */
    for (int i = 1; i < EXTRA; i++) {
        assert_true(abs(times[i] - times[0]) <= 1);
    }
    smt_loader_destroy(&loader);
}

static void mixup_mixes_pairs_and_their_labels(void **state)
{
    (void)state;
    smt_loader_options options = smt_loader_defaults(CLASSES);
    options.batch = 7; /* odd: the last image has no partner */
    options.partial = true;
    options.augment = false;
    options.mixup = 0.4f;
    options.mixup_probability = 0.75f;
    smt_loader *loader = make(NULL, &options, NULL);
    collect(loader, 1, &first);
    int mixed = 0, pairs = 0, at = 0, told = 0;
    for (int b = 0; b < first.batches; b++) {
        for (int i = 0; i < first.counts[b]; i++) {
            const float *row = first.target + (at + i) * CLASSES,
                        *in = first.input + (at + i) * PIXELS;
            uint32_t here = first.index[at + i];
            int partner_slot = i ^ 1;
            float sum = row[0] + row[1] + row[2] + row[3];
            assert_true(fabsf(sum - 1) < 1e-5f);
            uint32_t there = partner_slot < first.counts[b] ? first.index[at + partner_slot] : here;
            /* The share from the pixel where the two differ
             * most; then every pixel must agree with it. */
            int best = 0;
            for (int p = 0; p < PIXELS; p++) {
                int gap =
                    abs(data[here * PIXELS + (uint32_t)p] - data[there * PIXELS + (uint32_t)p]);
                best = gap > abs(data[here * PIXELS + (uint32_t)best] -
                                 data[there * PIXELS + (uint32_t)best])
                           ? p
                           : best;
            }
            float x = ((float)data[here * PIXELS + (uint32_t)best] - 128) / 128;
            float y = ((float)data[there * PIXELS + (uint32_t)best] - 128) / 128;
            float share = here == there ? 1 : (in[best] - y) / (x - y);
            assert_true(share > 0.499f && share < 1.001f);
            for (int p = 0; p < PIXELS; p++) {
                x = ((float)data[here * PIXELS + (uint32_t)p] - 128) / 128;
                y = ((float)data[there * PIXELS + (uint32_t)p] - 128) / 128;
                assert_true(fabsf(share * x + (1 - share) * y - in[p]) < 1e-4f);
            }
            if (labels[here] != labels[there]) {
                assert_true(fabsf(row[labels[here]] - share) < 1e-4f);
                assert_true(fabsf(row[labels[there]] - (1 - share)) < 1e-4f);
                told++;
            }
            pairs += partner_slot < first.counts[b];
            mixed += share < 0.9999f;
        }
        at += first.counts[b];
    }
    assert_true(told > 20);
    assert_true(mixed > pairs / 2 && mixed < pairs); /* alpha 0.4 leaves some shares near 1 */
    smt_loader_destroy(&loader);
}

/* With style at full strength half the images have another's
 * histogram; here: dark images and bright ones. */
static void style_carries_grey_levels_over(void **state)
{
    (void)state;
    static uint8_t shades[2 * PIXELS];
    static const int two[2] = {0, 1};
    for (int i = 0; i < 2 * PIXELS; i++) {
        shades[i] = (uint8_t)(i < PIXELS ? 20 + i % 16 : 200 - 2 * (i % 16));
    }
    const smt_pixels pair = {.size = SIZE, .count = 2, .data = shades, .sample = samples};
    const smt_loader_set both = {&pair, two};
    smt_loader_options options = smt_loader_defaults(CLASSES);
    options.batch = 2;
    options.style = 1;
    options.mean = 0;
    options.scale = 1;
    options.augmentation = smt_augment_none();
    smt_loader *loader = NULL;
    assert_int_equal(smt_loader_create(&both, NULL, &options, NULL, &loader, NULL), SMT_OK);
    float in[2 * PIXELS], target[2 * CLASSES], brightest = 0;
    uint32_t index[2];
    int own = 0, other = 0;
    for (uint64_t e = 0; e < 200; e++) {
        smt_loader_start(loader, e);
        assert_int_equal(smt_loader_next(loader, in, target, index), 2);
        for (int i = 0; i < 2; i++) {
            if (index[i] != 0) {
                continue;
            }
            const float *image = in + i * PIXELS;
            bool unchanged = true;
            for (int p = 0; p < PIXELS; p++) {
                unchanged = unchanged && fabsf(image[p] - (float)shades[p]) < 0.51f;
                for (int q = 0; q < 16; q++) { /* the order of the levels stays */
                    assert_true(shades[q] <= shades[p] || image[q] >= image[p]);
                }
            }
            own += unchanged;
            other += !unchanged;
            brightest = fmaxf(brightest, image[15]);
        }
    }
    assert_in_range(own, 65, 135);
    assert_in_range(other, 65, 135);
    assert_true(brightest > 190 && brightest <= 200.5f);
    smt_loader_destroy(&loader);
}

/* Threads, and any division of a batch into ranges, give the bits of one thread. */
static void bits_depend_on_nothing_else(void **state)
{
    (void)state;
    smt_loader_options options = smt_loader_defaults(CLASSES);
    options.batch = 15;
    options.partial = true;
    options.mixup = 1;
    options.extra_share = 0.3f;
    options.balance = 0.5f;
    options.seed = 99;
    options.style = 0.5f;
    smt_loader *loader = make(&extra, &options, NULL);
    collect(loader, 5, &first);
    smt_loader_destroy(&loader);
    for (int threads = 2; threads <= 5; threads++) {
        smt_pool *pool = NULL;
        assert_int_equal(smt_pool_create(threads, &pool, NULL), SMT_OK);
        loader = make(&extra, &options, pool);
        collect(loader, 5, &second);
        assert_memory_equal(&first, &second, sizeof first);

        memset(&second, 0, sizeof second);
        for (int b = 0; b < first.batches; b++) {
            int start = b * 15, count = smt_loader_count(loader, (size_t)b);
            for (int i = 0; i < count; i += threads) {
                int here = count - i < threads ? count - i : threads;
                smt_loader_fill(loader,
                                (size_t)b,
                                i,
                                here,
                                b % threads,
                                second.input + (start + i) * PIXELS,
                                second.target + (start + i) * CLASSES,
                                second.index + start + i);
            }
        }
        assert_memory_equal(first.input, second.input, sizeof first.input);
        assert_memory_equal(first.target, second.target, sizeof first.target);
        assert_memory_equal(first.index, second.index, sizeof first.index);
        smt_loader_destroy(&loader);
        smt_pool_destroy(&pool);
    }
}

static void three_channels_are_equal(void **state)
{
    (void)state;
    smt_loader_options options = smt_loader_defaults(CLASSES);
    options.batch = 4;
    smt_loader *loader = make(NULL, &options, NULL);
    options.channels = 3;
    smt_loader *colour = make(NULL, &options, NULL);
    float grey[4 * PIXELS], rgb[12 * PIXELS], target[4 * CLASSES];
    smt_loader_next(loader, grey, target, NULL);
    smt_loader_next(colour, rgb, target, NULL);
    for (int i = 0; i < 12 * PIXELS; i++) {
        assert_true(rgb[i] == grey[i / 3]);
    }
    smt_loader_destroy(&loader);
    smt_loader_destroy(&colour);
}

static void small_sets_make_small_batches(void **state)
{
    (void)state;
    smt_loader_options options = smt_loader_defaults(CLASSES);
    options.batch = 200;
    smt_loader *loader = make(NULL, &options, NULL);
    assert_int_equal(smt_loader_batches(loader), 1);
    assert_int_equal(smt_loader_count(loader, 0), usable);
    smt_loader_destroy(&loader);
    options.extra_share = 0.5f;
    loader = make(&extra, &options, NULL);
    assert_int_equal(smt_loader_batches(loader), 1);
    assert_int_equal(smt_loader_count(loader, 0), 2 * usable > 200 ? 200 : 2 * usable);
    smt_loader_destroy(&loader);
}

static void refuse(const smt_loader_set *from,
                   const smt_loader_set *second_set,
                   const smt_loader_options *options,
                   const char *part)
{
    smt_loader *loader = NULL;
    smt_error error = {0};
    assert_int_equal(smt_loader_create(from, second_set, options, NULL, &loader, &error),
                     SMT_ERR_ARGUMENT);
    assert_null(loader);
    if (!strstr(error.message, part)) {
        fail_msg("\"%s\" is not in: %s", part, error.message);
    }
}

static void refuses_wrong_options_and_short_memory(void **state)
{
    (void)state;
    const smt_loader_options good = smt_loader_defaults(CLASSES);
    smt_loader_options options = good;
    options.batch = 0;
    refuse(&set, NULL, &options, "batch");
    options = good;
    options.channels = 2;
    refuse(&set, NULL, &options, "channels");
    options = good;
    options.classes = 3; /* a label is 3 */
    refuse(&set, NULL, &options, "label");
    options = good;
    options.extra_share = 0.5f;
    refuse(&set, NULL, &options, "second set");
    options = good;
    options.balance = 0.5f;
    options.shuffle = false;
    refuse(&set, NULL, &options, "shuffle");
    options = good;
    options.scale = 0;
    refuse(&set, NULL, &options, "scale");
    options = good;
    options.style = 0.5f;
    options.augment = false;
    refuse(&set, NULL, &options, "style");
    options = good;
    options.augmentation.blur = 3;
    refuse(&set, NULL, &options, "blur");
    int none[COUNT];
    for (int i = 0; i < COUNT; i++) {
        none[i] = -1;
    }
    refuse(&(smt_loader_set){&pixels, none}, NULL, &good, "no image");
    smt_pixels larger = pixels;
    larger.size = 4;
    refuse(&set, &(smt_loader_set){&larger, labels}, &good, "size");

    options = good;
    options.mixup = 1;
    options.extra_share = 0.5f;
    int failures = 0;
    for (long countdown = 0;; countdown++) {
        smt_loader *loader = NULL;
        smt_error error = {0};
        smt_alloc_fail_after(countdown);
        smt_status status = smt_loader_create(&set, &extra, &options, NULL, &loader, &error);
        smt_alloc_fail_after(-1);
        if (status == SMT_OK) {
            smt_loader_destroy(&loader);
            break;
        }
        assert_int_equal(status, SMT_ERR_MEMORY);
        assert_null(loader);
        failures++;
    }
    assert_true(failures >= 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_is_every_image_in_order),
        cmocka_unit_test(shuffling_deals_every_image_once),
        cmocka_unit_test(balance_evens_the_classes),
        cmocka_unit_test(the_second_set_has_its_share_of_every_batch),
        cmocka_unit_test(mixup_mixes_pairs_and_their_labels),
        cmocka_unit_test(style_carries_grey_levels_over),
        cmocka_unit_test(bits_depend_on_nothing_else),
        cmocka_unit_test(three_channels_are_equal),
        cmocka_unit_test(small_sets_make_small_batches),
        cmocka_unit_test(refuses_wrong_options_and_short_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
