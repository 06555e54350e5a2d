/* Parsing by table, over getopt_long. */
#include "base/choice.h"
#include "base/guess.h"
#include "cli/cli.h"

#include <semtinel/format.h>

#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cli_common cli_shared = {.quiet = false, .threads = 0, .seed = 1};

const cli_option cli_common_options[] = {
    {"threads", 't', CLI_INT(&cli_shared.threads, 0, 256, "N"), "threads to use; 0: one per core"},
    {"seed",
     0,
     CLI_UINT64(&cli_shared.seed, "N"),
     "seed of everything random; same seed, same result"},
    {"quiet", 'q', CLI_FLAG(&cli_shared.quiet), "print warnings and errors only"},
    {0},
};

/* Of a command, with the common ones. */
enum { MAX_OPTIONS = CLI_OPTIONS_MAX + sizeof cli_common_options / sizeof *cli_common_options };

int cli_usage(const cli_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "semtinel %s: ", command->name);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry 'semtinel %s --help'.\n", command->name);
    return EXIT_USAGE;
}

void cli_trim_slashes(char *path)
{
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) {
        path[n - 1] = '\0';
    }
}

static int check_pattern(const cli_command *command, const cli_option *option, const char *text)
{
    regex_t regex;
    int wrong = regcomp(&regex, text, REG_EXTENDED);
    if (wrong) {
        char why[128];
        regerror(wrong, &regex, why, sizeof why);
        return cli_usage(command,
                         "--%s %s: no extended regular expression ('man 7 regex'): %s",
                         option->name,
                         text,
                         why);
    }
    regfree(&regex);
    return -1;
}

static int take(const cli_command *command, const cli_option *option, char *text)
{
    char *end = NULL;
    errno = 0;
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)option->target = true;
        return -1;
    case CLI_INT: {
        long value = strtol(text, &end, 10);
        if (errno || end == text || *end || (double)value < option->low ||
            (double)value > option->high) {
            return cli_usage(command,
                             "--%s %s: not a whole number in %.0f .. %.0f",
                             option->name,
                             text,
                             option->low,
                             option->high);
        }
        *(int *)option->target = (int)value;
        return -1;
    }
    case CLI_UINT64: {
        unsigned long long value = strtoull(text, &end, 10);
        if (errno || end == text || *end || strchr(text, '-')) {
            return cli_usage(
                command, "--%s %s: not a whole number of 0 or more", option->name, text);
        }
        *(uint64_t *)option->target = value;
        return -1;
    }
    case CLI_REAL:
    case CLI_FLOAT: {
        double value = strtod(text, &end);
        if (errno || end == text || *end || !(value >= option->low && value <= option->high)) {
            return cli_usage(command,
                             "--%s %s: not a number in %g .. %g",
                             option->name,
                             text,
                             option->low,
                             option->high);
        }
        if (option->kind == CLI_REAL) {
            *(double *)option->target = value;
        } else {
            *(float *)option->target = (float)value;
        }
        return -1;
    }
    case CLI_FOLDER: /* "out/": what is told of and joined to it gets a slash of its own */
    case CLI_INPUT:
        cli_trim_slashes(text);
        /* fall through */
    case CLI_FILE:
    case CLI_STREAM:
        if (strncmp(text, "--", 2) == 0) { /* -o $OUT --quiet, without a value of OUT */
            return cli_usage(command,
                             "--%s %s: a file or folder is needed; ./%s is one that is called so",
                             option->name,
                             text,
                             text);
        }
        /* fall through */
    case CLI_TEXT:
    case CLI_REGEX:
        if (!*text) {
            return cli_usage(command, "--%s: is empty", option->name);
        }
        if (option->kind == CLI_STREAM && strcmp(text, "/dev/stdout") == 0) {
            text = "-"; /* nothing else may be written there */
        }
        *(const char **)option->target = text;
        return option->kind == CLI_REGEX ? check_pattern(command, option, text) : -1;
    case CLI_CHOICE: {
        int index = smt_choice_find(option->argument, text);
        if (index < 0) {
            return cli_usage(
                command, "--%s %s: not one of %s", option->name, text, option->argument);
        }
        *(int *)option->target = index;
        return -1;
    }
    case CLI_PAIRS: {
        const char *sign = *text ? strchr(text + 1, '=') : NULL; /* a name may begin with one */
        if (!sign || !sign[1]) {
            return cli_usage(
                command, "--%s %s: not of the form %s", option->name, text, option->argument);
        }
    } /* fall through */
    case CLI_INPUTS:
    case CLI_LIST: {
        cli_list *list = option->target;
        if (list->count == (int)(sizeof list->items / sizeof *list->items)) {
            return cli_usage(command, "--%s: given more than %d times", option->name, list->count);
        }
        list->items[list->count++] = text;
        return -1;
    }
    }
    return -1;
}

