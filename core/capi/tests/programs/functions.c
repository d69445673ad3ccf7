/* Every function, and everything it refuses. Compiles as C and as C++. */

#include "check.h"
#include <blockpool.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_SIZE 192
#define BLOCKS 100

static BLOCKPOOL_STORAGE(BLOCK_SIZE, BLOCKS) storage;
static BLOCKPOOL_LOCAL_POOL_STORAGE local_storage;
static BLOCKPOOL_QUEUE_STORAGE(BLOCKS) queue_storage;

/* For another pool. */
static BLOCKPOOL_STORAGE(BLOCK_SIZE, BLOCKS) other_storage;

static blockpool *create(void)
{
    blockpool *pool;

    /* Previous contents do not matter. */
    memset(&storage, 0xA5, sizeof storage);
    CHECK(BLOCKPOOL_CREATE(storage, &pool) == BLOCKPOOL_OK);
    return pool;
}

static void the_version_is_that_of_the_header(void)
{
    CHECK(blockpool_version() == BLOCKPOOL_VERSION);
    CHECK(strcmp(blockpool_version_text(), BLOCKPOOL_VERSION_TEXT) == 0);
}

static void every_result_has_a_text_of_its_own(void)
{
    for (int result = -1; result <= BLOCKPOOL_ERROR_BLOCKS_OUT + 1; result++)
        for (int other = 0; other < result; other++)
            CHECK(strcmp(blockpool_result_text(result), blockpool_result_text(other)) != 0);
    CHECK(strcmp(blockpool_result_text(-1), "unknown result") == 0);
    CHECK(strcmp(blockpool_result_text(BLOCKPOOL_ERROR_BLOCKS_OUT + 1), "unknown result") == 0);
    CHECK(strcmp(blockpool_result_text(BLOCKPOOL_OK), "done") == 0);
}

static void macros_and_functions_tell_the_same_sizes(void)
{
    for (size_t count = 0; count <= 300; count++) {
        size_t length = count * BLOCK_SIZE + count % BLOCK_SIZE;
        CHECK(blockpool_bookkeeping_size(length, BLOCK_SIZE) ==
              BLOCKPOOL_BOOKKEEPING_SIZE(length, BLOCK_SIZE));
        CHECK(blockpool_queue_size(count) == BLOCKPOOL_QUEUE_SIZE(count));
    }
    CHECK(blockpool_bookkeeping_size(4096, 0) == BLOCKPOOL_POOL_SIZE);
    CHECK(blockpool_bookkeeping_size(SIZE_MAX, 1) == SIZE_MAX);
    CHECK(blockpool_queue_size(SIZE_MAX) == SIZE_MAX);
    CHECK(blockpool_local_pool_size() == BLOCKPOOL_LOCAL_POOL_SIZE);
}

static void a_pool_that_cannot_be_is_refused(void)
{
    unsigned char *memory = storage.memory[0], *bookkeeping = storage.bookkeeping;
    size_t length = sizeof storage.memory, size = sizeof storage.bookkeeping;
    blockpool *pool = (blockpool *)memory;

    CHECK(blockpool_create(memory, length, 192, bookkeeping, size, NULL) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_create(NULL, length, 192, bookkeeping, size, &pool) == BLOCKPOOL_ERROR_NULL);
    CHECK(pool == NULL);
    CHECK(blockpool_create(memory, length, 192, NULL, size, &pool) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_create(memory, length, 0, bookkeeping, size, &pool) == BLOCKPOOL_ERROR_BLOCK_SIZE);
    CHECK(blockpool_create(memory, length, 1, bookkeeping, size, &pool) == BLOCKPOOL_ERROR_BLOCK_SIZE);
    CHECK(blockpool_create(memory, length, 65600, bookkeeping, size, &pool) ==
          BLOCKPOOL_ERROR_BLOCK_SIZE);
    CHECK(blockpool_create(memory + 8, length - 8, 192, bookkeeping, size, &pool) ==
          BLOCKPOOL_ERROR_MEMORY_MISALIGNED);
    CHECK(blockpool_create(memory, 191, 192, bookkeeping, size, &pool) ==
          BLOCKPOOL_ERROR_MEMORY_TOO_SMALL);
    CHECK(blockpool_create(memory, 192, 192, bookkeeping + 8, size - 8, &pool) ==
          BLOCKPOOL_ERROR_BOOKKEEPING_MISALIGNED);
#if SIZE_MAX > UINT32_MAX
    CHECK(blockpool_create(memory, SIZE_MAX, 192, bookkeeping, size, &pool) ==
          BLOCKPOOL_ERROR_TOO_MANY_BLOCKS);
    for (size_t less = 1; less <= size; less++)
        CHECK(blockpool_create(memory, length, 192, bookkeeping, size - less, &pool) ==
              BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL);
#endif
    CHECK(pool == NULL);
    CHECK(blockpool_destroy(NULL) == BLOCKPOOL_ERROR_NULL);
}

