/* Lines of a file descriptor, of any length and with any bytes. getline(3) would be shorter, but its wait for input
 * cannot be ended by a signal without a race; here a second descriptor, the pipe of the signal handler, ends it. */
#ifndef LINES_H
#define LINES_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_END = 0, LINES_LINE = 1, LINES_STOPPED = 2, LINES_ERROR = -1 };

struct lines {
    int input;
    int stop;                /* readable once reading shall end */
    int pause_ms;            /* idle is called at least this often, -1 = never */
    void (*idle)(void *);    /* between blocks: the place for a progress line */
    void *idle_data;
    char *block;
    size_t size, start, end; /* the bytes block[start..end) are not given out yet */
    bool at_end;
};

/* Reads one more block behind the bytes that wait; true, or LINES_STOPPED or LINES_ERROR in *why. */
static bool lines_fill(struct lines *lines, int *why)
{
    if (lines->start > 0) {
        memmove(lines->block, lines->block + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    if (lines->end == lines->size) {
        size_t size = lines->size ? lines->size * 2 : 1 << 16;
        char *block = realloc(lines->block, size);
        *why = LINES_ERROR;
        if (!block)
            return false;
        lines->block = block;
        lines->size = size;
    }
    for (;;) {
        struct pollfd waits[2] = {{lines->stop, POLLIN, 0}, {lines->input, POLLIN, 0}};
        int ready = poll(waits, 2, lines->pause_ms);
        if (lines->pause_ms >= 0)
            lines->idle(lines->idle_data);
        *why = LINES_STOPPED;
        if (ready > 0 && waits[0].revents)
            return false;
        *why = LINES_ERROR;
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready <= 0)
            continue;
        ssize_t count = read(lines->input, lines->block + lines->end, lines->size - lines->end);
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (count < 0)
            return false;
        lines->end += (size_t)count;
        lines->at_end = count == 0;
        return true;
    }
}

/* The next line, without its newline; valid until the next call. Bytes after the last newline are a line too. */
static int lines_next(struct lines *lines, const char **line, size_t *length)
{
    size_t seen = 0; /* bytes known to hold no newline: a long line is not searched again with each block */
    for (;;) {
        size_t waiting = lines->end - lines->start;
        char *from = waiting > 0 ? lines->block + lines->start : NULL;
        char *newline = waiting > seen ? memchr(from + seen, '\n', waiting - seen) : NULL;
        if (newline || (lines->at_end && waiting > 0)) {
            *line = from;
            *length = newline ? (size_t)(newline - from) : waiting;
            lines->start += *length + (newline ? 1 : 0);
            return LINES_LINE;
        }
        if (lines->at_end)
            return LINES_END;
        seen = waiting;
        int why;
        if (!lines_fill(lines, &why))
            return why;
    }
}

#endif
