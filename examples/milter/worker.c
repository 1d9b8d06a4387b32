/* The process that handles mail: libmilter with its threads, one that watches the map, one that answers
 * questions about the counters. */

#define _POSIX_C_SOURCE 200809L

#include "worker.h"

#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "log.h"
#include "metrics.h"
#include "session.h"
#include "sockets.h"
#include "standard.h"
#include "watch.h"

/* How long open messages may take to come to their end when the program is to end. */
enum { GRACE_MS = 5000, STEP_MS = 10 };

static const struct config *config;

static int fail(int code, const char *what, const char *why)
{
    struct log_line line;

    log_begin(&line, NULL, "not-started");
    log_word(&line, "what", what);
    log_quoted(&line, "text", why, strlen(why));
    log_alarm(&line);
    return code;
}

/* Ends the process. smfi_stop() is no help: where libmilter has a pool of threads, as Debian's, it cuts off
 * messages that are open, and it waits for up to five seconds for a lock that the listening thread holds. So
 * new messages are deferred, which costs the sender a retry, and open ones are waited for. What comes then
 * finds no socket, and the MTA does what milter_default_action says. */
static void stop(void)
{
    static const struct timespec step = {0, STEP_MS * 1000000L};
    struct log_line line;
    int waited;

    session_stop_taking();
    socket_remove(config->socket);
    socket_remove(config->metrics);
    for (waited = 0; waited < GRACE_MS && count_of(MESSAGES_OPEN) > 0; waited += STEP_MS)
        nanosleep(&step, NULL);
    /* The last reply may not be written yet. */
    nanosleep(&step, NULL);
    log_begin(&line, NULL, "stopped");
    log_number(&line, "cut-off", count_of(MESSAGES_OPEN));
    log_send(&line, LOG_NOTICE);
    exit(EX_OK);
}

static bool open_map(int *code)
{
    readdress_error err;

    if (watch_open(config->map, &err) == READDRESS_OK)
        return true;
    *code = fail(err.status == READDRESS_E_IO ? EX_NOINPUT : EX_CONFIG, config->map, err.message);
    return false;
}

int worker_test(const struct config *with)
{
    int code = EX_OK;

    config = with;
    open_map(&code);
    return code;
}

int worker_run(const struct config *with, int commands, int ready, bool is_background)
{
    char wrong[1200], name[CONFIG_VALUE_MAX];
    struct log_line line;
    int code, metrics;

    config = with;
    if (!open_map(&code))
        return code;
    snprintf(name, sizeof name, "%s", config->socket);
    if (!socket_clear(config->socket, wrong, sizeof wrong))
        return fail(EX_CONFIG, "socket", wrong);
    if (!session_register(config) || smfi_setconn(name) != MI_SUCCESS || smfi_opensocket(false) != MI_SUCCESS)
        return fail(EX_CONFIG, "socket", "libmilter can't listen there; it has told syslog why");
    if (config->metrics[0] != '\0') {
        metrics = socket_listen(config->metrics, wrong, sizeof wrong);
        if (metrics < 0 || !http_start(metrics)) {
            socket_remove(config->socket);
            return fail(EX_CONFIG, "metrics", metrics < 0 ? wrong : "no thread");
        }
    }
    if (!watch_start(commands, config->interval_ms, stop)) {
        socket_remove(config->socket);
        return fail(EX_OSERR, "watch", "no thread");
    }
    log_begin(&line, NULL, "started");
    log_word(&line, "socket", config->socket);
    log_word(&line, "mode", config->is_shadow ? "shadow" : "enforce");
    log_word(&line, "library", readdress_version());
    log_send(&line, LOG_NOTICE);
    if (write(ready, "r", 1) != 1)
        return EX_OSERR;
    close(ready);
    if (is_background)
        standard_detach(!config->to_syslog);
    /* It returns when it gives up, or when somebody sent a signal here and not to the supervisor. */
    smfi_main();
    return fail(EX_SOFTWARE, "libmilter", "it gave up, or a signal meant for the first process came here");
}
