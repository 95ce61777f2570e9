/* Stands in for elbusd where a test wants to see how the init script treats it: goes to the
 * background and writes its pid file as elbusd -D does, and notes its arguments and signals in
 * $STAND_IN_LOG.
 *
 * $STAND_IN_STATUS: fails with this exit status instead. $STAND_IN_TERMS: how many SIGTERM end it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int log_fd = -1;
static int terms_left = 1;
static const char *pid_file = "";

static void note(const char *text) {
    if (write(log_fd, text, strlen(text)) < 0)
        _exit(1);
}

static void on_signal(int signal) {
    if (signal == SIGHUP) {
        note("HUP\n");
        return;
    }
    note("TERM\n");
    if (--terms_left == 0) {
        unlink(pid_file);
        _exit(0);
    }
}

int main(int argc, char **argv) {
    const char *value;
    int ready[2];
    char byte;

    log_fd = open(getenv("STAND_IN_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log_fd < 0 || pipe(ready) < 0)
        return 1;
    note("start");
    for (int i = 1; i < argc; i++) {
        note(" ");
        note(argv[i]);
        if (strcmp(argv[i], "-P") == 0 && i + 1 < argc)
            pid_file = argv[i + 1];
    }
    note("\n");
    if ((value = getenv("STAND_IN_STATUS")))
        return atoi(value);
    if ((value = getenv("STAND_IN_TERMS")))
        terms_left = atoi(value);

    if (fork() != 0) {
        close(ready[1]);
        return read(ready[0], &byte, 1) == 1 ? 0 : 1;
    }
    setsid();
    signal(SIGHUP, on_signal);
    signal(SIGTERM, on_signal);
    FILE *file = fopen(pid_file, "w");
    if (!file)
        return 1;
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
    if (write(ready[1], "x", 1) != 1)
        return 1;
    /* Whoever waits for the end of the output of the script does not wait for us. */
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    close(ready[1]);
    for (;;)
        pause();
}
