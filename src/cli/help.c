/* What is said about commands and options: --help, the manual page and the shell's completion, all
 * from the one table that also parses. */
#include "base/choice.h"
#include "cli/cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HELP_COLUMN 32 /* where the explanation of an option begins */

cli_style cli_help_style = CLI_STYLE_TEXT;

/* ---- text ----------------------------------------------------------------------------------- */

/* Columns to fill: the terminal's, within reason. */
static int page_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col) {
        return size.ws_col < 60 ? 60 : size.ws_col > 100 ? 100 : size.ws_col;
    }
    return 80;
}

/* Prints words from `column` on; lines that follow begin at `indent`. Ends without a newline and
 * returns the column. */
static int print_wrapped(const char *text, size_t length, int column, int indent)
{
    int width = page_width(), start = column;
    for (const char *word = text, *end = text + length; word < end;) {
        while (word < end && isspace((unsigned char)*word)) {
            word++;
        }
        const char *stop = word;
        while (stop < end && !isspace((unsigned char)*stop)) {
            stop++;
        }
        int size = (int)(stop - word);
        if (size && column > start && column + 1 + size > width) {
            printf("\n%*s", indent, "");
            column = start = indent;
        }
        if (size) {
            printf("%s%.*s", column > start ? " " : "", size, word);
            column += size + (column > start);
        }
        word = stop;
    }
    return column;
}

/* The next paragraph of *text, which moves behind it; NULL at the end. */
static const char *next_paragraph(const char **text, size_t *length)
{
    const char *start = *text;
    if (!start || !*start) {
        return NULL;
    }
    const char *end = strstr(start, "\n\n");
    *length = end ? (size_t)(end - start) : strlen(start);
    *text = end ? end + 2 : start + *length;
    return start;
}

/* " [default; range]", " [may be repeated]" or "". */
static void default_and_range(const cli_option *option, char *out, size_t size)
{
    *out = 0;
    switch (option->kind) {
    case CLI_INT:
        snprintf(
            out, size, " [%d; %.0f .. %.0f]", *(int *)option->target, option->low, option->high);
        break;
    case CLI_UINT64:
        snprintf(out, size, " [%llu]", (unsigned long long)*(uint64_t *)option->target);
        break;
    case CLI_REAL:
    case CLI_FLOAT: {
        double value =
            option->kind == CLI_REAL ? *(double *)option->target : (double)*(float *)option->target;
        if (value < option->low) {
            snprintf(out, size, " [none; %g .. %g]", option->low, option->high);
        } else {
            snprintf(out, size, " [%g; %g .. %g]", value, option->low, option->high);
        }
        break;
    }
    case CLI_TEXT:
    case CLI_REGEX:
    case CLI_FILE:
    case CLI_STREAM:
    case CLI_FOLDER:
    case CLI_INPUT:
        if (*(const char **)option->target) {
            snprintf(out, size, " [%s]", *(const char **)option->target);
        }
        break;
    case CLI_CHOICE: {
        int length;
        const char *word = smt_choice_word(option->argument, *(int *)option->target, &length);
        snprintf(out, size, " [%.*s]", length, word);
        break;
    }
    case CLI_INPUTS:
    case CLI_LIST:
    case CLI_PAIRS:
        snprintf(out, size, " [may be repeated]");
        break;
    case CLI_FLAG:
        break;
    }
}

static void text_option(const cli_option *option)
{
    char head[128], range[128];
    int size = snprintf(head,
                        sizeof head,
                        "  %c%c%s--%s%s%s",
                        option->letter ? '-' : ' ',
                        option->letter ? option->letter : ' ',
                        option->letter ? ", " : "  ",
                        option->name,
                        option->argument ? " " : "",
                        option->argument ? option->argument : "");
    if (size > HELP_COLUMN - 2) {
        printf("%s\n%*s", head, HELP_COLUMN, "");
    } else {
        printf("%-*s", HELP_COLUMN, head);
    }
    default_and_range(option, range, sizeof range);
    int column = print_wrapped(option->help, strlen(option->help), HELP_COLUMN, HELP_COLUMN);
    if (column + (int)strlen(range) > page_width()) { /* the brackets stay whole */
        printf("\n%*s%s", HELP_COLUMN, "", range + 1);
    } else {
        printf("%s", range);
    }
    printf("\n");
}

