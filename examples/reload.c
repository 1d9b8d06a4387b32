/* Threads that rewrite while the map is replaced again and again, half of the times by a file that is
 * no map, and while processes are forked:
 *
 *     reload FOLDER [RELOADS [THREADS [FORKS]]]
 *
 * The maps are made here: map number n rewrites user@inside.example to n@outside.example. Every
 * outcome has to be that of one valid map, whole: two addresses of a message, and the generation that
 * the engine names, always go together. Build it with
 *
 *     cc -pthread reload.c $(pkg-config --cflags --libs readdress) -o reload
 */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "readdress.h"

enum { MAPS = 8, THREADS_MAX = 64 };

static const char MESSAGE[] = "From: <user@inside.example>\r\nReply-To: user@inside.example\r\n\r\nHello\r\n";

struct map {
    char generation[65];
    char path[4096];
    uint8_t *octets;
    size_t len;
};

static struct map maps[MAPS];
static readdress_live *live;
static atomic_int is_over;
static atomic_long rewritten, wrong;

static void die(const char *what, const readdress_error *err)
{
    fprintf(stderr, "reload: %s%s%s\n", what, err == NULL ? "" : ": ", err == NULL ? "" : err->message);
    exit(1);
}

/* Writes a map, reads it back, and notes its generation. */
static void make_map(struct map *map, const char *folder, unsigned number)
{
    static const char inside[] = "user@inside.example";
    char outside[64];
    readdress_error err;
    readdress_engine *engine;
    readdress_builder *builder = readdress_builder_new();
    FILE *file;

    snprintf(map->path, sizeof map->path, "%s/map-%u", folder, number);
    snprintf(outside, sizeof outside, "%u@outside.example", number);
    if (readdress_builder_add_entry(builder, (const uint8_t *)inside, strlen(inside), (const uint8_t *)outside,
                                    strlen(outside), 0, &err) != READDRESS_OK ||
        readdress_builder_save(builder, map->path, &err) != READDRESS_OK ||
        readdress_engine_open(map->path, 0, &engine, &err) != READDRESS_OK)
        die(map->path, &err);
    snprintf(map->generation, sizeof map->generation, "%s", readdress_engine_generation(engine));
    readdress_engine_free(engine);
    readdress_builder_free(builder);
    file = fopen(map->path, "rb");
    map->octets = malloc(65536);
    if (file == NULL || map->octets == NULL)
        die(map->path, NULL);
    map->len = fread(map->octets, 1, 65536, file);
    fclose(file);
}

/* Puts octets into the place of the file that is in use, by renaming. */
static void replace(const char *folder, const char *place, const uint8_t *octets, size_t len)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/next", folder);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(octets, 1, len, file) != len || fclose(file) != 0 || rename(path, place) != 0)
        die(place, NULL);
}

/* Rewrites the message once and says whether the outcome is that of one map. */
static int is_right(readdress_result *result)
{
    readdress_session session = {0};
    readdress_engine *engine = readdress_live_acquire(live);
    const char *generation = readdress_engine_generation(engine);
    const readdress_edit *edits;
    char expected[64];
    size_t count, number, at;
    int right;

    session.direction = READDRESS_OUTBOUND;
    for (number = 0; number < MAPS && strcmp(maps[number].generation, generation) != 0; number++)
        continue;
    snprintf(expected, sizeof expected, "%u@outside.example", (unsigned)number);
    right = number < MAPS && readdress_rewrite(engine, &session, (const uint8_t *)MESSAGE, sizeof MESSAGE - 1, result,
                                               NULL) == READDRESS_OK;
    /* The result keeps what it needs. */
    readdress_engine_free(engine);
    edits = readdress_result_edits(result, &count);
    right = right && count == 2;
    for (at = 0; right && at < count; at++)
        right = edits[at].to.len == strlen(expected) && memcmp(edits[at].to.data, expected, edits[at].to.len) == 0;
    return right;
}

static void *rewrite(void *unused)
{
    readdress_result *result = readdress_result_new();

    (void)unused;
    while (!atomic_load(&is_over)) {
        if (!is_right(result))
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&rewritten, 1);
    }
    readdress_result_free(result);
    return NULL;
}

/* A process that is forked while others rewrite and reload looks up for itself. */
static void fork_once(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        readdress_result *result = readdress_result_new();
        int right = is_right(result) && readdress_live_reload(live, 0, NULL, NULL) != READDRESS_E_PANIC && is_right(result);

        readdress_result_free(result);
        _exit(right ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        die("fork", NULL);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        atomic_fetch_add(&wrong, 1);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : NULL;
    long reloads = argc > 2 ? atol(argv[2]) : 10000, threads = argc > 3 ? atol(argv[3]) : 4;
    long forks = argc > 4 ? atol(argv[4]) : 0, done, refused = 0, swaps = 0;
    pthread_t thread[THREADS_MAX];
    char place[4096];
    readdress_error err;
    unsigned number;

    if (folder == NULL || reloads < 1 || threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: reload FOLDER [RELOADS [THREADS [FORKS]]]\n");
        return 64;
    }
    for (number = 0; number < MAPS; number++)
        make_map(&maps[number], folder, number);
    snprintf(place, sizeof place, "%s/live", folder);
    replace(folder, place, maps[0].octets, maps[0].len);
    if (readdress_live_open(place, 0, &live, &err) != READDRESS_OK)
        die(place, &err);
    for (done = 0; done < threads; done++)
        if (pthread_create(&thread[done], NULL, rewrite, NULL) != 0)
            die("pthread_create", NULL);
    for (done = 0; done < reloads; done++) {
        const struct map *next = &maps[(done / 2 + 1) % MAPS];
        bool swapped = false;

        /* Cut anywhere, every second one is no map. */
        replace(folder, place, next->octets, done % 2 == 0 ? (size_t)done % next->len : next->len);
        if (readdress_live_reload(live, 0, &swapped, NULL) != READDRESS_OK)
            refused++;
        swaps += swapped;
        if (forks > 0 && done % ((reloads + forks - 1) / forks) == 0)
            fork_once();
    }
    atomic_store(&is_over, 1);
    for (done = 0; done < threads; done++)
        pthread_join(thread[done], NULL);
    printf("%ld reloads: %ld swapped, %ld refused; %ld messages, %ld wrong\n", reloads, swaps, refused,
           atomic_load(&rewritten), atomic_load(&wrong));
    readdress_live_free(live);
    for (number = 0; number < MAPS; number++)
        free(maps[number].octets);
    return atomic_load(&wrong) == 0 && refused == (reloads + 1) / 2 && swaps == reloads / 2 ? 0 : 1;
}
