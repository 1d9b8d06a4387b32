/* What a C program with GMime does with a message: parse it and look at its addresses; or parse it,
 * replace the addresses that a hash table has, and write it to a stream. benches/peers loads this as
 * a shared library.
 *
 *     cc -O2 -shared -fPIC gmime.c $(pkg-config --cflags --libs gmime-3.0) -o gmime.so
 */

#include <gmime/gmime.h>
#include <string.h>

/* GMime keeps the lists of these itself. */
static const GMimeAddressType lists[] = {
    GMIME_ADDRESS_TYPE_SENDER, GMIME_ADDRESS_TYPE_FROM, GMIME_ADDRESS_TYPE_REPLY_TO,
    GMIME_ADDRESS_TYPE_TO,     GMIME_ADDRESS_TYPE_CC,   GMIME_ADDRESS_TYPE_BCC,
};

/* The other field with addresses that the generated messages have. */
static const char receipt[] = "Disposition-Notification-To";

struct rival {
    GHashTable *map; /* internal address in lower case to external address */
    GMimeParser *parser;
    GMimeParserOptions *options;
    GByteArray *output;
    GMimeStream *stream; /* writes to output */
};

struct rival *gmime_new(void)
{
    struct rival *rival = g_new0(struct rival, 1);

    g_mime_init();
    rival->map = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    rival->parser = g_mime_parser_new();
    rival->options = g_mime_parser_options_new();
    rival->output = g_byte_array_new();
    rival->stream = g_mime_stream_mem_new_with_byte_array(rival->output);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(rival->stream), FALSE);
    return rival;
}

void gmime_free(struct rival *rival)
{
    g_object_unref(rival->stream);
    g_byte_array_free(rival->output, TRUE);
    g_mime_parser_options_free(rival->options);
    g_object_unref(rival->parser);
    g_hash_table_destroy(rival->map);
    g_free(rival);
}

void gmime_entry(struct rival *rival, const char *internal, const char *external)
{
    g_hash_table_insert(rival->map, g_strdup(internal), g_strdup(external));
}

static GMimeMessage *parse(struct rival *rival, const char *octets, size_t length)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(octets, length);
    GMimeMessage *message;

    g_mime_parser_init_with_stream(rival->parser, stream);
    message = g_mime_parser_construct_message(rival->parser, rival->options);
    g_object_unref(stream);
    return message;
}

static size_t count(InternetAddressList *list)
{
    size_t octets = 0;

    for (int nth = 0; list && nth < internet_address_list_length(list); nth++) {
        InternetAddress *address = internet_address_list_get_address(list, nth);

        if (INTERNET_ADDRESS_IS_MAILBOX(address))
            octets += strlen(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address)));
    }
    return octets;
}

/* Parses a message and looks at all addresses; gives a sum that depends on each. */
size_t gmime_parse(struct rival *rival, const char *octets, size_t length)
{
    GMimeMessage *message = parse(rival, octets, length);
    size_t sum = 0;

    if (message == NULL)
        return 0;
    for (size_t nth = 0; nth < G_N_ELEMENTS(lists); nth++)
        sum += count(g_mime_message_get_addresses(message, lists[nth]));
    g_object_unref(message);
    return sum;
}

static size_t replace(struct rival *rival, InternetAddressList *list)
{
    size_t hits = 0;

    for (int nth = 0; list && nth < internet_address_list_length(list); nth++) {
        InternetAddress *address = internet_address_list_get_address(list, nth);
        const char *internal, *external;
        char *key;

        if (INTERNET_ADDRESS_IS_GROUP(address)) {
            hits += replace(rival, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(address)));
            continue;
        }
        internal = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address));
        key = internal ? g_ascii_strdown(internal, -1) : NULL;
        external = key ? g_hash_table_lookup(rival->map, key) : NULL;
        if (external) {
            internet_address_mailbox_set_addr(INTERNET_ADDRESS_MAILBOX(address), external);
            hits++;
        }
        g_free(key);
    }
    return hits;
}

static size_t replace_receipt(struct rival *rival, GMimeMessage *message)
{
    const char *body = g_mime_object_get_header(GMIME_OBJECT(message), receipt);
    InternetAddressList *list = body ? internet_address_list_parse(rival->options, body) : NULL;
    size_t hits = replace(rival, list);

    if (hits) {
        char *text = internet_address_list_to_string(list, NULL, TRUE);

        g_mime_object_set_header(GMIME_OBJECT(message), receipt, text, NULL);
        g_free(text);
    }
    if (list)
        g_object_unref(list);
    return hits;
}

/* Parses a message, replaces addresses and writes it. How many were replaced. */
size_t gmime_rewrite(struct rival *rival, const char *octets, size_t length)
{
    GMimeMessage *message = parse(rival, octets, length);
    size_t hits = 0;

    if (message == NULL)
        return 0;
    for (size_t nth = 0; nth < G_N_ELEMENTS(lists); nth++)
        hits += replace(rival, g_mime_message_get_addresses(message, lists[nth]));
    hits += replace_receipt(rival, message);
    g_byte_array_set_size(rival->output, 0);
    g_mime_stream_reset(rival->stream);
    g_mime_object_write_to_stream(GMIME_OBJECT(message), NULL, rival->stream);
    g_object_unref(message);
    return hits;
}

/* Octets of the message written last. */
size_t gmime_size(const struct rival *rival)
{
    return rival->output->len;
}
