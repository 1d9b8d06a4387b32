/* The map file: the engine made of its latest valid version, and the thread that looks for new ones. */

#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>

#include "readdress.h"

/* Opens the map file. On failure there is nothing to go on with, and err says why. */
readdress_status watch_open(const char *path, readdress_error *err);

/* The engine in use, for the caller to free; NULL before watch_open(). Never waits. */
readdress_engine *watch_engine(void);

/* Starts the thread that looks at the file every interval_ms, and at once when an octet arrives on
 * commands; a map that shrank sharply is taken then, too. When commands ends, the thread calls stop.
 * Returns whether it could. */
bool watch_start(int commands, unsigned interval_ms, void (*stop)(void));

#endif
