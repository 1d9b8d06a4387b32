/* Reloads. A look costs three system calls while the file stays what it is, and no message waits for one:
 * what is being rewritten keeps the engine it began with. A file that can't be used changes nothing. It is
 * reported when it appears, and counted each time. */

#define _POSIX_C_SOURCE 200809L

#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "metrics.h"

enum { GENERATION_SHOWN = 12 };

static readdress_live *live;
static unsigned interval;
static void (*when_over)(void);

/* The failure that was reported last; empty after a success. */
static char reported[READDRESS_MESSAGE_MAX];

static void report_map(const char *event, const char *by)
{
    struct log_line line;
    readdress_engine *engine = readdress_live_acquire(live);
    readdress_result *probe = readdress_result_new();
    readdress_session session = {0};

    log_begin(&line, NULL, event);
    log_octets(&line, "generation", readdress_engine_generation(engine), GENERATION_SHOWN);
    log_number(&line, "entries", readdress_engine_entry_count(engine));
    log_word(&line, "by", by);
    log_send(&line, LOG_NOTICE);
    /* That the session has no direction is an error exactly where the map has no listeners. */
    if (probe != NULL && readdress_message_begin(probe, engine, &session, NULL) == READDRESS_E_ARGUMENT) {
        log_begin(&line, NULL, "no-listeners");
        log_word(&line, "text", "the map can't say who is one of ours: \"direction\" counts for all mail");
        log_send(&line, LOG_WARNING);
    }
    readdress_result_free(probe);
    readdress_engine_free(engine);
}

static void look(bool is_forced)
{
    struct log_line line;
    readdress_error err;
    bool swapped = false;

    if (readdress_live_reload(live, is_forced ? READDRESS_RELOAD_FORCE : 0, &swapped, &err) != READDRESS_OK) {
        count(RELOADS_FAILED);
        if (is_forced || strcmp(reported, err.message) != 0) {
            snprintf(reported, sizeof reported, "%s", err.message);
            log_begin(&line, NULL, "reload-failed");
            log_word(&line, "cause", readdress_status_name(err.status));
            log_quoted(&line, "text", err.message, strlen(err.message));
            log_send(&line, LOG_ERR);
        }
        return;
    }
    if (swapped)
        count(RELOADS_SWAPPED);
    if (swapped || is_forced || reported[0] != '\0')
        report_map(swapped ? "reload" : "map-unchanged", is_forced ? "signal" : "watch");
    reported[0] = '\0';
}

static void *watch(void *fd)
{
    struct pollfd commands = {.fd = (int)(intptr_t)fd, .events = POLLIN, .revents = 0};
    char octets[64];
    ssize_t got;

    for (;;) {
        int ready = poll(&commands, 1, (int)interval);

        if (ready < 0 && errno != EINTR)
            ready = poll(NULL, 0, (int)interval);
        if (ready > 0) {
            got = read(commands.fd, octets, sizeof octets);
            if (got == 0)
                break;
            look(got > 0);
        } else {
            look(false);
        }
    }
    when_over();
    return NULL;
}

readdress_status watch_open(const char *path, readdress_error *err)
{
    readdress_status status = readdress_live_open(path, 0, &live, err);

    if (status == READDRESS_OK)
        report_map("map", "start");
    return status;
}

readdress_engine *watch_engine(void)
{
    return readdress_live_acquire(live);
}

bool watch_start(int commands, unsigned interval_ms, void (*stop)(void))
{
    pthread_t thread;

    interval = interval_ms;
    when_over = stop;
    if (pthread_create(&thread, NULL, watch, (void *)(intptr_t)commands) != 0)
        return false;
    pthread_detach(thread);
    return true;
}
