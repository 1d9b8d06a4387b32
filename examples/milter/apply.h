/* What is answered, and what is edited. */

#ifndef APPLY_H
#define APPLY_H

#include <libmilter/mfapi.h>

#include "session.h"

/* Answers RCPT TO: a refusal that nothing can change any more is given while the client is listening. */
sfsistat apply_recipient(SMFICTX *ctx, struct session *session, const char *path);

/* Answers the end of a message: decides about all recipients, refuses, drops or edits. */
sfsistat apply_message(SMFICTX *ctx, struct session *session);

/* Answers a command of a message that something of ours failed with: a temporary failure; in shadow mode
 * the message goes on, untouched. */
sfsistat apply_failure(SMFICTX *ctx, struct session *session);

#endif
