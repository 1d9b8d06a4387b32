/* Routing: where a message's copies go, by a plan with listeners, connectors, rules and recipients. */

#include "check.h"

static const char PLAN[] =
    "[plan]\nname = \"routes\"\n"
    "[limits]\nheader-octets = 2000\naddresses = 5\n"
    "[[rewrite.entry]]\nname = \"John\"\n"
    "internal = \"john@tenant1.contoso.com\"\nexternal = \"john@contoso.com\"\n"
    "[[accepted-domain]]\ndomain = \"contoso.com\"\ntype = \"authoritative\"\n"
    "[[accepted-domain]]\ndomain = \"tenant1.contoso.com\"\ntype = \"internal-relay\"\n"
    "[[recipients]]\nfile = \"recipients.csv\"\n"
    "[[listener]]\nname = \"Tenant\"\nclient-ip = [\"192.0.2.0/24\", \"2001:db8::/32\"]\ntls = \"required\"\n"
    "tls-name = \"*.tenant.example\"\ntrusted = true\n"
    "[[listener]]\nname = \"Internet\"\nclient-ip = [\"198.51.100.0/24\"]\n"
    "[[connector]]\nname = \"To tenant 1\"\nsmart-hosts = [\"a.example.net:25\", \"[192.0.2.9]:2525\"]\n"
    "address-spaces = [\"tenant1.contoso.com\"]\ntls = \"required\"\ntls-name = \"*.example.net\"\n"
    "[[rule]]\nname = \"Marks\"\nwhen = { sender-scope = \"in-organization\" }\n"
    "do = { set-header = { X-Inside = \"yes\", X-Kind = \"a b\" }, remove-header = [\"X-Outside\"] }\n"
    "[[rule]]\nname = \"Bounces pass unchanged\"\nwhen = { sender = \"<>\" }\ndo = { rewrite = \"off\" }\n"
    "[[rule]]\nname = \"Spam\"\nwhen = { header = { X-Spam = \"yes\" } }\ndo = { drop = true }\n"
    "[[rule]]\nname = \"Closed\"\nwhen = { recipient = \"closed@contoso.com\" }\n"
    "do = { reject = { code = 451, enhanced = \"4.2.1\", text = \"Come back later\" } }\n";

static const char RECIPIENTS[] = "Address\nann@contoso.com\nclosed@contoso.com\n";

static const char HAM[] = "From: a@far.example\r\n\r\n";
static const char SPAM[] = "From: a@far.example\r\nX-Spam: YES\r\n\r\nHello\r\n";

static readdress_slice text(const char *text)
{
    readdress_slice slice;

    slice.data = octets(text);
    slice.len = strlen(text);
    return slice;
}

static void write_file(const char *folder, const char *name, const char *what, char *path, size_t room)
{
    FILE *file;

    snprintf(path, room, "%s/%s", folder, name);
    file = fopen(path, "w");
    CHECK(file != NULL && fputs(what, file) >= 0 && fclose(file) == 0);
}

static readdress_engine *open_plan(const char *folder)
{
    readdress_builder *builder = readdress_builder_new();
    readdress_engine *engine;
    readdress_error err;
    char path[4096];

    write_file(folder, "recipients.csv", RECIPIENTS, path, sizeof path);
    write_file(folder, "routes.toml", PLAN, path, sizeof path);
    if (readdress_builder_add_plan(builder, path, &err) != READDRESS_OK) {
        fprintf(stderr, "%s\n", readdress_builder_report(builder));
        CHECK(!"the plan can be read");
    }
    snprintf(path, sizeof path, "%s/routes.map", folder);
    CHECK(readdress_builder_save(builder, path, NULL) == READDRESS_OK);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    readdress_builder_free(builder);
    return engine;
}

static readdress_session tenant(void)
{
    readdress_session session;

    memset(&session, 0, sizeof session);
    session.client_address = "192.0.2.7";
    session.tls_name = "mail.tenant.example";
    return session;
}

