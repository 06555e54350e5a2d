/* What a command costs as a process: runs it, prints its largest resident memory, and fails when
 * that is above a limit.
 *
 *     bench_footprint MEGABYTES COMMAND [ARGUMENT...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_footprint MEGABYTES COMMAND [ARGUMENT...]\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    int state = 0;
    struct rusage usage;
    if (child < 0 || wait4(child, &state, 0, &usage) != child || !WIFEXITED(state) ||
        WEXITSTATUS(state)) {
        fprintf(stderr, "bench_footprint: %s failed\n", argv[2]);
        return 1;
    }
    double used = (double)usage.ru_maxrss * 1024e-6, limit = atof(argv[1]);
    printf("resident memory at most %.1f MB (limit %.0f)\n", used, limit);
    return used > limit;
}
