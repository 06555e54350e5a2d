#include <semtinel/audit.h>

#include "data/fingerprint.h"
#include "data/made.h"

enum { SIDE = 96 };

static smt_pool *pool;

static int set_up(void **state)
{
    (void)state;
    return smt_pool_create(2, &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    smt_pool_destroy(&pool);
    return 0;
}

/* ---- the measure --------------------------------------------------------------------------- */

static void make_print(const smt_image *image, fingerprint *out)
{
    smt_image thumbnail;
    assert_int_equal(smt_image_resize(image, PRINT_SIDE, PRINT_SIDE, &thumbnail, NULL), SMT_OK);
    float shape[PRINT_SHAPE_PADDED];
    print_make(&thumbnail, out, shape);
    smt_image_free(&thumbnail);
}

static print_match compare(const smt_image *a, const smt_image *b)
{
    static fingerprint fa, fb;
    print_match match;
    make_print(a, &fa);
    make_print(b, &fb);
    print_compare(&fa, &fb, 0.75f, &match);
    return match;
}

/* Independent of the code under test: symmetry 0 .. 7 of an image. */
static void turn(const smt_image *in, int symmetry, smt_image *out)
{
    int n = in->width;
    assert_int_equal(smt_image_create(n, n, out, NULL), SMT_OK);
    for (int y = 0; y < n; y++) {
        for (int x = 0; x < n; x++) {
            int u = symmetry & 4 ? y : x, v = symmetry & 4 ? x : y;
            u = symmetry & 1 ? n - 1 - u : u;
            v = symmetry & 2 ? n - 1 - v : v;
            out->pixels[y * n + x] = in->pixels[v * n + u];
        }
    }
}

static void eight_symmetries_match_exactly(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        smt_image image, turned;
        made_texture(seed, SIDE, &image);
        for (int s = 0; s < 8; s++) {
            turn(&image, s, &turned);
            print_match match = compare(&turned, &image);
            assert_true(match.similarity > 0.995f);
            assert_int_equal(match.symmetry, s);
            match = compare(&image, &turned);
            assert_true(match.similarity > 0.995f);
            smt_image_free(&turned);
        }
        smt_image_free(&image);
    }
}

typedef enum change { TONE, DARK, NOISE, BLUR, CROP, SHIFT_OUT, CHANGES } change;

/* Without one border pixel, enlarged; or three to the left and two down, the border repeated. */
static void moved(change kind, const smt_image *image, smt_image *out)
{
    int edge = kind == CROP ? 2 : 0, left = kind == CROP ? 1 : 3, up = kind == CROP ? 1 : -2;
    smt_image part = {0};
    assert_int_equal(smt_image_create(image->width - edge, image->height - edge, &part, NULL),
                     SMT_OK);
    for (int i = 0; i < part.width * part.height; i++) {
        int x = i % part.width + left, y = i / part.width + up;
        x = x < image->width ? x : image->width - 1;
        y = y > 0 ? y : 0;
        part.pixels[i] = image->pixels[y * image->width + x];
    }
    smt_image_free(out);
    assert_int_equal(smt_image_resize(&part, image->width, image->height, out, NULL), SMT_OK);
    smt_image_free(&part);
}

static void apply(change kind, smt_image *image, uint64_t seed)
{
    smt_rng rng = smt_rng_seed(seed, 5);
    smt_image out;
    assert_int_equal(smt_image_create(image->width, image->height, &out, NULL), SMT_OK);
    if (kind == CROP || kind == SHIFT_OUT) {
        moved(kind, image, &out);
    }
    for (int i = 0; i < image->width * image->height && kind < CROP; i++) {
        double v = image->pixels[i];
        int x = i % image->width, y = i / image->width;
        if (kind == TONE) {
            v = 255 * pow((v * 0.7 + 60) / 255, 0.8);
        } else if (kind == DARK) {
            v = v * 0.35;
        } else if (kind == NOISE) {
            v += 4 * smt_rng_normal(&rng);
        } else {
            double sum = 0;
            for (int k = 0; k < 9; k++) {
                int u = x + k % 3 - 1, w = y + k / 3 - 1;
                u = u < 0 ? 0 : u >= image->width ? image->width - 1 : u;
                w = w < 0 ? 0 : w >= image->height ? image->height - 1 : w;
                sum += image->pixels[w * image->width + u];
            }
            v = sum / 9;
        }
        out.pixels[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v + 0.5);
    }
    smt_image_free(image);
    *image = out;
}