static readdress_session internet(void)
{
    readdress_session session;

    memset(&session, 0, sizeof session);
    session.client_address = "::ffff:198.51.100.7";
    return session;
}

/* A text is there twice: by its length and by its NUL. */
static int is(readdress_text text, const char *wanted)
{
    return text.text != NULL && text.text[text.len] == '\0' && strcmp(text.text, wanted) == 0;
}

static int is_empty(const readdress_decision *decision)
{
    return readdress_decision_count(decision) == 0 && readdress_decision_at(decision, 0) == NULL &&
           !readdress_decision_final(decision) && readdress_decision_direction(decision) == 0 &&
           readdress_decision_listener(decision) == NULL;
}

/* Two recipients of one message: one leaves rewritten, one is not known. Everything about them. */
static void two_recipients(const readdress_engine *engine, readdress_decision *decision)
{
    readdress_slice recipients[2];
    readdress_session session = tenant();
    readdress_envelope envelope;
    const readdress_route_info *john, *nobody;

    recipients[0] = text("<john@contoso.com>");
    recipients[1] = text("nobody@contoso.com");
    memset(&envelope, 0, sizeof envelope);
    envelope.reverse_path = text("<ann@contoso.com>");
    envelope.recipients = recipients;
    envelope.recipient_count = 2;
    envelope.message = text(HAM);
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
    CHECK(readdress_decision_count(decision) == 2 && readdress_decision_final(decision));
    CHECK(readdress_decision_direction(decision) == READDRESS_OUTBOUND);
    CHECK(strcmp(readdress_decision_listener(decision), "Tenant") == 0);
    CHECK(readdress_decision_at(decision, 2) == NULL && readdress_decision_at(decision, SIZE_MAX) == NULL);

    john = readdress_decision_at(decision, 0);
    CHECK(is(john->recipient, "john@contoso.com") && john->action == READDRESS_RELAY);
    CHECK(is(john->forward_path, "john@tenant1.contoso.com") && john->rewritten);
    CHECK(is(john->connector, "To tenant 1") && john->next_hop_count == 2);
    CHECK(is(john->next_hops[0], "a.example.net:25") && is(john->next_hops[1], "[192.0.2.9]:2525"));
    CHECK(john->tls == READDRESS_TLS_REQUIRED && is(john->tls_name, "*.example.net"));
    CHECK(john->code == 0 && is(john->enhanced, "") && is(john->text, ""));
    CHECK(john->set_header_count == 2 && john->removed_header_count == 1);
    CHECK(is(john->set_headers[0].name, "X-Inside") && is(john->set_headers[0].value, "yes"));
    CHECK(is(john->set_headers[1].name, "X-Kind") && is(john->set_headers[1].value, "a b"));
    CHECK(is(john->removed_headers[0], "X-Outside"));
    CHECK(is(john->entry, "John") && is(john->file, "routes.toml") && john->line == 6);
    CHECK(john->steps == NULL && john->step_count == 0);

    nobody = readdress_decision_at(decision, 1);
    CHECK(is(nobody->recipient, "nobody@contoso.com") && nobody->action == READDRESS_REJECT);
    CHECK(nobody->code == 550 && is(nobody->enhanced, "5.1.10") && is(nobody->text, "Recipient not found"));
    CHECK(is(nobody->forward_path, "nobody@contoso.com") && is(nobody->connector, "") && nobody->tls == 0);
    CHECK(nobody->next_hops == NULL && nobody->next_hop_count == 0 && is(nobody->tls_name, ""));
    CHECK(is(nobody->entry, "") && is(nobody->file, "") && nobody->line == 0);
}

