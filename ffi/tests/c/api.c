/* What a host relies on: every function of the header at its ordinary work. */

#define _XOPEN_SOURCE 700

#include <stddef.h>
#include <sys/uio.h>

#include "check.h"

/* A slice is an iovec in all but name. The arrays have a negative length if it is not. */
typedef char same_size[sizeof(readdress_slice) == sizeof(struct iovec) ? 1 : -1];
typedef char same_data[offsetof(readdress_slice, data) == offsetof(struct iovec, iov_base) ? 1 : -1];
typedef char same_len[offsetof(readdress_slice, len) == offsetof(struct iovec, iov_len) ? 1 : -1];

static const char MESSAGE[] = "DKIM-Signature: v=1; d=contoso.com; s=s1; h=From:To; b=x\r\n"
                              "From: John <john@tenant1.contoso.com>\r\n"
                              "To: \"jane doe\"@tenant1.contoso.com,\r\n"
                              " nobody@tenant1.contoso.com\r\n"
                              "To: \"x@tenant1.contoso.com\r\n"
                              "Subject: Hello\r\n"
                              "\r\n"
                              "john@tenant1.contoso.com\r\n";

static const char EXPECTED[] = "DKIM-Signature: v=1; d=contoso.com; s=s1; h=From:To; b=x\r\n"
                               "From: John <john@contoso.com>\r\n"
                               "To: jane@contoso.com,\r\n"
                               " nobody@tenant1.contoso.com\r\n"
                               "To: \"x@tenant1.contoso.com\r\n"
                               "Subject: Hello\r\n"
                               "\r\n"
                               "john@tenant1.contoso.com\r\n";

static void versions(void)
{
    char text[64];

    snprintf(text, sizeof text, "%d.%d.%d", READDRESS_VERSION_MAJOR, READDRESS_VERSION_MINOR, READDRESS_VERSION_PATCH);
    CHECK(strcmp(text, readdress_version()) == 0);
    CHECK(READDRESS_VERSION_NUMBER ==
          READDRESS_VERSION_MAJOR * 1000000 + READDRESS_VERSION_MINOR * 1000 + READDRESS_VERSION_PATCH);
    CHECK(readdress_abi_version() == READDRESS_ABI_VERSION);
}

static void names(void)
{
    uint32_t number;

    CHECK(strcmp(readdress_status_name(READDRESS_OK), "ok") == 0);
    CHECK(strcmp(readdress_status_name(READDRESS_E_NOMEM), "no-memory") == 0);
    for (number = 0; number <= READDRESS_E_UNSUPPORTED; number++)
        CHECK(strcmp(readdress_status_name(number), "unknown") != 0);
    CHECK(strcmp(readdress_status_name(READDRESS_E_UNSUPPORTED + 1), "unknown") == 0);
    CHECK(strcmp(readdress_status_name(UINT32_MAX), "unknown") == 0);
    CHECK(strcmp(readdress_flag_name(READDRESS_FLAG_BARE_LF), "bare-lf") == 0);
    CHECK(strcmp(readdress_flag_name(READDRESS_FLAG_NO_FROM), "no-from") == 0);
    CHECK(strcmp(readdress_flag_name(0), "unknown") == 0);
    CHECK(strcmp(readdress_flag_name(UINT32_MAX), "unknown") == 0);
}

/* The octets that the slices make, in memory that lives until the next call. */
static const char *joined(const readdress_result *result, size_t *len)
{
    static char text[4096];
    size_t count, at;
    const readdress_slice *slices = readdress_result_slices(result, &count);

    *len = 0;
    for (at = 0; at < count; at++) {
        CHECK(*len + slices[at].len <= sizeof text);
        memcpy(text + *len, slices[at].data, slices[at].len);
        *len += slices[at].len;
    }
    return text;
}

