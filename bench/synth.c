/* Simulated images a second on one thread, for each class of both presets and over all. */
#include <semtinel/synth.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int size = argc > 1 ? atoi(argv[1]) : 128, each = argc > 2 ? atoi(argv[2]) : 100;
    for (int preset = 0; preset < 2; preset++) {
        double total = 0;
        int classes = smt_synth_class_count((smt_synth_preset)preset);
        for (int k = 0; k < classes; k++) {
            double start = smt_clock();
            for (int i = 0; i < each; i++) {
                smt_image image = {0};
                smt_error error = {0};
                if (smt_synth_render((smt_synth_preset)preset,
                                     k,
                                     size,
                                     1,
                                     (uint64_t)i,
                                     NULL,
                                     &image,
                                     NULL,
                                     &error)) {
                    fprintf(stderr, "bench_synth: %s\n", error.message);
                    return 1;
                }
                smt_image_free(&image);
            }
            double seconds = smt_clock() - start;
            total += seconds;
            printf("%-12s %7.0f images/s\n",
                   smt_synth_class_name((smt_synth_preset)preset, k),
                   each / seconds);
        }
        printf("%-12s %7.0f images/s at %d x %d\n",
               smt_synth_preset_name((smt_synth_preset)preset),
               classes * each / total,
               size,
               size);
    }
    return 0;
}
