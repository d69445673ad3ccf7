/* blockpool: fixed-size blocks of bytes, taken, handed on and given back without a lock, an allocation
 * or a wait.
 *
 *     static BLOCKPOOL_STORAGE(2048, 1024) storage; // 1,024 blocks of 2,048 bytes
 *     blockpool *pool;
 *
 *     if (BLOCKPOOL_CREATE(storage, &pool) != BLOCKPOOL_OK)
 *         abort();
 *     unsigned char *block = blockpool_get(pool);
 *     if (block != NULL) { // else every block is out
 *         block[0] = 1;
 *         if (blockpool_put(pool, block) != BLOCKPOOL_OK)
 *             abort(); // given back already
 *     }
 *
 * Made of the library's sources: what is written here is lost.
 *
 * Rules, for every function:
 *
 * - A pointer to a pool, local pool or queue is NULL, which is refused, or was stored by its create
 *   function, and is not used after its destroy function. Workers and queues end before their pool.
 * - Memory that is given to a create function is readable and writable, begins at a multiple of
 *   BLOCKPOOL_ALIGNMENT, overlaps nothing else that was given, and is left alone until the destroy
 *   function returns; but for blocks that are out, which are their owners'. No function allocates.
 * - The functions of a pool or queue may be called from any thread or signal handler, at the same time;
 *   local pools and queues of it may be created and destroyed meanwhile. Those of a local pool by one at a time:
 *   each thread has its own, and a signal handler uses the pool.
 * - A block that was taken belongs to who took it, as memory of malloc() does: all its bytes, until it
 *   is given back or pushed. Who then uses it still, or gives it back again when its next owner has it,
 *   is not found out.
 * - A pool, with its local pools and queues, belongs to one process.
 * - An array has as many elements as the count beside it says; it may be NULL if that is 0.
 */

#ifndef BLOCKPOOL_H
#define BLOCKPOOL_H

#include <stddef.h>
#include <stdint.h>

/* 1,000,000 for each major, 1,000 for each minor version, and the patch. */
#define BLOCKPOOL_VERSION (0 * 1000000 + 1 * 1000 + 0)
#define BLOCKPOOL_VERSION_TEXT "0.1.0"

#if defined(__cplusplus)
#if __cplusplus < 201103L && !defined(_MSC_VER)
#error "blockpool.h needs C++11 or newer"
#endif
#define BLOCKPOOL_ALIGNED alignas(BLOCKPOOL_ALIGNMENT)
#define BLOCKPOOL_ASSERT(condition, text) static_assert(condition, text)
#elif !defined(__STDC_VERSION__) || __STDC_VERSION__ < 201112L
#error "blockpool.h needs C11 or newer"
#else
#define BLOCKPOOL_ALIGNED _Alignas(BLOCKPOOL_ALIGNMENT)
#define BLOCKPOOL_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Of a function whose result is not to be ignored. */
#if defined(__GNUC__)
#define BLOCKPOOL_MUST_USE __attribute__((warn_unused_result))
#else
#define BLOCKPOOL_MUST_USE
#endif

/**
 * All memory that is given to the library begins at a multiple of this, in bytes.
 */
#define BLOCKPOOL_ALIGNMENT 64

/**
 * For `BLOCKPOOL_BOOKKEEPING_SIZE`: bytes of a pool, whatever its capacity.
 */
#define BLOCKPOOL_POOL_SIZE 320

/**
 * For `BLOCKPOOL_BOOKKEEPING_SIZE`: bytes for every 64 blocks.
 */
#define BLOCKPOOL_GROUP_SIZE 640

/**
 * Bytes of memory that a local pool needs.
 */
#define BLOCKPOOL_LOCAL_POOL_SIZE 1152

/**
 * The most blocks that a local pool can keep.
 */
#define BLOCKPOOL_MAX_STOCK 256

/**
 * For `BLOCKPOOL_QUEUE_SIZE`: bytes of a queue, whatever its capacity.
 */
#define BLOCKPOOL_RING_SIZE 320

/**
 * For `BLOCKPOOL_QUEUE_SIZE`: bytes for every block that the queue can hold.
 */
#define BLOCKPOOL_SLOT_SIZE 8

/**
 * What became of a call. A call that is refused changes nothing; but bursts say how far they came, and
 * create functions may have written to the bookkeeping.
 */
