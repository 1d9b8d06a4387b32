/* A fault of the library behind each entry point, forced in a library that was built for it: the call
 * says so, and process, engine and result go on. */

#include "check.h"

/* Exported by libraries built with the cargo feature inject-panics: the next entry point panics. */
void readdress_inject_panic(void);

static const char MESSAGE[] = "From: john@tenant1.contoso.com\r\n\r\n";

/* All but the four that only give constants: nothing runs behind those. */
enum { ENTRY_POINTS = 48 };

static long entry_points;

/* The call panics, and a status says so. */
#define PANICS(call)                                                                                                   \
    do {                                                                                                               \
        memset(&err, 0, sizeof err);                                                                                   \
        readdress_inject_panic();                                                                                      \
        CHECK((call) == READDRESS_E_PANIC);                                                                            \
        CHECK(err.status == READDRESS_E_PANIC && err.message[0] != '\0');                                              \
        entry_points++;                                                                                                \
    } while (0)

/* The call panics, and gives nothing. */
#define GIVES_NOTHING(call)                                                                                            \
    do {                                                                                                               \
        readdress_inject_panic();                                                                                      \
        CHECK(!(call));                                                                                                \
        entry_points++;                                                                                                \
    } while (0)

/* Engine and result work as if nothing had been. */
static void works(const readdress_engine *engine, readdress_result *result)
{
    readdress_session session = outbound();
    size_t count;
    const readdress_edit *edits;

    CHECK(readdress_rewrite(engine, &session, octets(MESSAGE), sizeof MESSAGE - 1, result, NULL) == READDRESS_OK);
    edits = readdress_result_edits(result, &count);
    CHECK(count == 1 && is_text(edits[0].to, "john@contoso.com"));
}

static void is_empty(const readdress_result *result)
{
    size_t count;

    CHECK(!readdress_result_changed(result) && readdress_result_size(result) == 0);
    CHECK(readdress_result_slices(result, &count) == NULL && count == 0);
    CHECK(readdress_result_edits(result, &count) == NULL && count == 0);
}

static void engines(const char *path)
{
    readdress_engine *engine = NULL, *another;
    readdress_live *live = NULL;
    readdress_error err;
    bool swapped;

    PANICS(readdress_engine_open(path, 0, &engine, &err));
    PANICS(readdress_engine_load(octets("x"), 1, &engine, &err));
    CHECK(engine == NULL);
    PANICS(readdress_live_open(path, 0, &live, &err));
    CHECK(live == NULL);
    CHECK(readdress_live_open(path, 0, &live, NULL) == READDRESS_OK);
    PANICS(readdress_live_reload(live, 0, &swapped, &err));
    GIVES_NOTHING(readdress_live_acquire(live));
    engine = readdress_live_acquire(live);
    GIVES_NOTHING(readdress_engine_retain(engine));
    another = readdress_engine_retain(engine);
    CHECK(another != NULL);
    GIVES_NOTHING(readdress_engine_generation(engine));
    GIVES_NOTHING(readdress_engine_entry_count(engine));
    GIVES_NOTHING(readdress_engine_is_shadow(engine));
    CHECK(readdress_engine_entry_count(another) == 4);
    readdress_engine_free(another);
    readdress_engine_free(engine);
    readdress_live_free(live);
}

static void rewriting(const readdress_engine *engine, readdress_result *result)
{
    readdress_session session = outbound();
    readdress_error err;
    uint8_t buf[READDRESS_PATH_MAX];
    size_t len;

    works(engine, result);
    PANICS(readdress_rewrite(engine, &session, octets(MESSAGE), sizeof MESSAGE - 1, result, &err));
    is_empty(result);
    works(engine, result);
    PANICS(readdress_message_begin(result, engine, &session, &err));
    is_empty(result);
    CHECK(readdress_message_finish(result, NULL) == READDRESS_E_ORDER);
    CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
    PANICS(readdress_message_field(result, "To", octets("x"), 1, &err));
    CHECK(readdress_message_field(result, "To", octets("x"), 1, NULL) == READDRESS_E_ORDER);
    CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
    PANICS(readdress_message_finish(result, &err));
    CHECK(readdress_message_finish(result, NULL) == READDRESS_E_ORDER);
    is_empty(result);
    PANICS(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("<>"), 2, buf, sizeof buf, &len, NULL,
                                  &err));
    works(engine, result);
}

