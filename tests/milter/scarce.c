/* Memory that is scarce for the program itself: preloaded, every SCARCE-th allocation by the executable fails.
 * Those of its libraries don't. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uintptr_t begin, end;
static unsigned long every;
static atomic_ulong calls;
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);

static int find_executable(struct dl_phdr_info *info, size_t size, void *unused)
{
    int at;

    (void)size;
    (void)unused;
    for (at = 0; at < info->dlpi_phnum; at++)
        if (info->dlpi_phdr[at].p_type == PT_LOAD && (info->dlpi_phdr[at].p_flags & PF_X) != 0) {
            begin = info->dlpi_addr + info->dlpi_phdr[at].p_vaddr;
            end = begin + info->dlpi_phdr[at].p_memsz;
        }
    return 1; /* the first object is the executable */
}

__attribute__((constructor)) static void prepare(void)
{
    const char *number = getenv("SCARCE");

    *(void **)&real_calloc = dlsym(RTLD_NEXT, "calloc");
    *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    dl_iterate_phdr(find_executable, NULL);
    every = number == NULL ? 0 : strtoul(number, NULL, 10);
}

static int is_over(const void *caller)
{
    uintptr_t place = (uintptr_t)caller;

    if (every == 0 || place < begin || place >= end || atomic_fetch_add(&calls, 1) % every != every - 1)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *calloc(size_t count, size_t size)
{
    static _Alignas(16) char first[65536];
    static size_t used;

    /* dlsym() allocates before it can say where the real one is. */
    if (real_calloc == NULL) {
        char *place = first + used;

        used += (count * size + 15) / 16 * 16;
        return used <= sizeof first ? place : NULL;
    }
    return is_over(__builtin_return_address(0)) ? NULL : real_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    if (real_realloc == NULL)
        *(void **)&real_realloc = dlsym(RTLD_NEXT, "realloc");
    return is_over(__builtin_return_address(0)) ? NULL : real_realloc(old, size);
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = is_over(__builtin_return_address(0)) ? NULL : malloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}