static void every_block_is_taken_once_and_can_be_given_back(void)
{
    blockpool *pool = create();
    void *blocks[BLOCKS];
    size_t length;

    CHECK(blockpool_capacity(pool) == BLOCKS && blockpool_capacity(NULL) == 0);
    CHECK(blockpool_block_size(pool) == BLOCK_SIZE && blockpool_block_size(NULL) == 0);
    CHECK(blockpool_memory(pool, &length) == storage.memory && length == BLOCKS * BLOCK_SIZE);
    CHECK(blockpool_memory(pool, NULL) == storage.memory);
    CHECK(blockpool_memory(NULL, &length) == NULL && length == 0);

    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK(blockpool_available(pool) == BLOCKS - i);
        blocks[i] = blockpool_get(pool);
        CHECK(blocks[i] != NULL);
        CHECK(((unsigned char *)blocks[i] - storage.memory[0]) % BLOCK_SIZE == 0);
        memset(blocks[i], (int)i, BLOCK_SIZE);
    }
    CHECK(blockpool_exhausted_count(pool) == 0 && blockpool_exhausted_count(NULL) == 0);
    CHECK(blockpool_get(pool) == NULL && blockpool_get(NULL) == NULL);
    CHECK(blockpool_exhausted_count(pool) == 1);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_ERROR_BLOCKS_OUT);

    for (size_t i = 0; i < BLOCKS; i++) {
        const unsigned char *bytes = (const unsigned char *)blocks[i];
        CHECK(bytes[0] == i && bytes[BLOCK_SIZE - 1] == i);
        CHECK(blockpool_put(pool, blocks[i]) == BLOCKPOOL_OK);
    }
    CHECK(blockpool_available(pool) == BLOCKS && blockpool_available(NULL) == 0);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
}

/* A pointer that a program cannot give back to the pool, and why. */
struct refused {
    void *pointer;
    blockpool_result why;
};

static void what_is_not_out_of_the_pool_is_refused_and_harms_nothing(void)
{
    blockpool *pool = create(), *other;
    blockpool_local_pool *local;
    blockpool_queue *queue;
    unsigned char *blocks[BLOCKS], *begin = storage.memory[0];
    size_t count, used = 2;

    CHECK(BLOCKPOOL_LOCAL_POOL_CREATE(pool, 32, local_storage, &local) == BLOCKPOOL_OK);
    CHECK(BLOCKPOOL_QUEUE_CREATE(pool, queue_storage, &queue) == BLOCKPOOL_OK);
    CHECK(BLOCKPOOL_CREATE(other_storage, &other) == BLOCKPOOL_OK);
    /* Takes all now and none later, so that what is given back stays in the pool. */
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = (unsigned char *)blockpool_get(pool);
    CHECK(blockpool_put(pool, blocks[0]) == BLOCKPOOL_OK);

    struct refused all[] = {
        {NULL, BLOCKPOOL_ERROR_NULL},
        {begin + sizeof storage.memory, BLOCKPOOL_ERROR_FOREIGN},
        {blockpool_get(other), BLOCKPOOL_ERROR_FOREIGN},
        {blocks[1] + 1, BLOCKPOOL_ERROR_MISALIGNED},
        {blocks[1] + 64, BLOCKPOOL_ERROR_MISALIGNED},
        {blocks[1] + BLOCK_SIZE - 1, BLOCKPOOL_ERROR_MISALIGNED},
        {blocks[0], BLOCKPOOL_ERROR_NOT_OUT},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        void *before = blocks[used++], *behind = blocks[used++];
        void *three[3] = {before, all[i].pointer, behind};

        CHECK(blockpool_put(pool, all[i].pointer) == all[i].why);
        CHECK(blockpool_local_pool_put(local, all[i].pointer) == all[i].why);
        CHECK(blockpool_queue_push(queue, all[i].pointer) == all[i].why);
        CHECK(blockpool_local_pool_put_burst(local, three, 3, &count) == all[i].why && count == 1);
        CHECK(blockpool_queue_push_burst(queue, three + 1, 2, &count) == all[i].why && count == 0);
        CHECK(blockpool_queue_push_burst(queue, three + 2, 1, &count) == BLOCKPOOL_OK);

        /* In a stock, in a queue, free. */
        CHECK(blockpool_put(pool, before) == BLOCKPOOL_ERROR_NOT_OUT);
        CHECK(blockpool_put(pool, behind) == BLOCKPOOL_ERROR_NOT_OUT);
        CHECK(blockpool_queue_pop_burst(queue, three, 3) == 1 && three[0] == behind);
        CHECK(blockpool_local_pool_put(local, behind) == BLOCKPOOL_OK);
        CHECK(blockpool_local_pool_put(local, behind) == BLOCKPOOL_ERROR_NOT_OUT);
        CHECK(blockpool_local_pool_flush(local) == BLOCKPOOL_OK);
        CHECK(blockpool_put(pool, before) == BLOCKPOOL_ERROR_NOT_OUT);
    }
    for (size_t i = 1; i < BLOCKS; i++)
        CHECK((blockpool_put(pool, blocks[i]) == BLOCKPOOL_OK) == (i == 1 || i >= used));
    CHECK(blockpool_local_pool_destroy(local) == BLOCKPOOL_OK);
    CHECK(blockpool_queue_destroy(queue) == BLOCKPOOL_OK);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
}

