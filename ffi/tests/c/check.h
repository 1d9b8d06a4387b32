/* What the C tests share: a check that names its place, and a map to test with. */

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "readdress.h"

static long checks_made;

/* Ends the program at the first check that fails: what comes after it would mean nothing. */
#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)

static void check(int holds, const char *what, const char *file, int line)
{
    checks_made++;
    if (!holds) {
        fprintf(stderr, "%s:%d: %s\n", file, line, what);
        exit(1);
    }
}

static inline int is_text(readdress_slice slice, const char *text)
{
    return slice.len == strlen(text) && (slice.len == 0 || memcmp(slice.data, text, slice.len) == 0);
}

static inline const uint8_t *octets(const char *text)
{
    return (const uint8_t *)text;
}

static inline void add(readdress_builder *builder, const char *internal, const char *external, uint32_t flags)
{
    CHECK(readdress_builder_add_entry(builder, octets(internal), strlen(internal), octets(external), strlen(external),
                                      flags, NULL) == READDRESS_OK);
}

/* Writes a map to FOLDER/NAME: three mailboxes both ways, one of them outside ASCII, a domain outbound
 * only. */
static inline void make_map(const char *folder, const char *name, char *path, size_t room)
{
    readdress_builder *builder = readdress_builder_new();
    int length = snprintf(path, room, "%s/%s", folder, name);

    CHECK(length > 0 && (size_t)length < room);
    add(builder, "john@tenant1.contoso.com", "john@contoso.com", 0);
    add(builder, "\"jane doe\"@tenant1.contoso.com", "jane@contoso.com", 0);
    add(builder, "juergen@tenant1.contoso.com", "j\xc3\xbcrgen@contoso.com", 0);
    add(builder, "*.labs.contoso.com", "contoso.com", READDRESS_ENTRY_OUTBOUND_ONLY);
    CHECK(readdress_builder_save(builder, path, NULL) == READDRESS_OK);
    readdress_builder_free(builder);
}

/* A session for a plain rewrite. */
static inline readdress_session outbound(void)
{
    readdress_session session;

    memset(&session, 0, sizeof session);
    session.direction = READDRESS_OUTBOUND;
    return session;
}

/* The folder for files, which every test gets as its first argument. */
static inline const char *folder_of(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        exit(64);
    }
    return argv[1];
}

static inline int passed(const char *name)
{
    printf("%s: %ld checks\n", name, checks_made);
    return 0;
}

#endif
