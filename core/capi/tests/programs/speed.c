/* The time per block, in nanoseconds: taken and given back one by one and in bursts of 32, and handed on
 * through a queue. The best of several rounds.
 *
 *     cc -O2 speed.c $(pkg-config --cflags --libs blockpool) && ./a.out [millions of blocks]
 */

#define _POSIX_C_SOURCE 200809L

#include <blockpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BURST 32
#define ROUNDS 7

static BLOCKPOOL_STORAGE(2048, 1024) pool_storage;
static BLOCKPOOL_LOCAL_POOL_STORAGE local_storage;
static BLOCKPOOL_QUEUE_STORAGE(1024) queue_storage;

static blockpool *pool;
static blockpool_local_pool *local;
static blockpool_queue *queue;

static void check(int right)
{
    if (!right)
        abort();
}

static void by_the_pool(void)
{
    check(blockpool_put(pool, blockpool_get(pool)) == BLOCKPOOL_OK);
}

static void by_a_worker(void)
{
    check(blockpool_local_pool_put(local, blockpool_local_pool_get(local)) == BLOCKPOOL_OK);
}

static void by_a_worker_in_bursts(void)
{
    void *blocks[BURST];

    check(blockpool_local_pool_get_burst(local, blocks, BURST) == BURST);
    check(blockpool_local_pool_put_burst(local, blocks, BURST, NULL) == BLOCKPOOL_OK);
}

static void in_bursts_through_a_queue(void)
{
    void *blocks[BURST];

    check(blockpool_local_pool_get_burst(local, blocks, BURST) == BURST);
    check(blockpool_queue_push_burst(queue, blocks, BURST, NULL) == BLOCKPOOL_OK);
    check(blockpool_queue_pop_burst(queue, blocks, BURST) == BURST);
    check(blockpool_local_pool_put_burst(local, blocks, BURST, NULL) == BLOCKPOOL_OK);
}

static double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void measure(const char *name, void (*once)(void), size_t blocks, size_t times)
{
    double best = 0;

    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns();
        for (size_t i = 0; i < times / blocks; i++)
            once();
        double each = (now_ns() - begin) / (double)times;
        if (round == 0 || each < best)
            best = each;
    }
    printf("%-36s %6.2f ns\n", name, best);
}

int main(int argc, char **argv)
{
    size_t times = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) * 1000000;

    check(BLOCKPOOL_CREATE(pool_storage, &pool) == BLOCKPOOL_OK);
    check(BLOCKPOOL_LOCAL_POOL_CREATE(pool, 256, local_storage, &local) == BLOCKPOOL_OK);
    check(BLOCKPOOL_QUEUE_CREATE(pool, queue_storage, &queue) == BLOCKPOOL_OK);
    measure("pool: get and put", by_the_pool, 1, times);
    measure("local: get and put", by_a_worker, 1, times);
    measure("local: 32 at once, each", by_a_worker_in_bursts, BURST, times);
    measure("local and queue: 32 at once, each", in_bursts_through_a_queue, BURST, times);
    return 0;
}
