/* The part of the handler that knows DPDK's types. lib.rs gives objects their indices, and keeps the
 * indices of the free ones. */

#include <errno.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

/* lib.rs */
struct objects;
struct objects *blockpool_objects_new(unsigned int count, size_t stride, int socket);
void blockpool_objects_delete(struct objects *objects);
int blockpool_objects_add(struct objects *objects, void *first, unsigned int count);
void blockpool_objects_forget(struct objects *objects);
int blockpool_objects_put(struct objects *objects, void *const *table, unsigned int count);
int blockpool_objects_get(struct objects *objects, void **table, unsigned int count,
			  unsigned int lcore);
unsigned int blockpool_objects_available(const struct objects *objects);

static size_t
stride(const struct rte_mempool *mp)
{
	return (size_t)mp->header_size + mp->elt_size + mp->trailer_size;
}

static int
handler_alloc(struct rte_mempool *mp)
{
	mp->pool_data = blockpool_objects_new(mp->size, stride(mp), mp->socket_id);
	return mp->pool_data == NULL ? -ENOMEM : 0;
}

static void
handler_free(struct rte_mempool *mp)
{
	blockpool_objects_delete(mp->pool_data);
}

static int
handler_enqueue(struct rte_mempool *mp, void *const *table, unsigned int count)
{
	return blockpool_objects_put(mp->pool_data, table, count);
}

static int
handler_dequeue(struct rte_mempool *mp, void **table, unsigned int count)
{
	return blockpool_objects_get(mp->pool_data, table, count, rte_lcore_id());
}

static unsigned int
handler_get_count(const struct rte_mempool *mp)
{
	return blockpool_objects_available(mp->pool_data);
}

/* If devices use virtual addresses, objects may cross pages: they then lie one after the other, in one
 * piece of memory, as AF_XDP requires. */
static ssize_t
handler_calc_mem_size(const struct rte_mempool *mp, uint32_t count, uint32_t page_shift,
		      size_t *min_chunk_size, size_t *align)
{
	if (rte_eal_iova_mode() == RTE_IOVA_VA)
		page_shift = 0;
	return rte_mempool_op_calc_mem_size_helper(mp, count, page_shift, 0, min_chunk_size, align);
}

/* The memory is contiguous to devices, and objects fill it without gaps. Callers take 0 as a failure,
 * but not what is negative. */
static int
handler_populate(struct rte_mempool *mp, unsigned int most, void *memory, rte_iova_t iova,
		 size_t length, rte_mempool_populate_obj_cb_t *add, void *argument)
{
	unsigned int count = RTE_MIN((size_t)most, length / stride(mp));

	/* After a failure, DPDK has taken all objects and freed their memory. */
	if (mp->populated_size == 0)
		blockpool_objects_forget(mp->pool_data);
	if (count == 0 ||
	    blockpool_objects_add(mp->pool_data, (char *)memory + mp->header_size, count) != 0)
		return 0;
	for (unsigned int i = 0; i < count; i++) {
		size_t offset = mp->header_size + i * stride(mp);
		add(mp, argument, (char *)memory + offset,
		    iova == RTE_BAD_IOVA ? RTE_BAD_IOVA : iova + offset);
	}
	return count;
}

static const struct rte_mempool_ops handler = {
	.name = "blockpool",
	.alloc = handler_alloc,
	.free = handler_free,
	.enqueue = handler_enqueue,
	.dequeue = handler_dequeue,
	.get_count = handler_get_count,
	.calc_mem_size = handler_calc_mem_size,
	.populate = handler_populate,
};

RTE_MEMPOOL_REGISTER_OPS(handler);