static void changed_copies_are_found(void **state)
{
    (void)state;
    for (int kind = 0; kind < CHANGES; kind++) {
        int found = 0;
        for (uint64_t seed = 0; seed < 20; seed++) {
            smt_image image, copy;
            made_texture(seed, SIDE, &image);
            turn(&image, (int)(seed % 8), &copy);
            apply((change)kind, &copy, seed);
            found += compare(&image, &copy).similarity >= smt_audit_defaults().threshold;
            smt_image_free(&image);
            smt_image_free(&copy);
        }
        if (found < 18) {
            fail_msg("change %d: %d of 20 copies found", kind, found);
        }
    }
}

static void different_images_are_not(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    fingerprint *prints = smt_alloc(COUNT, sizeof *prints);
    assert_non_null(prints);
    for (uint64_t i = 0; i < COUNT; i++) {
        smt_image image;
        made_texture(i, 64, &image);
        make_print(&image, &prints[i]);
        smt_image_free(&image);
        for (uint64_t j = 0; j < i; j++) {
            print_match match;
            print_compare(&prints[i], &prints[j], 0.5f, &match);
            assert_true(match.similarity < 0.7f);
        }
    }
    smt_free(prints);
}

/* Two gratings of one pitch with a particle each, at other places: plain correlation says 0.95, a
 * naive phase correlation of particles on a flat ground 0.8. */
static void gratings_and_particles_are_not(void **state)
{
    (void)state;
    for (int flat = 0; flat < 2; flat++) {
        smt_image images[2];
        for (int k = 0; k < 2; k++) {
            smt_rng rng = smt_rng_seed((uint64_t)k, 3);
            assert_int_equal(smt_image_create(SIDE, SIDE, &images[k], NULL), SMT_OK);
            double cx = k ? 60 : 25, cy = k ? 33 : 70, radius = k ? 5 : 4;
            double edge[SIDE / 6 + 1] = {0}; /* of each line, wandering from row to row */
            for (int i = 0; i < SIDE * SIDE; i++) {
                int x = i % SIDE, y = i / SIDE, line = x / 6;
                edge[line] = x % 6 ? edge[line] : 0.9 * edge[line] + 0.5 * smt_rng_normal(&rng);
                bool bright = x % 12 >= 6 ? x % 12 < 11 + edge[line] : x % 12 < 1 + edge[line];
                double value = 128 + (flat ? 0 : (bright ? 60 : -60)) + 4 * smt_rng_normal(&rng);
                double d = (x - cx) * (x - cx) + (y - cy) * (y - cy) * (k ? 2 : 0.6);
                value = d < radius * radius ? 230 : value;
                images[k].pixels[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
        print_match match = compare(&images[0], &images[1]);
        if (match.similarity >= smt_audit_defaults().threshold) {
            fail_msg("flat %d: similarity %.3f", flat, (double)match.similarity);
        }
        smt_image_free(&images[0]);
        smt_image_free(&images[1]);
    }
}

/* ---- the audit ----------------------------------------------------------------------------- */

static smt_audit *run_audit(const char *root, smt_dataset **set, smt_pool *with)
{
    smt_audit *audit = NULL;
    smt_error error = {SMT_OK, ""};
    if (smt_dataset_scan(root, set, &error) || smt_audit_run(*set, NULL, with, &audit, &error)) {
        fail_msg("%s", error.message);
    }
    return audit;
}

static const smt_pair *find_pair(const smt_audit *audit, const char *a, const char *b)
{
    for (size_t p = 0; p < audit->pair_count; p++) {
        const char *pa = audit->dataset->samples[audit->pairs[p].a].path;
        const char *pb = audit->dataset->samples[audit->pairs[p].b].path;
        if ((strstr(pa, a) && strstr(pb, b)) || (strstr(pa, b) && strstr(pb, a))) {
            return &audit->pairs[p];
        }
    }
    return NULL;
}

/* train: 12 textures in two classes; test: known relations to them. */
static void make_set(const char *root)
{
    char name[64];
    smt_image image, turned;
    for (uint64_t i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "train/%s/t%02d.png", i % 2 ? "open" : "bridge", (int)i);
        made_new_image(root, name, i);
    }
    made_new_image(root, "test/open/same_file.png", 0); /* of bridge/t00 */
    made_texture(2, 64, &image);
    turn(&image, 6, &turned);
    apply(TONE, &turned, 1);
    made_image(root, "test/bridge/turned.png", &turned);
    smt_image_free(&turned);
    smt_image_free(&image);
    made_texture(3, 64, &image);
    for (int i = 0; i < 25; i++) {
        uint8_t *pixel = &image.pixels[(24 + i / 5) * 64 + 30 + i % 5];
        *pixel = (uint8_t)(*pixel < 128 ? *pixel + 50 : *pixel - 50);
    }
    made_image(root, "test/bridge/edited.png", &image);
    memset(image.pixels, 90, 64 * 64);
    made_image(root, "test/open/flat.png", &image);
    memset(image.pixels, 0, 64 * 64);
    made_image(root, "test/open/black.png", &image);
    memset(image.pixels, 255, 64 * 64);
    made_image(root, "test/open/white.png", &image);
    smt_image_free(&image);
    made_file(root, "test/open/broken.png", "\x89PNG\r\n\x1a\nnothing");
    made_file(root, "test/open/empty.png", "");
    made_new_image(root, "val/open/new.png", 99);
    /* Other bytes, the same pixels: a comment appended after PNG's end. */
    char path[4096], copy[4096];
    void *data = NULL;
    size_t size = 0;
    made_path(root, "train/open/t05.png", path, sizeof path);
    assert_int_equal(smt_file_load(path, 0, &data, &size, NULL), SMT_OK);
    made_path(root, "val/open/same_pixels.png", copy, sizeof copy);
    assert_int_equal(smt_file_save(copy, data, size + 1, NULL), SMT_OK);
    smt_free(data);
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)); text++) {
        count++;
    }
    return count;
}