static void looking(const readdress_engine *engine, readdress_result *result)
{
    size_t count = 1;

    works(engine, result);
    GIVES_NOTHING(readdress_result_changed(result));
    GIVES_NOTHING(readdress_result_size(result));
    GIVES_NOTHING(readdress_result_body_offset(result));
    GIVES_NOTHING(readdress_result_input_body_offset(result));
    GIVES_NOTHING(readdress_result_flags(result));
    GIVES_NOTHING(readdress_result_slices(result, &count));
    CHECK(count == 0);
    GIVES_NOTHING(readdress_result_edits(result, &count));
    GIVES_NOTHING(readdress_result_field_changes(result, &count));
    GIVES_NOTHING(readdress_result_skipped(result, &count));
    GIVES_NOTHING(readdress_result_unmapped(result, &count));
    GIVES_NOTHING(readdress_result_signatures(result, &count));
    GIVES_NOTHING(readdress_result_from_domains(result));
    GIVES_NOTHING(readdress_compare_domains(octets("a"), 1, octets("a"), 1));
    /* What cannot tell does not say "send it". */
    readdress_inject_panic();
    CHECK(readdress_result_verdict(result) == READDRESS_VERDICT_TEMPFAIL);
    entry_points++;
    GIVES_NOTHING(readdress_result_new());
    works(engine, result);
}

static void routing(const readdress_engine *engine)
{
    readdress_session session = outbound();
    readdress_slice recipient;
    readdress_decision *decision;
    readdress_error err;
    int round;

    recipient.data = octets("x@far.example");
    recipient.len = 13;
    session.recipients = &recipient;
    session.recipient_count = 1;
    GIVES_NOTHING(readdress_decision_new());
    decision = readdress_decision_new();
    for (round = 0; round < 2; round++) {
        CHECK(readdress_route(engine, &session, NULL, decision, NULL) == READDRESS_OK);
        CHECK(readdress_decision_at(decision, 0)->action == READDRESS_RELAY);
        if (round == 0) {
            PANICS(readdress_route(engine, &session, NULL, decision, &err));
            CHECK(readdress_decision_count(decision) == 0 && readdress_decision_at(decision, 0) == NULL);
        }
    }
    GIVES_NOTHING(readdress_decision_count(decision));
    GIVES_NOTHING(readdress_decision_at(decision, 0));
    GIVES_NOTHING(readdress_decision_final(decision));
    GIVES_NOTHING(readdress_decision_direction(decision));
    GIVES_NOTHING(readdress_decision_listener(decision));
    readdress_inject_panic();
    readdress_decision_explain(decision, true);
    readdress_inject_panic();
    readdress_decision_for_host(decision, true);
    readdress_inject_panic();
    readdress_decision_free(decision);
    entry_points += 3;
}

static void building(const char *path)
{
    readdress_builder *builder;
    readdress_error err;

    GIVES_NOTHING(readdress_builder_new());
    builder = readdress_builder_new();
    PANICS(readdress_builder_add_entry(builder, octets("a@b.example"), 11, octets("a@c.example"), 11, 0, &err));
    PANICS(readdress_builder_add_plan(builder, "plan.toml", &err));
    PANICS(readdress_builder_save(builder, path, &err));
    GIVES_NOTHING(readdress_builder_report(builder));
    add(builder, "a@b.example", "a@c.example", 0);
    CHECK(readdress_builder_save(builder, path, NULL) == READDRESS_OK);
    readdress_builder_free(builder);
}

/* The handles are gone all the same. */
static void the_rest(readdress_engine *engine, readdress_result *result, const char *path)
{
    readdress_builder *builder = readdress_builder_new();
    readdress_live *live;

    CHECK(readdress_live_open(path, 0, &live, NULL) == READDRESS_OK);
    readdress_inject_panic();
    readdress_builder_free(builder);
    readdress_inject_panic();
    readdress_live_free(live);
    readdress_inject_panic();
    readdress_result_free(result);
    readdress_inject_panic();
    readdress_engine_free(engine);
    entry_points += 4;
}

int main(int argc, char **argv)
{
    const char *folder = folder_of(argc, argv);
    char path[4096], other[4096];
    readdress_engine *engine;
    readdress_result *result = readdress_result_new();

    make_map(folder, "panic.map", path, sizeof path);
    snprintf(other, sizeof other, "%s/other.map", folder);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    engines(path);
    rewriting(engine, result);
    looking(engine, result);
    routing(engine);
    building(other);
    the_rest(engine, result, path);
    CHECK(entry_points == ENTRY_POINTS);
    return passed("panic");
}
