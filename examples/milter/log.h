/* Lines for the log: key=value, one event a line, printable ASCII whatever the values are. */

#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

/* A line is cut here, and a value at a quarter of it; a mail log that takes more is rare. */
enum { LOG_LINE_MAX = 8192 };

struct log_line {
    char text[LOG_LINE_MAX];
    size_t len;
};

/* Where lines go: syslog with a facility of syslog.h, or standard error. Until this is called they go to
 * standard error. */
void log_open(bool to_syslog, int facility);

/* Begins a line. queue: the MTA's name for the message; NULL for an event that is about none. */
void log_begin(struct log_line *line, const char *queue, const char *event);

/* Appends key=value. Values that are empty, or have anything in them but printable ASCII without spaces,
 * quotes and backslashes, are put into quotes; log_quoted does so always. */
void log_word(struct log_line *line, const char *key, const char *value);
void log_octets(struct log_line *line, const char *key, const void *value, size_t len);
void log_quoted(struct log_line *line, const char *key, const void *value, size_t len);
void log_number(struct log_line *line, const char *key, unsigned long long value);

/* Sends the line. priority: one of syslog.h. */
void log_send(struct log_line *line, int priority);

/* Sends a line about what ends the program: as LOG_CRIT, and to standard error in any case. */
void log_alarm(struct log_line *line);

#endif