static void finds_what_was_put_in(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-audit-XXXXXX";
    made_folder(root);
    make_set(root);
    smt_dataset *set = NULL;
    smt_audit *audit = run_audit(root, &set, pool);
    const smt_audit_summary *sum = &audit->summary;
    assert_int_equal(sum->content[SMT_CONTENT_UNREADABLE], 2);
    assert_int_equal(sum->content[SMT_CONTENT_FLAT], 1);
    assert_int_equal(sum->content[SMT_CONTENT_DARK], 1);
    assert_int_equal(sum->content[SMT_CONTENT_BRIGHT], 1);
    const smt_pair *pair = find_pair(audit, "bridge/t00", "same_file");
    assert_non_null(pair);
    assert_int_equal(pair->kind, SMT_PAIR_FILE);
    assert_true(smt_pair_crosses_splits(audit, pair) && smt_pair_differs_in_class(audit, pair));
    pair = find_pair(audit, "open/t05", "same_pixels");
    assert_non_null(pair);
    assert_int_equal(pair->kind, SMT_PAIR_PIXELS);
    pair = find_pair(audit, "bridge/t02", "turned");
    assert_non_null(pair);
    assert_int_equal(pair->kind, SMT_PAIR_NEAR);
    pair = find_pair(audit, "open/t03", "edited");
    assert_non_null(pair);
    assert_int_equal(pair->kind, SMT_PAIR_EDITED);
    assert_int_equal(audit->pair_count, 4);
    assert_int_equal(sum->conflicts_exact, 1);
    assert_int_equal(sum->conflicts_near, 0);
    assert_int_equal(sum->conflicts_edited, 1);
    assert_int_equal(sum->crossing, 4);
    assert_int_equal(sum->leaks[SMT_SPLIT_TEST], 3);
    assert_int_equal(sum->leaks[SMT_SPLIT_VAL], 1);
    assert_int_equal(sum->images_with_duplicate, 8);
    assert_int_equal(audit->group_count, set->sample_count - 4);
    for (size_t i = 0; i < set->sample_count; i++) {
        assert_true(audit->group[i] < audit->group_count);
        assert_true((audit->content[i] == SMT_CONTENT_UNREADABLE) == (audit->reasons[i] != NULL));
        if (audit->reasons[i]) {
            assert_non_null(strstr(audit->reasons[i], set->samples[i].path));
        }
    }
    char *text = NULL, *json = NULL;
    assert_int_equal(smt_audit_text(audit, 1, &text, NULL), SMT_OK);
    assert_int_equal(smt_audit_json(audit, &json, NULL), SMT_OK);
    assert_non_null(strstr(text, "3 of 8 test images have a duplicate in train"));
    assert_non_null(strstr(text, "... and 1 more\n"));
    assert_null(strstr(text, "... and 1 more (--rows")); /* the edited copy is no conflict */
    assert_non_null(strstr(text, "... and 3 more (--rows"));
    assert_non_null(strstr(json, "\"exact_label_conflicts\": 1"));
    assert_int_equal(occurrences(json, "\"across_splits\": true"), 4);
    assert_int_equal(occurrences(json, "\"different_labels\": true"), 2);
    smt_free(text);
    smt_free(json);
    smt_audit_destroy(&audit);
    assert_null(audit);
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-audit-XXXXXX";
    made_folder(root);
    make_set(root);
    char *json[2] = {NULL, NULL};
    for (int k = 0; k < 2; k++) {
        smt_dataset *set = NULL;
        smt_pool *with = NULL;
        assert_int_equal(smt_pool_create(k ? 4 : 1, &with, NULL), SMT_OK);
        smt_audit *audit = run_audit(root, &set, with);
        assert_int_equal(smt_audit_json(audit, &json[k], NULL), SMT_OK);
        smt_audit_destroy(&audit);
        smt_dataset_destroy(&set);
        smt_pool_destroy(&with);
    }
    assert_string_equal(json[0], json[1]);
    smt_free(json[0]);
    smt_free(json[1]);
    made_remove(root);
}