static void one_pointer_twice_in_a_burst_is_refused(void)
{
    blockpool *pool = create();
    blockpool_local_pool *local;
    void *block = blockpool_get(pool), *twice[2] = {block, block};
    size_t put;

    CHECK(BLOCKPOOL_LOCAL_POOL_CREATE(pool, 32, local_storage, &local) == BLOCKPOOL_OK);
    CHECK(blockpool_local_pool_put_burst(local, twice, 2, &put) == BLOCKPOOL_ERROR_NOT_OUT && put == 1);
    CHECK(blockpool_local_pool_destroy(local) == BLOCKPOOL_OK);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
}

static void a_local_pool_keeps_a_stock(void)
{
    blockpool *pool = create();
    blockpool_local_pool *local = NULL;
    unsigned char *bookkeeping = local_storage.bookkeeping;
    size_t size = sizeof local_storage.bookkeeping, put;
    void *blocks[BLOCKS + 1];

    CHECK(blockpool_local_pool_create(pool, 32, bookkeeping, size, NULL) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_local_pool_create(pool, 0, bookkeeping, size, &local) == BLOCKPOOL_ERROR_STOCK);
    CHECK(blockpool_local_pool_create(pool, BLOCKPOOL_MAX_STOCK + 1, bookkeeping, size, &local) ==
          BLOCKPOOL_ERROR_STOCK);
    CHECK(blockpool_local_pool_create(NULL, 32, bookkeeping, size, &local) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_local_pool_create(pool, 32, NULL, size, &local) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_local_pool_create(pool, 32, bookkeeping + 8, size, &local) ==
          BLOCKPOOL_ERROR_BOOKKEEPING_MISALIGNED);
    CHECK(blockpool_local_pool_create(pool, 32, bookkeeping, size - 1, &local) ==
          BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL);
    CHECK(local == NULL);
    CHECK(blockpool_local_pool_get(NULL) == NULL && blockpool_local_pool_stock(NULL) == 0);
    CHECK(blockpool_local_pool_put(NULL, NULL) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_local_pool_get_burst(NULL, blocks, 1) == 0);
    CHECK(blockpool_local_pool_put_burst(NULL, blocks, 1, &put) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_local_pool_flush(NULL) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_local_pool_destroy(NULL) == BLOCKPOOL_ERROR_NULL);

    CHECK(blockpool_local_pool_create(pool, 32, bookkeeping, size, &local) == BLOCKPOOL_OK);
    CHECK(blockpool_local_pool_stock(local) == 0);
    blocks[0] = blockpool_local_pool_get(local);
    CHECK(blocks[0] != NULL);
    CHECK(blockpool_local_pool_put(local, blocks[0]) == BLOCKPOOL_OK);
    CHECK(blockpool_local_pool_get(local) == blocks[0]);
    CHECK(blockpool_local_pool_put(local, blocks[0]) == BLOCKPOOL_OK);
    CHECK(blockpool_local_pool_stock(local) > 0 && blockpool_local_pool_stock(local) <= BLOCKS / 4);
    CHECK(blockpool_available(pool) == BLOCKS - blockpool_local_pool_stock(local));
    CHECK(blockpool_local_pool_flush(local) == BLOCKPOOL_OK);
    CHECK(blockpool_local_pool_stock(local) == 0 && blockpool_available(pool) == BLOCKS);

    CHECK(blockpool_local_pool_get_burst(local, NULL, 1) == 0);
    CHECK(blockpool_local_pool_get_bulk(NULL, blocks, 1) == 0);
    CHECK(blockpool_local_pool_get_bulk(local, NULL, 1) == 0);
    CHECK(blockpool_local_pool_get_bulk(local, blocks, BLOCKS + 1) == 0);
    for (size_t i = 0; i < BLOCKS + 1; i++) {
        CHECK(blocks[i] == NULL);
    }
    CHECK(blockpool_local_pool_flush(local) == BLOCKPOOL_OK && blockpool_available(pool) == BLOCKS);
    CHECK(blockpool_local_pool_put_burst(local, NULL, 1, &put) == BLOCKPOOL_ERROR_NULL && put == 0);
    CHECK(blockpool_local_pool_put_burst(local, NULL, 0, &put) == BLOCKPOOL_OK && put == 0);
    for (size_t count = 0; count <= 2 * BLOCKS; count++) {
        size_t before = blockpool_exhausted_count(pool);
        size_t taken = blockpool_local_pool_get_burst(local, blocks, count);
        CHECK(taken == (count <= BLOCKS ? count : BLOCKS));
        CHECK(blockpool_exhausted_count(pool) == before + (count > BLOCKS));
        CHECK(blockpool_local_pool_put_burst(local, blocks, taken, &put) == BLOCKPOOL_OK);
        CHECK(put == taken && blockpool_local_pool_stock(local) <= BLOCKS / 4);
        taken = blockpool_local_pool_get_burst(local, blocks, count);
        CHECK(blockpool_local_pool_put_burst(local, blocks, taken, NULL) == BLOCKPOOL_OK);
    }
    CHECK(blockpool_local_pool_destroy(local) == BLOCKPOOL_OK);
    CHECK(blockpool_available(pool) == BLOCKS);

    for (size_t stock = 1; stock <= BLOCKPOOL_MAX_STOCK; stock *= 2) {
        size_t most = stock < BLOCKS / 4 ? stock : BLOCKS / 4;
        CHECK(blockpool_local_pool_create(pool, stock, bookkeeping, size, &local) == BLOCKPOOL_OK);
        CHECK(blockpool_local_pool_get_burst(local, blocks, BLOCKS) == BLOCKS);
        for (size_t i = 0; i < BLOCKS; i++) {
            CHECK(blockpool_local_pool_put(local, blocks[i]) == BLOCKPOOL_OK);
            CHECK(blockpool_local_pool_stock(local) <= most);
        }
        CHECK(blockpool_local_pool_stock(local) > most / 3);
        CHECK(blockpool_local_pool_destroy(local) == BLOCKPOOL_OK);
    }
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
}