/* One recipient, and what a plan may say of it. */
static const readdress_route_info *one(const readdress_engine *engine, readdress_session session, const char *from,
                                       const char *to, const char *message, readdress_decision *decision)
{
    readdress_slice recipient = text(to);
    readdress_envelope envelope;

    memset(&envelope, 0, sizeof envelope);
    if (from != NULL)
        envelope.reverse_path = text(from);
    envelope.recipients = &recipient;
    envelope.recipient_count = 1;
    if (message != NULL)
        envelope.message = text(message);
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
    CHECK(readdress_decision_count(decision) == 1);
    return readdress_decision_at(decision, 0);
}

static void actions(const readdress_engine *engine, readdress_decision *decision)
{
    const readdress_route_info *route = one(engine, internet(), "a@far.example", "ann@contoso.com", HAM, decision);

    CHECK(route->action == READDRESS_DELIVER && route->set_headers == NULL && route->set_header_count == 0);
    CHECK(readdress_decision_direction(decision) == READDRESS_INBOUND);
    CHECK(strcmp(readdress_decision_listener(decision), "Internet") == 0);
    CHECK(one(engine, internet(), "a@far.example", "ann@contoso.com", SPAM, decision)->action == READDRESS_DROP);
    /* Without the message nobody can say whether it is spam. */
    CHECK(one(engine, internet(), "a@far.example", "ann@contoso.com", NULL, decision)->action == READDRESS_DELIVER);
    CHECK(!readdress_decision_final(decision));
    /* No octets at a place are an empty header section, which is there. */
    CHECK(one(engine, internet(), "a@far.example", "ann@contoso.com", "", decision)->action == READDRESS_DELIVER);
    CHECK(readdress_decision_final(decision));
    route = one(engine, internet(), "a@far.example", "closed@contoso.com", HAM, decision);
    CHECK(route->action == READDRESS_REJECT && route->code == 451 && is(route->enhanced, "4.2.1"));
    CHECK(is(route->text, "Come back later"));
    route = one(engine, internet(), "a@far.example", "b@far.example", HAM, decision);
    CHECK(route->action == READDRESS_REJECT && route->code == 554 && is(route->enhanced, "5.7.1"));
    route = one(engine, tenant(), "ann@contoso.com", "b@far.example", HAM, decision);
    CHECK(route->action == READDRESS_RELAY && route->next_hop_count == 0 && is(route->connector, ""));
    CHECK(route->tls == READDRESS_TLS_OPPORTUNISTIC);
    route = one(engine, internet(), "a@far.example", "no address", HAM, decision);
    CHECK(route->action == READDRESS_REJECT && route->code == 501);
    /* A NUL in what the host gives is in the length. */
    {
        readdress_session session = internet();
        readdress_slice recipient;
        readdress_envelope envelope;

        memset(&envelope, 0, sizeof envelope);
        recipient.data = octets("a\0b@contoso.com");
        recipient.len = 15;
        envelope.recipients = &recipient;
        envelope.recipient_count = 1;
        CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
        route = readdress_decision_at(decision, 0);
        CHECK(route->action == READDRESS_REJECT && route->recipient.len == 15);
        CHECK(memcmp(route->recipient.text, "a\0b@contoso.com", 16) == 0);
    }
}

/* The null reverse-path is another thing than one that is not known. */
static void reverse_paths(const readdress_engine *engine, readdress_decision *decision)
{
    CHECK(!one(engine, internet(), "<>", "ann@contoso.com", HAM, decision)->rewritten);
    CHECK(!one(engine, internet(), "", "ann@contoso.com", HAM, decision)->rewritten);
    CHECK(one(engine, internet(), NULL, "ann@contoso.com", HAM, decision)->rewritten);
}