static smt_status check_inputs(const cli_option *o, smt_error *error)
{
    const cli_list *list = o->kind == CLI_INPUTS ? o->target : NULL;
    for (int i = 0; i < (list ? list->count : 1); i++) {
        const char *path = list ? list->items[i] : *(const char **)o->target;
        if (path && smt_path_missing(path)) {
            return smt_fail(
                error, SMT_ERR_IO, "--%s %s: there is no such file or folder", o->name, path);
        }
    }
    return SMT_OK;
}

smt_status cli_check_kept(const char *path, const char *source, smt_error *error)
{
    char *file = NULL;
    smt_status status = smt_check_kept(path, source, error);
    if (!status && smt_path_is_directory(source)) {
        status = smt_model_file(source, &file, error);
        status = status == SMT_ERR_IO ? SMT_OK : status; /* a folder of others */
        status = status || !file ? status : smt_check_kept(path, file, error);
    }
    smt_free(file);
    return status;
}

smt_status cli_check_untrained(const char *folder, smt_error *error)
{
    char *checkpoint = smt_path_join(folder, "checkpoint.safetensors");
    smt_status status =
        checkpoint ? SMT_OK : smt_fail(error, SMT_ERR_MEMORY, "%s: out of memory", folder);
    if (!status && smt_path_exists(checkpoint)) {
        status = smt_fail(error,
                          SMT_ERR_ARGUMENT,
                          "%s: holds a trained run, whose model would be replaced; name another "
                          "folder, or delete this one first",
                          folder);
    }
    smt_free(checkpoint);
    return status;
}

void cli_name_left(const char *folder, const char *name)
{
    char *path = smt_path_join(folder, name);
    if (path && smt_path_exists(path)) {
        smt_log(SMT_LOG_WARNING, "%s is of an earlier call, not of this one", path);
    }
    smt_free(path);
}

/* Whether what the options name to be written can be, and what they name to be read is there. */
static int
check_paths(const cli_command *command, const cli_option *options, char **operands, int count)
{
    for (const cli_option *o = options; o->name; o++) {
        bool folder = o->kind == CLI_FOLDER, stream = o->kind == CLI_STREAM;
        const char *path =
            folder || stream || o->kind == CLI_FILE ? *(const char **)o->target : NULL;
        bool reads = o->kind == CLI_INPUT || o->kind == CLI_INPUTS;
        smt_error error = {0};
        smt_status status = reads ? check_inputs(o, &error) : SMT_OK;
        if (path && !(stream && strcmp(path, "-") == 0)) {
            status = smt_check_output(path, folder, &error);
            for (int i = 0; i < count && !status && !command->in_place; i++) {
                status = cli_check_kept(path, operands[i], &error);
            }
        }
        if (status) {
            return cli_report(&error);
        }
    }
    return -1;
}

