/* The callbacks of libmilter up to the end of the header section: who is there, who writes to whom, and the
 * fields, one by one. Nothing is edited here, as nothing may be before the end of the message (apply.c).
 *
 * Whatever fails is noted in the session and answered with a temporary failure, at once where the MTA waits
 * for a reply, in any case at the end of the message. SMFIS_ACCEPT is never given: it would let the rest of
 * a connection pass by. */

#define _POSIX_C_SOURCE 200809L

#include "session.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "apply.h"
#include "log.h"
#include "watch.h"

/* What editing takes. */
static const unsigned long ACTIONS =
    SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGFROM | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT;

/* What saves time where the MTA can do it. */
static const unsigned long PROTOCOL =
    SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NR_HDR | SMFIP_HDR_LEADSPC;

/* More than any MTA takes in one transaction; what is in them is bounded by the length of a command. */
enum { RECIPIENTS_MAX = 100000 };

/* Fields come in one piece each, and libmilter's own limit of 64 KB ends the connection; the limits that
 * count are the map's. */
enum { PACKET_MAX = 1 << 25 };

static const struct config *config;
static atomic_bool is_stopping;

/* ---- what went wrong --------------------------------------------------------------------------------- */

void session_fail(struct session *session, enum metric cause, const char *why)
{
    if (session->failure != METRICS)
        return;
    session->failure = cause;
    snprintf(session->why, sizeof session->why, "%s", why);
}

void session_fail_by(struct session *session, readdress_status status, const readdress_error *err)
{
    enum metric cause = status == READDRESS_E_LIMIT   ? FAILURES_LIMIT
                        : status == READDRESS_E_NOMEM ? FAILURES_MEMORY
                                                      : FAILURES_LIBRARY;

    session_fail(session, cause, err->message);
}

const char *session_queue(SMFICTX *ctx)
{
    char name[] = "i", *queue = smfi_getsymval(ctx, name);

    return queue != NULL && queue[0] != '\0' ? queue : "-";
}

sfsistat session_reply(SMFICTX *ctx, unsigned code, const char *enhanced, const char *text)
{
    char digits[4], status[16], line[512];
    size_t len = 0;

    if (code < 400 || code > 599)
        code = 451;
    snprintf(digits, sizeof digits, "%u", code);
    snprintf(status, sizeof status, "%s", enhanced);
    /* A percent sign is doubled, as Sendmail takes the text for a format and Postfix undoes it. The text has
     * room to be doubled in, and a line of a reply to be sent in (RFC 5321 4.5.3.1.5). */
    for (; *text != '\0' && len < sizeof line - 100; text++) {
        line[len++] = *text >= 32 && *text < 127 ? *text : '?';
        if (*text == '%')
            line[len++] = '%';
    }
    line[len] = '\0';
    if (status[0] != digits[0] || smfi_setreply(ctx, digits, status, line) != MI_SUCCESS) {
        /* An enhanced code that is none: the reply is better without it than not at all. */
        if (smfi_setreply(ctx, digits, NULL, line) != MI_SUCCESS)
            return SMFIS_TEMPFAIL;
    }
    return code < 500 ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

/* ---- a session's life -------------------------------------------------------------------------------- */

static void end_message(struct session *session)
{
    size_t at;

    if (session->is_open)
        count_less(MESSAGES_OPEN);
    session->is_open = false;
    readdress_engine_free(session->engine);
    session->engine = NULL;
    free(session->reverse_path);
    session->reverse_path = NULL;
    for (at = 0; at < session->recipient_count; at++) {
        free(session->recipients[at].path);
        free(session->recipients[at].notify);
        free(session->recipients[at].orcpt);
    }
    session->recipient_count = 0;
    buffer_clear(&session->mail_args);
    buffer_clear(&session->header);
    session->failure = METRICS;
}

static struct session *new_session(void)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL)
        return NULL;
    session->failure = METRICS;
    session->result = readdress_result_new();
    session->decision = readdress_decision_new();
    /* The MTA chooses the way out by the recipient alone. */
    readdress_decision_for_host(session->decision, true);
    if (session->result != NULL && session->decision != NULL)
        return session;
    readdress_result_free(session->result);
    readdress_decision_free(session->decision);
    free(session);
    return NULL;
}

/* The connection's session; a new one for the first callback. libmilter may call from another thread each
 * time, one at a time. */
static struct session *session_of(SMFICTX *ctx)
{
    struct session *session = smfi_getpriv(ctx);

    if (session != NULL || (session = new_session()) == NULL)
        return session;
    count(CONNECTIONS);
    count(CONNECTIONS_OPEN);
    smfi_setpriv(ctx, session);
    return session;
}

