/* Rewrites a message from standard input to standard output:
 *
 *     rewrite MAP outbound|inbound < message > rewritten
 *
 * Nothing is written unless all went well. Exit codes are those of sysexits.h. Build it with
 *
 *     cc rewrite.c $(pkg-config --cflags --libs readdress) -o rewrite
 */

#define _XOPEN_SOURCE 700

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "readdress.h"

enum { DONE = 0, USAGE = 64, BAD_DATA = 65, NO_INPUT = 66, IO = 74, TRY_LATER = 75 };

#ifndef IOV_MAX
#define IOV_MAX 16 /* what POSIX guarantees */
#endif

/* Reads standard input to its end. NULL if that fails. */
static uint8_t *read_all(size_t *len)
{
    size_t room = 0;
    uint8_t *message = NULL;

    *len = 0;
    for (;;) {
        ssize_t got;

        if (*len == room) {
            size_t more = room == 0 ? 65536 : room * 2;
            uint8_t *bigger = more > room ? realloc(message, more) : NULL;

            if (bigger == NULL)
                break;
            message = bigger;
            room = more;
        }
        got = read(STDIN_FILENO, message + *len, room - *len);
        if (got == 0)
            return message;
        if (got > 0)
            *len += (size_t)got;
        else if (errno != EINTR)
            break;
    }
    free(message);
    return NULL;
}

/* Writes all slices, however many there are and however few the system takes at once. */
static int write_all(const readdress_slice *slices, size_t count)
{
    size_t next = 0, offset = 0; /* what has not been written yet, and where in it */

    while (next < count) {
        struct iovec part[IOV_MAX < 64 ? IOV_MAX : 64];
        size_t parts = 0, written;
        ssize_t result;

        while (parts < sizeof part / sizeof part[0] && next + parts < count) {
            size_t skip = parts == 0 ? offset : 0;

            part[parts].iov_base = (void *)(uintptr_t)(slices[next + parts].data + skip);
            part[parts].iov_len = slices[next + parts].len - skip;
            parts++;
        }
        result = writev(STDOUT_FILENO, part, (int)parts);
        if (result < 0 && errno == EINTR)
            continue;
        if (result < 0)
            return -1;
        written = (size_t)result;
        while (next < count && written >= slices[next].len - offset) {
            written -= slices[next].len - offset;
            offset = 0;
            next++;
        }
        offset += written;
    }
    return 0;
}

static int rewrite(const readdress_engine *engine, const readdress_session *session)
{
    readdress_error err;
    size_t len, count;
    int exit_code = DONE;
    uint8_t *message = read_all(&len);
    readdress_result *result = readdress_result_new();

    if (message == NULL || result == NULL) {
        fprintf(stderr, "rewrite: standard input can't be read\n");
        exit_code = IO;
    } else if (readdress_rewrite(engine, session, message, len, result, &err) != READDRESS_OK) {
        fprintf(stderr, "rewrite: %s\n", err.message);
        exit_code = TRY_LATER;
    } else if (readdress_result_verdict(result) == READDRESS_VERDICT_TEMPFAIL) {
        exit_code = TRY_LATER;
    } else if (readdress_result_verdict(result) == READDRESS_VERDICT_REJECT) {
        exit_code = BAD_DATA;
    } else {
        const readdress_slice *slices = readdress_result_slices(result, &count);

        if (write_all(slices, count) != 0) {
            perror("rewrite: standard output");
            exit_code = IO;
        }
    }
    readdress_result_free(result);
    free(message);
    return exit_code;
}

int main(int argc, char **argv)
{
    readdress_session session = {0};
    readdress_engine *engine;
    readdress_error err;
    int exit_code;

    if (argc == 3 && strcmp(argv[2], "outbound") == 0)
        session.direction = READDRESS_OUTBOUND;
    else if (argc == 3 && strcmp(argv[2], "inbound") == 0)
        session.direction = READDRESS_INBOUND;
    else {
        fprintf(stderr, "usage: rewrite MAP outbound|inbound < message\n");
        return USAGE;
    }
    if (readdress_engine_open(argv[1], 0, &engine, &err) != READDRESS_OK) {
        fprintf(stderr, "rewrite: %s: %s\n", argv[1], err.message);
        return err.status == READDRESS_E_IO ? NO_INPUT : BAD_DATA;
    }
    exit_code = rewrite(engine, &session);
    readdress_engine_free(engine);
    return exit_code;
}
