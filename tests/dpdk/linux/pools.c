/* pools EAL-OPTIONS -- HANDLER CASE
 *
 * What a mempool with the handler does when it is asked for too much or given too much, when there
 * are two of them, and when its memory is in many pieces. On failure, prints a line that says what
 * was wrong. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_mempool.h>

enum { OBJECTS = 1000, OBJECT_SIZE = 200 };

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			rte_exit(EXIT_FAILURE, "line %d: not %s\n", __LINE__, #condition);         \
	} while (0)

static struct rte_mempool *
empty_mempool(const char *name, const char *handler)
{
	struct rte_mempool *mempool =
		rte_mempool_create_empty(name, OBJECTS, OBJECT_SIZE, 0, 0, SOCKET_ID_ANY, 0);

	EXPECT(mempool != NULL);
	EXPECT(rte_mempool_set_ops_byname(mempool, handler, NULL) == 0);
	return mempool;
}

static struct rte_mempool *
full_mempool(const char *name, const char *handler)
{
	struct rte_mempool *mempool = empty_mempool(name, handler);

	EXPECT(rte_mempool_populate_default(mempool) == OBJECTS);
	return mempool;
}

/* Fills each object with its index, and finds every index again: no two objects overlap. */
static void
expect_distinct(void **objects, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		memset(objects[i], (int)i, OBJECT_SIZE);
	for (unsigned int i = 0; i < count; i++) {
		const unsigned char *bytes = objects[i];

		for (unsigned int byte = 0; byte < OBJECT_SIZE; byte++)
			EXPECT(bytes[byte] == (unsigned char)i);
	}
}

/* Gets all objects, one at a time or in bursts, and puts them back in another order. */
static void
empty_and_fill(struct rte_mempool *mempool, unsigned int at_once)
{
	void *objects[OBJECTS];

	for (unsigned int i = 0; i < OBJECTS; i += at_once)
		EXPECT(rte_mempool_get_bulk(mempool, &objects[i], at_once) == 0);
	EXPECT(rte_mempool_empty(mempool));
	expect_distinct(objects, OBJECTS);
	for (unsigned int i = 0; i < OBJECTS; i++)
		EXPECT(rte_mempool_from_obj(objects[i]) == mempool);
	for (unsigned int i = 0; i < at_once; i++)
		for (unsigned int j = i; j < OBJECTS; j += at_once)
			rte_mempool_put(mempool, objects[j]);
	EXPECT(rte_mempool_full(mempool));
}

static void
more_than_there_are(const char *handler)
{
	struct rte_mempool *mempool = full_mempool("more", handler);
	void *objects[2 * OBJECTS];

	EXPECT(rte_mempool_get_bulk(mempool, objects, OBJECTS + 1) == -ENOBUFS);
	EXPECT(rte_mempool_get_bulk(mempool, objects, 2 * OBJECTS) == -ENOBUFS);
	EXPECT(rte_mempool_full(mempool));
	EXPECT(rte_mempool_get_bulk(mempool, objects, OBJECTS) == 0);
	expect_distinct(objects, OBJECTS);
	EXPECT(rte_mempool_get(mempool, &objects[OBJECTS]) == -ENOBUFS);
	rte_mempool_put_bulk(mempool, objects, OBJECTS - 7);
	EXPECT(rte_mempool_get_bulk(mempool, objects, OBJECTS) == -ENOBUFS);
	EXPECT(rte_mempool_avail_count(mempool) == OBJECTS - 7);
	rte_mempool_put_bulk(mempool, &objects[OBJECTS - 7], 7);
	EXPECT(rte_mempool_full(mempool));
	rte_mempool_free(mempool);
}

/* One object is put twice in a row, alone or among others: it is free once. */
static void
put_twice(const char *handler)
{
	struct rte_mempool *mempool = full_mempool("twice", handler);
	void *objects[3];

	EXPECT(rte_mempool_get_bulk(mempool, objects, 2) == 0);
	rte_mempool_put(mempool, objects[0]);
	rte_mempool_put(mempool, objects[0]);
	EXPECT(rte_mempool_avail_count(mempool) == OBJECTS - 1);
	objects[2] = objects[1];
	rte_mempool_put_bulk(mempool, objects, 3);
	EXPECT(rte_mempool_full(mempool));
	empty_and_fill(mempool, 1);
	rte_mempool_free(mempool);
}

