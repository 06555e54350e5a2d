/* Names of classes and samples. */
#ifndef SEMTINEL_DATA_NAMES_H
#define SEMTINEL_DATA_NAMES_H

#include <semtinel/data.h>

/* The class of `set` of this name, else of one that differs in case, in '_', '-' and ' ' standing
 * for one another, or in the plural's s only, else, with `synonyms`, of the same canonical name;
 * -1: none. Not with synonyms within one data set: "short" and "bridge" may be two classes. */
int data_find_class(const smt_dataset *set, const char *name, bool synonyms);
/* Lower case, without blanks and ASCII punctuation, without the plural's s; other bytes (UTF-8)
 * stay. `out` holds SMT_CANONICAL bytes; a longer name is cut. */
void data_plain_name(const char *name, char *out);
/* Lower case, with '_' for '-' and ' '; likewise. */
void data_folded_name(const char *name, char *out);
/* The part of a sample's path that follows the data set's root. */
const char *data_relative(const smt_dataset *dataset, const char *path);
/* The part that follows the class folder: the file's name, with the folders of lots before it. */
const char *data_below_class(const smt_dataset *dataset, const smt_sample *sample);

/* Order of smt_dataset.samples, for qsort: added, split, class, path. */
int data_compare_samples(const void *a, const void *b);

#endif
