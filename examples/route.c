/* Says where the copies of a message go, as a mail server would have it done:
 *
 *     route MAP CLIENT-ADDRESS TLS-NAME REVERSE-PATH FORWARD-PATH... < message
 *
 * "-" for CLIENT-ADDRESS and TLS-NAME is one that is not known. For each recipient a line says what to do
 * with the copy, lines below it which fields to set and remove, and why. A server asks at RCPT TO, without
 * the message, to refuse whom it can while the client is listening, and once more at the end of the header
 * section if the first answer was not final. Exit codes are those of sysexits.h. Build it with
 *
 *     cc route.c $(pkg-config --cflags --libs readdress) -o route
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "readdress.h"

enum { DONE = 0, USAGE = 64, BAD_DATA = 65, NO_INPUT = 66, IO = 74, TRY_LATER = 75 };

/* A header section that is larger than this is cut, and readdress refuses what the plan finds too large. */
enum { ROOM = 1 << 24 };

static readdress_slice slice(const char *text)
{
    readdress_slice slice;

    slice.data = (const uint8_t *)text;
    slice.len = strlen(text);
    return slice;
}

/* What a server does with one copy. */
static void print(const readdress_route_info *route)
{
    size_t at;

    switch (route->action) {
    case READDRESS_DELIVER:
        printf("%s: deliver to %s\n", route->recipient.text, route->forward_path.text);
        break;
    case READDRESS_RELAY:
        printf("%s: send to %s by", route->recipient.text, route->forward_path.text);
        for (at = 0; at < route->next_hop_count; at++)
            printf(" %s", route->next_hops[at].text);
        if (route->next_hop_count == 0)
            printf(" its mail exchangers");
        if (route->tls == READDRESS_TLS_REQUIRED)
            printf(", encrypted, name %s", route->tls_name.len > 0 ? route->tls_name.text : "any");
        else if (route->tls == READDRESS_TLS_NONE)
            printf(", in the clear");
        putchar('\n');
        break;
    case READDRESS_DROP:
        printf("%s: take it, and forget it\n", route->recipient.text);
        break;
    default: /* READDRESS_REJECT, and whatever a later version may add */
        printf("%s: answer %u %s %s\n", route->recipient.text, (unsigned)route->code, route->enhanced.text,
               route->text.text);
    }
    for (at = 0; at < route->set_header_count; at++)
        printf("  sets %s: %s\n", route->set_headers[at].name.text, route->set_headers[at].value.text);
    for (at = 0; at < route->removed_header_count; at++)
        printf("  removes %s\n", route->removed_headers[at].text);
    if (!route->rewritten)
        printf("  without readdress_rewrite()\n");
    for (at = 0; at < route->step_count; at++)
        printf("  because %s%s%s: %s\n", route->steps[at].what.text, route->steps[at].name.len > 0 ? " " : "",
               route->steps[at].name.text, route->steps[at].why.text);
}

static int route(const readdress_engine *engine, const readdress_session *session, readdress_envelope *envelope)
{
    readdress_error err;
    size_t at;
    int exit_code = TRY_LATER;
    uint8_t *message = malloc(ROOM);
    readdress_decision *decision = readdress_decision_new(); /* one per thread or connection */

    if (decision == NULL || message == NULL) {
        fprintf(stderr, "route: no memory\n");
    } else {
        /* A server leaves this out unless somebody wants to know. */
        readdress_decision_explain(decision, true);
        envelope->message.data = message;
        envelope->message.len = fread(message, 1, ROOM, stdin);
        if (ferror(stdin)) {
            perror("route: standard input");
            exit_code = IO;
        } else if (readdress_route(engine, session, envelope, decision, &err) != READDRESS_OK) {
            fprintf(stderr, "route: %s\n", err.message);
            if (err.status == READDRESS_E_ARGUMENT)
                exit_code = USAGE;
        } else {
            for (at = 0; at < readdress_decision_count(decision); at++)
                print(readdress_decision_at(decision, at));
            exit_code = fflush(stdout) == 0 ? DONE : IO;
        }
    }
    readdress_decision_free(decision);
    free(message);
    return exit_code;
}

int main(int argc, char **argv)
{
    readdress_session session = {0}; /* no direction: the plan's listeners know */
    readdress_envelope envelope = {0};
    readdress_engine *engine;
    readdress_error err;
    readdress_slice *recipients;
    int at, exit_code;

    if (argc < 6) {
        fprintf(stderr, "usage: route MAP CLIENT-ADDRESS TLS-NAME REVERSE-PATH FORWARD-PATH... < message\n");
        return USAGE;
    }
    if (strcmp(argv[2], "-") != 0)
        session.client_address = argv[2];
    if (strcmp(argv[3], "-") != 0)
        session.tls_name = argv[3];
    if (readdress_engine_open(argv[1], 0, &engine, &err) != READDRESS_OK) {
        fprintf(stderr, "route: %s: %s\n", argv[1], err.message);
        return err.status == READDRESS_E_IO ? NO_INPUT : BAD_DATA;
    }
    recipients = calloc((size_t)argc, sizeof *recipients);
    if (recipients == NULL) {
        readdress_engine_free(engine);
        return TRY_LATER;
    }
    for (at = 5; at < argc; at++)
        recipients[at - 5] = slice(argv[at]);
    envelope.reverse_path = slice(argv[4]);
    envelope.recipients = recipients;
    envelope.recipient_count = (size_t)argc - 5;
    exit_code = route(engine, &session, &envelope);
    free(recipients);
    readdress_engine_free(engine);
    return exit_code;
}
