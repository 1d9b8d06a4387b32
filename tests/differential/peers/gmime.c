/*
 * GMime as a peer of the differential test: answers questions, one a line, as python_email.py does.
 *
 *     gmime loose|strict
 *
 * The argument is the compliance mode for addresses; loose is GMime's default.
 */
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fields[] = {
    "From", "Sender", "Reply-To", "Resent-From", "Resent-Sender", "Resent-Reply-To", "Errors-To",
    "Mail-Followup-To", "Mail-Reply-To", "Return-Receipt-To", "Disposition-Notification-To", "To",
    "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc", "Apparently-To",
};

static void print_hex(const char *text) {
    for (; *text; text++)
        printf("%02x", (unsigned char)*text);
}

/* Decodes a line of hex in place and ends it with a NUL. */
static size_t unhex(char *text) {
    size_t length = 0;
    for (const char *from = text; from[0] && from[1]; from += 2) {
        unsigned octet;
        if (sscanf(from, "%2x", &octet) != 1)
            break;
        text[length++] = (char)octet;
    }
    text[length] = 0;
    return length;
}

static void print_addresses(InternetAddressList *list) {
    for (int i = 0; i < internet_address_list_length(list); i++) {
        InternetAddress *address = internet_address_list_get_address(list, i);
        if (INTERNET_ADDRESS_IS_GROUP(address)) {
            InternetAddressList *members = internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address));
            if (members)
                print_addresses(members);
            continue;
        }
        const char *text = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
        if (text && strchr(text, '@')) {
            print_hex(text);
            putchar(' ');
        }
    }
}

static void body(GMimeParserOptions *options, const char *text) {
    InternetAddressList *list = internet_address_list_parse(options, text);
    if (list) {
        print_addresses(list);
        g_object_unref(list);
    }
}

static void header_section(GMimeParserOptions *options, const char *octets, size_t length) {
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(octets, length);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    g_mime_parser_set_format(parser, strncmp(octets, "From ", 5) == 0 ? GMIME_FORMAT_MBOX : GMIME_FORMAT_MESSAGE);
    GMimeMessage *message = g_mime_parser_construct_message(parser, options);
    GMimeHeaderList *headers = message ? g_mime_object_get_header_list(GMIME_OBJECT(message)) : NULL;
    for (int i = 0; headers && i < g_mime_header_list_get_count(headers); i++) {
        GMimeHeader *header = g_mime_header_list_get_header_at(headers, i);
        const char *name = g_mime_header_get_name(header);
        for (size_t known = 0; known < sizeof fields / sizeof *fields; known++) {
            if (g_ascii_strcasecmp(name, fields[known]) == 0) {
                print_hex(name);
                putchar(':');
                print_hex(g_mime_header_get_raw_value(header));
                putchar(' ');
            }
        }
    }
    if (message)
        g_object_unref(message);
    g_object_unref(parser);
    g_object_unref(stream);
}

int main(int count, char **arguments) {
    if (count != 2)
        return 2;
    g_mime_init();
    GMimeParserOptions *options = g_mime_parser_options_new();
    g_mime_parser_options_set_address_compliance_mode(
        options, strcmp(arguments[1], "strict") == 0 ? GMIME_RFC_COMPLIANCE_STRICT : GMIME_RFC_COMPLIANCE_LOOSE);
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 2) {
        char kind = line[0];
        size_t octets = unhex(line + 2);
        if (kind == 'F')
            header_section(options, line + 2, octets);
        else
            body(options, line + 2);
        putchar('\n');
        fflush(stdout);
    }
    free(line);
    g_mime_parser_options_free(options);
    return 0;
}
