/* What is answered to RCPT TO and at the end of a message, and the edits in between.
 *
 * First everything is decided and looked at, then everything is edited: a message that is refused has no
 * edits, and of one that an edit fails for, the MTA gets a temporary failure and forgets all edits with the
 * message. So nothing goes out half edited. None of this takes a tenth of the ten seconds after which an MTA
 * wants to hear that a milter is alive (smfi_progress()): time is linear in a header section that has limits,
 * and the body is never read. */

#define _POSIX_C_SOURCE 200809L

#include "apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "recipients.h"
#include "report.h"

/* The reverse-path to use. */
struct reverse {
    readdress_path_info info;
    char path[READDRESS_PATH_MAX + 3]; /* in angle brackets */
};

static readdress_slice slice_of(const char *text)
{
    readdress_slice slice = {(const uint8_t *)text, strlen(text)};

    return slice;
}

static readdress_slice slice_of_text(readdress_text text)
{
    readdress_slice slice = {(const uint8_t *)text.text, text.len};

    return slice;
}

sfsistat apply_failure(SMFICTX *ctx, struct session *session)
{
    struct report report = report_about(ctx, session);

    count(session->failure);
    count(MESSAGES_FAILED);
    report_failure(&report, session->failure, session->why);
    if (session->is_shadow)
        return SMFIS_CONTINUE;
    return session_reply(ctx, 451, session->failure == FAILURES_STOPPING ? "4.3.2" : "4.3.0",
                         "The mail filter can't take this message now, try again later");
}

/* ---- RCPT TO ----------------------------------------------------------------------------------------- */

sfsistat apply_recipient(SMFICTX *ctx, struct session *session, const char *path)
{
    struct report report = report_about(ctx, session);
    readdress_slice recipient = slice_of(path);
    readdress_envelope envelope = {0};
    readdress_error err = {0};
    const readdress_route_info *route;

    envelope.reverse_path = slice_of(session->reverse_path);
    envelope.recipients = &recipient;
    envelope.recipient_count = 1;
    envelope.flags = READDRESS_ENVELOPE_OPEN;
    if (readdress_route(session->engine, &session->session, &envelope, session->decision, &err) != READDRESS_OK) {
        count(err.status == READDRESS_E_LIMIT ? FAILURES_LIMIT : FAILURES_LIBRARY);
        report_failure(&report, err.status == READDRESS_E_LIMIT ? FAILURES_LIMIT : FAILURES_LIBRARY, err.message);
        return session->is_shadow ? SMFIS_CONTINUE : session_reply(ctx, 451, "4.3.0", "Try again later");
    }
    route = readdress_decision_at(session->decision, 0);
    if (route->action != READDRESS_REJECT || !route->settled)
        return SMFIS_CONTINUE;
    /* In shadow mode it comes up again at the end of the message. */
    if (session->is_shadow)
        return SMFIS_CONTINUE;
    report_refusal(&report, route, "rcpt");
    count(route->code < 500 ? REFUSED_RCPT_TEMPORARY : REFUSED_RCPT_PERMANENT);
    return session_reply(ctx, route->code, route->enhanced.text, route->text.text);
}

/* ---- deciding ---------------------------------------------------------------------------------------- */

/* Decides about all recipients at once, now that there is a header section. */
static bool decide(struct session *session)
{
    readdress_envelope envelope = {0};
    readdress_error err = {0};
    readdress_slice *recipients = calloc(session->recipient_count + 1, sizeof *recipients);
    readdress_status status;
    size_t at;

    if (recipients == NULL) {
        session_fail(session, FAILURES_MEMORY, "no memory for the recipients");
        return false;
    }
    for (at = 0; at < session->recipient_count; at++)
        recipients[at] = slice_of(session->recipients[at].path);
    envelope.reverse_path = slice_of(session->reverse_path);
    envelope.recipients = recipients;
    envelope.recipient_count = session->recipient_count;
    /* A message without fields has a header section all the same. */
    envelope.message = slice_of("");
    if (session->header.len > 0)
        envelope.message = (readdress_slice){(const uint8_t *)session->header.octets, session->header.len};
    status = readdress_route(session->engine, &session->session, &envelope, session->decision, &err);
    free(recipients);
    if (status != READDRESS_OK)
        session_fail_by(session, status, &err);
    else if (readdress_decision_count(session->decision) != session->recipient_count)
        session_fail(session, FAILURES_LIBRARY, "a decision about other recipients");
    return session->failure == METRICS;
}

