/* Time of one augmented 128 x 128 image, step by step, and of a batch from the loader. Best of
 * several rounds, on one thread. */
#include <semtinel/loader.h>

#include <stdio.h>

#define SIZE 128
#define IMAGES 256
#define ROUNDS 15

static double time_augment(const smt_augment_options *options, const uint8_t *images, float *out)
{
    smt_augmenter *augmenter = NULL;
    if (smt_augmenter_create(options, SIZE, 1, &augmenter, NULL) != SMT_OK) {
        return -1;
    }
    /* The best of each image: other programs disturb, and not all images cost the same. */
    double total = 0;
    for (int i = 0; i < IMAGES; i++) {
        double best = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
            double start = smt_clock();
            smt_augment_apply(augmenter,
                              0,
                              images + (size_t)i * SIZE * SIZE,
                              smt_rng_seed(1, (uint64_t)i),
                              128,
                              128,
                              1,
                              out);
            double took = smt_clock() - start;
            best = took < best ? took : best;
        }
        total += best;
    }
    smt_augmenter_destroy(&augmenter);
    return total / IMAGES * 1e6;
}

static double time_loader(const smt_pixels *pixels, const int *labels, bool augment)
{
    smt_loader_options options = smt_loader_defaults(8);
    options.augment = augment;
    smt_loader *loader = NULL;
    float *input = smt_alloc((size_t)options.batch * SIZE * SIZE, sizeof *input);
    float *target = smt_alloc((size_t)options.batch * 8, sizeof *target);
    smt_loader_set set = {pixels, labels};
    double total = 0;
    int images = 0;
    if (input && target && smt_loader_create(&set, NULL, &options, NULL, &loader, NULL) == SMT_OK) {
        for (size_t batch = 0; batch < smt_loader_batches(loader); batch++) {
            int count = smt_loader_count(loader, batch);
            double best = 1e9;
            for (int round = 0; round < ROUNDS; round++) {
                double start = smt_clock();
                smt_loader_fill(loader, batch, 0, count, 0, input, target, NULL);
                double took = smt_clock() - start;
                best = took < best ? took : best;
            }
            total += best;
            images += count;
        }
    }
    smt_loader_destroy(&loader);
    smt_free(input);
    smt_free(target);
    return images ? total / images * 1e6 : -1;
}

int main(void)
{
    uint8_t *images = smt_alloc(IMAGES, SIZE * SIZE);
    float *out = smt_alloc(SIZE * SIZE, sizeof *out);
    int labels[IMAGES];
    uint32_t sample[IMAGES];
    if (!images || !out) {
        return 1;
    }
    smt_rng rng = smt_rng_seed(1, 0);
    for (size_t i = 0; i < (size_t)IMAGES * SIZE * SIZE; i++) {
        images[i] = (uint8_t)smt_rng_next(&rng);
    }
    for (int i = 0; i < IMAGES; i++) {
        labels[i] = i % 8;
        sample[i] = (uint32_t)i;
    }
    smt_augment_options none = smt_augment_none(), all = smt_augment_defaults(), o;
    printf("us an image of %d x %d\n", SIZE, SIZE);
    printf("%-28s %7.1f\n", "no change", time_augment(&none, images, out));
    o = none;
    o.rotation = 15, o.zoom = 0.2f, o.shift = 0.1f, o.quarter_turns = 1;
    printf("%-28s %7.1f\n", "warp", time_augment(&o, images, out));
    o = none;
    o.contrast = 0.3f, o.gamma = 0.3f;
    printf("%-28s %7.1f\n", "tone", time_augment(&o, images, out));
    o = none;
    o.blur = 1;
    printf("%-28s %7.1f\n", "blur up to 1 pixel", time_augment(&o, images, out));
    o = none;
    o.noise = 8, o.shot = 8;
    printf("%-28s %7.1f\n", "noise", time_augment(&o, images, out));
    printf("%-28s %7.1f\n", "defaults", time_augment(&all, images, out));
    smt_pixels pixels = {.size = SIZE, .count = IMAGES, .data = images, .sample = sample};
    printf("%-28s %7.1f\n", "loader, no augmentation", time_loader(&pixels, labels, false));
    printf("%-28s %7.1f\n", "loader, defaults", time_loader(&pixels, labels, true));
    smt_free(images);
    smt_free(out);
    return 0;
}
