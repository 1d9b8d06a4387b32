/* What a C program does with a message, many times over: the contestant of python/call.py, which
 * loads this as a shared library so that C and Python run in one process, in turns.
 *
 *     cc -O2 -shared -fPIC call.c -lreaddress -o call.so
 */

#include <stdlib.h>
#include <string.h>

#include "readdress.h"

struct caller {
    readdress_engine *engine;
    readdress_result *result;
    uint8_t *output; /* as large as the largest message so far */
    size_t room;
};

void call_free(struct caller *caller)
{
    if (caller == NULL)
        return;
    readdress_result_free(caller->result);
    readdress_engine_free(caller->engine);
    free(caller->output);
    free(caller);
}

/* Opens a map. NULL if that fails. */
struct caller *call_new(const char *map)
{
    struct caller *caller = calloc(1, sizeof *caller);

    if (caller == NULL)
        return NULL;
    caller->result = readdress_result_new();
    if (caller->result == NULL || readdress_engine_open(map, 0, &caller->engine, NULL) != READDRESS_OK) {
        call_free(caller);
        return NULL;
    }
    return caller;
}

static int rewrite(struct caller *caller, const readdress_slice *message)
{
    static const readdress_session session = {.direction = READDRESS_OUTBOUND};

    return readdress_rewrite(caller->engine, &session, message->data, message->len, caller->result, NULL) ==
           READDRESS_OK;
}

/* Rewrites all messages this many times. Nothing is taken from the results. */
int call_rewrite(struct caller *caller, const readdress_slice *messages, size_t count, size_t passes)
{
    for (size_t pass = 0; pass < passes; pass++)
        for (size_t nth = 0; nth < count; nth++)
            if (!rewrite(caller, &messages[nth]))
                return 0;
    return 1;
}

static int copy(struct caller *caller)
{
    size_t count, used = 0, size = readdress_result_size(caller->result);
    const readdress_slice *slices = readdress_result_slices(caller->result, &count);

    if (size > caller->room) {
        uint8_t *larger = realloc(caller->output, size);

        if (larger == NULL)
            return 0;
        caller->output = larger;
        caller->room = size;
    }
    for (size_t nth = 0; nth < count; nth++) {
        memcpy(caller->output + used, slices[nth].data, slices[nth].len);
        used += slices[nth].len;
    }
    return used == size;
}

/* The same, and puts each changed message together in a buffer that is used again. */
int call_output(struct caller *caller, const readdress_slice *messages, size_t count, size_t passes)
{
    for (size_t pass = 0; pass < passes; pass++)
        for (size_t nth = 0; nth < count; nth++) {
            if (!rewrite(caller, &messages[nth]))
                return 0;
            if (readdress_result_changed(caller->result) && !copy(caller))
                return 0;
        }
    return 1;
}

/* The output of the message before, for whoever wants to see that it is the right one. */
const uint8_t *call_octets(const struct caller *caller)
{
    return caller->output;
}
