/* Edits of the header section.
 *
 * smfi_chgheader() counts fields by name, without regard to case, as they stand after the edits before. The
 * engine's changes come in an order in which that does no harm: new bodies first, then what goes, from the
 * last field to the first. What rules set comes behind them, and counts what is left. */

#define _POSIX_C_SOURCE 200809L

#include "fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_same_name(readdress_text one, readdress_text other)
{
    return one.len == other.len && strncasecmp(one.text, other.text, one.len) == 0;
}

/* ---- what rules want --------------------------------------------------------------------------------- */

static bool is_same_text(readdress_text one, readdress_text other)
{
    return one.len == other.len && memcmp(one.text, other.text, one.len) == 0;
}

static bool collect(struct rule_fields *rules, readdress_text name, const readdress_text *value)
{
    struct rule_field *field;
    size_t at;

    for (at = 0; at < rules->count && !is_same_name(rules->fields[at].name, name); at++)
        continue;
    if (at == rules->room) {
        size_t room = rules->room == 0 ? 8 : rules->room * 2;

        field = realloc(rules->fields, room * sizeof *field);
        if (field == NULL)
            return false;
        rules->fields = field;
        rules->room = room;
    }
    field = &rules->fields[at];
    if (at == rules->count) {
        memset(field, 0, sizeof *field);
        field->name = name;
        rules->count++;
    } else if (field->is_set != (value != NULL) || (value != NULL && !is_same_text(field->value, *value))) {
        field->is_mixed = true;
    }
    field->copies++;
    /* The first value counts; to set a field counts more than to remove it. */
    if (value != NULL && !field->is_set) {
        field->is_set = true;
        field->value = *value;
    }
    return true;
}

bool rule_fields_collect(const readdress_decision *decision, struct rule_fields *rules)
{
    size_t at, nth, going = 0;

    memset(rules, 0, sizeof *rules);
    for (at = 0; at < readdress_decision_count(decision); at++) {
        const readdress_route_info *route = readdress_decision_at(decision, at);

        if (route->action != READDRESS_DELIVER && route->action != READDRESS_RELAY)
            continue;
        going++;
        for (nth = 0; nth < route->set_header_count; nth++)
            if (!collect(rules, route->set_headers[nth].name, &route->set_headers[nth].value))
                return false;
        for (nth = 0; nth < route->removed_header_count; nth++)
            if (!collect(rules, route->removed_headers[nth], NULL))
                return false;
    }
    for (at = 0; at < rules->count; at++)
        rules->fields[at].is_mixed = rules->fields[at].is_mixed || rules->fields[at].copies != going;
    return true;
}

void rule_fields_free(struct rule_fields *rules)
{
    free(rules->fields);
    memset(rules, 0, sizeof *rules);
}

/* ---- what can be said to an MTA ---------------------------------------------------------------------- */

static bool is_name(readdress_text name)
{
    size_t at;

    for (at = 0; at < name.len; at++)
        if (name.text[at] <= 32 || name.text[at] > 126 || name.text[at] == ':')
            return false;
    return name.len > 0;
}

static bool is_line(readdress_text value)
{
    size_t at;

    for (at = 0; at < value.len; at++)
        if (value.text[at] == '\r' || value.text[at] == '\n' || value.text[at] == '\0')
            return false;
    return true;
}

bool fields_are_sound(const readdress_result *result, const struct rule_fields *rules)
{
    size_t total, at;
    const readdress_field_change *changes = readdress_result_field_changes(result, &total);

    for (at = 0; at < total; at++)
        if (changes[at].value != NULL && memchr(changes[at].value, '\0', changes[at].length) != NULL)
            return false;
    for (at = 0; at < rules->count; at++)
        if (!is_name(rules->fields[at].name) || (rules->fields[at].is_set && !is_line(rules->fields[at].value)))
            return false;
    return true;
}

bool fields_fit(const readdress_result *result)
{
    size_t total, at;
    const readdress_field_change *changes = readdress_result_field_changes(result, &total);

    for (at = 0; at < total; at++)
        if (changes[at].value != NULL && strlen(changes[at].name) + 1 + changes[at].length > FIELD_OCTETS_MAX)
            return false;
    return true;
}

/* Changes a field; without a value, deletes it. libmilter's arguments are not const, and not written to. */
static bool change(SMFICTX *ctx, const struct session *session, const char *name, size_t nth, const char *value)
{
    /* The MTA puts a space before it, in place of the one that it took away. */
    if (value != NULL && !session->has_leading_space && value[0] == ' ')
        value++;
    /* An empty value would delete the field. */
    if (value != NULL && value[0] == '\0')
        value = " ";
    return smfi_chgheader(ctx, (char *)name, (int)nth, (char *)value) == MI_SUCCESS;
}