static bool find_reverse_path(struct session *session, struct reverse *reverse)
{
    readdress_slice given = slice_of(session->reverse_path);
    uint8_t path[READDRESS_PATH_MAX];
    readdress_error err = {0};
    size_t len;
    readdress_status status =
        readdress_rewrite_path(session->engine, &session->session, READDRESS_PATH_REVERSE, given.data, given.len, path,
                               sizeof path, &len, &reverse->info, &err);

    if (status != READDRESS_OK) {
        session_fail_by(session, status, &err);
        return false;
    }
    snprintf(reverse->path, sizeof reverse->path, len > 0 && path[0] == '<' ? "%.*s" : "<%.*s>", (int)len,
             (const char *)path);
    return true;
}

static enum metric metric_of(readdress_action action)
{
    switch (action) {
    case READDRESS_DELIVER:
        return RECIPIENTS_DELIVER;
    case READDRESS_RELAY:
        return RECIPIENTS_RELAY;
    case READDRESS_DROP:
        return RECIPIENTS_DROP;
    default:
        return RECIPIENTS_REJECT;
    }
}

/* Writes each decision to the log. Returns the refusal to answer with, if there is one: a milter can't refuse
 * one of several recipients any more, so the message is refused, and for the time being if any of them is. */
static const readdress_route_info *look_at_routes(const struct session *session, const struct report *report)
{
    const readdress_decision *decision = session->decision;
    const readdress_route_info *refusal = NULL;
    size_t at;

    for (at = 0; at < readdress_decision_count(decision); at++) {
        const readdress_route_info *route = readdress_decision_at(decision, at);

        count(metric_of(route->action));
        if (recipient_goes(route) || route->action == READDRESS_DROP) {
            report_route(report, route, readdress_decision_direction(decision), readdress_decision_listener(decision));
            continue;
        }
        report_refusal(report, route, "message");
        if (refusal == NULL || (refusal->code >= 500 && route->code < 500))
            refusal = route;
    }
    return refusal;
}

/* How many copies go anywhere, and how many of them rules don't leave as they are. */
static void count_copies(const readdress_decision *decision, size_t *going, size_t *rewritten)
{
    size_t at;

    *going = *rewritten = 0;
    for (at = 0; at < readdress_decision_count(decision); at++) {
        const readdress_route_info *route = readdress_decision_at(decision, at);

        *going += recipient_goes(route);
        *rewritten += recipient_goes(route) && route->rewritten;
    }
}

/* ---- editing ----------------------------------------------------------------------------------------- */

/* Whether the MTA's path, in angle brackets or not, is the one in angle brackets. */
static bool is_path(const char *given, const char *path)
{
    size_t len = strlen(given);

    if (given[0] == '<')
        return strcmp(given, path) == 0;
    return strlen(path) == len + 2 && memcmp(path + 1, given, len) == 0;
}

static bool change_reverse_path(SMFICTX *ctx, const struct session *session, const struct reverse *reverse,
                                const struct report *report, bool *is_changed)
{
    /* The engine never changes the null path; should it, delivery reports would breed others. */
    if (is_path(session->reverse_path, reverse->path) || is_path("<>", reverse->path))
        return true;
    report_path(report, "reverse-path", slice_of(session->reverse_path), slice_of(reverse->path), reverse->info.entry,
                reverse->info.file, reverse->info.line);
    if (session->is_shadow)
        return true;
    count(REWRITES_REVERSE_PATH);
    *is_changed = true;
    return smfi_chgfrom(ctx, (char *)reverse->path, session->mail_args.len > 0 ? session->mail_args.octets : NULL) ==
           MI_SUCCESS;
}

static bool lacks_memory(struct session *session)
{
    session_fail(session, FAILURES_MEMORY, "no memory for the recipients");
    return false;
}

