/* semtinel/report.h: pictures and pages made from results. */
#ifndef SEMTINEL_REPORT_H
#define SEMTINEL_REPORT_H

#include <semtinel/image.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct smt_sheet_cell {
    const smt_image *image; /* borrowed; scaled to fit the cell */
    const char *caption;    /* under the image, or NULL; cut with an ellipsis where too long */
} smt_sheet_cell;

/* A contact sheet as PNG: `columns` cells a row, each cell_size pixels square, with captions and a
 * title (or NULL). */
SMT_API smt_status smt_sheet_save(const char *path,
                                  const char *title,
                                  const smt_sheet_cell *cells,
                                  size_t count,
                                  int columns,
                                  int cell_size,
                                  smt_error *error);

#ifdef __cplusplus
}
#endif
#endif
