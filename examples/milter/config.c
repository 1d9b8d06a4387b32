/* Reads the configuration file. A key that nobody knows, or one that stands twice, is a mistake: a line
 * that has no effect is worse than a milter that says so and does not start. */

#define _POSIX_C_SOURCE 200809L

#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "readdress.h"

enum { LINE_MAX_OCTETS = 2 * CONFIG_VALUE_MAX };

struct key {
    const char *name;
    bool (*take)(struct config *config, const char *value);
    const char *wants;
};

static bool copy(char *place, const char *value)
{
    return snprintf(place, CONFIG_VALUE_MAX, "%s", value) < CONFIG_VALUE_MAX;
}

static bool is_socket(const char *value)
{
    return strncmp(value, "unix:", 5) == 0 || strncmp(value, "inet:", 5) == 0 || strncmp(value, "inet6:", 6) == 0;
}

static bool take_map(struct config *config, const char *value)
{
    return value[0] != '\0' && copy(config->map, value);
}

static bool take_socket(struct config *config, const char *value)
{
    return is_socket(value) && copy(config->socket, value);
}

static bool take_metrics(struct config *config, const char *value)
{
    return (value[0] == '\0' || is_socket(value)) && copy(config->metrics, value);
}

static bool take_user(struct config *config, const char *value)
{
    return copy(config->user, value);
}

static bool take_group(struct config *config, const char *value)
{
    return copy(config->group, value);
}

static bool take_pid_file(struct config *config, const char *value)
{
    return copy(config->pid_file, value);
}

static bool take_umask(struct config *config, const char *value)
{
    char *end;
    unsigned long number = strtoul(value, &end, 8);

    config->umask = (mode_t)(number & 0777);
    return value[0] >= '0' && value[0] <= '7' && *end == '\0' && number <= 0777;
}

static bool take_mode(struct config *config, const char *value)
{
    config->is_shadow = strcmp(value, "shadow") == 0;
    return config->is_shadow || strcmp(value, "enforce") == 0;
}

static bool take_direction(struct config *config, const char *value)
{
    config->direction = strcmp(value, "outbound") == 0 ? READDRESS_OUTBOUND : READDRESS_INBOUND;
    return config->direction == READDRESS_OUTBOUND || strcmp(value, "inbound") == 0;
}

static bool take_interval(struct config *config, const char *value)
{
    char *end;
    double seconds = strtod(value, &end);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || !(seconds >= 0.01 && seconds <= 86400))
        return false;
    config->interval_ms = (unsigned)(seconds * 1000);
    return true;
}

static bool take_log(struct config *config, const char *value)
{
    config->to_syslog = strcmp(value, "syslog") == 0;
    return config->to_syslog || strcmp(value, "stderr") == 0;
}

static bool take_facility(struct config *config, const char *value)
{
    static const struct {
        const char *name;
        int facility;
    } facilities[] = {
        {"mail", LOG_MAIL},     {"daemon", LOG_DAEMON}, {"user", LOG_USER},     {"local0", LOG_LOCAL0},
        {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2}, {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
        {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
    };
    size_t at;

    for (at = 0; at < sizeof facilities / sizeof *facilities; at++)
        if (strcasecmp(facilities[at].name, value) == 0) {
            config->facility = facilities[at].facility;
            return true;
        }
    return false;
}

static const struct key keys[] = {
    {"map", take_map, "a file"},
    {"socket", take_socket, "unix:PATH, inet:PORT@ADDRESS or inet6:PORT@ADDRESS"},
    {"metrics", take_metrics, "unix:PATH, inet:PORT@ADDRESS or inet6:PORT@ADDRESS"},
    {"user", take_user, "a user"},
    {"group", take_group, "a group"},
    {"umask", take_umask, "an octal number up to 0777"},
    {"pid-file", take_pid_file, "a file"},
    {"mode", take_mode, "enforce or shadow"},
    {"direction", take_direction, "inbound or outbound"},
    {"interval", take_interval, "seconds, from 0.01 to 86400"},
    {"log", take_log, "syslog or stderr"},
    {"syslog-facility", take_facility, "mail, daemon, user or local0 to local7"},
};

enum { KEYS = sizeof keys / sizeof *keys };

static bool fail(char *wrong, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(wrong, size, format, arguments);
    va_end(arguments);
    return false;
}

/* Takes white space away at both ends. */
static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        text[--len] = '\0';
    return text;
}

static bool take_line(char *line, struct config *config, bool *seen, char *wrong, size_t size)
{
    char *equals, *name, *value;
    size_t at;

    line = trim(line);
    if (line[0] == '\0' || line[0] == '#')
        return true;
    equals = strchr(line, '=');
    if (equals == NULL)
        return fail(wrong, size, "no \"=\"");
    *equals = '\0';
    name = trim(line);
    value = trim(equals + 1);
    for (at = 0; at < KEYS && strcmp(keys[at].name, name) != 0; at++)
        continue;
    if (at == KEYS)
        return fail(wrong, size, "no key \"%s\"", name);
    if (seen[at])
        return fail(wrong, size, "\"%s\" a second time", name);
    seen[at] = true;
    return keys[at].take(config, value) || fail(wrong, size, "\"%s\" wants %s", name, keys[at].wants);
}

bool config_read(const char *path, struct config *config, char *wrong, size_t wrong_size)
{
    bool seen[KEYS] = {false}, is_right = true;
    char line[LINE_MAX_OCTETS], what[LINE_MAX_OCTETS + 64];
    unsigned number = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return fail(wrong, wrong_size, "%s: %s", path, strerror(errno));
    memset(config, 0, sizeof *config);
    config->umask = 0007;
    config->to_syslog = true;
    config->facility = LOG_MAIL;
    config->direction = READDRESS_INBOUND;
    config->interval_ms = 250;
    while (is_right && fgets(line, sizeof line, file) != NULL) {
        number++;
        is_right = strchr(line, '\n') != NULL || feof(file) || fail(what, sizeof what, "too long a line");
        is_right = is_right && take_line(line, config, seen, what, sizeof what);
    }
    if (!is_right)
        fail(wrong, wrong_size, "%s:%u: %s", path, number, what);
    else if (ferror(file))
        is_right = fail(wrong, wrong_size, "%s: %s", path, strerror(errno));
    else if (config->map[0] == '\0' || config->socket[0] == '\0')
        is_right = fail(wrong, wrong_size, "%s: \"map\" and \"socket\" have to be there", path);
    fclose(file);
    return is_right;
}