/* Who comes in as what. */
static void sessions(const readdress_engine *engine, readdress_decision *decision)
{
    readdress_session session = tenant();
    const char *to = "b@far.example";

    CHECK(one(engine, session, "ann@contoso.com", to, HAM, decision)->action == READDRESS_RELAY);
    session.client_address = "2001:db8::7";
    CHECK(one(engine, session, "ann@contoso.com", to, HAM, decision)->action == READDRESS_RELAY);
    /* An encrypted session without a name, or with an empty one, is not the tenant's; nor another name. */
    session.flags = READDRESS_SESSION_TLS;
    session.tls_name = NULL;
    CHECK(one(engine, session, "ann@contoso.com", to, HAM, decision)->action == READDRESS_REJECT);
    CHECK(readdress_decision_listener(decision) == NULL);
    session.tls_name = "";
    CHECK(one(engine, session, "ann@contoso.com", to, HAM, decision)->action == READDRESS_REJECT);
    session.tls_name = "\xff.tenant.example";
    CHECK(one(engine, session, "ann@contoso.com", to, HAM, decision)->action == READDRESS_REJECT);
    /* A client that no listener takes may send to nobody, but the host knows better. */
    session.client_address = "203.0.113.7";
    CHECK(one(engine, session, "a@far.example", "ann@contoso.com", HAM, decision)->action == READDRESS_REJECT);
    CHECK(readdress_decision_at(decision, 0)->code == 554);
    session.direction = READDRESS_INBOUND;
    CHECK(one(engine, session, "a@far.example", "ann@contoso.com", HAM, decision)->action == READDRESS_DELIVER);
    session.direction = READDRESS_OUTBOUND;
    CHECK(one(engine, session, "ann@contoso.com", to, HAM, decision)->action == READDRESS_RELAY);
}

/* Without an envelope the session's paths count; with one they are not looked at. */
static void paths_of_the_session(const readdress_engine *engine, readdress_decision *decision)
{
    readdress_session session = internet();
    readdress_slice recipients[2];
    readdress_envelope envelope;

    recipients[0] = text("<ann@contoso.com>");
    recipients[1] = text("<nobody@contoso.com>");
    session.reverse_path = text("<>");
    session.recipients = recipients;
    session.recipient_count = 2;
    CHECK(readdress_route(engine, &session, NULL, decision, NULL) == READDRESS_OK);
    CHECK(readdress_decision_count(decision) == 2 && !readdress_decision_final(decision));
    CHECK(is(readdress_decision_at(decision, 0)->recipient, "ann@contoso.com"));
    CHECK(!readdress_decision_at(decision, 0)->rewritten);
    CHECK(readdress_decision_at(decision, 1)->action == READDRESS_REJECT);
    memset(&envelope, 0, sizeof envelope);
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
    CHECK(readdress_decision_count(decision) == 0 && readdress_decision_direction(decision) == READDRESS_INBOUND);
}

/* Steps come when they are asked for, and name what was looked at. */
static void steps(const readdress_engine *engine, readdress_decision *decision)
{
    const readdress_route_info *route;
    size_t at, rules = 0;

    readdress_decision_explain(decision, true);
    route = one(engine, tenant(), "ann@contoso.com", "john@contoso.com", HAM, decision);
    CHECK(route->step_count > 4 && is(route->steps[0].what, "listener") && is(route->steps[0].name, "Tenant"));
    for (at = 0; at < route->step_count; at++) {
        CHECK(route->steps[at].why.len > 0);
        rules += is(route->steps[at].what, "rule") ? 1 : 0;
    }
    CHECK(rules == 4 && is(route->steps[route->step_count - 1].name, "To tenant 1"));
    readdress_decision_explain(decision, false);
    /* What was handed out is there until the next use. */
    CHECK(is(route->steps[0].what, "listener"));
    CHECK(one(engine, tenant(), "ann@contoso.com", "john@contoso.com", HAM, decision)->step_count == 0);
}

/* A host that goes by the recipient alone gets a path that leads the same way; a refusal says whether it
 * stands. */
