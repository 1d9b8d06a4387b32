/* Descriptors 0 to 2. */

#ifndef STANDARD_H
#define STANDARD_H

#include <stdbool.h>

/* Makes sure that all three are something, so that no socket becomes standard error. */
bool standard_open(void);

/* Lets go of them, as what goes on in the background does; of standard error only if nobody logs to it. */
void standard_detach(bool keeps_error);

#endif
