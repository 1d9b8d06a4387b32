/* A constant database as Postfix has it, by libcdb of TinyCDB: what benches/peers builds and asks.
 *
 *     cc -O2 -shared -fPIC cdb.c -lcdb -o cdb.so
 */

#include <cdb.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct maker {
    struct cdb_make make;
    int file;
};

struct maker *maker_new(const char *path)
{
    struct maker *maker = calloc(1, sizeof *maker);

    if (maker == NULL)
        return NULL;
    maker->file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0640);
    if (maker->file < 0 || cdb_make_start(&maker->make, maker->file) != 0) {
        free(maker);
        return NULL;
    }
    return maker;
}

int maker_add(struct maker *maker, const char *key, unsigned key_length, const char *value, unsigned length)
{
    return cdb_make_add(&maker->make, key, key_length, value, length) == 0;
}

/* Writes what is left and gives the maker back. */
int maker_finish(struct maker *maker)
{
    int done = cdb_make_finish(&maker->make) == 0;

    done = close(maker->file) == 0 && done;
    free(maker);
    return done;
}

struct reader {
    struct cdb cdb;
    int file;
};

struct reader *reader_new(const char *path)
{
    struct reader *reader = calloc(1, sizeof *reader);

    if (reader == NULL)
        return NULL;
    reader->file = open(path, O_RDONLY);
    if (reader->file < 0 || cdb_init(&reader->cdb, reader->file) != 0) {
        free(reader);
        return NULL;
    }
    return reader;
}

void reader_free(struct reader *reader)
{
    cdb_free(&reader->cdb);
    close(reader->file);
    free(reader);
}

/* The value of a key, in the file's memory; NULL if there is none. */
const char *reader_find(struct reader *reader, const char *key, unsigned key_length, unsigned *length)
{
    if (cdb_find(&reader->cdb, key, key_length) <= 0)
        return NULL;
    *length = cdb_datalen(&reader->cdb);
    return cdb_getdata(&reader->cdb);
}
