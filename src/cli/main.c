/* semtinel COMMAND ...: finds the command, sets up log, progress and signals. */
#include "base/guess.h"
#include "cli/cli.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
#define CLI_ROW(name) {#name, cli_##name},
    CLI_COMMANDS(CLI_ROW)
#undef CLI_ROW
};

static const char overview[] =
    "usage: semtinel COMMAND ...\n"
    "\n"
    "SEM wafer-defect classification, from a folder of images to a microcontroller.\n"
    "\n"
    "  data       synth       simulate SEM images of ten or eleven defect classes\n"
    "             audit       find duplicates, leaks, label conflicts and unreadable files\n"
    "             split       make train/ val/ test/ by groups of near-duplicates\n"
    "             klarf       read a fab's defect files, and write classes back into them\n"
    "             augment     write a balanced, augmented copy of the training part\n"
    "  network    train       train MobileNetV3-Small on folders of images\n"
    "             evaluate    measure a model on labelled images\n"
    "             predict     classify images without labels\n"
    "             adapt       fit a model to another microscope, without labels\n"
    "             ensemble    make one network of several that err differently\n"
    "             label       sort images without labels into class folders, to train on\n"
    "             calibrate   calibrate the confidence, set thresholds for review\n"
    "             compare     put evaluations side by side, with McNemar's test\n"
    "             demo        make a video of the predictions\n"
    "             explain     show where in an image the evidence for a class lies\n"
    "             info        say what is in a model file\n"
    "  shipping   quantize    make an int8 or dynamic-range model\n"
    "             export      write ONNX, TensorFlow Lite, Keras, TensorFlow or C\n"
    "             run         run a .tflite on raw tensors\n"
    "             bench       measure training speed, latency and memory\n"
    "\n"
    "'semtinel COMMAND --help' explains one, with examples.\n"
    "Exit codes: 0 all done, 1 failure, 2 wrong usage, 3 some inputs were skipped and named.\n";

static double progress_start, progress_last;
static size_t progress_base, progress_done;
static const char *progress_label;
static bool progress_open;
static bool bar_open;
static const char *made_folder; /* by this command; NULL: none */

static void close_bar(void)
{
    if (bar_open) {
        fputs("\r\033[K", stderr);
        bar_open = false;
    }
}

static FILE *log_copy;

void cli_log_copy(FILE *file)
{
    log_copy = file;
}

static bool log_aside, hushed;

void cli_log_aside(void)
{
    log_aside = true;
}

void cli_hush(bool hush)
{
    hushed = hush;
}

static void log_line(void *context, smt_log_level level, const char *line)
{
    (void)context;
    if (log_copy && level != SMT_LOG_DEBUG) {
        fprintf(log_copy, "%s%s\n", level == SMT_LOG_WARNING ? "warning: " : "", line);
    }
    if (level == SMT_LOG_DEBUG || (level == SMT_LOG_INFO && cli_shared.quiet) ||
        (level != SMT_LOG_ERROR && hushed)) {
        return;
    }
    close_bar();
    if (level == SMT_LOG_INFO && !log_aside) {
        printf("%s\n", line);
        fflush(stdout);
    } else {
        fprintf(stderr, "semtinel: %s%s\n", level == SMT_LOG_WARNING ? "warning: " : "", line);
    }
}

/* True if standard error can overwrite its line. */
static bool on_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
}

/* "312/s  40 s left", with the digits that matter. */
static void pace(double rate, double left, char *out, size_t size)
{
    const char *unit = "s";
    if (rate <= 0) { /* nothing is known yet */
        *out = 0;
        return;
    }
    if (left >= 5940) {
        left /= 3600;
        unit = "h";
    } else if (left >= 99.5) {
        left /= 60;
        unit = "min";
    }
    snprintf(out,
             size,
             "%.*f/s  %.*f %s left",
             rate < 9.95 ? 1 : 0,
             rate,
             *unit == 'h' ? 1 : 0,
             left,
             unit);
}

/* A bar with rate and time left on a terminal; a line every ten seconds elsewhere. What begins
 * while something else is under way is a step of that, and not shown. */
