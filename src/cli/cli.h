/* The command line's frame: each subcommand describes itself by one table of options, from which
 * come parsing, range checks and --help. */
#ifndef SEMTINEL_CLI_H
#define SEMTINEL_CLI_H

#include <semtinel/base.h>

#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SKIPPED = 3 };

typedef enum cli_kind {
    CLI_FLAG,   /* bool: --name sets true */
    CLI_INT,    /* int, low .. high */
    CLI_UINT64, /* uint64_t */
    CLI_REAL,   /* double, low .. high */
    CLI_FLOAT,  /* float, low .. high */
    CLI_TEXT,   /* const char * into argv */
    CLI_REGEX,  /* the same: an extended regular expression */
    CLI_FILE,   /* the same: a file to write; cli_parse tells at once if it cannot be */
    CLI_STREAM, /* the same; "-" is standard output, which the command sees to */
    CLI_FOLDER, /* the same: a folder to write into, made if missing */
    CLI_INPUT,  /* the same: a file or folder to read; cli_parse tells at once if it is missing */
    CLI_INPUTS, /* cli_list of such; may be repeated */
    CLI_CHOICE, /* int: index into `argument`, a list "a|b|c" */
    CLI_LIST,   /* cli_list: may be repeated; texts into argv */
    CLI_PAIRS   /* the same, each of the form of `argument`: FROM=TO */
} cli_kind;

typedef struct cli_list {
    const char *items[64];
    int count;
} cli_list;

typedef struct cli_option {
    const char *name; /* without dashes; a table ends with a NULL name */
    char letter;      /* short option, or 0 */
    cli_kind kind;
    void *target;         /* holds the default before parsing; a real below `low`: none */
    double low, high;     /* of CLI_INT, CLI_REAL and CLI_FLOAT */
    const char *argument; /* "N", "DIR", ...; for CLI_CHOICE the list itself: "adamw|adam|sgd" */
    const char *help;     /* one sentence; the default and the range are appended */
} cli_option;

/* The middle of a row: {"size", 's', CLI_INT(&size, 16, 1024, "PX"), "side of an image"}. */
#define CLI_FLAG(target) CLI_FLAG, target, 0, 0, NULL
#define CLI_INT(target, low, high, argument) CLI_INT, target, low, high, argument
#define CLI_UINT64(target, argument) CLI_UINT64, target, 0, 0, argument
#define CLI_REAL(target, low, high, argument) CLI_REAL, target, low, high, argument
#define CLI_FLOAT(target, low, high, argument) CLI_FLOAT, target, low, high, argument
#define CLI_TEXT(target, argument) CLI_TEXT, target, 0, 0, argument
#define CLI_REGEX(target, argument) CLI_REGEX, target, 0, 0, argument
#define CLI_FILE(target, argument) CLI_FILE, target, 0, 0, argument
#define CLI_STREAM(target, argument) CLI_STREAM, target, 0, 0, argument
#define CLI_FOLDER(target, argument) CLI_FOLDER, target, 0, 0, argument
#define CLI_INPUT(target, argument) CLI_INPUT, target, 0, 0, argument
#define CLI_INPUTS(target, argument) CLI_INPUTS, target, 0, 0, argument
#define CLI_CHOICE(target, choices) CLI_CHOICE, target, 0, 0, choices
#define CLI_LIST(target, argument) CLI_LIST, target, 0, 0, argument
#define CLI_PAIRS(target, argument) CLI_PAIRS, target, 0, 0, argument

typedef struct cli_command {
    const char *name;
    const char *arguments;          /* "DATASET -o RUN" */
    const char *summary;            /* one line */
    const char *details;            /* paragraphs for --help, or NULL */
    const char *examples;           /* lines, each "  semtinel ...\n" */
    int min_operands, max_operands; /* -1: any number */
    bool in_place;                  /* what is written may be the file that is read */
} cli_command;