static void free_session(struct session *session)
{
    end_message(session);
    free(session->recipients);
    buffer_free(&session->mail_args);
    buffer_free(&session->header);
    readdress_result_free(session->result);
    readdress_decision_free(session->decision);
    free(session);
}

/* ---- callbacks --------------------------------------------------------------------------------------- */

/* Takes what is offered. An MTA that can't do what is needed is not turned away here: it would do what it is
 * told to without a milter, which may be to let all mail pass. It gets temporary failures instead. */
static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long unused_1,
                             unsigned long unused_2, unsigned long *wanted_actions, unsigned long *wanted_steps,
                             unsigned long *wanted_1, unsigned long *wanted_2)
{
    /* All that is asked about a session comes anew with each message, since STARTTLS and AUTH come in between. */
    char at_mail[] = "i {daemon_name} {tls_version} {cert_subject} {cn_subject} {verify} {auth_type} {auth_authen}";
    char at_rcpt[] = "i", at_end[] = "i", at_connect[] = "{daemon_name}";
    struct session *session = session_of(ctx);

    (void)unused_1;
    (void)unused_2;
    *wanted_actions = ACTIONS & actions;
    *wanted_steps = PROTOCOL & steps;
    *wanted_1 = 0;
    *wanted_2 = 0;
    if ((actions & SMFIF_SETSYMLIST) != 0 && smfi_setsymlist(ctx, SMFIM_ENVFROM, at_mail) == MI_SUCCESS &&
        smfi_setsymlist(ctx, SMFIM_ENVRCPT, at_rcpt) == MI_SUCCESS &&
        smfi_setsymlist(ctx, SMFIM_EOM, at_end) == MI_SUCCESS &&
        smfi_setsymlist(ctx, SMFIM_CONNECT, at_connect) == MI_SUCCESS) {
        *wanted_actions |= SMFIF_SETSYMLIST;
        /* Else the macros of TLS come with HELO. */
        *wanted_steps |= SMFIP_NOHELO & steps;
    }
    if (session != NULL) {
        session->has_actions = (actions & ACTIONS) == ACTIONS;
        session->has_leading_space = (*wanted_steps & SMFIP_HDR_LEADSPC) != 0;
        session->is_header_unheard = (*wanted_steps & SMFIP_NR_HDR) != 0;
    }
    return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *name, struct sockaddr *address)
{
    /* One that begins here, behind another client's (QUIT_NC, which no MTA is known to send), has nothing
     * negotiated, and its messages are deferred. */
    struct session *session = session_of(ctx);

    (void)name;
    if (session == NULL) {
        count(FAILURES_MEMORY);
        return SMFIS_TEMPFAIL;
    }
    session->client[0] = '\0';
    /* Clients of a local socket, and those that the MTA can't tell the address of, have none. */
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *found = (const struct sockaddr_in *)(const void *)address;

        inet_ntop(AF_INET, &found->sin_addr, session->client, sizeof session->client);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *found = (const struct sockaddr_in6 *)(const void *)address;

        /* An address of IPv4 is one, however the MTA's socket shows it. */
        if (IN6_IS_ADDR_V4MAPPED(&found->sin6_addr))
            inet_ntop(AF_INET, &found->sin6_addr.s6_addr[12], session->client, sizeof session->client);
        else
            inet_ntop(AF_INET6, &found->sin6_addr, session->client, sizeof session->client);
    }
    return SMFIS_CONTINUE;
}

