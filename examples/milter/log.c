/* Log lines. All that comes from a message, an envelope or a map may have line ends, quotes and escape
 * sequences in it, to forge other lines or to disturb a terminal; so nothing is written as it is but
 * printable ASCII. */

#define _POSIX_C_SOURCE 200809L

#include "log.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { VALUE_MAX = LOG_LINE_MAX / 4 };

static bool is_syslog;

void log_open(bool to_syslog, int facility)
{
    is_syslog = to_syslog;
    /* libmilter reports to syslog in any case. */
    openlog("readdress-milter", LOG_PID | LOG_NDELAY, facility);
}

/* Appends one octet. The last one stays free for a line end. */
static void put(struct log_line *line, char octet)
{
    if (line->len < sizeof line->text - 2)
        line->text[line->len++] = octet;
}

static void put_text(struct log_line *line, const char *text)
{
    for (; *text != '\0'; text++)
        put(line, *text);
}

static void put_key(struct log_line *line, const char *key)
{
    if (line->len > 0)
        put(line, ' ');
    put_text(line, key);
    put(line, '=');
}

static void put_quoted(struct log_line *line, const unsigned char *value, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    size_t at;

    put(line, '"');
    for (at = 0; at < len && at < VALUE_MAX; at++) {
        if (value[at] < 32 || value[at] > 126) {
            put_text(line, "\\x");
            put(line, digits[value[at] >> 4]);
            put(line, digits[value[at] & 15]);
        } else {
            if (value[at] == '"' || value[at] == '\\')
                put(line, '\\');
            put(line, (char)value[at]);
        }
    }
    /* No escape that stands for something: the rest is missing. */
    if (at < len)
        put_text(line, "\\...");
    put(line, '"');
}

static bool is_plain(const unsigned char *value, size_t len)
{
    size_t at;

    for (at = 0; at < len; at++)
        if (value[at] <= 32 || value[at] > 126 || value[at] == '"' || value[at] == '\\')
            return false;
    return len > 0 && len < VALUE_MAX;
}

void log_begin(struct log_line *line, const char *queue, const char *event)
{
    line->len = 0;
    if (queue != NULL)
        log_word(line, "queue", queue);
    log_word(line, "event", event);
}

void log_word(struct log_line *line, const char *key, const char *value)
{
    log_octets(line, key, value, strlen(value));
}

void log_octets(struct log_line *line, const char *key, const void *value, size_t len)
{
    const unsigned char *octets = value;
    size_t at;

    if (!is_plain(octets, len)) {
        log_quoted(line, key, value, len);
        return;
    }
    put_key(line, key);
    for (at = 0; at < len; at++)
        put(line, (char)octets[at]);
}

void log_quoted(struct log_line *line, const char *key, const void *value, size_t len)
{
    put_key(line, key);
    put_quoted(line, value, len);
}

void log_number(struct log_line *line, const char *key, unsigned long long value)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", value);
    log_word(line, key, text);
}

/* One call, so that lines of several threads don't mix. Nobody can be told if it fails. */
static void write_line(struct log_line *line)
{
    line->text[line->len] = '\n';
    if (write(STDERR_FILENO, line->text, line->len + 1) < 0)
        return;
}

void log_send(struct log_line *line, int priority)
{
    line->text[line->len] = '\0';
    if (is_syslog)
        syslog(priority, "%s", line->text);
    else
        write_line(line);
}

void log_alarm(struct log_line *line)
{
    log_send(line, LOG_CRIT);
    if (is_syslog)
        write_line(line);
}