static void show_progress(void *context, const char *label, size_t done, size_t total)
{
    (void)context;
    bool terminal = on_terminal();
    double now = smt_clock();
    if (label != progress_label && progress_open) {
        return;
    }
    if (label != progress_label || done <= progress_base) { /* begins, perhaps once more */
        progress_last = label == progress_label ? progress_last : now;
        progress_label = label;
        progress_base = progress_done = done;
        progress_start = now;
    }
    /* Threads may report out of order. */
    progress_done = done > progress_done ? done : progress_done;
    bool unknown = done && !total;
    progress_open = unknown || progress_done < total;
    if (cli_shared.quiet || now - progress_last < (terminal ? 0.1 : 10.0) || !(done || total)) {
        if (!unknown && done >= total) {
            close_bar();
        }
        return;
    }
    progress_last = now;
    if (unknown) {
        fprintf(
            stderr, "%s%s %zu%s", terminal ? "\r\033[K" : "", label, done, terminal ? "" : "\n");
        bar_open = terminal;
        return;
    }
    double rate = (double)(done - progress_base) / (now - progress_start + 1e-9);
    char tempo[64];
    pace(rate, rate > 0 ? (double)(total - done) / rate : 0, tempo, sizeof tempo);
    if (terminal) {
        char bar[31];
        int filled = (int)(30 * done / total);
        memset(bar, '-', 30);
        memset(bar, '#', (size_t)filled);
        bar[30] = 0;
        fprintf(stderr, "\r\033[K%s [%s] %zu/%zu  %s", label, bar, done, total, tempo);
        bar_open = true;
        if (done >= total) {
            close_bar();
        }
    } else {
        fprintf(stderr, "%s %zu/%zu  %s\n", label, done, total, tempo);
    }
}

static volatile sig_atomic_t first_signal = SIGINT;

/* First Ctrl-C: stop at the next safe point. Second: remove temporaries and leave at once. A reader
 * of standard output that has left is like a second one. */
static void on_signal(int number)
{
    if (smt_interrupted() || number == SIGPIPE) {
        smt_file_abandon_all();
        _exit(128 + number);
    }
    first_signal = number;
    smt_interrupt();
}

static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        /* What nohup ignores stays ignored. */
        bool ignored = !sigaction(numbers[i], NULL, &before) && before.sa_handler == SIG_IGN;
        if (numbers[i] != SIGHUP || !ignored) {
            sigaction(numbers[i], &action, NULL);
        }
    }
    /* Beyond 'ulimit -f' a write fails like any other. */
    signal(SIGXFSZ, SIG_IGN);
}

/* A stream that came closed is opened the wrong way round: its number goes to no file that is
 * written, and what is written to it fails. */
static void hold_streams(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) < 0) {
            (void)open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int cli_report(const smt_error *error)
{
    close_bar();
    fprintf(stderr,
            "semtinel: %s\n",
            error->message[0] ? error->message : smt_status_name(error->status));
    return error->status == SMT_ERR_INTERRUPTED ? 128 + first_signal : EXIT_FAILED;
}

smt_status cli_make_folder(const char *path, smt_error *error)
{
    made_folder = smt_path_exists(path) ? NULL : path;
    return smt_make_directory(path, error);
}

void cli_say(const char *format, ...)
{
    if (cli_shared.quiet) {
        return;
    }
    close_bar();
    char line[9000]; /* two of the longest paths that the system takes */
    va_list arguments;
    FILE *to = log_aside ? stderr : stdout;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    smt_printable(line);
    fprintf(to, "%s\n", line);
    fflush(to);
}

const char *cli_models_folder(void)
{
    const char *named = getenv("SEMTINEL_MODELS");
    if (named) {
        return named;
    }
    static char own[PATH_MAX + sizeof SMT_MODELS_FROM_COMMAND + 1], found[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, PATH_MAX);
    char *folder_end = length > 0 ? memrchr(own, '/', (size_t)length) : NULL;
    if (folder_end) {
        strcpy(folder_end, "/" SMT_MODELS_FROM_COMMAND);
        if (realpath(own, found)) {
            return found;
        }
    }
    return smt_path_is_directory(SMT_SOURCE_MODELS) ? SMT_SOURCE_MODELS : SMT_INSTALLED_MODELS;
}

static int run_command(const char *name, int argc, char **argv)
{
    smt_guess guess = {0};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc, argv);
        }
        smt_nearest(&guess, name, commands[i].name);
    }
    smt_nearest(&guess, name, "--help");
    smt_nearest(&guess, name, "--version");
    if (guess.word) {
        fprintf(stderr, "semtinel: unknown command '%s'; did you mean '%s'?\n", name, guess.word);
    } else {
        fprintf(stderr, "semtinel: unknown command '%s'\n", name);
    }
    fputs("Try 'semtinel --help'.\n", stderr);
    return EXIT_USAGE;
}

