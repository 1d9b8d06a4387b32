/* HTTP/1.0, as much of it as Prometheus needs: one client after the other, each for two seconds at most, in a
 * thread of its own. Mail never waits for it. */

#define _POSIX_C_SOURCE 200809L

#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"
#include "watch.h"

enum { PATIENCE_MS = 2000, REQUEST_MAX = 8192, ANSWER_MAX = 32768 };

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until a client can be read from or written to. Returns false when its time is over. */
static bool wait_for(int fd, short what, long long deadline)
{
    struct pollfd polled = {.fd = fd, .events = what, .revents = 0};
    long long left = deadline - now_ms();

    return left > 0 && poll(&polled, 1, (int)left) > 0;
}

/* Reads a request up to its empty line. Returns whether there is a whole one. */
static bool read_request(int fd, char *request, size_t size, long long deadline)
{
    size_t len = 0;

    while (len < size - 1 && wait_for(fd, POLLIN, deadline)) {
        ssize_t got = recv(fd, request + len, size - 1 - len, 0);

        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return false;
        len += (size_t)got;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL || strstr(request, "\n\n") != NULL)
            return true;
    }
    return false;
}

static void write_answer(int fd, const char *answer, size_t len, long long deadline)
{
    while (len > 0 && wait_for(fd, POLLOUT, deadline)) {
        ssize_t sent = send(fd, answer, len, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (sent <= 0)
            return;
        answer += sent;
        len -= (size_t)sent;
    }
}

static const char *status_of(const char *request)
{
    if (strncmp(request, "GET ", 4) != 0)
        return "405 Method Not Allowed";
    if (strncmp(request + 4, "/ ", 2) != 0 && strncmp(request + 4, "/metrics ", 9) != 0)
        return "404 Not Found";
    return "200 OK";
}

static void serve(int fd)
{
    static char request[REQUEST_MAX], body[ANSWER_MAX];
    long long deadline = now_ms() + PATIENCE_MS;
    char head[256];
    const char *status;
    size_t len = 0;
    int head_len;

    if (!read_request(fd, request, sizeof request, deadline))
        return;
    status = status_of(request);
    if (status[0] == '2') {
        readdress_engine *engine = watch_engine();

        len = metrics_write(body, sizeof body, engine);
        readdress_engine_free(engine);
    }
    head_len = snprintf(head, sizeof head,
                        "HTTP/1.0 %s\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n",
                        status, len);
    write_answer(fd, head, (size_t)head_len, deadline);
    write_answer(fd, body, len, deadline);
    shutdown(fd, SHUT_WR);
}

static void *answer(void *socket)
{
    static const struct timespec pause = {0, 100000000};
    int listening = (int)(intptr_t)socket;

    for (;;) {
        int fd = accept(listening, NULL, NULL);

        if (fd < 0) {
            /* Out of descriptors, perhaps: no reason to spin, nor to give up. */
            nanosleep(&pause, NULL);
            continue;
        }
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        serve(fd);
        close(fd);
    }
    return NULL;
}

bool http_start(int fd)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd) != 0)
        return false;
    pthread_detach(thread);
    return true;
}
