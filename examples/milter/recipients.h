/* Which forward-paths are added to an envelope, and which deleted. */

#ifndef RECIPIENTS_H
#define RECIPIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "readdress.h"
#include "session.h"

/* What is done about a recipient. Never both for all: what it was may be what another one becomes. */
struct recipient_step {
    bool adds;    /* its path to use */
    bool deletes; /* the path as it came */
};

/* The path as it came, without a source route (RFC 5321 C): MTAs leave it out of what they keep. */
readdress_text recipient_address(const readdress_route_info *route);

/* Whether a copy goes anywhere. */
bool recipient_goes(const readdress_route_info *route);

/* Says what to do about each recipient of a decision. steps: as many as there are recipients; is_unlike_ascii:
 * whether a path that is added or deleted is not ASCII. Returns false without memory. */
bool recipients_plan(const readdress_decision *decision, const struct recipient *recipients,
                     struct recipient_step *steps, bool *is_unlike_ascii);

/* Writes the ESMTP parameters that a new path gets: those it came with, and the path as it came as ORCPT
 * (RFC 3461 4.2, RFC 6533 3) if there is none. Returns false without memory. */
bool recipient_args(const struct recipient *recipient, const readdress_route_info *route, struct buffer *args);

#endif
