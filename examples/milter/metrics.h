/* Counters, and Prometheus' text of them. Counting never waits for anybody. */

#ifndef METRICS_H
#define METRICS_H

#include <stdatomic.h>
#include <stddef.h>

#include "readdress.h"

enum metric {
    /* What became of messages. */
    MESSAGES_UNCHANGED,
    MESSAGES_CHANGED,
    MESSAGES_REJECTED,
    MESSAGES_DEFERRED,
    MESSAGES_DISCARDED,
    MESSAGES_FAILED,
    MESSAGES_SHADOW,
    MESSAGES_ABORTED,
    /* What became of recipients of messages that came to their end. */
    RECIPIENTS_DELIVER,
    RECIPIENTS_RELAY,
    RECIPIENTS_REJECT,
    RECIPIENTS_DROP,
    /* Refusals while the client was listening. */
    REFUSED_RCPT_PERMANENT,
    REFUSED_RCPT_TEMPORARY,
    /* Addresses. */
    REWRITES_FIELD,
    REWRITES_REVERSE_PATH,
    REWRITES_FORWARD_PATH,
    UNMAPPED,
    SKIPPED,
    FIELDS_REMOVED,
    SIGNATURES_BROKEN,
    /* What of ours went wrong, by cause. */
    FAILURES_LIMIT,
    FAILURES_MEMORY,
    FAILURES_LIBRARY,
    FAILURES_NEGOTIATION,
    FAILURES_CONTENT,
    FAILURES_MTA,
    FAILURES_STOPPING,
    /* The map. */
    RELOADS_SWAPPED,
    RELOADS_FAILED,
    CONNECTIONS,
    /* Gauges. */
    CONNECTIONS_OPEN,
    MESSAGES_OPEN,
    METRICS
};

void count(enum metric metric);
void count_more(enum metric metric, size_t more);
void count_less(enum metric metric);
unsigned long long count_of(enum metric metric);

/* Writes all of them. engine: the map in use; may be NULL. Returns the octets written, at most size - 1. */
size_t metrics_write(char *buf, size_t size, const readdress_engine *engine);

#endif
