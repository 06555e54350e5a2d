/* semtinel COMMAND ...: finds the command, sets up log, progress and signals. */
#include "cli/cli.h"

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
    "             augment     write a balanced, augmented copy of the training part\n"
    "  network    train       train MobileNetV3-Small on folders of images\n"
    "             evaluate    measure a model on labelled images\n"
    "             predict     classify images without labels\n"
    "             calibrate   fit its confidence and its thresholds for review\n"
    "             compare     put evaluations side by side, with McNemar's test\n"
    "             demo        make a video of what a model says about images\n"
    "             explain     show where in an image the evidence for a class lies\n"
    "             info        say what is in a model file\n"
    "  shipping   quantize    make an int8 or dynamic-range model\n"
    "             export      write ONNX, TensorFlow Lite, Keras, TensorFlow or C\n"
    "             run         run a .tflite on raw tensors\n"
    "             bench       measure training speed, latency and memory\n"
    "\n"
    "'semtinel COMMAND --help' explains one, with examples. Exit codes: 0 all done, 1 failure, 2 "
    "wrong usage,\n"
    "3 some inputs were skipped and named.\n";

static double progress_start, progress_last;
static size_t progress_base;
static const char *progress_label;
static bool bar_open;

static void close_bar(void)
{
    if (bar_open) {
        fputs("\r\033[K", stderr);
        bar_open = false;
    }
}

static smt_file *log_copy;

void cli_log_copy(smt_file *file)
{
    log_copy = file;
}

static void log_line(void *context, smt_log_level level, const char *line)
{
    (void)context;
    if (log_copy && level != SMT_LOG_DEBUG) {
        smt_file_printf(log_copy, "%s%s\n", level == SMT_LOG_WARNING ? "warning: " : "", line);
    }
    if (level == SMT_LOG_DEBUG || (level == SMT_LOG_INFO && cli_shared.quiet)) {
        return;
    }
    close_bar();
    if (level == SMT_LOG_INFO) {
        printf("%s\n", line);
        fflush(stdout);
    } else {
        fprintf(stderr, "semtinel: %s%s\n", level == SMT_LOG_WARNING ? "warning: " : "", line);
    }
}

/* A bar with rate and time left on a terminal; a line every ten seconds elsewhere. */
static void show_progress(void *context, const char *label, size_t done, size_t total)
{
    (void)context;
    bool terminal = isatty(STDERR_FILENO);
    double now = smt_clock();
    if (label != progress_label || done < progress_base) {
        progress_label = label;
        progress_base = done;
        progress_start = progress_last = now;
    }
    if (cli_shared.quiet || now - progress_last < (terminal ? 0.1 : 10.0) || !total) {
        if (done >= total) {
            close_bar();
        }
        return;
    }
    progress_last = now;
    double rate = (double)(done - progress_base) / (now - progress_start + 1e-9);
    double left = rate > 0 ? (double)(total - done) / rate : 0;
    if (terminal) {
        char bar[31];
        int filled = (int)(30 * done / total);
        memset(bar, '-', 30);
        memset(bar, '#', (size_t)filled);
        bar[30] = 0;
        fprintf(stderr,
                "\r\033[K%s [%s] %zu/%zu  %.0f/s  %.0f s left",
                label,
                bar,
                done,
                total,
                rate,
                left);
        bar_open = true;
        if (done >= total) {
            close_bar();
        }
    } else {
        fprintf(stderr, "%s %zu/%zu  %.0f/s  %.0f s left\n", label, done, total, rate, left);
    }
}

/* First Ctrl-C: stop at the next safe point. Second: remove temporaries and leave at once. */
static void on_signal(int number)
{
    if (smt_interrupted()) {
        smt_file_abandon_all();
        _exit(128 + number);
    }
    smt_interrupt();
}

int cli_report(const smt_error *error)
{
    close_bar();
    fprintf(stderr,
            "semtinel: %s\n",
            error->message[0] ? error->message : smt_status_name(error->status));
    return error->status == SMT_ERR_INTERRUPTED ? 130 : EXIT_FAILED;
}

void cli_say(const char *format, ...)
{
    if (cli_shared.quiet) {
        return;
    }
    close_bar();
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

const char *cli_models_folder(void)
{
    const char *named = getenv("SEMTINEL_MODELS");
    if (named) {
        return named;
    }
    return smt_path_is_directory(SMT_SOURCE_MODELS) ? SMT_SOURCE_MODELS : SMT_INSTALLED_MODELS;
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        fputs(overview, argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("semtinel %s\n", smt_version());
        return EXIT_DONE;
    }
    smt_log_set(log_line, NULL);
    smt_progress_set(show_progress, NULL);
    signal(SIGPIPE, SIG_DFL);
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            int code = commands[i].run(argc - 1, argv + 1);
            close_bar();
            if (fflush(stdout) || ferror(stdout)) {
                fprintf(stderr, "semtinel: cannot write to standard output\n");
                return EXIT_FAILED;
            }
            return code;
        }
    }
    fprintf(stderr, "semtinel: unknown command '%s'\n\n%s", argv[1], overview);
    return EXIT_USAGE;
}
