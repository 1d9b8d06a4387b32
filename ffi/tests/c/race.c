/* Two threads that write to one place: a sanitizer that stays silent here is not looking. */

#include <pthread.h>
#include <stdio.h>

static int place;

static void *write_it(void *unused)
{
    int at;

    for (at = 0; at < 100000; at++)
        place++;
    return unused;
}

int main(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, write_it, NULL) != 0)
        return 2;
    write_it(NULL);
    pthread_join(thread, NULL);
    printf("%d\n", place);
    return 0;
}