static void for_host(const readdress_engine *engine, readdress_decision *decision)
{
    readdress_session session = tenant();
    readdress_envelope envelope;
    readdress_slice recipient = text("nobody@contoso.com");
    const readdress_route_info *route;

    readdress_decision_for_host(decision, true);
    route = one(engine, tenant(), "ann@contoso.com", "john@contoso.com", HAM, decision);
    CHECK(is(route->host_path, route->forward_path.text) && route->settled);
    memset(&envelope, 0, sizeof envelope);
    envelope.reverse_path = text("ann@contoso.com");
    envelope.recipients = &recipient;
    envelope.recipient_count = 1;
    envelope.flags = READDRESS_ENVELOPE_OPEN;
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
    CHECK(!readdress_decision_final(decision) && readdress_decision_at(decision, 0)->action == READDRESS_REJECT);
    envelope.flags = 2;
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_E_ARGUMENT);
    readdress_decision_for_host(decision, false);
    readdress_decision_for_host(NULL, true);
    CHECK(!readdress_engine_is_shadow(engine) && !readdress_engine_is_shadow(NULL));
}

/* Rewriting takes the direction from the listeners, too, in all three ways. */
static void rewriting(const readdress_engine *engine, readdress_result *result)
{
    static const char message[] = "From: john@tenant1.contoso.com\r\n\r\n";
    readdress_session session = tenant();
    uint8_t buf[READDRESS_PATH_MAX];
    readdress_slice path = text("john@tenant1.contoso.com");
    size_t len, count;
    int ours;

    for (ours = 1; ours >= 0; ours--) {
        CHECK(readdress_rewrite(engine, &session, octets(message), strlen(message), result, NULL) == READDRESS_OK);
        CHECK(readdress_result_changed(result) == ours);
        CHECK(readdress_message_begin(result, engine, &session, NULL) == READDRESS_OK);
        CHECK(readdress_message_field(result, "From", octets(" john@tenant1.contoso.com"), 25, NULL) == READDRESS_OK);
        CHECK(readdress_message_finish(result, NULL) == READDRESS_OK);
        readdress_result_edits(result, &count);
        CHECK(count == (size_t)ours);
        CHECK(readdress_rewrite_path(engine, &session, READDRESS_PATH_REVERSE, path.data, path.len, buf, sizeof buf, &len,
                                     NULL, NULL) == READDRESS_OK);
        CHECK(len == (ours ? strlen("john@contoso.com") : path.len));
        /* No listener takes this one: not ours, so nothing is guessed. */
        session.client_address = "203.0.113.7";
    }
}

