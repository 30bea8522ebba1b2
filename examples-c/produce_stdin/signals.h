/* SIGINT and SIGTERM as a number that grows and a descriptor that becomes readable. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t signals;
static volatile sig_atomic_t last_signal;
static int stop_pipe[2];

/* A handler may do next to nothing, least of all call the library: it counts, and wakes the poll in lines.h. */
static void on_signal(int number)
{
    int saved = errno;
    signals++;
    last_signal = number;
    if (write(stop_pipe[1], "", 1) < 0) { /* the pipe is full: then it is readable as well */
    }
    errno = saved;
}

static void catch_signals(void)
{
    if (pipe(stop_pipe) != 0) {
        perror("produce_stdin: pipe");
        exit(2);
    }
    fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL); /* `produce_stdin -v | head` shall still deliver everything */
    struct sigaction count = {.sa_handler = on_signal};
    const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old;
        sigaction(numbers[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) /* a shell starts its background jobs so: they are not to hear Ctrl-C */
            sigaction(numbers[i], &count, NULL);
    }
}

#endif
