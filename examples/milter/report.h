/* What is written to the log about a message, and counted with it. */

#ifndef REPORT_H
#define REPORT_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

#include "readdress.h"
#include "session.h"

/* Which message lines are about. */
struct report {
    const char *queue;
    const char *generation; /* NULL without a map */
    bool is_shadow;
};

struct report report_about(SMFICTX *ctx, const struct session *session);

/* What was decided about a recipient; a refusal, at RCPT TO or of the whole message. */
void report_route(const struct report *report, const readdress_route_info *route, uint32_t direction,
                  const char *listener);
void report_refusal(const struct report *report, const readdress_route_info *route, const char *stage);

/* A path of the envelope that changes. where: "reverse-path" or "forward-path". */
void report_path(const struct report *report, const char *where, readdress_slice old, readdress_slice new_path,
                 readdress_slice entry, readdress_slice file, uint32_t line);

/* What of the fields is not rewritten, or has no entry, and what else is remarkable about them. */
void report_findings(const struct report *report, const readdress_result *result);
void report_unmapped(const struct report *report, const char *where, readdress_slice address);

/* A reverse-path that could not be parsed. */
void report_path_skipped(const struct report *report, const char *reason);

/* Each address that is rewritten in the fields; each field that goes. */
void report_edits(const struct report *report, const readdress_result *result);
void report_removals(const struct report *report, const readdress_result *result);

/* A field that a rule sets or removes. */
void report_rule_field(const struct report *report, const char *action, readdress_text name, readdress_text value);

/* Something meant for some copies of a message: text says what became of it. */
void report_shared(const struct report *report, const char *event, readdress_text name, const char *text);

/* Why a message is deferred by no plan but by us. */
void report_failure(const struct report *report, enum metric cause, const char *why);

#endif
