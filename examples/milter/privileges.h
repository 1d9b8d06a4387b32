/* Becoming the user that mail is handled as. */

#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* Sets the umask, and becomes the configured user and group for good. Returns whether it worked, and if not,
 * what did not: nothing may be opened then. */
bool privileges_drop(const struct config *config, char *wrong, size_t wrong_size);

#endif