/* What both faces report of MESSAGE. offsets: where the bodies of its fields begin. */
static void reports(const readdress_result *result, size_t from, size_t first_to, size_t second_to)
{
    size_t count;
    const readdress_edit *edits = readdress_result_edits(result, &count);
    const readdress_skip *skipped;
    const readdress_slice *unmapped;
    const readdress_signature *signatures;
    const readdress_field_change *changes;
    const readdress_from_domains *domains;

    CHECK(readdress_result_changed(result));
    CHECK(readdress_result_verdict(result) == READDRESS_VERDICT_PASS);
    CHECK(count == 2);
    CHECK(edits[0].offset == from + 7 && edits[0].length == 24 && edits[0].nth == 1 && edits[0].line == 0);
    CHECK(strcmp(edits[0].field, "From") == 0 && is_text(edits[0].text, "john@contoso.com"));
    CHECK(is_text(edits[0].from, "john@tenant1.contoso.com") && is_text(edits[0].to, "john@contoso.com"));
    CHECK(is_text(edits[0].entry, "") && is_text(edits[0].file, ""));
    CHECK(edits[1].offset == first_to + 1 && strcmp(edits[1].field, "To") == 0);
    CHECK(is_text(edits[1].to, "jane@contoso.com"));

    changes = readdress_result_field_changes(result, &count);
    CHECK(count == 2);
    CHECK(strcmp(changes[0].name, "From") == 0 && changes[0].nth == 1);
    CHECK(strcmp(changes[0].value, " John <john@contoso.com>") == 0);
    CHECK(strcmp(changes[1].name, "To") == 0 && changes[1].nth == 1);
    CHECK(strcmp(changes[1].value, " jane@contoso.com,\n nobody@tenant1.contoso.com") == 0);
    CHECK(changes[1].length == strlen(changes[1].value));

    skipped = readdress_result_skipped(result, &count);
    CHECK(count == 1 && strcmp(skipped[0].field, "To") == 0 && skipped[0].nth == 2);
    /* Behind the quote that has no partner. */
    CHECK(skipped[0].offset == second_to + 2 && strcmp(skipped[0].reason, "unterminated-quoted-string") == 0);
    unmapped = readdress_result_unmapped(result, &count);
    CHECK(count == 1 && is_text(unmapped[0], "nobody@tenant1.contoso.com"));

    signatures = readdress_result_signatures(result, &count);
    CHECK(count == 1 && strcmp(signatures[0].kind, "dkim") == 0 && !signatures[0].intact);
    CHECK(is_text(signatures[0].domain, "contoso.com") && is_text(signatures[0].selector, "s1"));
    /* Of several fields of a name the last one is signed (RFC 6376 5.4.2), and that To stays. */
    CHECK(signatures[0].because_count == 1 && is_text(signatures[0].because[0], "From"));
    CHECK(signatures[0].aligned_before == READDRESS_ALIGNMENT_RELAXED);
    CHECK(signatures[0].aligned_after == READDRESS_ALIGNMENT_STRICT);
    domains = readdress_result_from_domains(result);
    CHECK(domains != NULL && domains == readdress_result_from_domains(result));
    CHECK(is_text(domains->before, "tenant1.contoso.com") && is_text(domains->after, "contoso.com"));
}

static size_t behind(const char *text)
{
    return (size_t)(strstr(MESSAGE, text) - MESSAGE) + strlen(text);
}

static void whole_message(const readdress_engine *engine, readdress_result *result)
{
    readdress_session session = outbound();
    size_t len, body = behind("\r\n\r\n");
    const char *text;

    CHECK(readdress_rewrite(engine, &session, octets(MESSAGE), strlen(MESSAGE), result, NULL) == READDRESS_OK);
    reports(result, behind("\r\nFrom:"), behind("\r\nTo:"), behind("contoso.com\r\nTo:"));
    text = joined(result, &len);
    CHECK(len == strlen(EXPECTED) && memcmp(text, EXPECTED, len) == 0);
    CHECK(readdress_result_size(result) == len);
    CHECK(readdress_result_input_body_offset(result) == body);
    CHECK(readdress_result_body_offset(result) == body + len - strlen(MESSAGE));
    CHECK(readdress_result_flags(result) == READDRESS_FLAG_DUPLICATE_TO);
    /* A second look gives the same places: nothing is made twice. */
    CHECK(readdress_result_edits(result, NULL) == readdress_result_edits(result, &len));
}

static void unchanged_message(const readdress_engine *engine, readdress_result *result)
{
    static const char message[] = "From: a@example.net\n\nHello\n";
    readdress_session session = outbound();
    const readdress_slice *slices;
    size_t count;

    CHECK(readdress_rewrite(engine, &session, octets(message), strlen(message), result, NULL) == READDRESS_OK);
    CHECK(!readdress_result_changed(result));
    slices = readdress_result_slices(result, &count);
    CHECK(count == 1 && slices[0].data == octets(message) && slices[0].len == strlen(message));
    CHECK(readdress_result_edits(result, &count) == NULL && count == 0);
    CHECK(readdress_result_flags(result) == READDRESS_FLAG_BARE_LF);
    session.direction = READDRESS_INBOUND;
    CHECK(readdress_rewrite(engine, &session, NULL, 0, result, NULL) == READDRESS_OK);
    CHECK(!readdress_result_changed(result) && readdress_result_size(result) == 0);
    readdress_result_slices(result, &count);
    CHECK(count == 0);
}

