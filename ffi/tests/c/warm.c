/* A host that goes on with the same result and decision: once these have grown, no call asks for memory.
 * Others are readdress_rewrite_path(), which is given none to use again, and what tells of signatures and of
 * From's domains, which is worked out anew. */

#include "check.h"

static const char MESSAGE[] =
    "From: John <john@tenant1.contoso.com>\r\n"
    "To: nobody@tenant1.contoso.com, \"jane doe\"@tenant1.contoso.com,\r\n"
    " x@a.labs.contoso.com, far@away.example\r\n"
    "Cc: john@tenant1.contoso.com, (unclosed@tenant1.contoso.com\r\n"
    "\r\n";

#if defined(__GLIBC__)

/* glibc's own, so that the program can count what anybody asks for. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static long allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    allocations++;
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? 12 : 0;
}

static void a_message(const readdress_engine *engine, const readdress_session *session, readdress_result *result)
{
    size_t slices, edits, skipped, unmapped, changes;

    CHECK(readdress_rewrite(engine, session, octets(MESSAGE), sizeof MESSAGE - 1, result, NULL) == READDRESS_OK);
    CHECK(readdress_result_slices(result, &slices) != NULL && slices > 1);
    CHECK(readdress_result_field_changes(result, &changes) != NULL && changes == 3);
    CHECK(readdress_result_edits(result, &edits) != NULL && edits == 4);
    CHECK(readdress_result_skipped(result, &skipped) != NULL && skipped > 0);
    CHECK(readdress_result_unmapped(result, &unmapped) != NULL && unmapped == 1);
}

static void its_fields(const readdress_engine *engine, const readdress_session *session, readdress_result *result)
{
    static const char body[] = " john@tenant1.contoso.com, nobody@tenant1.contoso.com";
    size_t changes;

    CHECK(readdress_message_begin(result, engine, session, NULL) == READDRESS_OK);
    CHECK(readdress_message_field(result, "To", octets(body), sizeof body - 1, NULL) == READDRESS_OK);
    CHECK(readdress_message_finish(result, NULL) == READDRESS_OK);
    CHECK(readdress_result_field_changes(result, &changes) != NULL && changes == 1);
}

static void its_envelope(const readdress_engine *engine, const readdress_session *session,
                         readdress_decision *decision)
{
    readdress_slice recipients[2];
    readdress_envelope envelope;

    memset(&envelope, 0, sizeof envelope);
    recipients[0].data = octets("<john@contoso.com>");
    recipients[0].len = 18;
    recipients[1].data = octets("<nobody@contoso.com>");
    recipients[1].len = 20;
    envelope.recipients = recipients;
    envelope.recipient_count = 2;
    envelope.message.data = octets(MESSAGE);
    envelope.message.len = sizeof MESSAGE - 1;
    CHECK(readdress_route(engine, session, &envelope, decision, NULL) == READDRESS_OK);
    CHECK(readdress_decision_count(decision) == 2);
    CHECK(readdress_decision_at(decision, 0) != NULL && readdress_decision_at(decision, 1) != NULL);
}

int main(int argc, char **argv)
{
    const char *folder = folder_of(argc, argv);
    readdress_result *result = readdress_result_new();
    readdress_decision *decision = readdress_decision_new();
    readdress_session sessions[2];
    readdress_engine *engine;
    char path[4096];
    int round, nth;

    make_map(folder, "warm.map", path, sizeof path);
    allocations = 0;
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    /* The library's are counted, too. */
    CHECK(allocations > 0);
    /* One that says nothing of the client, and one that says all. */
    sessions[0] = outbound();
    sessions[1] = outbound();
    sessions[1].flags = READDRESS_SESSION_SMTPUTF8 | READDRESS_SESSION_TLS;
    sessions[1].client_address = "2001:db8::1";
    sessions[1].tls_name = "mail.tenant.example";
    for (round = 0; round < 8; round++) {
        if (round == 4)
            allocations = 0;
        for (nth = 0; nth < 2; nth++) {
            a_message(engine, &sessions[nth], result);
            its_fields(engine, &sessions[nth], result);
            its_envelope(engine, &sessions[nth], decision);
        }
    }
    if (allocations != 0)
        fprintf(stderr, "%ld allocations\n", allocations);
    CHECK(allocations == 0);
    readdress_decision_free(decision);
    readdress_result_free(result);
    readdress_engine_free(engine);
    return passed("warm");
}

#else

int main(void)
{
    (void)MESSAGE;
    fprintf(stderr, "warm: SKIPPED: only glibc lets a program count allocations so\n");
    return 0;
}

#endif
