/* What a DPDK program has inlined: gets and puts of a mempool, and a ring between two lcores. */

#include <rte_mempool.h>
#include <rte_pause.h>
#include <rte_ring.h>

#define MOST 128

/* Gets `keep` objects in bursts and puts them back in bursts, `times` times. */
static __rte_always_inline int
rounds(struct rte_mempool *mp, unsigned int keep, const unsigned int burst, uint64_t times)
{
	void *table[MOST] __rte_cache_aligned;

	for (uint64_t time = 0; time < times; time++) {
		for (unsigned int at = 0; at < keep; at += burst)
			if (unlikely(rte_mempool_get_bulk(mp, &table[at], burst) < 0))
				return -1;
		rte_compiler_barrier();
		for (unsigned int at = 0; at < keep; at += burst)
			rte_mempool_put_bulk(mp, &table[at], burst);
		rte_compiler_barrier();
	}
	return 0;
}

int
loops_rounds(struct rte_mempool *mp, unsigned int keep, unsigned int burst, uint64_t times)
{
	switch (burst) {
	case 1:
		return rounds(mp, keep, 1, times);
	case 4:
		return rounds(mp, keep, 4, times);
	case 32:
		return rounds(mp, keep, 32, times);
	case 64:
		return rounds(mp, keep, 64, times);
	default:
		return -1;
	}
}

/* Objects cross in bursts of 32, whatever the bursts of the mempool are. */
#define CROSSING 32

void
loops_push(struct rte_ring *ring, void *const *table, unsigned int count)
{
	while (count > 0) {
		unsigned int pushed = rte_ring_sp_enqueue_burst(ring, table, count, NULL);

		if (pushed == 0)
			rte_pause();
		table += pushed;
		count -= pushed;
	}
}

unsigned int
loops_pop(struct rte_ring *ring, void **table)
{
	for (;;) {
		unsigned int popped = rte_ring_sc_dequeue_burst(ring, table, CROSSING, NULL);

		if (popped > 0)
			return popped;
		rte_pause();
	}
}

static __rte_always_inline void
produce(struct rte_mempool *mp, struct rte_ring *ring, const unsigned int burst, uint64_t count)
{
	void *table[CROSSING];

	for (; count > 0; count -= CROSSING) {
		for (unsigned int at = 0; at < CROSSING; at += burst)
			while (rte_mempool_get_bulk(mp, &table[at], burst) < 0)
				rte_pause();
		loops_push(ring, table, CROSSING);
	}
}

/* Gets `count` objects, a multiple of 32, and hands them on. */
void
loops_produce(struct rte_mempool *mp, struct rte_ring *ring, unsigned int burst, uint64_t count)
{
	if (burst == 1)
		produce(mp, ring, 1, count);
	else
		produce(mp, ring, CROSSING, count);
}

/* Puts back `count` objects. */
void
loops_consume(struct rte_mempool *mp, struct rte_ring *ring, unsigned int burst, uint64_t count)
{
	void *table[CROSSING];

	while (count > 0) {
		unsigned int popped = loops_pop(ring, table);

		if (burst == 1)
			for (unsigned int at = 0; at < popped; at++)
				rte_mempool_put(mp, table[at]);
		else
			rte_mempool_put_bulk(mp, table, popped);
		count -= popped;
	}
}