/* A host's buffers are gone when the call returns, and so may be its reference to the engine. */
static void field_by_field(readdress_engine *engine, readdress_result *result)
{
    static const char *const fields[][2] = {{"DKIM-Signature", " v=1; d=contoso.com; s=s1; h=From:To; b=x"},
                                            {"From", " John <john@tenant1.contoso.com>"},
                                            {"To", " \"jane doe\"@tenant1.contoso.com,\n nobody@tenant1.contoso.com"},
                                            {"To", " \"x@tenant1.contoso.com"},
                                            {"Subject", " Hello"}};
    readdress_session session = outbound();
    readdress_engine *mine = readdress_engine_retain(engine);
    size_t at, count;

    CHECK(readdress_message_begin(result, mine, &session, NULL) == READDRESS_OK);
    readdress_engine_free(mine);
    for (at = 0; at < sizeof fields / sizeof fields[0]; at++) {
        char name[32], body[128];

        snprintf(name, sizeof name, "%s", fields[at][0]);
        snprintf(body, sizeof body, "%s", fields[at][1]);
        CHECK(readdress_message_field(result, name, octets(body), strlen(body), NULL) == READDRESS_OK);
        memset(name, 'x', sizeof name);
        memset(body, 'x', sizeof body);
    }
    CHECK(readdress_message_finish(result, NULL) == READDRESS_OK);
    reports(result, 0, 0, 0);
    CHECK(readdress_result_slices(result, &count) == NULL && count == 0);
    CHECK(readdress_result_size(result) == 0 && readdress_result_body_offset(result) == 0);
}

static uint32_t compared(const char *one, const char *other)
{
    uint32_t alignment = readdress_compare_domains(octets(one), strlen(one), octets(other), strlen(other));

    CHECK(readdress_compare_domains(octets(other), strlen(other), octets(one), strlen(one)) == alignment);
    return alignment;
}

/* What DMARC compares: From beside signatures and the reverse-path. */
static void alignment(const readdress_engine *engine, readdress_result *result)
{
    static const char unchanged[] = "DKIM-Signature: d=NEWS.example.net.; s=s1; h=To\n"
                                    "ARC-Message-Signature: i=1; d=example.net; s=s1; h=To\n"
                                    "From: a@Example.NET., b@example.net\n\n";
    static const char two[] = "DKIM-Signature: d=example.net; s=s1; h=To\n"
                              "From: john@tenant1.contoso.com, a@contoso.com\n\n";
    static const char none[] = "DKIM-Signature: d=example.net; s=s1; h=To\nFrom: a@example.net\nFrom: a@example.net\n\n";
    readdress_session session = outbound();
    const readdress_from_domains *domains;
    const readdress_signature *signatures;
    size_t count;

    CHECK(readdress_rewrite(engine, &session, octets(unchanged), strlen(unchanged), result, NULL) == READDRESS_OK);
    domains = readdress_result_from_domains(result);
    CHECK(domains != NULL && is_text(domains->before, "example.net") && is_text(domains->after, "example.net"));
    signatures = readdress_result_signatures(result, &count);
    CHECK(count == 2 && strcmp(signatures[0].kind, "dkim") == 0 && strcmp(signatures[1].kind, "arc") == 0);
    CHECK(signatures[0].aligned_before == READDRESS_ALIGNMENT_RELAXED);
    CHECK(signatures[0].aligned_after == READDRESS_ALIGNMENT_RELAXED);
    CHECK(signatures[1].aligned_before == READDRESS_ALIGNMENT_UNKNOWN);
    CHECK(signatures[1].aligned_after == READDRESS_ALIGNMENT_UNKNOWN);

    CHECK(readdress_rewrite(engine, &session, octets(two), strlen(two), result, NULL) == READDRESS_OK);
    domains = readdress_result_from_domains(result);
    CHECK(domains != NULL && domains->before.len == 0 && is_text(domains->after, "contoso.com"));
    signatures = readdress_result_signatures(result, &count);
    CHECK(count == 1 && signatures[0].aligned_before == READDRESS_ALIGNMENT_UNKNOWN);
    CHECK(signatures[0].aligned_after == READDRESS_ALIGNMENT_NONE);

    CHECK(readdress_rewrite(engine, &session, octets(none), strlen(none), result, NULL) == READDRESS_OK);
    CHECK(readdress_result_from_domains(result) == NULL);

    CHECK(compared("contoso.com", "Contoso.COM.") == READDRESS_ALIGNMENT_STRICT);
    CHECK(compared("bounces.contoso.com", "contoso.com") == READDRESS_ALIGNMENT_RELAXED);
    CHECK(compared("b\xc3\xbc" "cher.example", "mail.xn--bcher-kva.example") == READDRESS_ALIGNMENT_RELAXED);
    CHECK(compared("a.contoso.com", "b.contoso.com") == READDRESS_ALIGNMENT_UNDECIDED);
    CHECK(compared("contoso.com", "fabrikam.com") == READDRESS_ALIGNMENT_NONE);
    CHECK(compared("com", "contoso.com") == READDRESS_ALIGNMENT_NONE);
    CHECK(compared("[192.0.2.1]", "[192.0.2.1]") == READDRESS_ALIGNMENT_UNKNOWN);
    CHECK(compared("", "contoso.com") == READDRESS_ALIGNMENT_UNKNOWN);
    CHECK(readdress_compare_domains(NULL, 0, NULL, 0) == READDRESS_ALIGNMENT_UNKNOWN);
    CHECK(readdress_compare_domains(NULL, 5, octets("a"), 1) == READDRESS_ALIGNMENT_UNKNOWN);
    CHECK(readdress_compare_domains(octets("a"), (size_t)-1, octets("a"), 1) == READDRESS_ALIGNMENT_UNKNOWN);
}