/* Puts a path into angle brackets. */
static bool enclose(struct buffer *path, readdress_text address)
{
    buffer_clear(path);
    return buffer_add_text(path, "<") && buffer_add(path, address.text, address.len) && buffer_add_text(path, ">");
}

static bool add_recipient(SMFICTX *ctx, struct session *session, size_t nth, struct buffer *path, struct buffer *args)
{
    const readdress_route_info *route = readdress_decision_at(session->decision, nth);

    if (!enclose(path, route->host_path) || !recipient_args(&session->recipients[nth], route, args))
        return lacks_memory(session);
    return smfi_addrcpt_par(ctx, path->octets, args->octets) == MI_SUCCESS;
}

static bool add_recipients(SMFICTX *ctx, struct session *session, const struct recipient_step *steps)
{
    struct buffer path = {0}, args = {0};
    bool is_done = true;
    size_t at;

    for (at = 0; is_done && at < session->recipient_count; at++)
        if (steps[at].adds)
            is_done = add_recipient(ctx, session, at, &path, &args);
    buffer_free(&path);
    buffer_free(&args);
    return is_done;
}

/* Deletes a recipient in the very octets that the MTA gave; and without its route, if it has one, for the MTA
 * may have forgotten that. */
static bool delete_recipient(SMFICTX *ctx, struct session *session, size_t nth)
{
    const readdress_route_info *route = readdress_decision_at(session->decision, nth);
    readdress_text address = recipient_address(route);
    struct buffer path = {0};
    bool is_done = smfi_delrcpt(ctx, session->recipients[nth].path) == MI_SUCCESS;

    if (is_done && address.len != route->recipient.len)
        is_done = enclose(&path, address) ? smfi_delrcpt(ctx, path.octets) == MI_SUCCESS : lacks_memory(session);
    buffer_free(&path);
    return is_done;
}

static bool delete_recipients(SMFICTX *ctx, struct session *session, const struct recipient_step *steps)
{
    size_t at;

    for (at = 0; at < session->recipient_count; at++)
        if (steps[at].deletes && !delete_recipient(ctx, session, at))
            return false;
    return true;
}

static void report_recipients(const struct session *session, const struct recipient_step *steps,
                              const struct report *report)
{
    size_t at;

    for (at = 0; at < session->recipient_count; at++) {
        const readdress_route_info *route = readdress_decision_at(session->decision, at);

        if (!recipient_goes(route) || (!steps[at].adds && !steps[at].deletes))
            continue;
        report_path(report, "forward-path", slice_of_text(route->recipient), slice_of_text(route->host_path),
                    slice_of_text(route->entry), slice_of_text(route->file), route->line);
        if (!session->is_shadow)
            count(REWRITES_FORWARD_PATH);
    }
}

/* New recipients come before old ones go: if something fails in between, a message may arrive twice, and does
 * not get lost. Only where paths are not ASCII it is the other way round: an MTA may take two of them for one,
 * by rules of its own about case, and would not add the new one as long as the old one is there. */
static bool change_recipients(SMFICTX *ctx, struct session *session, const struct report *report, bool *is_changed)
{
    struct recipient_step *steps = calloc(session->recipient_count + 1, sizeof *steps);
    bool is_unlike_ascii, is_done;
    size_t at;

    if (steps == NULL || !recipients_plan(session->decision, session->recipients, steps, &is_unlike_ascii)) {
        free(steps);
        return lacks_memory(session);
    }
    report_recipients(session, steps, report);
    for (at = 0; at < session->recipient_count && !session->is_shadow; at++)
        *is_changed = *is_changed || steps[at].adds || steps[at].deletes;
    if (session->is_shadow)
        is_done = true;
    else if (is_unlike_ascii)
        is_done = delete_recipients(ctx, session, steps) && add_recipients(ctx, session, steps);
    else
        is_done = add_recipients(ctx, session, steps) && delete_recipients(ctx, session, steps);
    free(steps);
    return is_done;
}

static bool edit(SMFICTX *ctx, struct session *session, const struct reverse *reverse, bool is_rewritten,
                 const struct rule_fields *rules, const struct report *report, bool *is_changed)
{
    if (is_rewritten) {
        if (!change_reverse_path(ctx, session, reverse, report, is_changed))
            return false;
        report_edits(report, session->result);
    }
    report_removals(report, session->result);
    if (!change_recipients(ctx, session, report, is_changed))
        return false;
    if (!session->is_shadow && !fields_change(ctx, session, is_rewritten, is_changed))
        return false;
    return fields_apply_rules(ctx, session, rules, report, is_changed);
}