bool fields_change(SMFICTX *ctx, const struct session *session, bool is_rewritten, bool *is_changed)
{
    size_t total, at;
    const readdress_field_change *changes = readdress_result_field_changes(session->result, &total);

    for (at = 0; at < total; at++) {
        if (changes[at].value != NULL && !is_rewritten)
            continue;
        if (!change(ctx, session, changes[at].name, changes[at].nth, changes[at].value))
            return false;
        *is_changed = true;
    }
    return true;
}

/* ---- fields of rules --------------------------------------------------------------------------------- */

static readdress_text text_of(const char *text)
{
    readdress_text whole = {text, strlen(text)};

    return whole;
}

/* How many fields of a name there were. Each begins behind a line end that is no fold. */
static size_t count_in(const struct buffer *header, readdress_text name)
{
    const char *at = header->octets, *end = at == NULL ? NULL : at + header->len;
    size_t found = 0;

    while (at != NULL && at < end) {
        const char *behind = at + name.len, *line_end;

        if (name.len < (size_t)(end - at) && strncasecmp(at, name.text, name.len) == 0) {
            while (behind < end && (*behind == ' ' || *behind == '\t'))
                behind++;
            found += behind < end && *behind == ':';
        }
        do {
            line_end = memchr(at, '\n', (size_t)(end - at));
            at = line_end == NULL ? end : line_end + 1;
        } while (at < end && (*at == ' ' || *at == '\t'));
    }
    return found;
}

/* How many of them the engine's changes have deleted. */
static size_t count_removed(const readdress_result *result, readdress_text name)
{
    size_t total, at, removed = 0;
    const readdress_field_change *changes = readdress_result_field_changes(result, &total);

    for (at = 0; at < total; at++)
        removed += changes[at].value == NULL && is_same_name(text_of(changes[at].name), name);
    return removed;
}

static bool add(SMFICTX *ctx, struct session *session, readdress_text name, readdress_text value)
{
    struct buffer line = {0};
    bool is_done = (!session->has_leading_space || buffer_add_text(&line, " ")) &&
                   buffer_add(&line, value.text, value.len);

    if (is_done)
        is_done = smfi_addheader(ctx, (char *)name.text, line.octets) == MI_SUCCESS;
    else
        session_fail(session, FAILURES_MEMORY, "no memory for a field");
    buffer_free(&line);
    return is_done;
}

/* Whether a field steers our own systems, as the header firewall's do. */
static bool is_steering(readdress_text name)
{
    static const char *const beginnings[] = {"X-MS-Exchange-Organization-", "X-MS-Exchange-CrossPremises-"};
    size_t at;

    for (at = 0; at < sizeof beginnings / sizeof beginnings[0]; at++)
        if (strncasecmp(name.text, beginnings[at], strlen(beginnings[at])) == 0)
            return true;
    return false;
}

/* A stranger could get such a field for one recipient by naming another one beside him. So it is set for all or
 * for nobody; what the stranger has put in has been removed. */
static bool is_withheld(const struct session *session, const struct rule_field *field)
{
    return field->is_set && field->is_mixed && is_steering(field->name) &&
           readdress_decision_direction(session->decision) != READDRESS_OUTBOUND;
}

bool fields_apply_rules(SMFICTX *ctx, struct session *session, const struct rule_fields *rules,
                        const struct report *report, bool *is_changed)
{
    static const readdress_text none = {NULL, 0};
    size_t at, left;

    for (at = 0; at < rules->count; at++) {
        const struct rule_field *field = &rules->fields[at];
        size_t removed = count_removed(session->result, field->name), were = count_in(&session->header, field->name);

        if (is_withheld(session, field)) {
            report_shared(report, "headers-withheld", field->name, "meant for some of a stranger's recipients, set for none");
            continue;
        }
        if (field->is_mixed)
            report_shared(report, "headers-shared", field->name, "meant for some of the recipients, done for all");
        if (field->is_set || were > removed)
            report_rule_field(report, field->is_set ? "set" : "remove", field->name,
                              field->is_set ? field->value : none);
        if (session->is_shadow)
            continue;
        for (left = were > removed ? were - removed : 0; left > 0; left--) {
            if (!change(ctx, session, field->name.text, left, NULL))
                return false;
            *is_changed = true;
        }
        if (field->is_set) {
            if (!add(ctx, session, field->name, field->value))
                return false;
            *is_changed = true;
        }
    }
    return true;
}