typedef enum {
    /**
     * Done.
     */
    BLOCKPOOL_OK = 0,
    /**
     * A pointer that must not be is `NULL`.
     */
    BLOCKPOOL_ERROR_NULL = 1,
    /**
     * The pointer does not point into this pool's blocks.
     */
    BLOCKPOOL_ERROR_FOREIGN = 2,
    /**
     * The pointer points into a block, not to its first byte.
     */
    BLOCKPOOL_ERROR_MISALIGNED = 3,
    /**
     * The block is not out: it was given back already, or is in a queue.
     */
    BLOCKPOOL_ERROR_NOT_OUT = 4,
    /**
     * The block size is not a multiple of 64 from 64 to 65,536.
     */
    BLOCKPOOL_ERROR_BLOCK_SIZE = 5,
    /**
     * The memory for the blocks does not begin at a multiple of `BLOCKPOOL_ALIGNMENT`.
     */
    BLOCKPOOL_ERROR_MEMORY_MISALIGNED = 6,
    /**
     * The memory for the blocks is smaller than one block.
     */
    BLOCKPOOL_ERROR_MEMORY_TOO_SMALL = 7,
    /**
     * The memory holds more than 536,870,912 blocks.
     */
    BLOCKPOOL_ERROR_TOO_MANY_BLOCKS = 8,
    /**
     * The memory for bookkeeping does not begin at a multiple of `BLOCKPOOL_ALIGNMENT`.
     */
    BLOCKPOOL_ERROR_BOOKKEEPING_MISALIGNED = 9,
    /**
     * The memory for bookkeeping is smaller than needed.
     */
    BLOCKPOOL_ERROR_BOOKKEEPING_TOO_SMALL = 10,
    /**
     * A local pool is to keep no block, or more than `BLOCKPOOL_MAX_STOCK`.
     */
    BLOCKPOOL_ERROR_STOCK = 11,
    /**
     * A local pool or a queue of the pool was not destroyed.
     */
    BLOCKPOOL_ERROR_IN_USE = 12,
    /**
     * A block of the pool is out.
     */
    BLOCKPOOL_ERROR_BLOCKS_OUT = 13,
} blockpool_result;

/**
 * Blocks of one size, and which of them are free.
 */
typedef struct blockpool blockpool;

/**
 * The cache of a pool for one thread or core: it keeps a few free blocks, its stock, so that taking a
 * block and giving it back are a few plain instructions.
 *
 * Nobody else can take the blocks in the stock. So before its thread blocks, sleeps or idles, call
 * `blockpool_local_pool_flush`.
 */
typedef struct blockpool_local_pool blockpool_local_pool;

/**
 * A first-in, first-out hand-off of the blocks of one pool, between any threads and signal handlers.
 * It has a slot for each block, so there is always room.
 *
 * Pointers travel, and the bytes stay where they are; a length, if the receiver needs it, goes into the
 * block, as a header does.
 */
typedef struct blockpool_queue blockpool_queue;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * A result in words, for a message. `result` may be any number.
 */
const char *blockpool_result_text(int result);

/**
 * How many bytes of bookkeeping a pool of `length` bytes of memory needs with blocks of
 * `block_size` bytes: `BLOCKPOOL_BOOKKEEPING_SIZE`, where that is not known beforehand.
 */
size_t blockpool_bookkeeping_size(size_t length, size_t block_size);

/**
 * Makes a pool of the blocks of `block_size` bytes that fit into `length` bytes from `memory` on,
 * all of them free, and stores a pointer to it in `pool`; `NULL` if it is refused.
 *
 * Block i lies at i times the block size; what is left over at the end stays unused. The memory is
 * not touched: it holds blocks and nothing else, and may be huge pages, or shared with a device.
 * `bookkeeping` is for the library's own use: `bookkeeping_length` is at least
 * `BLOCKPOOL_BOOKKEEPING_SIZE(length, block_size)`. What it holds does not matter.
 *
 * Takes time in proportion to the number of blocks.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_create(void *memory,
                                  size_t length,
                                  size_t block_size,
                                  void *bookkeeping,
                                  size_t bookkeeping_length,
                                  blockpool **pool);

/**
 * Ends a pool whose blocks are all free. Memory and bookkeeping are the program's again.
 *
 * `BLOCKPOOL_ERROR_IN_USE` if a local pool or a queue was not destroyed, `BLOCKPOOL_ERROR_BLOCKS_OUT` if a
 * block is out; the pool goes on then. Nobody may use the pool meanwhile, or later.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_destroy(blockpool *pool);

/**
 * Takes a free block; `NULL` if every block is out, or `pool` is `NULL`.
 *
 * Its bytes are what they are: the last owner's, or those that were there before. Bursts are for
 * local pools.
 *
 * From any thread or signal handler. Lock-free: one atomic read-modify-write when threads do not
 * meet; a search when the thread's word of the set has no free block.
 */
