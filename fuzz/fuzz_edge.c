/* Any bytes as a .tflite: open, plan, start and run what is accepted, with both kernel sets. */
#include <edge.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A network of this many products takes too long to be
 * worth a fuzzer's time; it is opened and planned only. */
static int is_small(const smt_edge_model *model)
{
    double work = 0;
    for (int32_t i = 0; i < model->operator_count; i++) {
        smt_edge_operator op;
        smt_edge_tensor in, second, out;
        smt_edge_get_operator(model, i, &op);
        smt_edge_get_tensor(model, op.inputs[0], &in);
        smt_edge_get_tensor(model, op.outputs[0], &out);
        double terms = 1;
        if (op.input_count > 1 && op.inputs[1] >= 0 &&
            smt_edge_get_tensor(model, op.inputs[1], &second))
            terms = (double)second.elements;
        work += ((double)in.elements + (double)out.elements) *
                (terms + (double)op.filter_h * op.filter_w);
    }
    return work < 2e7;
}

/* Reads every result, so that one outside its memory is seen. */
static void
sum_up(void *context, const smt_edge_operator *op, const smt_edge_tensor *output, const void *data)
{
    (void)op;
    for (uint32_t i = 0; i < output->bytes; i++)
        *(uint32_t *)context += ((const uint8_t *)data)[i];
}

static void run(const smt_edge_model *model, const smt_edge_kernels *kernels)
{
    smt_edge_plan plan;
    smt_edge_runner runner;
    size_t places_bytes = smt_edge_places_bytes(model);
    void *places = malloc(places_bytes);
    if (places &&
        smt_edge_make_plan(model, kernels, places, places_bytes, &plan, NULL) == SMT_EDGE_OK &&
        plan.arena_bytes < 16u << 20 && is_small(model)) {
        void *arena = NULL;
        if (posix_memalign(&arena, 64, plan.arena_bytes) == 0 &&
            smt_edge_start(&plan, arena, plan.arena_bytes, &runner, NULL) == SMT_EDGE_OK) {
            for (int32_t i = 0; i < model->input_count; i++) {
                smt_edge_tensor t;
                smt_edge_get_tensor(model, model->inputs[i], &t);
                memset(smt_edge_input(&runner, i), 0x41, t.bytes);
            }
            uint32_t sum = 0;
            smt_edge_invoke(&runner, NULL, NULL);
            smt_edge_invoke(&runner, sum_up, &sum);
        }
        free(arena);
    }
    free(places);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    smt_edge_model model;
    smt_edge_error error;
    void *copy = NULL; /* exact and aligned */
    if (posix_memalign(&copy, 16, size ? size : 1))
        return 0;
    memcpy(copy, data, size);
    if (smt_edge_open_to_walk(copy, size, &model, &error) == SMT_EDGE_OK)
        for (int32_t i = 0; i < model.operator_count; i++) {
            smt_edge_operator op;
            if (!smt_edge_get_operator(&model, i, &op))
                abort();
        }
    if (smt_edge_open(copy, size, &model, &error) == SMT_EDGE_OK) {
        run(&model, smt_edge_kernels_reference());
        run(&model, smt_edge_kernels_best());
    }
    free(copy);
    return 0;
}