/* The options that every command has: --quiet --threads --seed --help. */
typedef struct cli_common {
    bool quiet;
    int threads; /* 0: one per core */
    uint64_t seed;
} cli_common;
extern cli_common cli_shared;

#define CLI_OPTIONS_MAX 128 /* of a command, without the common ones */
extern const cli_option cli_common_options[];

/* How cli_print_help writes: as text for a reader, as part of a manual page for troff, as part of
 * a completion function for bash. */
typedef enum cli_style { CLI_STYLE_TEXT, CLI_STYLE_MAN, CLI_STYLE_BASH } cli_style;
extern cli_style cli_help_style;
void cli_print_help(const cli_command *command, const cli_option *own);
void cli_man_common(void); /* the common options, once for the whole manual page */

/* Parses argv[1..]; operands are moved to *operands (pointers into argv). Returns -1 to go on, or
 * an exit code (after --help, or an error, which is printed: of usage, or of an output that cannot
 * be written or an input that is missing, which is better told before the work than after it). */
int cli_parse(const cli_command *command,
              const cli_option *options,
              int argc,
              char **argv,
              char ***operands,
              int *operand_count);

/* Prints "semtinel: MESSAGE" to stderr and returns the exit code for the error (EXIT_FAILED; 130
 * for an interruption). */
int cli_report(const smt_error *error);
/* smt_make_directory for the folder of results: one that this made goes again at the end if nothing
 * was written into it. path: lasts to the end. */
smt_status cli_make_folder(const char *path, smt_error *error);
int cli_usage(const cli_command *command, const char *format, ...)
    SMT_PRINTF(2, 3); /* EXIT_USAGE */
/* To where log lines go, unless --quiet. */
void cli_say(const char *format, ...) SMT_PRINTF(1, 2);
/* From now on log lines are written to this file too, --quiet or not; NULL: no longer. Borrowed. */
void cli_log_copy(FILE *file);
/* Log lines are not shown while hushed; cli_say's are, and progress is. */
void cli_hush(bool hush);
/* From now on what is said goes to standard error, as standard output carries results. */
void cli_log_aside(void);
/* The folder of shipped weights: $SEMTINEL_MODELS, what was installed with this command, wherever
 * that was moved to, beside the source, or where it would be installed by default. */
const char *cli_models_folder(void);
/* "out/" becomes "out"; "/" stays. */
void cli_trim_slashes(char *path);
/* SMT_ERR_ARGUMENT: the file `path`, which is to be written, is `source`, or the model in the
 * folder `source` (smt_model_file). */
smt_status cli_check_kept(const char *path, const char *source, smt_error *error);
/* SMT_ERR_ARGUMENT: the folder holds a trained run, whose model is to be written over. */
smt_status cli_check_untrained(const char *folder, smt_error *error);
/* Warns of that file in the folder, which this call did not write anew: it may be of another model.
 */
void cli_name_left(const char *folder, const char *name);

/* Every subcommand NAME is int cli_NAME(int argc, char **argv) in src/cli/NAME.c. */
#define CLI_COMMANDS(X)                                                                            \
    X(adapt)                                                                                       \
    X(audit)                                                                                       \
    X(augment)                                                                                     \
    X(bench)                                                                                       \
    X(calibrate)                                                                                   \
    X(compare)                                                                                     \
    X(demo)                                                                                        \
    X(ensemble)                                                                                    \
    X(evaluate)                                                                                    \
    X(explain)                                                                                     \
    X(export)                                                                                      \
    X(info)                                                                                        \
    X(klarf)                                                                                       \
    X(label)                                                                                       \
    X(predict)                                                                                     \
    X(quantize)                                                                                    \
    X(run)                                                                                         \
    X(split)                                                                                       \
    X(synth)                                                                                       \
    X(train)
#define CLI_DECLARE(name) int cli_##name(int argc, char **argv);
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

#endif
