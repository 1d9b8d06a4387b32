/* What a host does wrong gives a status, never a crash: NULL, zero and monstrous lengths, damaged maps,
 * calls in the wrong order, buffers that are too small. */

#define _XOPEN_SOURCE 700

#include <unistd.h>

#include "check.h"

static const char MESSAGE[] = "From: john@tenant1.contoso.com\r\n\r\n";

/* The call fails, and says why. */
#define FAILS(call, expected)                                                                                          \
    do {                                                                                                               \
        memset(&err, 0x55, sizeof err);                                                                                \
        CHECK((call) == (expected));                                                                                   \
        CHECK(err.status == (expected) && err.message[0] != '\0' && strlen(err.message) < READDRESS_MESSAGE_MAX);     \
    } while (0)

/* An empty result looks like this, whatever is asked. */
static void is_empty(const readdress_result *result)
{
    size_t count = 1;

    CHECK(!readdress_result_changed(result) && readdress_result_size(result) == 0);
    CHECK(readdress_result_body_offset(result) == 0 && readdress_result_input_body_offset(result) == 0);
    CHECK(readdress_result_flags(result) == 0);
    /* Nothing was rewritten, so nothing may be sent. */
    CHECK(readdress_result_verdict(result) == READDRESS_VERDICT_TEMPFAIL);
    CHECK(readdress_result_slices(result, &count) == NULL && count == 0);
    count = 1;
    CHECK(readdress_result_edits(result, &count) == NULL && count == 0);
    count = 1;
    CHECK(readdress_result_field_changes(result, &count) == NULL && count == 0);
    count = 1;
    CHECK(readdress_result_skipped(result, &count) == NULL && count == 0);
    count = 1;
    CHECK(readdress_result_unmapped(result, &count) == NULL && count == 0);
    count = 1;
    CHECK(readdress_result_signatures(result, &count) == NULL && count == 0);
    CHECK(readdress_result_slices(result, NULL) == NULL && readdress_result_edits(result, NULL) == NULL);
    CHECK(readdress_result_from_domains(result) == NULL);
}

