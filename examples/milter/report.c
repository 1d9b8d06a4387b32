/* Log lines about a message. */

#define _POSIX_C_SOURCE 200809L

#include "report.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "log.h"
#include "metrics.h"

/* Findings of one kind that are listed. Somebody may write a thousand of them into each message; all are
 * counted. Rewrites are listed in any case. */
enum { FINDINGS_LISTED = 100, GENERATION_SHOWN = 12 };

struct report report_about(SMFICTX *ctx, const struct session *session)
{
    struct report report = {session_queue(ctx), readdress_engine_generation(session->engine), session->is_shadow};

    return report;
}

static void end(struct log_line *line, const struct report *report, int priority)
{
    if (report->generation != NULL)
        log_octets(line, "generation", report->generation, GENERATION_SHOWN);
    if (report->is_shadow)
        log_word(line, "mode", "shadow");
    log_send(line, priority);
}

static void log_text(struct log_line *line, const char *key, readdress_text text)
{
    log_octets(line, key, text.text, text.len);
}

static void log_slice(struct log_line *line, const char *key, readdress_slice slice)
{
    log_octets(line, key, slice.data, slice.len);
}

/* entry="John" at=entries.csv:2 */
static void log_entry(struct log_line *line, readdress_slice entry, readdress_slice file, uint32_t number)
{
    char place[512];

    log_quoted(line, "entry", entry.data, entry.len);
    if (file.len > 0) {
        snprintf(place, sizeof place, "%.*s:%lu", (int)(file.len < 400 ? file.len : 400), (const char *)file.data,
                 (unsigned long)number);
        log_word(line, "at", place);
    }
}

static const char *action_name(readdress_action action)
{
    switch (action) {
    case READDRESS_DELIVER:
        return "deliver";
    case READDRESS_RELAY:
        return "relay";
    case READDRESS_DROP:
        return "drop";
    default:
        return "reject";
    }
}

void report_route(const struct report *report, const readdress_route_info *route, uint32_t direction,
                  const char *listener)
{
    struct log_line line;

    log_begin(&line, report->queue, "route");
    log_text(&line, "recipient", route->recipient);
    log_word(&line, "action", action_name(route->action));
    log_text(&line, "path", route->forward_path);
    if (route->connector.len > 0)
        log_quoted(&line, "via", route->connector.text, route->connector.len);
    log_text(&line, "host-path", route->host_path);
    log_word(&line, "direction", direction == READDRESS_OUTBOUND ? "outbound" : "inbound");
    if (listener != NULL)
        log_quoted(&line, "listener", listener, strlen(listener));
    end(&line, report, LOG_INFO);
}

void report_refusal(const struct report *report, const readdress_route_info *route, const char *stage)
{
    struct log_line line;

    log_begin(&line, report->queue, "refuse");
    log_text(&line, "recipient", route->recipient);
    log_number(&line, "code", route->code);
    log_text(&line, "enhanced", route->enhanced);
    log_quoted(&line, "text", route->text.text, route->text.len);
    log_word(&line, "stage", stage);
    end(&line, report, LOG_NOTICE);
}

void report_path(const struct report *report, const char *where, readdress_slice old, readdress_slice new_path,
                 readdress_slice entry, readdress_slice file, uint32_t number)
{
    struct log_line line;

    log_begin(&line, report->queue, "rewrite");
    log_word(&line, "field", where);
    log_slice(&line, "old", old);
    log_slice(&line, "new", new_path);
    log_entry(&line, entry, file, number);
    end(&line, report, LOG_INFO);
}

void report_edits(const struct report *report, const readdress_result *result)
{
    const readdress_edit *edits;
    struct log_line line;
    size_t total, at, addresses = 0;

    edits = readdress_result_edits(result, &total);
    for (at = 0; at < total; at++) {
        /* A fold, or a field that goes. */
        if (edits[at].from.len == 0)
            continue;
        addresses++;
        log_begin(&line, report->queue, "rewrite");
        log_word(&line, "field", edits[at].field);
        log_number(&line, "nth", edits[at].nth);
        log_slice(&line, "old", edits[at].from);
        log_slice(&line, "new", edits[at].to);
        log_entry(&line, edits[at].entry, edits[at].file, edits[at].line);
        end(&line, report, LOG_INFO);
    }
    if (!report->is_shadow)
        count_more(REWRITES_FIELD, addresses);
}

void report_removals(const struct report *report, const readdress_result *result)
{
    const readdress_field_change *changes;
    struct log_line line;
    size_t total, at, removed = 0;

    changes = readdress_result_field_changes(result, &total);
    for (at = 0; at < total; at++) {
        if (changes[at].value != NULL)
            continue;
        removed++;
        log_begin(&line, report->queue, "remove");
        log_word(&line, "field", changes[at].name);
        log_number(&line, "nth", changes[at].nth);
        log_word(&line, "by", "firewall");
        end(&line, report, LOG_INFO);
    }
    if (!report->is_shadow)
        count_more(FIELDS_REMOVED, removed);
}