/* The help of every command, one after another, in the style of the moment. */
static void print_all(void)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char name[16], help[] = "--help";
        snprintf(name, sizeof name, "%s", commands[i].name);
        commands[i].run(2, (char *[]){name, help, NULL});
    }
}

static int print_manual(void)
{
    cli_help_style = CLI_STYLE_MAN;
    printf(".TH SEMTINEL 1 \"\" \"semtinel %s\" \"User Commands\"\n"
           ".SH NAME\nsemtinel \\- SEM wafer-defect classification, from a folder of images to a "
           "microcontroller\n"
           ".SH SYNOPSIS\n.B semtinel\n\\fICOMMAND\\fR [\\fIoptions\\fR]\n"
           ".SH COMMANDS\nIn brackets: default; range.\n",
           smt_version());
    print_all();
    printf(".SH COMMON OPTIONS\n");
    cli_man_common();
    printf(
        ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nexplain the command\n"
        ".SH EXIT STATUS\n"
        ".TP\n0\nall done\n.TP\n1\nfailure; one line on standard error says of what and why\n"
        ".TP\n2\nwrong usage\n.TP\n3\ndone, but some inputs were skipped; each is named on "
        "standard error, or in the text of audit\n"
        ".TP\n129, 130, 141, 143\nstopped: the terminal closed, Ctrl\\-C, the reader of standard "
        "output left, a signal to terminate\n"
        ".SH ENVIRONMENT\n"
        ".TP\nSEMTINEL_MODELS\nfolder of the shipped weights, instead of the installed one\n");
    return EXIT_DONE;
}

static int print_completion(void)
{
    cli_help_style = CLI_STYLE_BASH;
    printf("# bash completion for semtinel\n"
           "_semtinel()\n{\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n"
           "    case ${COMP_CWORD}:${COMP_WORDS[1]} in\n    1:*) words=\"");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        printf("%s ", commands[i].name);
    }
    printf("--help --version\" ;;\n    esac\n    [ \"$COMP_CWORD\" -gt 1 ] && case "
           "${COMP_WORDS[1]} in\n");
    print_all();
    printf("    esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "}\n"
           "complete -o default -F _semtinel semtinel\n");
    return EXIT_DONE;
}

static int dispatch(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        fputs(overview, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0) {
        const char *of = argc > 2 ? argv[2] : "help"; /* help COMMAND is COMMAND --help */
        if (*of != '-' && strcmp(of, "help") != 0) {
            char help[] = "--help";
            return run_command(of, 2, (char *[]){argv[2], help, NULL});
        }
        fputs(overview, stdout);
        return EXIT_DONE;
    }
    if (strcmp(first, "--version") == 0) {
        printf("semtinel %s\n", smt_version());
        return EXIT_DONE;
    }
    /* What 'make install' asks for. */
    if (strcmp(first, "--manual") == 0) {
        return print_manual();
    }
    if (strcmp(first, "--bash-completion") == 0) {
        return print_completion();
    }
    return run_command(first, argc - 1, argv + 1);
}

/* To jansson a lack of memory is damage, or an entry less, or it crashes. */
static void *allocate_json(size_t size)
{
    void *block = malloc(size);
    if (!block) {
        smt_file_abandon_all();
        fputs("semtinel: out of memory\n", stderr);
        _exit(EXIT_FAILED);
    }
    return block;
}

int main(int argc, char **argv)
{
    json_set_alloc_funcs(allocate_json, free);
    hold_streams();
    smt_log_set(log_line, NULL);
    smt_progress_set(show_progress, NULL);
    catch_signals();
    int code = dispatch(argc, argv);
    close_bar();
    if (made_folder) {
        rmdir(made_folder); /* if nothing is in it */
    }
    if (code != EXIT_FAILED && (fflush(stdout) || ferror(stdout))) {
        fprintf(stderr, "semtinel: cannot write to standard output\n");
        code = EXIT_FAILED;
    }
    /* A signal also ends a read or a write that waits. */
    return code == EXIT_FAILED && smt_interrupted() ? 128 + first_signal : code;
}