/* Where black, white and flat begin: 2% of 64 x 64 pixels are 81.9, 1% are 41. */
static void content_by_its_levels(void **state)
{
    (void)state;
    static const struct {
        uint8_t most, low, high;
        int lows, highs;
        smt_content content;
    } cases[] = {
        {2, 0, 3, 100, 81, SMT_CONTENT_DARK},
        {2, 0, 9, 100, 82, SMT_CONTENT_OK},
        {3, 0, 3, 81, 0, SMT_CONTENT_FLAT},
        {253, 252, 255, 81, 100, SMT_CONTENT_BRIGHT},
        {253, 240, 255, 82, 100, SMT_CONTENT_OK},
        {90, 0, 255, 40, 40, SMT_CONTENT_FLAT},
        {90, 0, 255, 41, 0, SMT_CONTENT_OK},
        {90, 0, 255, 0, 41, SMT_CONTENT_OK},
        {90, 84, 90, 1000, 0, SMT_CONTENT_FLAT},
        {90, 83, 90, 1000, 0, SMT_CONTENT_OK},
    };
    enum { COUNT = sizeof cases / sizeof *cases };
    char root[] = "/tmp/semtinel-audit-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < COUNT; i++) {
        smt_image image;
        assert_int_equal(smt_image_create(64, 64, &image, NULL), SMT_OK);
        memset(image.pixels, cases[i].most, 64 * 64);
        memset(image.pixels, cases[i].low, (size_t)cases[i].lows);
        memset(image.pixels + cases[i].lows, cases[i].high, (size_t)cases[i].highs);
        snprintf(name, sizeof name, "a/%02d.png", i);
        made_image(root, name, &image);
        smt_image_free(&image);
    }
    smt_dataset *set = NULL;
    smt_audit *audit = run_audit(root, &set, pool);
    for (int i = 0; i < COUNT; i++) {
        if (audit->content[i] != cases[i].content) {
            fail_msg("case %d: %d", i, (int)audit->content[i]);
        }
    }
    smt_audit_destroy(&audit);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* Changed copies are candidates in a set of many and hardly ever taken for edited ones; copies with
 * a defect are candidates, too, and edited. */