static void a_pool_in_use_is_not_destroyed(void)
{
    blockpool *pool = create();
    blockpool_local_pool *local, *none;
    blockpool_queue *queue;

    CHECK(BLOCKPOOL_LOCAL_POOL_CREATE(pool, 1, local_storage, &local) == BLOCKPOOL_OK);
    CHECK(blockpool_local_pool_create(pool, 1, other_storage.bookkeeping, 1, &none) ==
          BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_ERROR_IN_USE);
    CHECK(BLOCKPOOL_QUEUE_CREATE(pool, queue_storage, &queue) == BLOCKPOOL_OK);
    CHECK(blockpool_local_pool_destroy(local) == BLOCKPOOL_OK);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_ERROR_IN_USE);
    CHECK(blockpool_queue_push(queue, blockpool_get(pool)) == BLOCKPOOL_OK);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_ERROR_IN_USE);
    CHECK(blockpool_queue_destroy(queue) == BLOCKPOOL_OK);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
}

static void every_block_has_a_number_and_an_address(void)
{
    blockpool *pool = create();
    unsigned char *begin = storage.memory[0];
    void *out = blockpool_get(pool);

    for (size_t index = 0; index < BLOCKS; index++) {
        CHECK(blockpool_address_of(pool, index) == storage.memory[index]);
        CHECK(blockpool_index_of(pool, storage.memory[index]) == index);
        CHECK(blockpool_index_of(pool, storage.memory[index] + 1) == SIZE_MAX);
    }
    CHECK(blockpool_address_of(pool, BLOCKS) == NULL);
    CHECK(blockpool_address_of(pool, SIZE_MAX) == NULL);
    CHECK(blockpool_address_of(NULL, 0) == NULL);
    CHECK(blockpool_index_of(pool, begin + sizeof storage.memory) == SIZE_MAX);
    CHECK(blockpool_index_of(pool, NULL) == SIZE_MAX);
    CHECK(blockpool_index_of(NULL, out) == SIZE_MAX);
    CHECK(blockpool_put(pool, out) == BLOCKPOOL_OK);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
}