/* NULL everywhere, one argument after the other. */
static void null_arguments(const char *path, const readdress_engine *engine, readdress_result *result)
{
    readdress_session session = outbound();
    readdress_engine *none = NULL;
    readdress_live *no_live = NULL;
    readdress_builder *builder = readdress_builder_new();
    readdress_error err;
    uint8_t buf[READDRESS_PATH_MAX];
    size_t len;

    FAILS(readdress_engine_open(NULL, 0, &none, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_engine_open(path, 0, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_engine_load(NULL, 5, &none, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_engine_load(buf, 5, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_live_open(NULL, 0, &no_live, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_live_open(path, 0, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_live_reload(NULL, 0, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite(NULL, &session, octets(MESSAGE), 5, result, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite(engine, NULL, octets(MESSAGE), 5, result, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite(engine, &session, NULL, 5, result, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite(engine, &session, octets(MESSAGE), 5, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_message_begin(NULL, engine, &session, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_message_begin(result, NULL, &session, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_message_begin(result, engine, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_message_field(NULL, "To", buf, 0, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_message_finish(NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite_path(NULL, &session, READDRESS_PATH_REVERSE, buf, 0, buf, 0, &len, NULL, &err),
          READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite_path(engine, NULL, READDRESS_PATH_REVERSE, buf, 0, buf, 0, &len, NULL, &err),
          READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, NULL, 3, buf, 9, &len, NULL, &err),
          READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("<>"), 2, NULL, 9, &len, NULL, &err),
          READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("<>"), 2, buf, 9, NULL, NULL, &err),
          READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_add_entry(NULL, buf, 0, buf, 0, 0, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_add_entry(builder, NULL, 3, octets("a@b"), 3, 0, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_add_entry(builder, octets("a@b"), 3, NULL, 3, 0, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_add_plan(NULL, path, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_add_plan(builder, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_save(NULL, path, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_save(builder, NULL, &err), READDRESS_E_ARGUMENT);
    CHECK(readdress_rewrite(NULL, NULL, NULL, 0, NULL, NULL) == READDRESS_E_ARGUMENT);
    CHECK(none == NULL && no_live == NULL);
    readdress_builder_free(builder);
    is_empty(result);
    is_empty(NULL);
}

static void frees_of_nothing(void)
{
    readdress_engine_free(NULL);
    readdress_live_free(NULL);
    readdress_result_free(NULL);
    readdress_builder_free(NULL);
    CHECK(readdress_engine_retain(NULL) == NULL && readdress_live_acquire(NULL) == NULL);
    CHECK(readdress_engine_generation(NULL) == NULL && readdress_engine_entry_count(NULL) == 0);
    CHECK(readdress_builder_report(NULL) == NULL);
}

/* Lengths that no buffer has, and those of 4 GiB and more: refused before an octet is looked at. */
static void lengths(const readdress_engine *engine, readdress_result *result)
{
    static const size_t limits[] = {(size_t)UINT32_MAX + 1, (size_t)UINT32_MAX + 2, SIZE_MAX / 2};
    readdress_session session = outbound();
    readdress_engine *none = NULL;
    readdress_builder *builder = readdress_builder_new();
    readdress_error err;
    uint8_t buf[8];
    size_t at, len;

    for (at = 0; at < sizeof limits / sizeof limits[0]; at++) {
        CHECK(readdress_rewrite(engine, &session, octets(MESSAGE), sizeof MESSAGE - 1, result, NULL) == READDRESS_OK);
        FAILS(readdress_rewrite(engine, &session, octets(MESSAGE), limits[at], result, &err), READDRESS_E_LIMIT);
        is_empty(result);
        CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
        FAILS(readdress_message_field(result, "To", octets(MESSAGE), limits[at], &err), READDRESS_E_LIMIT);
        FAILS(readdress_message_finish(result, &err), READDRESS_E_ORDER);
        is_empty(result);
        FAILS(readdress_rewrite_path(engine, &session, READDRESS_PATH_FORWARD, octets("a@b"), limits[at], buf, 8, &len,
                                     NULL, &err),
              READDRESS_E_LIMIT);
    }
    FAILS(readdress_rewrite(engine, &session, octets(MESSAGE), SIZE_MAX, result, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_engine_load(octets(MESSAGE), SIZE_MAX, &none, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_builder_add_entry(builder, octets("a@b"), SIZE_MAX, octets("a@b"), 3, 0, &err),
          READDRESS_E_ARGUMENT);
    /* None at all is a message, a field body and a path, but no map and no address. */
    CHECK(readdress_rewrite(engine, &session, NULL, 0, result, NULL) == READDRESS_OK);
    CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
    CHECK(readdress_message_field(result, "To", NULL, 0, NULL) == READDRESS_OK);
    CHECK(readdress_message_field(result, "", NULL, 0, NULL) == READDRESS_OK);
    CHECK(readdress_message_finish(result, NULL) == READDRESS_OK);
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_FORWARD, NULL, 0, NULL, 0, &len, NULL, NULL) ==
          READDRESS_OK);
    CHECK(len == 0);
    FAILS(readdress_engine_load(NULL, 0, &none, &err), READDRESS_E_MAP);
    FAILS(readdress_builder_add_entry(builder, NULL, 0, NULL, 0, 0, &err), READDRESS_E_ENTRY);
    readdress_builder_free(builder);
}

static void numbers(const char *path, const readdress_engine *engine, readdress_result *result)
{
    readdress_session session = outbound();
    readdress_engine *none = NULL;
    readdress_live *live = NULL;
    readdress_builder *builder = readdress_builder_new();
    readdress_error err;
    uint8_t buf[8];
    size_t len;

    FAILS(readdress_engine_open(path, 2, &none, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_live_open(path, UINT32_MAX, &live, &err), READDRESS_E_ARGUMENT);
    CHECK(readdress_live_open(path, 0, &live, NULL) == READDRESS_OK);
    FAILS(readdress_live_reload(live, 2, NULL, &err), READDRESS_E_ARGUMENT);
    readdress_live_free(live);
    FAILS(readdress_builder_add_entry(builder, octets("a@b.example"), 11, octets("a@c.example"), 11, 2, &err),
          READDRESS_E_ARGUMENT);
    session.direction = 0;
    FAILS(readdress_rewrite(engine, &session, octets(MESSAGE), 5, result, &err), READDRESS_E_ARGUMENT);
    session.direction = 3;
    FAILS(readdress_message_begin(result, engine, &session, &err), READDRESS_E_ARGUMENT);
    session.direction = READDRESS_INBOUND;
    session.flags = UINT32_MAX;
    FAILS(readdress_rewrite(engine, &session, octets(MESSAGE), 5, result, &err), READDRESS_E_ARGUMENT);
    session.flags = 0;
    FAILS(readdress_rewrite_path(engine, &session, 0, octets("<>"), 2, buf, 8, &len, NULL, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_rewrite_path(engine, &session, 3, octets("<>"), 2, buf, 8, &len, NULL, &err), READDRESS_E_ARGUMENT);
    readdress_builder_free(builder);
}

static void wrong_order(const readdress_engine *engine, readdress_result *result, const char *plan)
{
    readdress_session session = outbound();
    readdress_builder *builder = readdress_builder_new();
    readdress_error err;

    CHECK(readdress_rewrite(engine, &session, octets(MESSAGE), sizeof MESSAGE - 1, result, NULL) == READDRESS_OK);
    FAILS(readdress_message_field(result, "To", octets("x"), 1, &err), READDRESS_E_ORDER);
    FAILS(readdress_message_finish(result, &err), READDRESS_E_ORDER);
    CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
    /* Between begin and finish there is nothing to look at yet. */
    is_empty(result);
    CHECK(readdress_message_field(result, "To", octets("x"), 1, NULL) == READDRESS_OK);
    is_empty(result);
    /* A field that could not be taken ends the message: nobody has looked at it. */
    FAILS(readdress_message_field(result, NULL, octets("x"), 1, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_message_finish(result, &err), READDRESS_E_ORDER);
    CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
    FAILS(readdress_message_field(result, "To", NULL, 1, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_message_field(result, "To", octets("x"), 1, &err), READDRESS_E_ORDER);
    CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
    CHECK(readdress_message_finish(result, NULL) == READDRESS_OK);
    FAILS(readdress_message_finish(result, &err), READDRESS_E_ORDER);
    FAILS(readdress_message_field(result, "To", octets("x"), 1, &err), READDRESS_E_ORDER);
    add(builder, "a@b.example", "a@c.example", 0);
    if (plan != NULL)
        FAILS(readdress_builder_add_plan(builder, plan, &err), READDRESS_E_ORDER);
    readdress_builder_free(builder);
}

/* A map that is cut anywhere, and one with any octet changed. */
static void damaged_maps(const char *folder, const char *path)
{
    uint8_t *map = malloc(65536);
    FILE *file = fopen(path, "rb");
    readdress_engine *none;
    readdress_error err;
    char cut[4096];
    size_t len, at;

    CHECK(map != NULL && file != NULL);
    len = fread(map, 1, 65536, file);
    fclose(file);
    for (at = 0; at < len; at++) {
        CHECK(readdress_engine_load(map, at, &none, NULL) == READDRESS_E_MAP && none == NULL);
        map[at] ^= 0x20;
        CHECK(readdress_engine_load(map, len, &none, NULL) == READDRESS_E_MAP && none == NULL);
        map[at] ^= 0x20;
    }
    snprintf(cut, sizeof cut, "%s/cut.map", folder);
    file = fopen(cut, "wb");
    CHECK(file != NULL && fwrite(map, 1, len, file) == len && fclose(file) == 0);
    CHECK(truncate(cut, (off_t)len - 1) == 0);
    FAILS(readdress_engine_open(cut, 0, &none, &err), READDRESS_E_MAP);
    FAILS(readdress_engine_open(cut, READDRESS_OPEN_MMAP, &none, &err), READDRESS_E_MAP);
    CHECK(truncate(cut, 0) == 0);
    FAILS(readdress_engine_open(cut, READDRESS_OPEN_MMAP, &none, &err), READDRESS_E_MAP);
    CHECK(unlink(cut) == 0);
    FAILS(readdress_engine_open(cut, 0, &none, &err), READDRESS_E_IO);
    FAILS(readdress_engine_open(folder, 0, &none, &err), READDRESS_E_IO);
    free(map);
}

static void small_buffers(const readdress_engine *engine)
{
    static const char given[] = "<john@contoso.com>", wanted[] = "<john@tenant1.contoso.com>";
    readdress_session session = outbound();
    readdress_error err;
    size_t cap, len;

    for (cap = 0; cap < strlen(wanted); cap++) {
        uint8_t *buf = malloc(cap + 1);

        CHECK(buf != NULL);
        memset(buf, 0x55, cap + 1);
        len = 0;
        FAILS(readdress_rewrite_path(engine, &session, READDRESS_PATH_FORWARD, octets(given), strlen(given), buf, cap,
                                     &len, NULL, &err),
              READDRESS_E_BUFFER);
        CHECK(len == strlen(wanted) && buf[0] == 0x55 && buf[cap] == 0x55);
        free(buf);
    }
}

static void contradictions(const char *folder)
{
    readdress_builder *builder = readdress_builder_new();
    readdress_error err;
    char path[4096];

    snprintf(path, sizeof path, "%s/never.map", folder);
    FAILS(readdress_builder_add_entry(builder, octets("no address"), 10, octets("a@c.example"), 11, 0, &err),
          READDRESS_E_ENTRY);
    FAILS(readdress_builder_add_entry(builder, octets("a@b.example"), 11, octets("c.example"), 9, 0, &err),
          READDRESS_E_ENTRY);
    add(builder, "a@b.example", "x@c.example", 0);
    add(builder, "b@b.example", "x@c.example", 0);
    FAILS(readdress_builder_save(builder, path, &err), READDRESS_E_CONFLICT);
    CHECK(access(path, F_OK) != 0);
    snprintf(path, sizeof path, "%s/no-such-folder/never.map", folder);
    readdress_builder_free(builder);
    builder = readdress_builder_new();
    add(builder, "a@b.example", "x@c.example", 0);
    FAILS(readdress_builder_save(builder, path, &err), READDRESS_E_IO);
    readdress_builder_free(builder);
}

int main(int argc, char **argv)
{
    const char *folder = folder_of(argc, argv), *plan = argc > 2 ? argv[2] : NULL;
    char path[4096];
    readdress_engine *engine;
    readdress_result *result = readdress_result_new();

    make_map(folder, "misuse.map", path, sizeof path);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    is_empty(result);
    frees_of_nothing();
    null_arguments(path, engine, result);
    lengths(engine, result);
    numbers(path, engine, result);
    wrong_order(engine, result, plan);
    damaged_maps(folder, path);
    small_buffers(engine);
    contradictions(folder);
    readdress_result_free(result);
    readdress_engine_free(engine);
    return passed("misuse");
}
