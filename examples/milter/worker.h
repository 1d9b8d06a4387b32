/* The process that handles mail. */

#ifndef WORKER_H
#define WORKER_H

#include <stdbool.h>

#include "config.h"

/* Opens the map and the sockets, says so by an octet to ready, and handles mail until commands ends; each
 * octet that arrives there is a reload. Returns what the process is to exit with, one of sysexits.h, if it
 * can't begin or libmilter gives up. */
int worker_run(const struct config *config, int commands, int ready, bool is_background);

/* Opens the map and says what it is, to see whether the configuration is right. */
int worker_test(const struct config *config);

#endif