static void a_queue_gives_blocks_out_in_order(void)
{
    blockpool *pool = create();
    blockpool_queue *queue = NULL;
    unsigned char *bookkeeping = queue_storage.bookkeeping, *begin = storage.memory[0];
    size_t size = sizeof queue_storage.bookkeeping, pushed, popped = 0;
    void *blocks[BLOCKS], *again[BLOCKS];

    CHECK(blockpool_queue_create(pool, bookkeeping, size, NULL) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_queue_create(NULL, bookkeeping, size, &queue) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_queue_create(pool, NULL, size, &queue) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_queue_create(pool, bookkeeping + 8, size, &queue) ==
          BLOCKPOOL_ERROR_BOOKKEEPING_MISALIGNED);
#if SIZE_MAX > UINT32_MAX
    for (size_t less = 1; less <= size; less++)
        CHECK(blockpool_queue_create(pool, bookkeeping, size - less, &queue) ==
              BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL);
#endif
    CHECK(queue == NULL);
    CHECK(blockpool_queue_push_burst(NULL, blocks, 1, &pushed) == BLOCKPOOL_ERROR_NULL && pushed == 0);
    CHECK(blockpool_queue_pop_burst(NULL, blocks, 1) == 0);
    CHECK(blockpool_queue_push(NULL, begin) == BLOCKPOOL_ERROR_NULL);
    CHECK(blockpool_queue_pop(NULL) == NULL);
    CHECK(blockpool_queue_length(NULL) == 0);
    CHECK(blockpool_queue_destroy(NULL) == BLOCKPOOL_ERROR_NULL);

    CHECK(blockpool_queue_create(pool, bookkeeping, size, &queue) == BLOCKPOOL_OK);
    CHECK(blockpool_queue_pop_burst(queue, again, BLOCKS) == 0);
    CHECK(blockpool_queue_pop_burst(queue, NULL, 1) == 0);
    CHECK(blockpool_queue_push_burst(queue, NULL, 1, &pushed) == BLOCKPOOL_ERROR_NULL && pushed == 0);
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = blockpool_get(pool);
    for (size_t i = 0; i < BLOCKS; i++)
        CHECK(blockpool_queue_push(queue, blocks[i]) == BLOCKPOOL_OK);
    CHECK(blockpool_queue_push(queue, blocks[0]) == BLOCKPOOL_ERROR_NOT_OUT);
    for (size_t i = 0; i < BLOCKS; i++)
        CHECK(blockpool_queue_pop(queue) == blocks[i]);
    CHECK(blockpool_queue_pop(queue) == NULL);
    CHECK(blockpool_queue_push_burst(queue, blocks, BLOCKS, NULL) == BLOCKPOOL_OK);
    CHECK(blockpool_queue_pop_burst(queue, again, BLOCKS) == BLOCKS);
    CHECK(blockpool_queue_push_burst(queue, blocks, BLOCKS, &pushed) == BLOCKPOOL_OK);
    CHECK(pushed == BLOCKS && blockpool_queue_length(queue) == BLOCKS);
    for (size_t count = 0; popped < BLOCKS; count++) {
        size_t left = BLOCKS - popped;
        size_t some = blockpool_queue_pop_burst(queue, again + popped, count < left ? count : left);
        CHECK(some == (count < left ? count : left));
        popped += some;
    }
    CHECK(memcmp(blocks, again, sizeof blocks) == 0);
    CHECK(blockpool_queue_push_burst(queue, again, BLOCKS, &pushed) == BLOCKPOOL_OK);
    /* Gives back what is left. */
    CHECK(blockpool_queue_destroy(queue) == BLOCKPOOL_OK);
    CHECK(blockpool_destroy(pool) == BLOCKPOOL_OK);
}

int main(void)
{
    the_version_is_that_of_the_header();
    every_result_has_a_text_of_its_own();
    macros_and_functions_tell_the_same_sizes();
    a_pool_that_cannot_be_is_refused();
    every_block_is_taken_once_and_can_be_given_back();
    what_is_not_out_of_the_pool_is_refused_and_harms_nothing();
    one_pointer_twice_in_a_burst_is_refused();
    every_block_has_a_number_and_an_address();
    a_local_pool_keeps_a_stock();
    a_pool_in_use_is_not_destroyed();
    a_queue_gives_blocks_out_in_order();
    return 0;
}