static void
two_pools(const char *handler)
{
	struct rte_mempool *one = full_mempool("one", handler);
	struct rte_mempool *other = full_mempool("other", handler);
	void *objects[2 * OBJECTS];

	for (unsigned int i = 0; i < 2 * OBJECTS; i += 2) {
		EXPECT(rte_mempool_get(one, &objects[i]) == 0);
		EXPECT(rte_mempool_get(other, &objects[i + 1]) == 0);
	}
	expect_distinct(objects, 2 * OBJECTS);
	/* A foreign object is refused; what is put with it is not. */
	EXPECT(rte_mempool_ops_enqueue_bulk(one, objects, 2) < 0);
	EXPECT(rte_mempool_avail_count(one) == 1);
	EXPECT(rte_mempool_avail_count(other) == 0);
	for (unsigned int i = 2; i < 2 * OBJECTS; i += 2) {
		rte_mempool_put(one, objects[i]);
		rte_mempool_put(other, objects[i + 1]);
	}
	rte_mempool_put(other, objects[1]);
	EXPECT(rte_mempool_full(one));
	rte_mempool_free(one);
	empty_and_fill(other, 1);
	rte_mempool_free(other);
}

static char *
mapped(size_t length)
{
	char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(memory != MAP_FAILED);
	return memory;
}

static void
many_pieces(const char *handler)
{
	enum { PAGE = 4096 };
	struct rte_mempool *mempool = empty_mempool("pieces", handler);
	unsigned int pieces = 0;

	/* One page, two, three, then one again, with gaps between them. */
	while (mempool->populated_size < mempool->size) {
		size_t length = (pieces % 3 + 1) * PAGE;
		char *memory = mapped(length + PAGE);

		EXPECT(rte_mempool_populate_iova(mempool, memory, RTE_BAD_IOVA, length, NULL, NULL) > 0);
		pieces++;
	}
	EXPECT(pieces > 20);
	EXPECT(mempool->nb_mem_chunks == pieces);
	for (unsigned int round = 0; round < 3; round++) {
		empty_and_fill(mempool, 1);
		empty_and_fill(mempool, 8);
		empty_and_fill(mempool, OBJECTS / 2);
	}
	rte_mempool_free(mempool);
}

static void
freed_and_made_again(const char *handler)
{
	for (unsigned int round = 0; round < 100; round++) {
		struct rte_mempool *mempool = full_mempool("again", handler);

		empty_and_fill(mempool, 20);
		rte_mempool_free(mempool);
	}
}

/* A piece too small for an object leaves no trace, even though it lies within a later piece. */
static void
too_small_a_piece(const char *handler)
{
	enum { LENGTH = 1 << 20 };
	struct rte_mempool *mempool = empty_mempool("small", handler);
	char *memory = mapped(LENGTH);

	EXPECT(rte_mempool_populate_iova(mempool, memory + (1 << 16), RTE_BAD_IOVA, 128, NULL,
					 NULL) <= 0);
	EXPECT(rte_mempool_populate_iova(mempool, memory, RTE_BAD_IOVA, LENGTH, NULL, NULL) ==
	       OBJECTS);
	empty_and_fill(mempool, 1);
	empty_and_fill(mempool, 20);
	rte_mempool_free(mempool);
}

/* More objects than there is memory for; then again, with memory from elsewhere. */
static void
populated_after_a_failure(const char *handler)
{
	enum { MANY = 150000, LARGE = 2000 };
	struct rte_mempool *mempool =
		rte_mempool_create_empty("failure", MANY, LARGE, 0, 0, SOCKET_ID_ANY, 0);
	static void *objects[MANY];

	EXPECT(mempool != NULL);
	EXPECT(rte_mempool_set_ops_byname(mempool, handler, NULL) == 0);
	EXPECT(rte_mempool_populate_default(mempool) < 0);
	EXPECT(mempool->populated_size == 0);
	EXPECT(rte_mempool_populate_anon(mempool) == MANY);
	EXPECT(rte_mempool_full(mempool));
	EXPECT(rte_mempool_get_bulk(mempool, objects, MANY) == 0);
	EXPECT(rte_mempool_empty(mempool));
	rte_mempool_put_bulk(mempool, objects, MANY);
	EXPECT(rte_mempool_full(mempool));
	rte_mempool_free(mempool);
}

static const struct {
	const char *name;
	void (*run)(const char *handler);
} cases[] = {
	{ "more-than-there-are", more_than_there_are },
	{ "put-twice", put_twice },
	{ "two-pools", two_pools },
	{ "many-pieces", many_pieces },
	{ "too-small-a-piece", too_small_a_piece },
	{ "populated-after-a-failure", populated_after_a_failure },
	{ "freed-and-made-again", freed_and_made_again },
};

int
main(int argc, char **argv)
{
	int arguments = rte_eal_init(argc, argv);

	EXPECT(argc == arguments + 3);
	for (size_t i = 0; i < RTE_DIM(cases); i++) {
		if (strcmp(cases[i].name, argv[argc - 1]) == 0) {
			cases[i].run(argv[argc - 2]);
			return rte_eal_cleanup();
		}
	}
	rte_exit(EXIT_FAILURE, "no case %s\n", argv[argc - 1]);
}