/* A macro; NULL if it has no value. */
static const char *macro(SMFICTX *ctx, const char *name)
{
    char copy[32];
    const char *value;

    snprintf(copy, sizeof copy, "%s", name);
    value = smfi_getsymval(ctx, copy);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The verified name of the client's certificate. Postfix has its common name, and only if it trusts the
 * certificate. Sendmail has the whole subject in any case ("/C=.../CN=..."), and says beside it what came of
 * the verification. */
static void read_tls_name(SMFICTX *ctx, struct session *session)
{
    const char *name = macro(ctx, "{cert_subject}"), *verified = macro(ctx, "{verify}");

    session->tls_name[0] = '\0';
    if (name != NULL && name[0] == '/')
        name = verified != NULL && strcmp(verified, "OK") == 0 ? macro(ctx, "{cn_subject}") : NULL;
    else if (verified != NULL && strcmp(verified, "OK") != 0)
        name = NULL;
    /* One that is too long is no host's. */
    if (name != NULL && strlen(name) < sizeof session->tls_name)
        snprintf(session->tls_name, sizeof session->tls_name, "%s", name);
}

static void read_session(SMFICTX *ctx, struct session *session, char **args)
{
    uint32_t flags = 0;

    read_tls_name(ctx, session);
    if (macro(ctx, "{tls_version}") != NULL)
        flags |= READDRESS_SESSION_TLS;
    if (macro(ctx, "{auth_authen}") != NULL || macro(ctx, "{auth_type}") != NULL)
        flags |= READDRESS_SESSION_AUTHENTICATED;
    for (; *args != NULL; args++)
        if (strcasecmp(*args, "SMTPUTF8") == 0)
            flags |= READDRESS_SESSION_SMTPUTF8;
    /* The log says what would be. */
    if (session->is_shadow)
        flags |= READDRESS_SESSION_TRIAL;
    memset(&session->session, 0, sizeof session->session);
    session->session.flags = flags;
    session->session.client_address = session->client[0] != '\0' ? session->client : NULL;
    session->session.tls_name = session->tls_name[0] != '\0' ? session->tls_name : NULL;
}

/* The MAIL parameters that belong to the reverse-path and go where it goes. The others say how the message
 * came; Postfix writes a warning about each of them in smfi_chgfrom(). */
static bool keep_mail_args(struct session *session, char **args)
{
    for (; *args != NULL; args++) {
        if (strncasecmp(*args, "RET=", 4) != 0 && strncasecmp(*args, "ENVID=", 6) != 0)
            continue;
        if ((session->mail_args.len > 0 && !buffer_add_text(&session->mail_args, " ")) ||
            !buffer_add_text(&session->mail_args, *args))
            return false;
    }
    return true;
}

/* Begins the message. A map without listeners can't say which way a message goes; then the configuration
 * does. */
static void begin_message(struct session *session)
{
    readdress_error err = {0};
    readdress_status status = readdress_message_begin(session->result, session->engine, &session->session, &err);

    if (status == READDRESS_E_ARGUMENT) {
        session->session.direction = config->direction;
        status = readdress_message_begin(session->result, session->engine, &session->session, &err);
    }
    if (status != READDRESS_OK)
        session_fail_by(session, status, &err);
}

/* Whether a path, in angle brackets or not, has more octets than any may have (RFC 5321 4.5.3.1.3). To try again
 * would help nobody. */
static bool is_too_long(const char *path)
{
    return strlen(path) + (path[0] == '<' ? 0 : 2) > READDRESS_PATH_MAX;
}

static sfsistat on_mail(SMFICTX *ctx, char **args)
{
    struct session *session = smfi_getpriv(ctx);
    sfsistat answer;

    if (session == NULL)
        return SMFIS_TEMPFAIL;
    end_message(session);
    session->is_open = true;
    count(MESSAGES_OPEN);
    session->engine = watch_engine();
    session->is_shadow = config->is_shadow || readdress_engine_is_shadow(session->engine);
    session->reverse_path = strdup(args[0]);
    read_session(ctx, session, args + 1);
    if (atomic_load(&is_stopping))
        session_fail(session, FAILURES_STOPPING, "the milter is being stopped");
    else if (!session->has_actions)
        session_fail(session, FAILURES_NEGOTIATION, "the MTA does not do all that editing takes");
    else if (session->engine == NULL)
        session_fail(session, FAILURES_LIBRARY, "no engine");
    else if (session->reverse_path == NULL || !keep_mail_args(session, args + 1))
        session_fail(session, FAILURES_MEMORY, "no memory for the reverse-path");
    else
        begin_message(session);
    if (session->failure == METRICS && !session->is_shadow && is_too_long(args[0])) {
        end_message(session);
        count(MESSAGES_REJECTED);
        return session_reply(ctx, 501, "5.1.7", "The sender's address is too long");
    }
    /* In shadow mode it goes on, and the failure is reported at its end. */
    if (session->failure == METRICS || session->is_shadow)
        return SMFIS_CONTINUE;
    answer = apply_failure(ctx, session);
    end_message(session);
    return answer;
}

static bool keep_recipient(struct session *session, char **args)
{
    struct recipient *kept;

    if (session->recipient_count == session->recipient_room) {
        size_t room = session->recipient_room == 0 ? 8 : session->recipient_room * 2;

        kept = realloc(session->recipients, room * sizeof *kept);
        if (kept == NULL)
            return false;
        session->recipients = kept;
        session->recipient_room = room;
    }
    kept = &session->recipients[session->recipient_count];
    memset(kept, 0, sizeof *kept);
    kept->path = strdup(args[0]);
    if (kept->path == NULL)
        return false;
    session->recipient_count++;
    for (args++; *args != NULL; args++) {
        char **place = strncasecmp(*args, "NOTIFY=", 7) == 0  ? &kept->notify
                       : strncasecmp(*args, "ORCPT=", 6) == 0 ? &kept->orcpt
                                                              : NULL;

        if (place != NULL && *place == NULL && (*place = strdup(*args)) == NULL)
            return false;
    }
    return true;
}

static sfsistat on_rcpt(SMFICTX *ctx, char **args)
{
    struct session *session = smfi_getpriv(ctx);
    sfsistat answer;

    if (session == NULL || !session->is_open)
        return SMFIS_TEMPFAIL;
    if (session->failure != METRICS)
        return session->is_shadow ? SMFIS_CONTINUE : SMFIS_TEMPFAIL;
    answer = apply_recipient(ctx, session, args[0]);
    if (answer != SMFIS_CONTINUE)
        return answer;
    if (session->recipient_count >= RECIPIENTS_MAX)
        return session->is_shadow ? SMFIS_CONTINUE : session_reply(ctx, 452, "4.5.3", "Too many recipients");
    if (!keep_recipient(session, args)) {
        session_fail(session, FAILURES_MEMORY, "no memory for a recipient");
        return session->is_shadow ? SMFIS_CONTINUE : session_reply(ctx, 451, "4.3.0", "Try again later");
    }
    return SMFIS_CONTINUE;
}

/* Whether each line end in a value begins a fold. What the MTA hands out as one field would be several ones
 * otherwise, and be looked at as such. */
static bool is_folded(const char *value)
{
    for (value = strchr(value, '\n'); value != NULL; value = strchr(value + 1, '\n'))
        if (value[1] != ' ' && value[1] != '\t')
            return false;
    return true;
}

/* The header section is kept as it came: what counts its Received fields, and the rules that ask about
 * fields, get it when it is complete. The library's limits bound both. */
static void take_field(struct session *session, const char *name, const char *value)
{
    const char *space = session->has_leading_space ? "" : " ";
    size_t begin;
    readdress_error err = {0};
    readdress_status status;

    if (!is_folded(value)) {
        session_fail(session, FAILURES_CONTENT, "a field with a line end in it that is no fold");
        return;
    }
    if (!buffer_add_text(&session->header, name) || !buffer_add_text(&session->header, ":")) {
        session_fail(session, FAILURES_MEMORY, "no memory for a field");
        return;
    }
    begin = session->header.len;
    /* Without SMFIP_HDR_LEADSPC the MTA takes one space away, and puts one back when a value is changed. */
    if (!buffer_add_text(&session->header, space) || !buffer_add_text(&session->header, value)) {
        session_fail(session, FAILURES_MEMORY, "no memory for a field");
        return;
    }
    status = readdress_message_field(session->result, name, (const uint8_t *)session->header.octets + begin,
                                     session->header.len - begin, &err);
    if (status != READDRESS_OK)
        session_fail_by(session, status, &err);
    else if (!buffer_add_text(&session->header, "\r\n"))
        session_fail(session, FAILURES_MEMORY, "no memory for a field");
}

static sfsistat on_field(SMFICTX *ctx, char *name, char *value)
{
    struct session *session = smfi_getpriv(ctx);

    if (session != NULL && session->is_open && session->failure == METRICS)
        take_field(session, name, value);
    return session == NULL || !session->is_header_unheard ? SMFIS_CONTINUE : SMFIS_NOREPLY;
}

static sfsistat on_end(SMFICTX *ctx)
{
    struct session *session = smfi_getpriv(ctx);
    sfsistat answer;

    if (session == NULL || !session->is_open)
        return SMFIS_TEMPFAIL;
    answer = session->failure == METRICS ? apply_message(ctx, session) : apply_failure(ctx, session);
    end_message(session);
    return answer;
}

static sfsistat on_abort(SMFICTX *ctx)
{
    struct session *session = smfi_getpriv(ctx);

    if (session != NULL && session->is_open) {
        count(MESSAGES_ABORTED);
        /* It was answered at RCPT TO, and would have been reported at the end. */
        if (session->failure != METRICS)
            count(session->failure);
    }
    if (session != NULL)
        end_message(session);
    return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
    struct session *session = smfi_getpriv(ctx);

    if (session != NULL) {
        count_less(CONNECTIONS_OPEN);
        free_session(session);
        smfi_setpriv(ctx, NULL);
    }
    return SMFIS_CONTINUE;
}

bool session_register(const struct config *with)
{
    char name[] = "readdress-milter";
    struct smfiDesc description;

    memset(&description, 0, sizeof description);
    description.xxfi_name = name;
    description.xxfi_version = SMFI_VERSION;
    description.xxfi_flags = ACTIONS;
    description.xxfi_negotiate = on_negotiate;
    description.xxfi_connect = on_connect;
    description.xxfi_envfrom = on_mail;
    description.xxfi_envrcpt = on_rcpt;
    description.xxfi_header = on_field;
    description.xxfi_eom = on_end;
    description.xxfi_abort = on_abort;
    description.xxfi_close = on_close;
    config = with;
    smfi_setmaxdatasize(PACKET_MAX);
    return smfi_register(description) == MI_SUCCESS;
}

void session_stop_taking(void)
{
    atomic_store(&is_stopping, true);
}