static void wrong_arguments(const readdress_engine *engine, readdress_decision *decision, readdress_result *result)
{
    static const char *const addresses[] = {"", "mail.example.net", "192.0.2.1 ", "192.0.2.256", "[192.0.2.1]", "\xff"};
    static char long_section[2400];
    readdress_slice recipients[6];
    readdress_session session = internet();
    readdress_envelope envelope;
    readdress_error err;
    size_t at;

    memset(&envelope, 0, sizeof envelope);
    for (at = 0; at < 6; at++)
        recipients[at] = text("ann@contoso.com");
    envelope.recipients = recipients;
    envelope.recipient_count = 1;
#define FAILS(call, expected)                                                                                          \
    do {                                                                                                               \
        CHECK(readdress_route(engine, &session, NULL, decision, NULL) == READDRESS_OK);                                \
        CHECK(readdress_decision_final(decision));                                                                     \
        memset(&err, 0x55, sizeof err);                                                                                \
        CHECK((call) == (expected) && err.status == (expected) && err.message[0] != '\0');                             \
        CHECK(is_empty(decision));                                                                                     \
    } while (0)
    FAILS(readdress_route(NULL, &session, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    FAILS(readdress_route(engine, NULL, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    CHECK(readdress_route(engine, &session, &envelope, NULL, &err) == READDRESS_E_ARGUMENT);
    envelope.recipients = NULL;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    envelope.recipients = recipients;
    envelope.recipient_count = SIZE_MAX;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    envelope.recipient_count = 6;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_LIMIT);
    envelope.recipient_count = 5;
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
    recipients[2].data = NULL;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    recipients[2].len = 0;
    CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
    CHECK(readdress_decision_at(decision, 2)->code == 501);
    recipients[2] = text("ann@contoso.com");
    recipients[2].len = SIZE_MAX;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    recipients[2].len = SIZE_MAX / 2;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_LIMIT);
    recipients[2] = text("ann@contoso.com");
    envelope.reverse_path.len = 3;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    envelope.reverse_path.len = 0;
    envelope.message.len = 3;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_ARGUMENT);
    envelope.message.data = octets(HAM);
    envelope.message.len = (size_t)UINT32_MAX + 1;
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_LIMIT);
    memset(long_section, 'x', sizeof long_section - 1);
    memcpy(long_section, "Subject: ", 9);
    envelope.message = text(long_section);
    FAILS(readdress_route(engine, &session, &envelope, decision, &err), READDRESS_E_LIMIT);
    envelope.message = text(HAM);
#undef FAILS
    for (at = 0; at < sizeof addresses / sizeof addresses[0]; at++) {
        session.client_address = addresses[at];
        CHECK(readdress_route(engine, &session, &envelope, decision, &err) == READDRESS_E_ARGUMENT);
        CHECK(readdress_rewrite(engine, &session, octets(HAM), sizeof HAM - 1, result, &err) == READDRESS_E_ARGUMENT);
    }
    session = internet();
    session.flags = 16;
    CHECK(readdress_route(engine, &session, &envelope, decision, &err) == READDRESS_E_ARGUMENT);
    session = internet();
    session.direction = 3;
    CHECK(readdress_route(engine, &session, &envelope, decision, &err) == READDRESS_E_ARGUMENT);
    CHECK(is_empty(decision) && is_empty(NULL));
    readdress_decision_explain(NULL, true);
    readdress_decision_free(NULL);
}

/* A map that says nothing of routing: everybody is inbound who is not said to be ours. */
static void without_routing(const char *folder, readdress_decision *decision, readdress_result *result)
{
    readdress_engine *engine;
    readdress_session session;
    const readdress_route_info *route;
    char path[4096];

    make_map(folder, "plain.map", path, sizeof path);
    CHECK(readdress_engine_open(path, 0, &engine, NULL) == READDRESS_OK);
    memset(&session, 0, sizeof session);
    route = one(engine, session, "a@far.example", "<john@contoso.com>", NULL, decision);
    CHECK(readdress_decision_direction(decision) == READDRESS_INBOUND && readdress_decision_listener(decision) == NULL);
    CHECK(readdress_decision_final(decision) && route->action == READDRESS_RELAY && route->next_hop_count == 0);
    CHECK(readdress_rewrite(engine, &session, octets(HAM), 5, result, NULL) == READDRESS_E_ARGUMENT);
    /* What a decision hands out does not need the engine any more. */
    readdress_engine_free(engine);
    CHECK(is(route->forward_path, "john@tenant1.contoso.com"));
}

int main(int argc, char **argv)
{
    const char *folder = folder_of(argc, argv);
    readdress_engine *engine = open_plan(folder);
    readdress_decision *decision = readdress_decision_new();
    readdress_result *result = readdress_result_new();
    int round;

    CHECK(is_empty(decision));
    for (round = 0; round < 2; round++) {
        two_recipients(engine, decision);
        actions(engine, decision);
        reverse_paths(engine, decision);
        sessions(engine, decision);
        paths_of_the_session(engine, decision);
        steps(engine, decision);
        for_host(engine, decision);
    }
    rewriting(engine, result);
    wrong_arguments(engine, decision, result);
    without_routing(folder, decision, result);
    readdress_decision_free(decision);
    readdress_result_free(result);
    readdress_engine_free(engine);
    return passed("routing");
}
