#include <semtinel/ops.h>

#include <math.h>

/* loss = sum over b, c of w[c] * t[b][c] * -log p[b][c], divided by the batch's total weight, with
 * t the smoothed target. PyTorch's CrossEntropyLoss divides by the sum of the weights of the true
 * classes when targets are indices, and that is what sum of w[c] * target[b][c] is for one-hot
 * targets; smoothing does not enter the divisor there either. */
double smt_loss_cross_entropy(const float *logits,
                              const float *target,
                              const float *class_weight,
                              float smoothing,
                              int batch,
                              int classes,
                              float *gradient)
{
    size_t c = (size_t)classes;
    double divisor = 0.0;
    for (size_t i = 0; i < (size_t)batch * c; i++) {
        divisor += (class_weight ? (double)class_weight[i % c] : 1.0) * (double)target[i];
    }
    divisor = divisor > 0.0 ? divisor : 1.0;
    double keep = 1.0 - (double)smoothing, share = (double)smoothing / (double)classes, loss = 0.0;
    for (size_t b = 0; b < (size_t)batch; b++) {
        const float *z = logits + b * c, *t = target + b * c;
        double largest = (double)z[0];
        for (size_t i = 1; i < c; i++) {
            largest = (double)z[i] > largest ? (double)z[i] : largest;
        }
        double sum = 0.0;
        for (size_t i = 0; i < c; i++) {
            sum += exp((double)z[i] - largest);
        }
        double log_sum = largest + log(sum), total = 0.0;
        for (size_t i = 0; i < c; i++) {
            double w =
                (class_weight ? (double)class_weight[i] : 1.0) * (keep * (double)t[i] + share);
            total += w;
            loss += w * (log_sum - (double)z[i]);
        }
        for (size_t i = 0; gradient && i < c; i++) {
            double w =
                (class_weight ? (double)class_weight[i] : 1.0) * (keep * (double)t[i] + share);
            gradient[b * c + i] = (float)((exp((double)z[i] - log_sum) * total - w) / divisor);
        }
    }
    return loss / divisor;
}