static void paths(const readdress_engine *engine)
{
    readdress_session session = outbound();
    readdress_path_info info;
    uint8_t buf[READDRESS_PATH_MAX];
    size_t len;

    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("<john@tenant1.contoso.com>"), 26, buf,
                                 sizeof buf, &len, &info, NULL) == READDRESS_OK);
    CHECK(len == 18 && memcmp(buf, "<john@contoso.com>", len) == 0);
    CHECK(info.changed && !info.unmapped && info.skipped == NULL && info.verdict == READDRESS_VERDICT_PASS);
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_FORWARD, octets("jane@contoso.com"), 16, buf,
                                 sizeof buf, &len, NULL, NULL) == READDRESS_OK);
    CHECK(len == 30 && memcmp(buf, "\"jane doe\"@tenant1.contoso.com", len) == 0);
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("<>"), 2, buf, sizeof buf, &len, &info,
                                 NULL) == READDRESS_OK);
    CHECK(len == 2 && memcmp(buf, "<>", 2) == 0 && !info.changed && info.skipped == NULL);
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("who?@tenant1.contoso.com"), 24, buf,
                                 sizeof buf, &len, &info, NULL) == READDRESS_OK);
    CHECK(!info.changed && info.unmapped);
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("a b@contoso.com"), 15, buf,
                                 sizeof buf, &len, &info, NULL) == READDRESS_OK);
    CHECK(!info.changed && info.skipped != NULL && len == 15 && memcmp(buf, "a b@contoso.com", len) == 0);
    /* An address outside ASCII goes into sessions that carry it. */
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("<juergen@tenant1.contoso.com>"), 29, buf,
                                 sizeof buf, &len, &info, NULL) == READDRESS_OK);
    CHECK(!info.changed && strcmp(info.skipped, "needs-smtputf8") == 0);
    session.flags = READDRESS_SESSION_SMTPUTF8;
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, octets("<juergen@tenant1.contoso.com>"), 29, buf,
                                 sizeof buf, &len, &info, NULL) == READDRESS_OK);
    CHECK(info.changed && len == 21 && memcmp(buf, "<j\xc3\xbcrgen@contoso.com>", len) == 0);
    session.flags = 0;
    /* In the host's own buffer. */
    memcpy(buf, "<john@tenant1.contoso.com>", 26);
    CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, buf, 26, buf, sizeof buf, &len, NULL, NULL) ==
          READDRESS_OK);
    CHECK(len == 18 && memcmp(buf, "<john@contoso.com>", len) == 0);
}

