/* Internal: the sections of report.html. */
#ifndef SEMTINEL_REPORT_PARTS_H
#define SEMTINEL_REPORT_PARTS_H

#include "report/html.h"

#include <semtinel/report.h>

/* More classes than this make no table of cells. */
#define REPORT_MOST_CLASSES 100

smt_image report_image(const smt_evaluation *e, size_t index); /* borrows the pixels */

void report_navigation(smt_file *file, const smt_report_inputs *inputs);
void report_summary(smt_file *file, const smt_evaluation *e);
void report_curves(smt_file *file, const smt_evaluation *e, const smt_report_inputs *inputs);
/* number: class -> place in the matrix, or -1. Of many classes the most frequent confusions. */
smt_status
report_matrix(smt_file *file, const smt_evaluation *e, const int *number, smt_error *error);
void report_classes(smt_file *file, const smt_evaluation *e);
void report_confidence(smt_file *file, const smt_evaluation *e);
void report_rejection(smt_file *file, const smt_evaluation *e);
smt_status report_mistakes(smt_file *file,
                           const smt_evaluation *e,
                           const smt_report_inputs *inputs,
                           smt_error *error);
void report_files(smt_file *file, const smt_report_inputs *inputs);
void report_audit(smt_file *file, const smt_report_inputs *inputs);
void report_provenance(smt_file *file, const smt_evaluation *e, const smt_report_inputs *inputs);

#endif
