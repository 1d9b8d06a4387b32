/* Which forward-paths are added and which deleted.
 *
 * MTAs keep recipients as a set, look for doubles without regard to case, and delete all copies of a path at
 * once. So the recipients of a message are taken as a set, too: what the set becomes and did not have is
 * added once, what it had and does not become is deleted. Then no path is deleted that another recipient
 * turned into, none is there twice, and one that differs by case alone from what it becomes is left, since
 * adding it would do nothing and deleting the old one would lose the recipient. The same goes for quotes, which
 * MTAs take away before they compare: to delete "john"@contoso.com deletes a john@contoso.com that was added. */

#define _POSIX_C_SOURCE 200809L

#include "recipients.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A path of the nth recipient. */
struct path {
    const char *text;
    size_t len, nth;
};

readdress_text recipient_address(const readdress_route_info *route)
{
    readdress_text whole = route->recipient;
    const char *colon;

    if (whole.len == 0 || whole.text[0] != '@')
        return whole;
    /* A route is of domains alone, so its colon is the first one. */
    colon = memchr(whole.text, ':', whole.len);
    return colon == NULL ? whole : (readdress_text){colon + 1, whole.len - (size_t)(colon + 1 - whole.text)};
}

bool recipient_goes(const readdress_route_info *route)
{
    return route->action == READDRESS_DELIVER || route->action == READDRESS_RELAY;
}

static unsigned char fold(char octet)
{
    return (unsigned char)(octet >= 'A' && octet <= 'Z' ? octet + ('a' - 'A') : octet);
}

/* The next octet behind a place, which is moved on: quotes are passed over, and a backslash is for the octet
 * behind it. Returns -1 at the end. */
static int next_octet(const struct path *path, size_t *at)
{
    while (*at < path->len && path->text[*at] == '"')
        ++*at;
    if (*at + 1 < path->len && path->text[*at] == '\\')
        ++*at;
    return *at < path->len ? fold(path->text[(*at)++]) : -1;
}

/* As strcasecmp(3), in no locale and without quotes. */
static int compare_folded(const struct path *one, const struct path *other)
{
    size_t left = 0, right = 0;
    int octet, against;

    do {
        octet = next_octet(one, &left);
        against = next_octet(other, &right);
    } while (octet == against && octet >= 0);
    return (octet > against) - (octet < against);
}

/* As memcmp(3). */
static int compare_exactly(const struct path *one, const struct path *other)
{
    int order = memcmp(one->text, other->text, one->len < other->len ? one->len : other->len);

    return order != 0 ? order : (one->len > other->len) - (one->len < other->len);
}

/* By text without regard to case and quotes, then by text, then by place. */
static int compare(const void *one, const void *other)
{
    const struct path *left = one, *right = other;
    int order = compare_folded(left, right);

    if (order == 0)
        order = compare_exactly(left, right);
    return order != 0 ? order : (left->nth > right->nth) - (left->nth < right->nth);
}

/* Whether a sorted list has a path. */
static bool has(const struct path *paths, size_t count, const struct path *wanted)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_folded(&paths[middle], wanted);

        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool is_ascii(const struct path *path)
{
    size_t at;

    for (at = 0; at < path->len; at++)
        if ((unsigned char)path->text[at] > 127)
            return false;
    return true;
}

static bool is_silent(const struct recipient *recipient)
{
    return recipient->notify != NULL && strcasecmp(recipient->notify, "NOTIFY=NEVER") == 0;
}

/* Adds each path once. Of the recipients who become it, the first who wants to hear of failures gives its
 * parameters, else the first. */
static void plan_additions(const struct path *were, size_t were_count, const struct path *become, size_t count,
                           const struct recipient *recipients, struct recipient_step *steps, bool *is_unlike_ascii)
{
    size_t at, next, one;

    for (at = 0; at < count; at = next) {
        size_t chosen = become[at].nth;

        for (next = at + 1; next < count && compare_folded(&become[at], &become[next]) == 0; next++)
            continue;
        if (has(were, were_count, &become[at]))
            continue;
        for (one = at; one < next && is_silent(&recipients[chosen]); one++)
            if (!is_silent(&recipients[become[one].nth]))
                chosen = become[one].nth;
        steps[chosen].adds = true;
        *is_unlike_ascii = *is_unlike_ascii || !is_ascii(&become[at]);
    }
}

static void plan_deletions(const struct path *were, size_t were_count, const struct path *become, size_t count,
                           struct recipient_step *steps, bool *is_unlike_ascii)
{
    size_t at;