void report_unmapped(const struct report *report, const char *where, readdress_slice address)
{
    struct log_line line;

    log_begin(&line, report->queue, "unmapped");
    log_word(&line, "place", where);
    log_slice(&line, "address", address);
    end(&line, report, LOG_WARNING);
}

static void report_rest(const struct report *report, const char *event, size_t total)
{
    struct log_line line;

    if (total <= FINDINGS_LISTED)
        return;
    log_begin(&line, report->queue, event);
    log_number(&line, "more", total - FINDINGS_LISTED);
    end(&line, report, LOG_WARNING);
}

static void report_skipped(const struct report *report, const readdress_result *result)
{
    struct log_line line;
    size_t total, at;
    const readdress_skip *skipped = readdress_result_skipped(result, &total);

    for (at = 0; at < total && at < FINDINGS_LISTED; at++) {
        log_begin(&line, report->queue, "skipped");
        log_word(&line, "field", skipped[at].field);
        log_number(&line, "nth", skipped[at].nth);
        log_number(&line, "offset", skipped[at].offset);
        log_word(&line, "reason", skipped[at].reason);
        end(&line, report, LOG_WARNING);
    }
    report_rest(report, "skipped", total);
    count_more(SKIPPED, total);
}

void report_path_skipped(const struct report *report, const char *reason)
{
    struct log_line line;

    log_begin(&line, report->queue, "skipped");
    log_word(&line, "field", "reverse-path");
    log_word(&line, "reason", reason);
    end(&line, report, LOG_WARNING);
    count(SKIPPED);
}

static void report_flags(const struct report *report, uint32_t flags)
{
    struct log_line line;
    char names[512];
    size_t len = 0;
    uint32_t bit;

    if (flags == 0)
        return;
    for (bit = 1; bit != 0; bit <<= 1)
        if ((flags & bit) != 0 && len < sizeof names - 64)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%.60s", len > 0 ? "," : "",
                                    readdress_flag_name(bit));
    log_begin(&line, report->queue, "flags");
    log_octets(&line, "flags", names, len);
    end(&line, report, LOG_INFO);
}

/* What receivers could check for DMARC and can't any more: sign behind this milter, not before it. */
static void report_signatures(const struct report *report, const readdress_result *result)
{
    struct log_line line;
    size_t total, at, broken = 0;
    const readdress_signature *signatures = readdress_result_signatures(result, &total);

    for (at = 0; at < total; at++) {
        if (signatures[at].intact || signatures[at].aligned_before < READDRESS_ALIGNMENT_RELAXED)
            continue;
        broken++;
        log_begin(&line, report->queue, "signature-broken");
        log_word(&line, "kind", signatures[at].kind);
        log_slice(&line, "domain", signatures[at].domain);
        log_slice(&line, "selector", signatures[at].selector);
        if (signatures[at].because_count > 0)
            log_slice(&line, "because", signatures[at].because[0]);
        end(&line, report, LOG_NOTICE);
    }
    if (!report->is_shadow)
        count_more(SIGNATURES_BROKEN, broken);
}

void report_findings(const struct report *report, const readdress_result *result)
{
    size_t total, at;
    const readdress_slice *unmapped = readdress_result_unmapped(result, &total);

    for (at = 0; at < total && at < FINDINGS_LISTED; at++)
        report_unmapped(report, "field", unmapped[at]);
    report_rest(report, "unmapped", total);
    count_more(UNMAPPED, total);
    report_skipped(report, result);
    report_flags(report, readdress_result_flags(result));
    report_signatures(report, result);
}

void report_rule_field(const struct report *report, const char *action, readdress_text name, readdress_text value)
{
    struct log_line line;

    log_begin(&line, report->queue, action);
    log_text(&line, "field", name);
    if (value.text != NULL)
        log_quoted(&line, "value", value.text, value.len);
    log_word(&line, "by", "rule");
    end(&line, report, LOG_INFO);
}

void report_shared(const struct report *report, const char *event, readdress_text name, const char *text)
{
    struct log_line line;

    log_begin(&line, report->queue, event);
    if (name.text != NULL)
        log_text(&line, "field", name);
    log_word(&line, "text", text);
    end(&line, report, LOG_NOTICE);
}

void report_failure(const struct report *report, enum metric cause, const char *why)
{
    static const char *const causes[] = {"limit", "memory", "library", "negotiation", "content", "mta", "stopping"};
    struct log_line line;

    log_begin(&line, report->queue, "failure");
    log_word(&line, "cause",
             cause >= FAILURES_LIMIT && cause <= FAILURES_STOPPING ? causes[cause - FAILURES_LIMIT] : "unknown");
    log_quoted(&line, "text", why, strlen(why));
    end(&line, report, LOG_ERR);
}
