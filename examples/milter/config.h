/* The configuration file: "key = value" lines, "#" comments. */

#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CONFIG_VALUE_MAX = 1024 };

struct config {
    char map[CONFIG_VALUE_MAX];
    char socket[CONFIG_VALUE_MAX];   /* libmilter's spelling */
    char metrics[CONFIG_VALUE_MAX];  /* empty: none */
    char user[CONFIG_VALUE_MAX];     /* empty: as it was started */
    char group[CONFIG_VALUE_MAX];    /* empty: the user's */
    char pid_file[CONFIG_VALUE_MAX]; /* empty: none */
    mode_t umask;
    bool is_shadow;
    bool to_syslog;
    int facility;
    uint32_t direction;   /* of messages, where the map has no listeners */
    unsigned interval_ms; /* between looks at the map file */
};

/* Reads a file. Returns whether all of it could be read; if not, says what is wrong with it, in which line. */
bool config_read(const char *path, struct config *config, char *wrong, size_t wrong_size);

#endif
