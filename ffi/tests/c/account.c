/* All that the library says of messages, in lines that a script can compare with what other faces say:
 *
 *     account MAP outbound|inbound whole|fields < names of message files
 *
 * "whole" hands the message over in one piece, "fields" field by field with bodies as they stand, line
 * endings included.
 *
 *     account MAP routes < questions
 *
 * asks where mail goes. A question is a line of words: the client's address, its certificate's name, the
 * session's flags and direction in numbers, the reverse-path, the name of a message file, and forward-paths.
 * Texts are in hexadecimal digits with an "x" before them; "-" is one that is not known.
 *
 * Octets are written in hexadecimal digits, none as "-". Each message, and each question, ends in ".". */

#include <errno.h>

#include "check.h"

static void hex(const void *data, size_t len)
{
    const uint8_t *octet = data;
    size_t at;

    if (len == 0)
        putchar('-');
    for (at = 0; at < len; at++)
        printf("%02x", octet[at]);
}

static void word(const void *data, size_t len)
{
    putchar(' ');
    hex(data, len);
}

static void slice(readdress_slice slice)
{
    word(slice.data, slice.len);
}

static void report(const readdress_result *result)
{
    size_t count, at, other;
    const readdress_edit *edits = readdress_result_edits(result, &count);
    const readdress_field_change *changes;
    const readdress_skip *skipped;
    const readdress_slice *unmapped;
    const readdress_signature *signatures;
    const readdress_from_domains *domains;

    for (at = 0; at < count; at++) {
        printf("edit %zu %zu", edits[at].offset, edits[at].length);
        slice(edits[at].text);
        word(edits[at].field, strlen(edits[at].field));
        printf(" %u", (unsigned)edits[at].nth);
        slice(edits[at].from);
        slice(edits[at].to);
        slice(edits[at].entry);
        slice(edits[at].file);
        printf(" %u\n", (unsigned)edits[at].line);
    }
    changes = readdress_result_field_changes(result, &count);
    for (at = 0; at < count; at++) {
        printf("change");
        word(changes[at].name, strlen(changes[at].name));
        printf(" %u", (unsigned)changes[at].nth);
        if (changes[at].value == NULL) {
            printf(" gone\n");
            continue;
        }
        word(changes[at].value, changes[at].length);
        putchar('\n');
        CHECK(changes[at].value[changes[at].length] == '\0');
    }
    skipped = readdress_result_skipped(result, &count);
    for (at = 0; at < count; at++) {
        printf("skip");
        word(skipped[at].field, strlen(skipped[at].field));
        printf(" %u %zu %s\n", (unsigned)skipped[at].nth, skipped[at].offset, skipped[at].reason);
    }
    unmapped = readdress_result_unmapped(result, &count);
    for (at = 0; at < count; at++) {
        printf("unmapped");
        slice(unmapped[at]);
        putchar('\n');
    }
    signatures = readdress_result_signatures(result, &count);
    for (at = 0; at < count; at++) {
        printf("signature %s", signatures[at].kind);
        slice(signatures[at].domain);
        slice(signatures[at].selector);
        printf(" %d", signatures[at].intact);
        printf(" %u %u", (unsigned)signatures[at].aligned_before, (unsigned)signatures[at].aligned_after);
        for (other = 0; other < signatures[at].because_count; other++)
            slice(signatures[at].because[other]);
        putchar('\n');
    }
    domains = readdress_result_from_domains(result);
    if (domains != NULL) {
        printf("from-domain");
        slice(domains->before);
        slice(domains->after);
        putchar('\n');
    }
    printf("changed %d\n", readdress_result_changed(result));
    printf("verdict %u\n", (unsigned)readdress_result_verdict(result));
}

static void whole(const readdress_engine *engine, const readdress_session *session, const uint8_t *message, size_t len,
                  readdress_result *result)
{
    const readdress_slice *slices;
    uint32_t flags;
    size_t count, at;
    int bit;

    CHECK(readdress_rewrite(engine, session, message, len, result, NULL) == READDRESS_OK);
    report(result);
    printf("size %zu\nbody %zu\ninput-body %zu\n", readdress_result_size(result), readdress_result_body_offset(result),
           readdress_result_input_body_offset(result));
    flags = readdress_result_flags(result);
    for (bit = 0; bit < 32; bit++)
        if (flags >> bit & 1)
            printf("flag %s\n", readdress_flag_name((uint32_t)1 << bit));
    slices = readdress_result_slices(result, &count);
    printf("output ");
    for (at = 0; at < count; at++)
        if (slices[at].len > 0)
            hex(slices[at].data, slices[at].len);
    putchar('\n');
}