static void text_help(const cli_command *command, const cli_option *own)
{
    printf("usage: semtinel %s %s [options]\n\n%s\n",
           command->name,
           command->arguments,
           command->summary);
    const char *rest = command->details;
    size_t length = 0;
    for (const char *part; (part = next_paragraph(&rest, &length));) {
        printf("\n");
        print_wrapped(part, length, 0, 0);
        printf("\n");
    }
    printf("\nOptions [default; range]:\n");
    for (const cli_option *o = own; o->name; o++) {
        text_option(o);
    }
    for (const cli_option *o = cli_common_options; o->name; o++) {
        text_option(o);
    }
    printf("  -h, --help                    this text\n");
    if (command->examples) {
        printf("\nExamples:\n%s", command->examples);
    }
}

/* ---- manual page ---------------------------------------------------------------------------- */

/* Text for troff: hyphens stay hyphens, and no line begins with a request. */
static void man_text(const char *text, size_t length)
{
    bool line_start = true;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (line_start && (c == '.' || c == '\'')) {
            printf("\\&");
        }
        line_start = c == '\n';
        if (c == '\\') {
            printf("\\e");
        } else if (c == '-') {
            printf("\\-");
        } else {
            putchar(c);
        }
    }
}

static void man_string(const char *text)
{
    man_text(text, strlen(text));
}

static void man_option(const cli_option *option)
{
    char range[128];
    default_and_range(option, range, sizeof range);
    printf(".TP\n");
    if (option->letter) {
        printf("\\fB\\-%c\\fR, ", option->letter);
    }
    printf("\\fB\\-\\-");
    man_string(option->name);
    printf("\\fR");
    if (option->argument) {
        printf(" \\fI");
        man_string(option->argument);
        printf("\\fR");
    }
    printf("\n");
    man_string(option->help);
    man_string(range);
    printf("\n");
}

/* The common options stand once, in a section of their own. */
static void man_help(const cli_command *command, const cli_option *own)
{
    printf(".SS semtinel ");
    man_string(command->name);
    printf(" ");
    man_string(command->arguments);
    printf("\n");
    man_string(command->summary);
    printf("\n");
    const char *rest = command->details;
    size_t length = 0;
    for (const char *part; (part = next_paragraph(&rest, &length));) {
        printf(".PP\n");
        man_text(part, length);
        printf("\n");
    }
    for (const cli_option *o = own; o->name; o++) {
        man_option(o);
    }
    if (command->examples) {
        printf(".PP\nExamples:\n.PP\n.nf\n");
        man_string(command->examples);
        printf(".fi\n");
    }
}

void cli_man_common(void)
{
    for (const cli_option *o = cli_common_options; o->name; o++) {
        man_option(o);
    }
}

/* ---- completion ----------------------------------------------------------------------------- */

static void bash_options(const cli_option *options)
{
    for (const cli_option *o = options; o->name; o++) {
        printf("--%s ", o->name);
    }
}

static void bash_help(const cli_command *command, const cli_option *own)
{
    printf("    %s)\n        case $before in\n", command->name);
    for (const cli_option *o = own; o->name; o++) {
        if (o->kind == CLI_CHOICE) {
            printf("        --%s) words=\"", o->name);
            for (const char *c = o->argument; *c; c++) {
                putchar(*c == '|' ? ' ' : *c);
            }
            printf("\" ;;\n");
        }
    }
    printf("        *) [[ $current == -* ]] && words=\"");
    bash_options(own);
    bash_options(cli_common_options);
    printf("--help\" ;;\n        esac\n        ;;\n");
}

void cli_print_help(const cli_command *command, const cli_option *own)
{
    switch (cli_help_style) {
    case CLI_STYLE_TEXT:
        text_help(command, own);
        break;
    case CLI_STYLE_MAN:
        man_help(command, own);
        break;
    case CLI_STYLE_BASH:
        bash_help(command, own);
        break;
    }
}
