/* curves.png: loss, accuracy and learning rate over the epochs of a run. */
#include "report/draw.h"

#include <math.h>
#include <semtinel/report.h>
#include <stdio.h>

enum { TRAIN_LOSS, VAL_LOSS, TRAIN_ACCURACY, VAL_ACCURACY, VAL_F1, RATE, SERIES };

static int find_best(const smt_history_row *rows, size_t count)
{
    int best = 0;
    double best_f1 = -1;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].val_macro_f1 > best_f1) {
            best_f1 = rows[i].val_macro_f1;
            best = rows[i].epoch;
        }
    }
    return best;
}

static double loss_top(const double *train, const double *val, size_t count)
{
    double top = 0;
    for (size_t i = 0; i < count; i++) {
        top = fmax(top, isfinite(train[i]) ? train[i] : 0);
        top = fmax(top, isfinite(val[i]) ? val[i] : 0);
    }
    return top > 0 ? top * 1.05 : 1;
}

static void mark_epoch(cairo_t *cr, const draw_axes *axes, int epoch)
{
    static const double dashes[2] = {4, 4};
    double x = draw_axes_x(axes, epoch);
    draw_colour_set(cr, draw_ink); /* the last epoch lies on the frame */
    cairo_set_line_width(cr, 1.5);
    cairo_set_dash(cr, dashes, 2, 0);
    cairo_move_to(cr, x, axes->y);
    cairo_line_to(cr, x, axes->y + axes->height);
    cairo_stroke(cr);
    cairo_set_dash(cr, dashes, 0, 0);
}

static void draw_series(cairo_t *cr,
                        const draw_axes *axes,
                        const double *x,
                        const double *y,
                        size_t count,
                        draw_colour colour)
{
    draw_colour_set(cr, colour);
    cairo_set_line_width(cr, 2);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    draw_axes_line(cr, axes, x, y, count, count < 25);
}

smt_status smt_plot_history(
    const char *path, const smt_history_row *rows, size_t count, int kept_epoch, smt_error *error)
{
    if (!count) {
        return smt_fail(error, SMT_ERR_ARGUMENT, "%s: no epoch to draw", path);
    }
    double *x = smt_alloc(count, (SERIES + 1) * sizeof *x);
    if (!x) {
        return smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
    }
    double *y[SERIES];
    for (int s = 0; s < SERIES; s++) {
        y[s] = x + count * (size_t)(s + 1);
    }
    double rate_top = 0;
    for (size_t i = 0; i < count; i++) {
        x[i] = rows[i].epoch;
        y[TRAIN_LOSS][i] = rows[i].train_loss;
        y[VAL_LOSS][i] = rows[i].val_loss;
        y[TRAIN_ACCURACY][i] = rows[i].train_accuracy;
        y[VAL_ACCURACY][i] = rows[i].val_accuracy;
        y[VAL_F1][i] = rows[i].val_macro_f1;
        y[RATE][i] = rows[i].learning_rate;
        rate_top = fmax(rate_top, isfinite(y[RATE][i]) ? y[RATE][i] : 0);
    }
    int marked = kept_epoch ? kept_epoch : find_best(rows, count);
    double first = x[0], last = x[count - 1] > x[0] ? x[count - 1] : x[0] + 1;
    draw_axes loss = {.x = 78,
                      .y = 78,
                      .width = 500,
                      .height = 380,
                      .x_low = first,
                      .x_high = last,
                      .x_whole = true};
    loss.y_high = loss_top(y[TRAIN_LOSS], y[VAL_LOSS], count);
    loss.title = "Loss";
    loss.x_label = "epoch";
    loss.y_label = "cross-entropy";
    draw_axes score = loss;
    score.x = 676;
    score.y_high = 1;
    score.title = "Accuracy and macro F1";
    score.y_label = "share";
    draw_axes rate = loss;
    rate.y = 566;
    rate.height = 110;
    rate.width = score.x + score.width - loss.x;
    rate.y_high = rate_top > 0 ? rate_top * 1.05 : 1;
    rate.y_scientific = true;
    rate.title = "Learning rate";
    rate.y_label = "rate";

    draw_canvas canvas;
    smt_status status = draw_open(path, 1200, 730, &canvas, error);
    if (status) {
        smt_free(x);
        return status;
    }
    cairo_t *cr = canvas.cr;
    const draw_axes *all[3] = {&loss, &score, &rate};
    for (int i = 0; i < 3; i++) {
        draw_axes_frame(cr, all[i]);
        if (marked > 0) {
            mark_epoch(cr, all[i], marked);
        }
    }
    draw_series(cr, &loss, x, y[TRAIN_LOSS], count, draw_palette[0]);
    draw_series(cr, &loss, x, y[VAL_LOSS], count, draw_palette[1]);
    draw_series(cr, &score, x, y[TRAIN_ACCURACY], count, draw_palette[0]);
    draw_series(cr, &score, x, y[VAL_ACCURACY], count, draw_palette[1]);
    draw_series(cr, &score, x, y[VAL_F1], count, draw_palette[2]);
    draw_series(cr, &rate, x, y[RATE], count, draw_palette[3]);
    char mark[64];
    snprintf(mark, sizeof mark, "%s epoch: %d", kept_epoch ? "kept" : "best", marked);
    const draw_key loss_keys[3] = {{"training", draw_palette[0], false},
                                   {"validation", draw_palette[1], false},
                                   {mark, draw_ink, true}};
    const draw_key score_keys[4] = {{"training accuracy", draw_palette[0], false},
                                    {"validation accuracy", draw_palette[1], false},
                                    {"validation macro F1", draw_palette[2], false}};
    draw_legend(cr, loss.x, loss.y - 12, loss_keys, marked > 0 ? 3 : 2);
    draw_legend(cr, score.x, score.y - 12, score_keys, 3);
    smt_free(x);
    return draw_close(&canvas, path, SMT_OK, error);
}
