/* Takes a message apart into fields, as a mail server does for a milter, hands them to readdress one
 * by one, and prints what a milter would call:
 *
 *     fields MAP outbound|inbound [REVERSE-PATH [FORWARD-PATH...]] < message
 *
 * A milter calls readdress_message_begin() in its envfrom callback, readdress_message_field() in
 * header, readdress_message_finish() in eoh, and what is printed here in eom. It keeps one result for
 * each connection, and the engine that it acquired for the message. Build it with
 *
 *     cc fields.c $(pkg-config --cflags --libs readdress) -o fields
 */

#define _POSIX_C_SOURCE 200809L

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "readdress.h"

enum { DONE = 0, USAGE = 64, BAD_DATA = 65, TRY_LATER = 75 };

/* A field that is being collected. */
struct field {
    char *name;
    uint8_t *body;
    size_t len;
};

static int fail(const char *what, const readdress_error *err)
{
    fprintf(stderr, "fields: %s: %s\n", what, err->message);
    return TRY_LATER;
}

/* Prints octets with those that would spoil a terminal escaped. */
static void print(const uint8_t *octets, size_t len)
{
    size_t at;

    for (at = 0; at < len; at++)
        if (octets[at] == '\n')
            fputs("\\n", stdout);
        else if (octets[at] == '\\')
            fputs("\\\\", stdout);
        else if (octets[at] < 32 || octets[at] > 126)
            printf("\\x%02x", octets[at]);
        else
            putchar(octets[at]);
}

/* Hands a collected field on, if there is one, and forgets it. */
static readdress_status hand_on(struct field *field, readdress_result *result, readdress_error *err)
{
    readdress_status status = READDRESS_OK;

    if (field->name != NULL)
        status = readdress_message_field(result, field->name, field->body, field->len, err);
    free(field->name);
    free(field->body);
    field->name = NULL;
    field->body = NULL;
    field->len = 0;
    return status;
}

/* Appends to the body of a field. Returns 0 without memory. */
static int append(struct field *field, const char *text, size_t len)
{
    uint8_t *bigger = realloc(field->body, field->len + len + 1);

    if (bigger == NULL)
        return 0;
    memcpy(bigger + field->len, text, len);
    field->body = bigger;
    field->len += len;
    return 1;
}

/* Takes one line of the header section, without its line ending. Returns whether there may be more
 * of them: not behind the empty line, nor behind one that is no field. */
static int take(const char *line, size_t len, struct field *field, readdress_result *result, readdress_status *status,
                readdress_error *err)
{
    const char *colon = memchr(line, ':', len);
    size_t end, at;

    if (len > 0 && (line[0] == ' ' || line[0] == '\t'))
        return field->name != NULL && append(field, "\n", 1) && append(field, line, len);
    *status = hand_on(field, result, err);
    if (*status != READDRESS_OK || colon == NULL || colon == line)
        return 0;
    end = (size_t)(colon - line);
    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t'))
        end--;
    for (at = 0; at < end; at++)
        if (line[at] <= 32 || line[at] == 127)
            return 0;
    field->name = end > 0 ? calloc(end + 1, 1) : NULL;
    if (field->name == NULL)
        return 0;
    memcpy(field->name, line, end);
    return append(field, colon + 1, len - (size_t)(colon + 1 - line));
}

/* Whether the first line is one that mbox files have before each message: "From " and no field. */
static int is_mbox_line(const char *line, size_t len)
{
    size_t at = 5;

    while (len >= 5 && at < len && (line[at] == ' ' || line[at] == '\t'))
        at++;
    return len >= 5 && memcmp(line, "From ", 5) == 0 && (at == len || line[at] != ':');
}

/* The header section on standard input, field by field. */
static readdress_status read_fields(readdress_result *result, readdress_error *err)
{
    readdress_status status = READDRESS_OK, last;
    struct field field = {NULL, NULL, 0};
    char *line = NULL;
    size_t room = 0;
    ssize_t got;
    int is_first = 1, goes_on = 1;

    while (goes_on && (got = getline(&line, &room, stdin)) > 0) {
        size_t len = (size_t)got;

        if (line[len - 1] == '\n')
            len -= len > 1 && line[len - 2] == '\r' ? 2 : 1;
        if (!is_first || !is_mbox_line(line, len))
            goes_on = take(line, len, &field, result, &status, err);
        is_first = 0;
    }
    last = status == READDRESS_OK ? hand_on(&field, result, err) : status;
    free(field.name);
    free(field.body);
    free(line);
    return last;
}

