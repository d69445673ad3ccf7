/* An example: one thread fills blocks, another reads them, with a queue between them. Each has a local pool,
 * so that taking a block and giving it back take a few plain instructions.
 *
 * No bytes are copied, nothing is allocated, and no thread waits for a lock. The queue has a slot for every
 * block, so there is only one failure to handle: that no block is free.
 */

#include "check.h"
#include <blockpool.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#define BLOCK_SIZE 2048
#define BLOCKS 1024
#define BURST 32
#define PACKETS 1000000

/* The contents of a block: the library only moves blocks, and the program decides what is in them. */
struct packet {
    uint64_t number;
    size_t length;
    unsigned char bytes[BLOCK_SIZE - 16];
};

static BLOCKPOOL_STORAGE(BLOCK_SIZE, BLOCKS) pool_storage;
static BLOCKPOOL_QUEUE_STORAGE(BLOCKS) queue_storage;
static BLOCKPOOL_LOCAL_POOL_STORAGE sender_storage, receiver_storage;

static blockpool *pool;
static blockpool_queue *queue;

static void *send_packets(void *nothing)
{
    blockpool_local_pool *local;
    void *blocks[BURST];
    uint64_t sent = 0;

    CHECK(BLOCKPOOL_LOCAL_POOL_CREATE(pool, 256, sender_storage, &local) == BLOCKPOOL_OK);
    while (sent < PACKETS) {
        size_t wanted = PACKETS - sent < BURST ? PACKETS - sent : BURST;
        size_t count = blockpool_local_pool_get_burst(local, blocks, wanted);

        if (count == 0)
            sched_yield(); /* the receiver is behind */
        for (size_t i = 0; i < count; i++) {
            struct packet *packet = blocks[i];
            packet->number = sent++;
            packet->length = packet->number % sizeof packet->bytes;
            packet->bytes[packet->length] = (unsigned char)packet->number;
        }
        CHECK(blockpool_queue_push_burst(queue, blocks, count, NULL) == BLOCKPOOL_OK);
    }
    blockpool_local_pool_destroy(local);
    return nothing;
}

static void *receive_packets(void *nothing)
{
    blockpool_local_pool *local;
    void *blocks[BURST];
    uint64_t received = 0;

    CHECK(BLOCKPOOL_LOCAL_POOL_CREATE(pool, 256, receiver_storage, &local) == BLOCKPOOL_OK);
    while (received < PACKETS) {
        size_t count = blockpool_queue_pop_burst(queue, blocks, BURST);

        if (count == 0)
            sched_yield(); /* the sender is behind */
        for (size_t i = 0; i < count; i++) {
            const struct packet *packet = blocks[i];
            CHECK(packet->number == received++);
            CHECK(packet->length == packet->number % sizeof packet->bytes);
            CHECK(packet->bytes[packet->length] == (unsigned char)packet->number);
        }
        CHECK(blockpool_local_pool_put_burst(local, blocks, count, NULL) == BLOCKPOOL_OK);
    }
    blockpool_local_pool_destroy(local);
    return nothing;
}

int main(void)
{
    pthread_t sender, receiver;

    CHECK(BLOCKPOOL_CREATE(pool_storage, &pool) == BLOCKPOOL_OK);
    CHECK(BLOCKPOOL_QUEUE_CREATE(pool, queue_storage, &queue) == BLOCKPOOL_OK);
    CHECK(pthread_create(&sender, NULL, send_packets, NULL) == 0);
    CHECK(pthread_create(&receiver, NULL, receive_packets, NULL) == 0);
    CHECK(pthread_join(sender, NULL) == 0);
    CHECK(pthread_join(receiver, NULL) == 0);

    CHECK(blockpool_queue_length(queue) == 0);
    CHECK(blockpool_queue_destroy(queue) == BLOCKPOOL_OK);
    CHECK(blockpool_available(pool) == BLOCKS);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
    printf("%d packets\n", PACKETS);
    return 0;
}
