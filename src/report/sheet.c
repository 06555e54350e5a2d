/* Contact sheets: many small images with captions on one
 * page, for looking at a data set or at the worst cases. */
#include "report/draw.h"

#include <semtinel/report.h>

#define MARGIN 16
#define GAP 8
#define CAPTION 18
#define MAX_SIDE 30000 /* cairo's images end at 32767 */

smt_status smt_sheet_save(const char *path,
                          const char *title,
                          const smt_sheet_cell *cells,
                          size_t count,
                          int columns,
                          int cell_size,
                          smt_error *error)
{
    if (columns < 1 || columns > 1000 || cell_size < 8 || cell_size > 4096) {
        return smt_fail(error,
                        SMT_ERR_ARGUMENT,
                        "%s: a sheet has 1 .. 1000 columns of 8 .. 4096 pixels, not %d of %d",
                        path,
                        columns,
                        cell_size);
    }
    bool captions = false;
    for (size_t i = 0; i < count; i++) {
        captions = captions || cells[i].caption;
    }
    size_t rows = (count + (size_t)columns - 1) / (size_t)columns;
    int head = title ? 40 : 0, step_x = cell_size + GAP,
        step_y = cell_size + GAP + (captions ? CAPTION : 0);
    size_t height = 2 * MARGIN + (size_t)head + rows * (size_t)step_y;
    int width = 2 * MARGIN + columns * step_x - GAP;
    if (height > MAX_SIDE || width > MAX_SIDE) {
        return smt_fail(error,
                        SMT_ERR_LIMIT,
                        "%s: a sheet of %zu images would be %d x %zu pixels; the limit is %d; use "
                        "smaller cells or fewer images",
                        path,
                        count,
                        width,
                        height,
                        MAX_SIDE);
    }
    draw_canvas canvas;
    smt_status status = draw_open(path, width, (int)height, &canvas, error);
    if (status) {
        return status;
    }
    cairo_t *cr = canvas.cr;
    if (title) {
        draw_colour_set(cr, draw_ink);
        draw_font(cr, 18, true);
        draw_text(cr, MARGIN, MARGIN + 18, DRAW_LEFT, width - 2 * MARGIN, title);
    }
    for (size_t i = 0; i < count && !status; i++) {
        double x = MARGIN + (double)(i % (size_t)columns) * step_x;
        double y = MARGIN + head + (double)(i / (size_t)columns) * step_y;
        if (cells[i].image && !draw_image(cr, cells[i].image, x, y, cell_size, cell_size)) {
            status = smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", path);
        }
        if (cells[i].caption) {
            draw_colour_set(cr, draw_ink);
            draw_font(cr, 11, false);
            draw_text(cr,
                      x + cell_size / 2.0,
                      y + cell_size + 13,
                      DRAW_CENTRE,
                      cell_size,
                      cells[i].caption);
        }
    }
    return draw_close(&canvas, path, status, error);
}