/* What a milter does at the end of the message. */
static void print_calls(const readdress_result *result)
{
    size_t count, at;
    const readdress_field_change *changes = readdress_result_field_changes(result, &count);
    const readdress_skip *skipped;
    const readdress_slice *unmapped;
    const readdress_signature *signatures;

    for (at = 0; at < count; at++) {
        printf("smfi_chgheader %s %u ", changes[at].name, (unsigned)changes[at].nth);
        print((const uint8_t *)changes[at].value, changes[at].length);
        putchar('\n');
    }
    skipped = readdress_result_skipped(result, &count);
    for (at = 0; at < count; at++)
        printf("left alone: %s %u at %zu: %s\n", skipped[at].field, (unsigned)skipped[at].nth, skipped[at].offset,
               skipped[at].reason);
    unmapped = readdress_result_unmapped(result, &count);
    for (at = 0; at < count; at++) {
        printf("unmapped: ");
        print(unmapped[at].data, unmapped[at].len);
        putchar('\n');
    }
    /* What receivers checked for DMARC and can't any more: sign behind this milter, not before it. */
    signatures = readdress_result_signatures(result, &count);
    for (at = 0; at < count; at++) {
        if (signatures[at].intact || signatures[at].aligned_before < READDRESS_ALIGNMENT_RELAXED)
            continue;
        printf("broken: %s of ", signatures[at].kind);
        print(signatures[at].domain.data, signatures[at].domain.len);
        putchar('\n');
    }
}

/* Rewrites a path of the envelope and prints what a milter does about it. */
static int print_path(const readdress_engine *engine, const readdress_session *session, readdress_path_kind kind,
                      const char *path)
{
    uint8_t buf[READDRESS_PATH_MAX];
    readdress_path_info info;
    readdress_error err;
    size_t len;

    if (readdress_rewrite_path(engine, session, kind, (const uint8_t *)path, strlen(path), buf, sizeof buf, &len, &info,
                               &err) != READDRESS_OK)
        return fail(path, &err);
    if (info.changed) {
        /* A forward-path is added before the old one is deleted: a failure in between duplicates
         * the message rather than losing it. */
        printf(kind == READDRESS_PATH_REVERSE ? "smfi_chgfrom " : "smfi_addrcpt ");
        print(buf, len);
        printf(kind == READDRESS_PATH_REVERSE ? "\n" : "\nsmfi_delrcpt %s\n", path);
    }
    return DONE;
}

int main(int argc, char **argv)
{
    readdress_session session = {0};
    readdress_engine *engine;
    readdress_result *result;
    readdress_error err;
    int at, exit_code = DONE;

    if (argc > 2 && strcmp(argv[2], "outbound") == 0)
        session.direction = READDRESS_OUTBOUND;
    else if (argc > 2 && strcmp(argv[2], "inbound") == 0)
        session.direction = READDRESS_INBOUND;
    else {
        fprintf(stderr, "usage: fields MAP outbound|inbound [REVERSE-PATH [FORWARD-PATH...]] < message\n");
        return USAGE;
    }
    if (readdress_engine_open(argv[1], 0, &engine, &err) != READDRESS_OK) {
        fail(argv[1], &err);
        return BAD_DATA;
    }
    result = readdress_result_new();
    if (readdress_message_begin(result, engine, &session, &err) != READDRESS_OK ||
        read_fields(result, &err) != READDRESS_OK || readdress_message_finish(result, &err) != READDRESS_OK)
        exit_code = fail("standard input", &err);
    for (at = 3; at < argc && exit_code == DONE; at++)
        exit_code = print_path(engine, &session, at == 3 ? READDRESS_PATH_REVERSE : READDRESS_PATH_FORWARD, argv[at]);
    if (exit_code == DONE && readdress_result_verdict(result) == READDRESS_VERDICT_PASS)
        print_calls(result);
    else if (exit_code == DONE)
        exit_code = readdress_result_verdict(result) == READDRESS_VERDICT_REJECT ? BAD_DATA : TRY_LATER;
    readdress_result_free(result);
    readdress_engine_free(engine);
    return exit_code;
}