/* Says what is wrong with the option that getopt_long did not take. */
static int
refuse(const cli_command *command, const cli_option **table, int count, int key, const char *typed)
{
    bool is_long = strncmp(typed, "--", 2) == 0;
    if (key == ':') {
        return is_long ? cli_usage(command, "%s: needs a value", typed)
                       : cli_usage(command, "-%c: needs a value", optopt);
    }
    if (optopt >= 256) {
        return cli_usage(command, "--%s: takes no value", table[optopt - 256]->name);
    }
    if (optopt == 'h') {
        return cli_usage(command, "--help: takes no value");
    }
    if (optopt) {
        return cli_usage(command, "-%c: unknown option", optopt);
    }
    char name[64] = "", fits[256] = "";
    int size = snprintf(name, sizeof name, "%.*s", (int)strcspn(typed + 2, "="), typed + 2);
    smt_guess guess = {0};
    int used = 0;
    for (int i = 0; i < count; i++) {
        smt_nearest(&guess, name, table[i]->name);
        if (strncmp(table[i]->name, name, (size_t)size) == 0 && used < (int)sizeof fits) {
            used += snprintf(fits + used,
                             sizeof fits - (size_t)used,
                             "%s--%s",
                             used ? ", " : "",
                             table[i]->name);
        }
    }
    if (used) {
        return cli_usage(command, "--%s: could be %s", name, fits);
    }
    return guess.word
               ? cli_usage(command, "--%s: unknown option; did you mean --%s?", name, guess.word)
               : cli_usage(command, "--%s: unknown option", name);
}

/* Also where a value is missing before it ("--threads --help"), among letters ("-qh") and shortened
 * ("--he"); not behind a letter that is no option: "-dash.png" is a file. `letters` begins with
 * '-': operands stay in their places, so that afterwards an option at the very end still lacks its
 * value. */
static bool asks_for_help(int argc, char **argv, const char *letters, const struct option *names)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    optind = 0;
    int key;
    while ((key = getopt_long(argc, argv, letters, names, NULL)) != -1 && key != 'h') {
        if (key == '?' && optopt > 0 && optopt < 256) {
            return false;
        }
    }
    return key == 'h';
}

int cli_parse(const cli_command *command,
              const cli_option *options,
              int argc,
              char **argv,
              char ***operands,
              int *operand_count)
{
    const cli_option *table[MAX_OPTIONS];
    struct option names[MAX_OPTIONS + 2];
    char letters[2 * MAX_OPTIONS + 5] = "-:h";
    int count = 0;
    for (int part = 0; part < 2; part++) {
        for (const cli_option *o = part ? cli_common_options : options;
             o->name && count < MAX_OPTIONS;
             o++) {
            table[count] = o;
            names[count] = (struct option){
                o->name, o->kind == CLI_FLAG ? no_argument : required_argument, NULL, 256 + count};
            if (o->letter) {
                char text[3] = {o->letter, o->kind == CLI_FLAG ? '\0' : ':', 0};
                strcat(letters, text);
            }
            count++;
        }
    }
    names[count] = (struct option){"help", no_argument, NULL, 'h'};
    names[count + 1] = (struct option){NULL, 0, NULL, 0};

    /* --help shows defaults, so it must win before any option changes one. */
    if (asks_for_help(argc, argv, letters, names)) {
        cli_print_help(command, options);
        return EXIT_DONE;
    }
    optind = 0;
    int key;
    while ((key = getopt_long(argc, argv, letters + 1, names, NULL)) != -1) {
        if (key == '?' || key == ':') {
            return refuse(command, table, count, key, argv[optind - 1]);
        }
        int at = key - 256;
        for (int i = 0; i < count && at < 0; i++) {
            at = table[i]->letter == key ? i : at;
        }
        int code = take(command, table[at], optarg);
        if (code >= 0) {
            return code;
        }
    }
    *operands = argv + optind;
    *operand_count = argc - optind;
    for (int i = 0; i < *operand_count; i++) {
        if (!*(*operands)[i]) {
            return cli_usage(command, "an argument is empty: a shell variable without a value?");
        }
    }
    if (*operand_count < command->min_operands) {
        return cli_usage(
            command, "too few arguments; usage: semtinel %s %s", command->name, command->arguments);
    }
    if (command->max_operands >= 0 && *operand_count > command->max_operands) {
        return cli_usage(command, "unexpected argument '%s'", (*operands)[command->max_operands]);
    }
    return check_paths(command, options, *operands, *operand_count);
}