BLOCKPOOL_MUST_USE void *blockpool_get(blockpool *pool);

/**
 * Gives a block back.
 *
 * `BLOCKPOOL_ERROR_NULL`, `BLOCKPOOL_ERROR_FOREIGN`, `BLOCKPOOL_ERROR_MISALIGNED`,
 * `BLOCKPOOL_ERROR_NOT_OUT` say why a pointer is refused; the pool is as before. Of several calls with
 * one block, at the same time too, one succeeds.
 *
 * From any thread or signal handler. Lock-free: two atomic read-modify-writes, at times three.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_put(blockpool *pool,
                               void *block);

/**
 * How many blocks the pool has, free or out; 0 if `pool` is `NULL`.
 */
size_t blockpool_capacity(const blockpool *pool);

/**
 * Bytes in a block; 0 if `pool` is `NULL`.
 */
size_t blockpool_block_size(const blockpool *pool);

/**
 * How many blocks are free; those in a local pool's stock or a queue are not. 0 if `pool` is `NULL`.
 *
 * Exact when no other call runs, otherwise off by those that overlap it. For monitoring: takes time in
 * proportion to the number of blocks, a few nanoseconds for 64.
 */
size_t blockpool_available(const blockpool *pool);

/**
 * How many calls, of `blockpool_get` or to a local pool, wanted more blocks than were free; 0 if `pool` is
 * `NULL`. Wraps around.
 */
size_t blockpool_exhausted_count(const blockpool *pool);

/**
 * Where the blocks lie, to be registered with a device: the first byte of the first block. Stores
 * the bytes to the end of the last block in `length`, if that is not `NULL`. `NULL` and 0 if `pool` is
 * `NULL`.
 */
void *blockpool_memory(const blockpool *pool,
                       size_t *length);

/**
 * The index of the block whose first byte `block` points to, in [0, capacity), whoever owns it;
 * `SIZE_MAX` if there is none, or `pool` is `NULL`. Nothing of the block is read.
 */
BLOCKPOOL_MUST_USE size_t blockpool_index_of(const blockpool *pool, const void *block);

/**
 * Where the block of an index lies, whoever owns it; `NULL` if there is no such block, or `pool` is
 * `NULL`.
 */
BLOCKPOOL_MUST_USE void *blockpool_address_of(const blockpool *pool, size_t index);

/**
 * How many bytes of memory a local pool needs: `BLOCKPOOL_LOCAL_POOL_SIZE`, of the library that the program
 * runs with.
 */
size_t blockpool_local_pool_size(void);

/**
 * Makes a local pool with an empty stock, and stores a pointer to it in `local`; `NULL` if it is refused.
 *
 * It keeps at most `stock` blocks, 1 to `BLOCKPOOL_MAX_STOCK`, and never more than a quarter of the
 * pool, but at least one; it takes and gives back half as many at once. A pool that must never run dry has
 * `stock` blocks for each of its local pools, beyond those that are in use at once.
 *
 * `bookkeeping`, for the library's own use, has `BLOCKPOOL_LOCAL_POOL_SIZE` bytes, whatever they hold.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_local_pool_create(blockpool *pool,
                                             size_t stock,
                                             void *bookkeeping,
                                             size_t bookkeeping_length,
                                             blockpool_local_pool **local);

/**
 * Gives the stock back and ends the local pool. Its memory is the program's again.
 */
blockpool_result blockpool_local_pool_destroy(blockpool_local_pool *local);

/**
 * Takes a block: of the stock, which is filled by half when it is empty. `NULL` if the stock is empty
 * and every block of the pool is out, or if `local` is `NULL`.
 *
 * Wait-free but for the filling, which is lock-free.
 */
BLOCKPOOL_MUST_USE
void *blockpool_local_pool_get(blockpool_local_pool *local);