/* ---- the end of a message ---------------------------------------------------------------------------- */

/* Answers with what is no success, unless it is only tried out. */
static sfsistat refuse(SMFICTX *ctx, const struct session *session, unsigned code, const char *enhanced,
                       const char *text)
{
    if (session->is_shadow) {
        count(MESSAGES_SHADOW);
        return SMFIS_CONTINUE;
    }
    count(code < 500 ? MESSAGES_DEFERRED : MESSAGES_REJECTED);
    return session_reply(ctx, code, enhanced, text);
}

/* Edits a message that goes somewhere. */
static sfsistat let_go(SMFICTX *ctx, struct session *session, const struct reverse *reverse, bool is_rewritten,
                       const struct report *report)
{
    struct rule_fields rules;
    bool is_changed = false;

    if (!rule_fields_collect(session->decision, &rules))
        session_fail(session, FAILURES_MEMORY, "no memory for the rules' fields");
    else if (!fields_are_sound(session->result, &rules))
        session_fail(session, FAILURES_CONTENT, "a field that the MTA would cut");
    else if (is_rewritten && !fields_fit(session->result))
        session_fail(session, FAILURES_LIMIT, "a field grows past 59900 octets, and the MTA would cut it");
    else if (!edit(ctx, session, reverse, is_rewritten, &rules, report, &is_changed))
        session_fail(session, FAILURES_MTA, "the MTA did not take an edit");
    rule_fields_free(&rules);
    if (session->failure != METRICS)
        return apply_failure(ctx, session);
    count(session->is_shadow ? MESSAGES_SHADOW : is_changed ? MESSAGES_CHANGED : MESSAGES_UNCHANGED);
    return SMFIS_CONTINUE;
}

sfsistat apply_message(SMFICTX *ctx, struct session *session)
{
    static const readdress_text none = {NULL, 0};
    struct report report = report_about(ctx, session);
    const readdress_route_info *refusal;
    readdress_error err = {0};
    readdress_status status = readdress_message_finish(session->result, &err);
    struct reverse reverse;
    size_t going, rewritten;
    uint32_t verdict;

    if (status != READDRESS_OK)
        session_fail_by(session, status, &err);
    if (status != READDRESS_OK || !decide(session) || !find_reverse_path(session, &reverse))
        return apply_failure(ctx, session);
    refusal = look_at_routes(session, &report);
    if (refusal != NULL)
        return refuse(ctx, session, refusal->code, refusal->enhanced.text, refusal->text.text);
    if (session->recipient_count == 0) {
        session_fail(session, FAILURES_MTA, "a message for nobody");
        return apply_failure(ctx, session);
    }
    count_copies(session->decision, &going, &rewritten);
    if (going == 0) {
        count(session->is_shadow ? MESSAGES_SHADOW : MESSAGES_DISCARDED);
        return session->is_shadow ? SMFIS_CONTINUE : SMFIS_DISCARD;
    }
    if (rewritten > 0) {
        report_findings(&report, session->result);
        if (reverse.info.unmapped) {
            count(UNMAPPED);
            report_unmapped(&report, "reverse-path", slice_of(session->reverse_path));
        }
        if (reverse.info.skipped != NULL)
            report_path_skipped(&report, reverse.info.skipped);
        verdict = readdress_result_verdict(session->result);
        if (verdict == READDRESS_VERDICT_PASS)
            verdict = reverse.info.verdict;
        if (verdict == READDRESS_VERDICT_REJECT)
            return refuse(ctx, session, 550, "5.7.1", "An address in this message must not get out as it is");
        if (verdict != READDRESS_VERDICT_PASS)
            return refuse(ctx, session, 451, "4.7.1", "An address in this message can't get out as it is yet");
        if (rewritten < going)
            report_shared(&report, "rewrite-shared", none, "meant for some of the recipients, done for all");
    }
    return let_go(ctx, session, &reverse, rewritten > 0, &report);
}
