/* A lack of memory where messages and maps are concerned is a status, and goes away with its cause. */

#define _XOPEN_SOURCE 700

#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

enum { ADDRESSES = 90000 };

/* A message with so many addresses that what is reported of it takes far more room than itself. */
static char *large_message(size_t *len)
{
    static const char line[] = "To: john@tenant1.contoso.com\r\n";
    char *message = malloc(ADDRESSES * sizeof line);
    size_t at;

    CHECK(message != NULL);
    /* One field, and within the default limit of 100,000 addresses. */
    memcpy(message, line, sizeof line - 1);
    *len = sizeof line - 3;
    for (at = 1; at < ADDRESSES; at++) {
        memcpy(message + *len, ",\r\n john@tenant1.contoso.com", 28);
        *len += 28;
    }
    memcpy(message + *len, "\r\n\r\n", 4);
    *len += 4;
    return message;
}

/* Leaves this much more address space than is used now. */
static void allow(size_t octets_more, rlim_t *before)
{
    struct rlimit limit;
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    *before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)pages * 4096 + octets_more;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void allow_all(rlim_t before)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = before;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void messages(const readdress_engine *engine)
{
    readdress_session session = outbound();
    readdress_result *result = readdress_result_new();
    size_t len, count, more;
    char *message = large_message(&len);
    readdress_error err;
    rlim_t before;
    long refused = 0;

    for (more = 0; more < 64; more++) {
        readdress_status status;

        allow(more * 256 * 1024, &before);
        status = readdress_rewrite(engine, &session, octets(message), len, result, &err);
        allow_all(before);
        CHECK(status == READDRESS_OK || status == READDRESS_E_NOMEM);
        if (status == READDRESS_E_NOMEM) {
            refused++;
            CHECK(err.status == READDRESS_E_NOMEM && !readdress_result_changed(result));
            CHECK(readdress_result_slices(result, &count) == NULL && count == 0);
        }
        /* A fresh result, so that the next one has to ask for everything again. */
        readdress_result_free(result);
        result = readdress_result_new();
    }
    CHECK(refused > 0);
    CHECK(readdress_rewrite(engine, &session, octets(message), len, result, NULL) == READDRESS_OK);
    CHECK(readdress_result_edits(result, &count) != NULL && count == ADDRESSES);
    readdress_result_free(result);
    free(message);
}

static void routes(const readdress_engine *engine)
{
    static readdress_slice recipients[ADDRESSES];
    readdress_session session = outbound();
    readdress_envelope envelope;
    readdress_decision *decision = readdress_decision_new();
    readdress_error err;
    rlim_t before;
    size_t more;
    long refused = 0;

    for (more = 0; more < ADDRESSES; more++) {
        recipients[more].data = octets("john@contoso.com");
        recipients[more].len = 16;
    }
    memset(&envelope, 0, sizeof envelope);
    envelope.recipients = recipients;
    envelope.recipient_count = ADDRESSES;
    for (more = 0; more < 64; more++) {
        readdress_status status;

        allow(more * 1024 * 1024, &before);
        status = readdress_route(engine, &session, &envelope, decision, &err);
        allow_all(before);
        CHECK(status == READDRESS_OK || status == READDRESS_E_NOMEM);
        if (status == READDRESS_E_NOMEM) {
            refused++;
            CHECK(err.status == READDRESS_E_NOMEM && readdress_decision_count(decision) == 0);
            CHECK(readdress_decision_at(decision, 0) == NULL);
        }
        readdress_decision_free(decision);
        decision = readdress_decision_new();
    }
    CHECK(refused > 0);
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
    CHECK(strcmp(readdress_decision_at(decision, ADDRESSES - 1)->forward_path.text, "john@tenant1.contoso.com") == 0);
    readdress_decision_free(decision);
}

/* Writes a map of some megabytes. */
static void make_large_map(const char *path)
{
    readdress_builder *builder = readdress_builder_new();
    unsigned number;

    for (number = 0; number < 20000; number++) {
        char internal[64], external[64];

        snprintf(internal, sizeof internal, "user%u@tenant1.contoso.com", number);
        snprintf(external, sizeof external, "user%u@contoso.com", number);
        add(builder, internal, external, 0);
    }
    CHECK(readdress_builder_save(builder, path, NULL) == READDRESS_OK);
    readdress_builder_free(builder);
}

/* In a process of its own, whose heap has no room left from making the map. */
static void open_large_map(const char *path)
{
    readdress_engine *engine;
    rlim_t before;

    allow(256 * 1024, &before);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_E_NOMEM && engine == NULL);
    allow_all(before);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    readdress_engine_free(engine);
}

int main(int argc, char **argv)
{
    const char *folder = folder_of(argc, argv);
    char path[4096];
    readdress_engine *engine;

    if (argc == 3 && strcmp(argv[1], "open") == 0) {
        open_large_map(argv[2]);
        return passed("memory");
    }
    make_map(folder, "memory.map", path, sizeof path);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    messages(engine);
    routes(engine);
    readdress_engine_free(engine);
    snprintf(path, sizeof path, "%s/large.map", folder);
    make_large_map(path);
    execl(argv[0], argv[0], "open", path, (char *)NULL);
    CHECK(!"the program can't run itself");
    return 1;
}