/* The octets of a line, without its ending, and where the next one begins. */
static size_t line_at(const uint8_t *message, size_t len, size_t at, size_t *next)
{
    const uint8_t *feed = memchr(message + at, '\n', len - at);
    size_t end = feed == NULL ? len : (size_t)(feed - message);

    *next = feed == NULL ? len : end + 1;
    return end > at && feed != NULL && message[end - 1] == '\r' ? end - 1 : end;
}

/* How many octets of a line are a field's name; 0 if it is no field. colon: where its body begins. */
static size_t name_of(const uint8_t *line, size_t len, size_t *body)
{
    const uint8_t *colon = len == 0 ? NULL : memchr(line, ':', len);
    size_t name, at;

    if (colon == NULL)
        return 0;
    *body = (size_t)(colon - line) + 1;
    name = *body - 1;
    while (name > 0 && (line[name - 1] == ' ' || line[name - 1] == '\t'))
        name--;
    for (at = 0; at < name; at++)
        if (line[at] <= 32 || line[at] >= 127)
            return 0;
    return name;
}

static void by_fields(const readdress_engine *engine, const readdress_session *session, const uint8_t *message, size_t len,
                      readdress_result *result)
{
    size_t at = 0, next, body;

    CHECK(readdress_message_begin(result, engine, session, NULL) == READDRESS_OK);
    while (at < len && message[at] == '>')
        at++;
    /* A line of an mbox file, unless "From" is a field's name with white space behind it. */
    if (len - at >= 5 && memcmp(message + at, "From ", 5) == 0 &&
        (at > 0 || name_of(message, line_at(message, len, 0, &next), &body) == 0))
        line_at(message, len, 0, &at);
    else
        at = 0;
    while (at < len) {
        size_t end = line_at(message, len, at, &next), length = name_of(message + at, end - at, &body);
        char *name;

        if (length == 0)
            break;
        while (next < len && (message[next] == ' ' || message[next] == '\t'))
            end = line_at(message, len, next, &next);
        name = calloc(length + 1, 1);
        CHECK(name != NULL);
        memcpy(name, message + at, length);
        CHECK(readdress_message_field(result, name, message + at + body, end - at - body, NULL) == READDRESS_OK);
        free(name);
        printf("field %zu", at + body);
        word(message + at, length);
        putchar('\n');
        at = next;
    }
    CHECK(readdress_message_finish(result, NULL) == READDRESS_OK);
    report(result);
}

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *message;
    long size = 0;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    CHECK(fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0);
    message = malloc((size_t)size + 1);
    CHECK(message != NULL);
    *len = fread(message, 1, (size_t)size, file);
    fclose(file);
    return message;
}

static void words(readdress_text text)
{
    CHECK(text.text[text.len] == '\0');
    word(text.text, text.len);
}

static void route(const readdress_route_info *info)
{
    size_t at;

    printf("route");
    words(info->recipient);
    printf(" %u", (unsigned)info->action);
    words(info->forward_path);
    words(info->connector);
    printf(" %u", (unsigned)info->tls);
    words(info->tls_name);
    printf(" %u", (unsigned)info->code);
    words(info->enhanced);
    words(info->text);
    printf(" %d", info->rewritten);
    words(info->entry);
    words(info->file);
    printf(" %u\n", (unsigned)info->line);
    for (at = 0; at < info->next_hop_count; at++) {
        printf("hop");
        words(info->next_hops[at]);
        putchar('\n');
    }
    for (at = 0; at < info->set_header_count; at++) {
        printf("set");
        words(info->set_headers[at].name);
        words(info->set_headers[at].value);
        putchar('\n');
    }
    for (at = 0; at < info->removed_header_count; at++) {
        printf("remove");
        words(info->removed_headers[at]);
        putchar('\n');
    }
    for (at = 0; at < info->step_count; at++) {
        printf("step");
        words(info->steps[at].what);
        words(info->steps[at].name);
        words(info->steps[at].why);
        putchar('\n');
    }
}