/**
 * Gives a block to the stock, which gives its older half to the pool when it is full.
 *
 * The pointer is checked as by `blockpool_local_pool_put_burst`.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_local_pool_put(blockpool_local_pool *local,
                                          void *block);

/**
 * Takes up to `count` blocks, and stores pointers to them in `blocks`. Returns how many: fewer than
 * `count` if no more were free; 0 if `local` or `blocks` is `NULL`.
 */
BLOCKPOOL_MUST_USE
size_t blockpool_local_pool_get_burst(blockpool_local_pool *local,
                                      void **blocks,
                                      size_t count);

/**
 * Takes `count` blocks, and stores pointers to them in `blocks`, or none at all. Returns `count`, or 0 if
 * fewer were free, or if `local` or `blocks` is `NULL`.
 */
BLOCKPOOL_MUST_USE
size_t blockpool_local_pool_get_bulk(blockpool_local_pool *local,
                                     void **blocks,
                                     size_t count);

/**
 * Gives `count` blocks to the stock, and what does not fit there to the pool. What stays in the stock
 * is taken again in the same order.
 *
 * Ends at the first pointer that is refused: the result says why; `put`, unless it is `NULL`, how many
 * blocks before it were given back. It and those behind it are still the program's, which may go on behind
 * it.
 *
 * A pointer that is `NULL`, foreign or misaligned is always refused; one that was given back before, if
 * by this thread or by one whose call happened before. Two threads that give back or push one block at
 * the same time may both succeed; the block then has two owners, and a queue may lose blocks or never
 * answer again. `blockpool_put` refuses one of them. A pointer that occurs twice in one burst is refused the
 * second time.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_local_pool_put_burst(blockpool_local_pool *local,
                                                void *const *blocks,
                                                size_t count,
                                                size_t *put);

/**
 * Gives the whole stock to the pool. To be called before the local pool's thread blocks, sleeps or idles.
 */
blockpool_result blockpool_local_pool_flush(blockpool_local_pool *local);

/**
 * How many blocks are in the stock; 0 if `local` is `NULL`.
 */
size_t blockpool_local_pool_stock(const blockpool_local_pool *local);

/**
 * How many bytes of memory a queue needs for a pool of `capacity` blocks: `BLOCKPOOL_QUEUE_SIZE`,
 * where that is not known beforehand.
 */
size_t blockpool_queue_size(size_t capacity);

/**
 * Makes an empty queue for the blocks of `pool`, and stores a pointer to it in `queue`; `NULL` if it
 * is refused.
 *
 * `bookkeeping`, for the library's own use, has `BLOCKPOOL_QUEUE_SIZE(capacity)` bytes, whatever they
 * hold. Takes time in proportion to the capacity.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_queue_create(blockpool *pool,
                                        void *bookkeeping,
                                        size_t bookkeeping_length,
                                        blockpool_queue **queue);

/**
 * Gives the blocks that are left in the queue back and ends it. Its memory is the program's again.
 */
blockpool_result blockpool_queue_destroy(blockpool_queue *queue);

/**
 * Adds a block of the queue's pool at the end.
 *
 * The pointer is checked as by `blockpool_local_pool_put_burst`.
 *
 * From any thread or signal handler. Lock-free: two atomic read-modify-writes.
 */
BLOCKPOOL_MUST_USE blockpool_result blockpool_queue_push(const blockpool_queue *queue, void *block);

/**
 * Takes the oldest block; `NULL` if there is none, or `queue` is `NULL`.
 *
 * From any thread or signal handler. Lock-free: one atomic read-modify-write.
 */
BLOCKPOOL_MUST_USE void *blockpool_queue_pop(const blockpool_queue *queue);

/**
 * Adds `count` blocks of the queue's pool at the end, the first one first, with no others between.
 *
 * Ends at the first pointer that is refused, as `blockpool_local_pool_put_burst` does, and `pushed`, unless it
 * is `NULL`, says how many blocks before it were added; the checks are the same.
 *
 * From any thread or signal handler. Lock-free: two atomic read-modify-writes for all.
 */
BLOCKPOOL_MUST_USE
blockpool_result blockpool_queue_push_burst(const blockpool_queue *queue,
                                            void *const *blocks,
                                            size_t count,
                                            size_t *pushed);