static void engines(const char *path, readdress_result *result)
{
    readdress_engine *read, *mapped, *loaded;
    uint8_t *map = malloc(65536);
    FILE *file = fopen(path, "rb");
    size_t len;

    CHECK(map != NULL && file != NULL);
    len = fread(map, 1, 65536, file);
    fclose(file);
    CHECK(readdress_engine_open(path, 0, &read, NULL) == READDRESS_OK);
    CHECK(readdress_engine_open(path, READDRESS_OPEN_MMAP, &mapped, NULL) == READDRESS_OK);
    CHECK(readdress_engine_load(map, len, &loaded, NULL) == READDRESS_OK);
    free(map);
    CHECK(strlen(readdress_engine_generation(read)) == 64);
    CHECK(strcmp(readdress_engine_generation(read), readdress_engine_generation(mapped)) == 0);
    CHECK(strcmp(readdress_engine_generation(read), readdress_engine_generation(loaded)) == 0);
    CHECK(readdress_engine_entry_count(loaded) == 4);
    whole_message(mapped, result);
    whole_message(loaded, result);
    readdress_engine_free(read);
    readdress_engine_free(mapped);
    readdress_engine_free(loaded);
    /* The result retains the last one. */
    reports(result, behind("\r\nFrom:"), behind("\r\nTo:"), behind("contoso.com\r\nTo:"));
}

static void live(const char *folder)
{
    char path[4096], next[4096];
    readdress_live *live;
    readdress_engine *before, *after;
    readdress_builder *builder = readdress_builder_new();
    readdress_error err;
    bool swapped = true;

    make_map(folder, "live.map", path, sizeof path);
    CHECK(readdress_live_open(path, 0, &live, NULL) == READDRESS_OK);
    before = readdress_live_acquire(live);
    CHECK(readdress_live_reload(live, 0, &swapped, NULL) == READDRESS_OK && !swapped);
    /* One entry instead of three is more likely a mistake. */
    add(builder, "john@tenant1.contoso.com", "john@contoso.com", 0);
    snprintf(next, sizeof next, "%s/next.map", folder);
    CHECK(readdress_builder_save(builder, next, NULL) == READDRESS_OK);
    CHECK(rename(next, path) == 0);
    CHECK(readdress_live_reload(live, 0, &swapped, &err) == READDRESS_E_SHRUNK && err.status == READDRESS_E_SHRUNK);
    CHECK(readdress_live_reload(live, READDRESS_RELOAD_FORCE, &swapped, NULL) == READDRESS_OK && swapped);
    after = readdress_live_acquire(live);
    readdress_live_free(live);
    CHECK(readdress_engine_entry_count(before) == 4 && readdress_engine_entry_count(after) == 1);
    readdress_engine_free(before);
    readdress_engine_free(after);
    readdress_builder_free(builder);
}

static void plans(const char *folder, const char *plan)
{
    char path[4096];
    readdress_builder *builder = readdress_builder_new();
    readdress_engine *engine;
    readdress_error err;
    FILE *file;

    CHECK(readdress_builder_add_plan(builder, plan, NULL) == READDRESS_OK);
    add(builder, "extra@tenant1.contoso.com", "extra@contoso.com", 0);
    snprintf(path, sizeof path, "%s/plan.map", folder);
    CHECK(readdress_builder_save(builder, path, NULL) == READDRESS_OK);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    CHECK(readdress_engine_entry_count(engine) > 1);
    readdress_engine_free(engine);
    readdress_builder_free(builder);

    snprintf(path, sizeof path, "%s/wrong.toml", folder);
    file = fopen(path, "w");
    CHECK(file != NULL && fputs("[plan]\nname = \"x\"\nnmae = \"y\"\n", file) >= 0 && fclose(file) == 0);
    builder = readdress_builder_new();
    CHECK(strcmp(readdress_builder_report(builder), "") == 0);
    CHECK(readdress_builder_add_plan(builder, path, &err) == READDRESS_E_PLAN);
    CHECK(strstr(err.message, "wrong.toml:3") != NULL);
    CHECK(strstr(readdress_builder_report(builder), "error[unknown-key]") != NULL);
    readdress_builder_free(builder);
}

int main(int argc, char **argv)
{
    const char *folder = folder_of(argc, argv);
    char path[4096];
    readdress_engine *engine;
    readdress_result *result = readdress_result_new();

    versions();
    names();
    make_map(folder, "api.map", path, sizeof path);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    whole_message(engine, result);
    unchanged_message(engine, result);
    field_by_field(engine, result);
    whole_message(engine, result);
    alignment(engine, result);
    paths(engine);
    engines(path, result);
    live(folder);
    if (argc > 2)
        plans(folder, argv[2]);
    readdress_result_free(result);
    readdress_engine_free(engine);
    return passed("api");
}
