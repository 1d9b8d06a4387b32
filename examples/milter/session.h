/* A connection of the mail server, and the message that comes through it. */

#ifndef SESSION_H
#define SESSION_H

#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "config.h"
#include "metrics.h"
#include "readdress.h"

enum { TLS_NAME_MAX = 256, QUEUE_MAX = 64 };

/* A forward-path as the client gave it, and the ESMTP parameters of it that matter. */
struct recipient {
    char *path;
    char *notify; /* "NOTIFY=..."; NULL without one */
    char *orcpt;  /* "ORCPT=..."; NULL without one */
};

struct session {
    /* Of the connection. */
    bool has_actions;        /* the MTA does all that editing takes */
    bool has_leading_space;  /* values of fields come and go with the space behind the colon */
    bool is_header_unheard;  /* the MTA waits for no reply to a field */
    char client[INET6_ADDRSTRLEN]; /* empty if it has none, or one that is unknown */
    readdress_result *result;
    readdress_decision *decision;
    /* Of the message. */
    bool is_open;
    bool is_shadow;
    readdress_engine *engine;
    readdress_session session; /* client_address and tls_name point to client and tls_name */
    char tls_name[TLS_NAME_MAX];
    char *reverse_path;
    struct buffer mail_args;
    struct recipient *recipients;
    size_t recipient_count, recipient_room;
    struct buffer header; /* the header section as it came */
    /* The first failure; METRICS without one. Nothing is done any more for a message that has one, but to
     * defer it in the end. */
    enum metric failure;
    char why[READDRESS_MESSAGE_MAX];
};

/* Tells libmilter what to call. config stays the caller's, and has to stay. Returns whether it could. */
bool session_register(const struct config *config);

/* From now on every new message is deferred: the program ends when the open ones are over. */
void session_stop_taking(void);

/* Notes why a message can't go on. Only the first reason counts. */
void session_fail(struct session *session, enum metric cause, const char *why);

/* Notes what a call of the library says that did not return READDRESS_OK. */
void session_fail_by(struct session *session, readdress_status status, const readdress_error *err);

/* The MTA's name for the message, as far as it has one: macro i. */
const char *session_queue(SMFICTX *ctx);

/* Sets the reply to the command that is being answered, and returns what answers with it. text: the reply's;
 * what does not belong into a reply is taken out. */
sfsistat session_reply(SMFICTX *ctx, unsigned code, const char *enhanced, const char *text);

#endif
