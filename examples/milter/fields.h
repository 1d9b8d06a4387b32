/* Edits of the header section at the end of a message. */

#ifndef FIELDS_H
#define FIELDS_H

#include <libmilter/mfapi.h>
#include <stdbool.h>

#include "report.h"
#include "session.h"

/* What rules do to a message's fields, whichever copy they mean. */
struct rule_field {
    readdress_text name;
    readdress_text value;
    bool is_set;   /* or removed */
    size_t copies; /* how many copies it is meant for */
    bool is_mixed; /* they are to get different values, or some none */
};

struct rule_fields {
    struct rule_field *fields;
    size_t count, room;
};

/* Collects what is to be done for all copies that go anywhere. Returns false without memory. */
bool rule_fields_collect(const readdress_decision *decision, struct rule_fields *rules);
void rule_fields_free(struct rule_fields *rules);

/* Whether all can be handed to the MTA: no NUL in a value, which would cut it, and no line end in what rules
 * set. */
bool fields_are_sound(const readdress_result *result, const struct rule_fields *rules);

/* The most octets of a changed field that no MTA cuts: name, colon and value. Postfix lets go of the lines behind
 * 60000 without a word, and with them of recipients. */
enum { FIELD_OCTETS_MAX = 59900 };

/* Whether no field grows past that. */
bool fields_fit(const readdress_result *result);

/* Applies the engine's changes in the order given; without is_rewritten, only those of the header firewall.
 * Then the rules' fields. Each returns whether the MTA took all, and whether anything changed. */
bool fields_change(SMFICTX *ctx, const struct session *session, bool is_rewritten, bool *is_changed);
bool fields_apply_rules(SMFICTX *ctx, struct session *session, const struct rule_fields *rules,
                        const struct report *report, bool *is_changed);

#endif
