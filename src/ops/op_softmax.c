/* Softmax over the channels of each pixel; its largest
 * logit is subtracted first so that exp cannot overflow. */
#include "ops/operators.h"
#include <semtinel/ops.h>

#include <math.h>

void smt_softmax(float *logits, int batch, int classes)
{
    for (int b = 0; b < batch; b++, logits += classes) {
        float largest = logits[0];
        for (int i = 1; i < classes; i++) {
            largest = logits[i] > largest ? logits[i] : largest;
        }
        double sum = 0.0;
        for (int i = 0; i < classes; i++) {
            logits[i] = expf(logits[i] - largest);
            sum += (double)logits[i];
        }
        for (int i = 0; i < classes; i++) {
            logits[i] = (float)((double)logits[i] / sum);
        }
    }
}

static void forward(const ops_call *call)
{
    size_t pixels = (size_t)call->images * ops_pixels(call->node->shape),
           c = (size_t)call->node->shape.c;
    for (size_t i = 0; i < pixels * c; i++) {
        call->y[i] = call->x[0][i];
    }
    smt_softmax(call->y, (int)pixels, (int)c);
}

/* With y = softmax(x): dx = y * (dy - sum of dy * y). y is computed again into dx. */
static void backward(const ops_call *call)
{
    size_t pixels = (size_t)call->images * ops_pixels(call->node->shape),
           c = (size_t)call->node->shape.c;
    for (size_t p = 0; p < pixels; p++) {
        const float *dy = call->dy + p * c;
        float *dx = call->dx[0] + p * c;
        for (size_t i = 0; i < c; i++) {
            dx[i] = call->x[0][p * c + i];
        }
        smt_softmax(dx, 1, (int)c);
        double dot = 0.0;
        for (size_t i = 0; i < c; i++) {
            dot += (double)dx[i] * (double)dy[i];
        }
        for (size_t i = 0; i < c; i++) {
            dx[i] = (float)((double)dx[i] * ((double)dy[i] - dot));
        }
    }
}

const ops_operator ops_softmax = {.forward = forward, .backward = backward, .reads_inputs = true};