/**
 * Takes up to `count` of the oldest blocks, and stores pointers to them in `blocks`. Returns how many:
 * fewer than `count` if there were no more; 0 if `queue` or `blocks` is `NULL`.
 *
 * From any thread or signal handler. Lock-free: two atomic read-modify-writes for up to 32 that were pushed
 * as one burst.
 */
BLOCKPOOL_MUST_USE
size_t blockpool_queue_pop_burst(const blockpool_queue *queue,
                                 void **blocks,
                                 size_t count);

/**
 * How many blocks are in the queue; 0 if `queue` is `NULL`.
 *
 * Exact when nobody pushes or pops, otherwise off by the calls that overlap it. For monitoring: counts
 * the blocks one by one.
 */
size_t blockpool_queue_length(const blockpool_queue *queue);

/**
 * The version of the library that the program runs with, as `BLOCKPOOL_VERSION` is that of the
 * header that it was compiled with.
 */
uint32_t blockpool_version(void);

/**
 * The same in words, as `BLOCKPOOL_VERSION_TEXT`.
 */
const char *blockpool_version_text(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/* Bytes of bookkeeping for a pool of `length` bytes of memory with blocks of `block_size` bytes. */
#define BLOCKPOOL_BOOKKEEPING_SIZE(length, block_size) \
    (BLOCKPOOL_POOL_SIZE + \
     (sizeof(char) * (length) / (block_size) + 63) / 64 * BLOCKPOOL_GROUP_SIZE)

/* Bytes of memory for a queue of a pool of `capacity` blocks. */
#define BLOCKPOOL_QUEUE_SIZE(capacity) \
    (BLOCKPOOL_RING_SIZE + sizeof(char) * (capacity) * BLOCKPOOL_SLOT_SIZE)

/* A type: all memory of a pool of `count` blocks, for a static or a member of a struct; like the types
 * below, aligned to more than malloc() does. */
#define BLOCKPOOL_STORAGE(block_size, count) \
    struct { \
        BLOCKPOOL_ASSERT((block_size) % 64 == 0 && (block_size) >= 64 && (block_size) <= 65536, \
                         "the block size is not a multiple of 64 from 64 to 65536"); \
        BLOCKPOOL_ASSERT((count) >= 1 && (count) <= 536870912, \
                         "a pool has 1 to 536870912 blocks"); \
        BLOCKPOOL_ALIGNED unsigned char memory[count][block_size]; \
        BLOCKPOOL_ALIGNED unsigned char bookkeeping[BLOCKPOOL_BOOKKEEPING_SIZE( \
            sizeof(char) * (block_size) * (count), block_size)]; \
    }

/* As blockpool_create(), for a BLOCKPOOL_STORAGE. */
#define BLOCKPOOL_CREATE(storage, pool) \
    blockpool_create((storage).memory, sizeof (storage).memory, sizeof (storage).memory[0], \
                     (storage).bookkeeping, sizeof (storage).bookkeeping, pool)

/* A type: the memory of a local pool. */
#define BLOCKPOOL_LOCAL_POOL_STORAGE \
    struct { \
        BLOCKPOOL_ALIGNED unsigned char bookkeeping[BLOCKPOOL_LOCAL_POOL_SIZE]; \
    }

/* As blockpool_local_pool_create(), for a BLOCKPOOL_LOCAL_POOL_STORAGE. */
#define BLOCKPOOL_LOCAL_POOL_CREATE(pool, stock, storage, local) \
    blockpool_local_pool_create(pool, stock, (storage).bookkeeping, sizeof (storage).bookkeeping, local)

/* A type: the memory of a queue of a pool of `capacity` blocks. */
#define BLOCKPOOL_QUEUE_STORAGE(capacity) \
    struct { \
        BLOCKPOOL_ASSERT((capacity) >= 1 && (capacity) <= 536870912, \
                         "a pool has 1 to 536870912 blocks"); \
        BLOCKPOOL_ALIGNED unsigned char bookkeeping[BLOCKPOOL_QUEUE_SIZE(capacity)]; \
    }

/* As blockpool_queue_create(), for a BLOCKPOOL_QUEUE_STORAGE. */
#define BLOCKPOOL_QUEUE_CREATE(pool, storage, queue) \
    blockpool_queue_create(pool, (storage).bookkeeping, sizeof (storage).bookkeeping, queue)

#endif /* BLOCKPOOL_H */