static void copies_in_a_set(void **state)
{
    (void)state;
    enum { COPIES = 12, EDITS = 2 };
    char root[] = "/tmp/semtinel-audit-XXXXXX", name[64], other[64];
    made_folder(root);
    for (int i = 0; i < COPIES; i++) {
        smt_image image, copy;
        made_texture((uint64_t)i, 64, &image);
        snprintf(name, sizeof name, "a/%02d.png", i);
        made_image(root, name, &image);
        for (int kind = 0; kind < CHANGES + EDITS; kind++) {
            turn(&image, (i + kind) % 8, &copy);
            if (kind < CHANGES) {
                apply((change)kind, &copy, (uint64_t)i);
            }
            int side = kind < CHANGES ? 0 : 5 + 2 * (kind - CHANGES);
            for (int k = 0; k < side * side; k++) {
                uint8_t *pixel = &copy.pixels[(20 + i + k / side) * 64 + 30 + k % side];
                *pixel = (uint8_t)(*pixel < 128 ? *pixel + 50 : *pixel - 50);
            }
            snprintf(name, sizeof name, "a/%02d-%d.png", i, kind);
            made_image(root, name, &copy);
            smt_image_free(&copy);
        }
        smt_image_free(&image);
    }
    smt_dataset *set = NULL;
    smt_audit *audit = run_audit(root, &set, pool);
    for (int kind = 0; kind < CHANGES + EDITS; kind++) {
        int found = 0, edited = 0;
        for (int i = 0; i < COPIES; i++) {
            snprintf(name, sizeof name, "a/%02d.png", i);
            snprintf(other, sizeof other, "a/%02d-%d.png", i, kind);
            const smt_pair *pair = find_pair(audit, name, other);
            found += pair != NULL;
            edited += pair && pair->kind == SMT_PAIR_EDITED;
        }
        bool good = kind < CHANGES ? edited <= 2 : edited == found;
        if (!good || found < COPIES * 2 / 3) {
            fail_msg("kind %d: %d found, %d of them edited", kind, found, edited);
        }
    }
    smt_audit_destroy(&audit);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* More copies of one image than candidates are compared: still one group. */
static void many_copies_are_one_group(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-audit-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < 90; i++) {
        smt_image image;
        made_texture(7, 64, &image);
        image.pixels[i * 40] ^= 1;
        snprintf(name, sizeof name, "a/%d.png", i);
        made_image(root, name, &image);
        smt_image_free(&image);
    }
    for (int i = 0; i < 90; i++) {
        snprintf(name, sizeof name, "b/%d.png", i);
        made_new_image(root, name, 8);
    }
    smt_dataset *set = NULL;
    smt_audit *audit = run_audit(root, &set, pool);
    assert_int_equal(audit->group_count, 2);
    smt_audit_destroy(&audit);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* Also of more copies than each is paired with. */
static void leaks_of_many_copies_are_all_counted(void **state)
{
    (void)state;
    enum { COPIES = 100 };
    char root[] = "/tmp/semtinel-audit-XXXXXX", name[64];
    made_folder(root);
    for (int i = 0; i < COPIES; i++) {
        snprintf(name, sizeof name, "train/a/%d.png", i);
        made_new_image(root, name, 8);
        snprintf(name, sizeof name, "val/b/%d.png", i);
        made_new_image(root, name, 8);
    }
    smt_dataset *set = NULL;
    smt_audit *audit = run_audit(root, &set, pool);
    assert_int_equal(audit->summary.leaks[SMT_SPLIT_VAL], COPIES);
    assert_true(audit->summary.conflicts_exact >= COPIES);
    smt_audit_destroy(&audit);
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void tiny_sets(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-audit-XXXXXX";
    made_folder(root);
    made_new_image(root, "a/1.png", 1);
    smt_dataset *set = NULL;
    smt_audit *audit = run_audit(root, &set, pool);
    assert_int_equal(audit->pair_count, 0);
    assert_int_equal(audit->group_count, 1);
    smt_audit_destroy(&audit);
    const smt_audit_options bad[] = {{.threshold = 0.5f, .neighbours = 32},
                                     {.threshold = NAN, .neighbours = 32},
                                     {.threshold = 1.1f, .neighbours = 32},
                                     {.threshold = 0.9f, .neighbours = 0},
                                     {.threshold = 0.9f, .neighbours = 5000}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(smt_audit_run(set, &bad[i], pool, &audit, NULL), SMT_ERR_ARGUMENT);
    }
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void failing_allocations(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-audit-XXXXXX", name[64];
    made_folder(root);
    for (uint64_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/%d.png", i % 2 ? "a" : "b", (int)i);
        made_new_image(root, name, i / 2);
    }
    made_file(root, "a/broken.png", "x");
    smt_dataset *set = NULL;
    smt_pool *one = NULL;
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    assert_int_equal(smt_pool_create(1, &one, NULL), SMT_OK);
    smt_status status = SMT_ERR_MEMORY;
    for (long n = 0; status; n++) {
        smt_audit *audit = NULL;
        char *text = NULL;
        smt_alloc_fail_after(n);
        status = smt_audit_run(set, NULL, one, &audit, NULL);
        if (status == SMT_OK) {
            status = smt_audit_text(audit, 0, &text, NULL);
        }
        smt_alloc_fail_after(-1);
        assert_true(status == SMT_OK || status == SMT_ERR_MEMORY);
        smt_free(text);
        smt_audit_destroy(&audit);
        assert_true(n < 1000);
    }
    /* The JSON is whole, or there is none. */
    smt_audit *audit = NULL;
    char *whole = NULL;
    assert_int_equal(smt_audit_run(set, NULL, one, &audit, NULL), SMT_OK);
    assert_int_equal(smt_audit_json(audit, &whole, NULL), SMT_OK);
    status = SMT_ERR_MEMORY;
    for (long n = 0; status; n++) {
        char *text = NULL;
        smt_alloc_fail_after(n);
        status = smt_audit_json(audit, &text, NULL);
        smt_alloc_fail_after(-1);
        assert_true(n < 1000);
        if (status) {
            assert_int_equal(status, SMT_ERR_MEMORY);
        } else {
            assert_string_equal(text, whole);
        }
        smt_free(text);
    }
    smt_free(whole);
    smt_audit_destroy(&audit);
    smt_pool_destroy(&one);
    smt_dataset_destroy(&set);
    made_remove(root);
}

static void stops_when_interrupted(void **state)
{
    (void)state;
    char root[] = "/tmp/semtinel-audit-XXXXXX";
    made_folder(root);
    made_new_image(root, "a/1.png", 1);
    smt_dataset *set = NULL;
    smt_audit *audit = NULL;
    assert_int_equal(smt_dataset_scan(root, &set, NULL), SMT_OK);
    smt_interrupt();
    assert_int_equal(smt_audit_run(set, NULL, pool, &audit, NULL), SMT_ERR_INTERRUPTED);
    smt_interrupt_clear();
    assert_null(audit);
    smt_dataset_destroy(&set);
    made_remove(root);
}

/* ---- real images --------------------------------------------------------------------------- */

static smt_audit *audit_real(const char *name, smt_dataset **set)
{
    const char *data = getenv("SEMTINEL_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", data ? data : "../shared/data", name);
    if (!smt_path_is_directory(path)) {
        print_message("no folder %s: set SEMTINEL_DATA\n", path);
        skip();
    }
    return run_audit(path, set, pool);
}

/* Known by other means: 3 exact duplicates under different
 * labels, at least 5 test images leaking from train. */
static void real_conflicts_and_leaks(void **state)
{
    (void)state;
    smt_dataset *set = NULL;
    smt_audit *audit = audit_real("sem-a", &set);
    assert_int_equal(audit->summary.content[SMT_CONTENT_UNREADABLE], 0);
    assert_int_equal(audit->summary.conflicts_exact, 3);
    assert_in_range(audit->summary.leaks[SMT_SPLIT_TEST], 5, 15);
    smt_audit_destroy(&audit);
    smt_dataset_destroy(&set);
}

/* Known: 643 of 901 are rotated copies of others. */
static void real_rotated_copies(void **state)
{
    (void)state;
    smt_dataset *set = NULL;
    smt_audit *audit = audit_real("sem-h", &set);
    assert_in_range(audit->summary.images_with_duplicate, 635, 660);
    smt_audit_destroy(&audit);
    smt_dataset_destroy(&set);
}

/* Known: split by groups of near-duplicates, so next to none across. */
static void real_clean_split(void **state)
{
    (void)state;
    smt_dataset *set = NULL;
    smt_audit *audit = audit_real("phase3", &set);
    assert_in_range(audit->summary.leaks[SMT_SPLIT_VAL], 0, 3);
    smt_audit_destroy(&audit);
    smt_dataset_destroy(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_symmetries_match_exactly),
        cmocka_unit_test(changed_copies_are_found),
        cmocka_unit_test(different_images_are_not),
        cmocka_unit_test(gratings_and_particles_are_not),
        cmocka_unit_test(finds_what_was_put_in),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(content_by_its_levels),
        cmocka_unit_test(copies_in_a_set),
        cmocka_unit_test(many_copies_are_one_group),
        cmocka_unit_test(leaks_of_many_copies_are_all_counted),
        cmocka_unit_test(tiny_sets),
        cmocka_unit_test(failing_allocations),
        cmocka_unit_test(stops_when_interrupted),
        cmocka_unit_test(real_conflicts_and_leaks),
        cmocka_unit_test(real_rotated_copies),
        cmocka_unit_test(real_clean_split),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