    for (at = 0; at < were_count; at++) {
        bool is_again = at > 0 && compare_exactly(&were[at], &were[at - 1]) == 0;

        if (is_again || has(become, count, &were[at]))
            continue;
        steps[were[at].nth].deletes = true;
        *is_unlike_ascii = *is_unlike_ascii || !is_ascii(&were[at]);
    }
}

bool recipients_plan(const readdress_decision *decision, const struct recipient *recipients,
                     struct recipient_step *steps, bool *is_unlike_ascii)
{
    size_t count = readdress_decision_count(decision), at, becoming = 0;
    struct path *were, *become;

    *is_unlike_ascii = false;
    if (count == 0)
        return true;
    memset(steps, 0, count * sizeof *steps);
    were = calloc(count, 2 * sizeof *were);
    if (were == NULL)
        return false;
    become = were + count;
    for (at = 0; at < count; at++) {
        const readdress_route_info *route = readdress_decision_at(decision, at);
        readdress_text was = recipient_address(route);

        were[at] = (struct path){was.text, was.len, at};
        if (recipient_goes(route))
            become[becoming++] = (struct path){route->host_path.text, route->host_path.len, at};
    }
    qsort(were, count, sizeof *were, compare);
    qsort(become, becoming, sizeof *become, compare);
    plan_additions(were, count, become, becoming, recipients, steps, is_unlike_ascii);
    plan_deletions(were, count, become, becoming, steps, is_unlike_ascii);
    free(were);
    return true;
}

/* ---- ESMTP parameters -------------------------------------------------------------------------------- */

/* Reads a character of UTF-8. Returns its octets; 0 if there is none. */
static size_t character(const unsigned char *text, size_t len, uint32_t *number)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0, at;

    if (size == 0 || size > len)
        return 0;
    *number = size == 1 ? text[0] : text[0] & (0x7fU >> size);
    for (at = 1; at < size; at++) {
        if (text[at] >> 6 != 2)
            return 0;
        *number = *number << 6 | (text[at] & 0x3fU);
    }
    return *number < least[size] || *number > 0x10ffff || (*number >= 0xd800 && *number < 0xe000) ? 0 : size;
}

static bool is_utf8(const unsigned char *text, size_t len)
{
    uint32_t number;
    size_t size;

    for (; len > 0; text += size, len -= size)
        if ((size = character(text, len, &number)) == 0)
            return false;
    return true;
}

static bool is_xtext(unsigned char octet)
{
    return octet > 32 && octet < 127 && octet != '+' && octet != '=';
}

/* xtext (RFC 3461 4): octets that can't stand for themselves as "+" and two capital digits. */
static bool add_xtext(struct buffer *args, const unsigned char *text, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    bool is_done = true;

    for (; is_done && len > 0; text++, len--) {
        const char escape[3] = {'+', digits[*text >> 4], digits[*text & 15]};

        is_done = is_xtext(*text) ? buffer_add(args, text, 1) : buffer_add(args, escape, sizeof escape);
    }
    return is_done;
}

/* utf-8-addr-xtext (RFC 6533 3): characters that can't stand for themselves as "\x{" number "}". */
static bool add_utf8_xtext(struct buffer *args, const unsigned char *text, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    bool is_done = true;
    uint32_t number = 0;

    while (is_done && len > 0) {
        size_t size = character(text, len, &number);
        int shift = 20;

        if (size == 1 && is_xtext(text[0]) && text[0] != '\\') {
            is_done = buffer_add(args, text, 1);
        } else {
            is_done = buffer_add_text(args, "\\x{");
            while (shift > 4 && number >> shift == 0)
                shift -= 4;
            for (; is_done && shift >= 0; shift -= 4)
                is_done = buffer_add(args, &digits[number >> shift & 15], 1);
            is_done = is_done && buffer_add_text(args, "}");
        }
        text += size;
        len -= size;
    }
    return is_done;
}

bool recipient_args(const struct recipient *recipient, const readdress_route_info *route, struct buffer *args)
{
    readdress_text address = recipient_address(route);
    const unsigned char *was = (const unsigned char *)address.text;
    size_t len = address.len;
    struct path path = {address.text, len, 0};

    buffer_clear(args);
    if (recipient->notify != NULL && (!buffer_add_text(args, recipient->notify) || !buffer_add_text(args, " ")))
        return false;
    if (recipient->orcpt != NULL)
        return buffer_add_text(args, recipient->orcpt);
    if (is_ascii(&path) || !is_utf8(was, len))
        return buffer_add_text(args, "ORCPT=rfc822;") && add_xtext(args, was, len);
    return buffer_add_text(args, "ORCPT=utf-8;") && add_utf8_xtext(args, was, len);
}