/* The text of a word: NUL-terminated, in memory that stays. data is NULL for "-". */
static readdress_slice unhex(const char *digits)
{
    readdress_slice slice;
    uint8_t *text;

    memset(&slice, 0, sizeof slice);
    if (digits[0] == '-')
        return slice;
    slice.len = strlen(digits) / 2;
    text = calloc(slice.len + 1, 1);
    CHECK(text != NULL && digits[0] == 'x');
    slice.data = text;
    for (; digits[1] != '\0'; digits += 2) {
        char octet[3] = {digits[1], digits[2], '\0'};

        *text++ = (uint8_t)strtoul(octet, NULL, 16);
    }
    return slice;
}

static void routes(const readdress_engine *engine)
{
    enum { ADDRESS, NAME, FLAGS, DIRECTION, REVERSE_PATH, MESSAGE, FORWARD_PATHS, ROOM = 64 };
    static char line[65536];
    readdress_decision *decision = readdress_decision_new();
    const char *listener;

    readdress_decision_explain(decision, true);
    while (fgets(line, sizeof line, stdin) != NULL) {
        readdress_session session;
        readdress_envelope envelope;
        readdress_slice texts[ROOM];
        const char *all[ROOM], *given = strtok(line, " \n");
        size_t count = 0, at;

        memset(&session, 0, sizeof session);
        memset(&envelope, 0, sizeof envelope);
        for (; given != NULL; given = strtok(NULL, " \n")) {
            CHECK(count < ROOM);
            all[count++] = given;
        }
        CHECK(count >= FORWARD_PATHS);
        for (at = 0; at < count; at++)
            if (at != FLAGS && at != DIRECTION)
                texts[at] = unhex(all[at]);
        session.client_address = (const char *)texts[ADDRESS].data;
        session.tls_name = (const char *)texts[NAME].data;
        session.flags = (uint32_t)strtoul(all[FLAGS], NULL, 10);
        session.direction = (uint32_t)strtoul(all[DIRECTION], NULL, 10);
        envelope.reverse_path = texts[REVERSE_PATH];
        if (texts[MESSAGE].data != NULL)
            envelope.message.data = read_file((const char *)texts[MESSAGE].data, &envelope.message.len);
        envelope.recipients = texts + FORWARD_PATHS;
        envelope.recipient_count = count - FORWARD_PATHS;
        CHECK(readdress_route(engine, &session, &envelope, decision, NULL) == READDRESS_OK);
        listener = readdress_decision_listener(decision);
        printf("decision %d %u", readdress_decision_final(decision), (unsigned)readdress_decision_direction(decision));
        word(listener, listener == NULL ? 0 : strlen(listener));
        putchar('\n');
        CHECK(readdress_decision_count(decision) == envelope.recipient_count);
        for (at = 0; at < envelope.recipient_count; at++)
            route(readdress_decision_at(decision, at));
        puts(".");
    }
    readdress_decision_free(decision);
}

int main(int argc, char **argv)
{
    readdress_session session = outbound();
    readdress_engine *engine;
    readdress_result *result = readdress_result_new();
    char path[4096];

    if (argc == 3 && strcmp(argv[2], "routes") == 0) {
        CHECK(readdress_engine_open(argv[1], 0, &engine, NULL) == READDRESS_OK);
        routes(engine);
        readdress_engine_free(engine);
        readdress_result_free(result);
        return 0;
    }
    if (argc != 4) {
        fprintf(stderr, "usage: account MAP outbound|inbound whole|fields < names\n"
                        "       account MAP routes < questions\n");
        return 64;
    }
    if (strcmp(argv[2], "inbound") == 0)
        session.direction = READDRESS_INBOUND;
    CHECK(readdress_engine_open(argv[1], 0, &engine, NULL) == READDRESS_OK);
    while (fgets(path, sizeof path, stdin) != NULL) {
        uint8_t *message;
        size_t len;

        path[strcspn(path, "\n")] = '\0';
        message = read_file(path, &len);
        if (strcmp(argv[3], "whole") == 0)
            whole(engine, &session, message, len, result);
        else
            by_fields(engine, &session, message, len, result);
        puts(".");
        free(message);
    }
    readdress_result_free(result);
    readdress_engine_free(engine);
    return 0;
}
