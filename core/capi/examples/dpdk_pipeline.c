/* Moves packets through two lcores of DPDK, in blocks of blockpool: one lcore receives them, the other
 * processes and sends them. The driver fills and sends the same block; nothing is copied.
 *
 * The drivers' mempool has a handler of this program's own: it takes its objects from a blockpool pool,
 * through the local pool of the calling lcore, and gives them back through it. An object, which is a
 * packet buffer and its data, fills a block together with the mempool's header in front of it. A packet
 * that does not fit into a block is too long for this program.
 *
 *     cc -O2 dpdk_pipeline.c -o dpdk_pipeline $(pkg-config --cflags --libs libdpdk blockpool)
 *     ./dpdk_pipeline --no-huge -m 128 --no-pci --lcores=0,1 --iova-mode=va \
 *         --vdev=net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap -- 1000
 *
 * ends after 1,000 packets, which in.pcap must contain. Each is sent back to where it came from, with
 * its Ethernet addresses swapped.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <blockpool.h>

#define BLOCKS 4096
#define DESCRIPTORS 512
#define BURST 32u
#define PORT 0

/* Two local pools may keep their stock, and the port a block for each descriptor, those that are sent among
 * them. At most as many as remain, less two bursts, are received but not sent. */
#define ON_THEIR_WAY (BLOCKS - 2 * BLOCKPOOL_MAX_STOCK - 2 * DESCRIPTORS - 2 * BURST)

/* A mempool puts this header in front of an object. */
#define HEADER RTE_ALIGN_CEIL(sizeof(struct rte_mempool_objhdr), RTE_CACHE_LINE_SIZE)

/* Packets of up to 2,048 bytes: network cards split what does not fit in units of 1,024. */
#define BLOCK_SIZE (HEADER + sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE)

static blockpool *pool;
static blockpool_queue *received;
static blockpool_local_pool *locals[RTE_MAX_LCORE];

/* Where the data of a block's packet was when it was received. */
static void *data_at[BLOCKS];

static atomic_ulong sent_count;
/* How many there are, once known. */
static atomic_ulong to_be_sent = ULONG_MAX;

/* Ends the program, and prints what was attempted and, unless `code` is 0, the system's reason. */
static void
end(const char *what, int code)
{
	if (code == 0)
		fprintf(stderr, "dpdk_pipeline: %s\n", what);
	else
		fprintf(stderr, "dpdk_pipeline: %s: %s\n", what, rte_strerror(abs(code)));
	exit(EXIT_FAILURE);
}

static void
expect(const char *what, blockpool_result result)
{
	if (result == BLOCKPOOL_OK)
		return;
	fprintf(stderr, "dpdk_pipeline: %s: %s\n", what, blockpool_result_text(result));
	exit(EXIT_FAILURE);
}

/* The mempool handler. */

static int
handler_alloc(struct rte_mempool *mp __rte_unused)
{
	return 0;
}

static void
handler_free(struct rte_mempool *mp __rte_unused)
{
}

/* A thread that is not an lcore, such as a control thread of a driver, has no local pool. */
static blockpool_local_pool *
own_local_pool(void)
{
	unsigned int lcore = rte_lcore_id();

	return lcore < RTE_MAX_LCORE ? locals[lcore] : NULL;
}

static unsigned int
get(void **blocks, unsigned int count)
{
	blockpool_local_pool *local = own_local_pool();
	unsigned int taken = 0;

	if (local != NULL)
		return blockpool_local_pool_get_burst(local, blocks, count);
	while (taken < count && (blocks[taken] = blockpool_get(pool)) != NULL)
		taken++;
	return taken;
}

static void
put(void *const *blocks, unsigned int count)
{
	blockpool_local_pool *local = own_local_pool();

	if (local != NULL)
		expect("give blocks back to a local pool", blockpool_local_pool_put_burst(local, blocks, count, NULL));
	else
		for (unsigned int i = 0; i < count; i++)
			expect("give a block back", blockpool_put(pool, blocks[i]));
}

static int
handler_enqueue(struct rte_mempool *mp __rte_unused, void *const *objects, unsigned int count)
{
	void *blocks[BURST];

	while (count > 0) {
		unsigned int part = RTE_MIN(count, BURST);

		for (unsigned int i = 0; i < part; i++)
			blocks[i] = RTE_PTR_SUB(objects[i], HEADER);
		put(blocks, part);
		objects += part;
		count -= part;
	}
	return 0;
}

/* All or nothing. */
static int
handler_dequeue(struct rte_mempool *mp __rte_unused, void **objects, unsigned int count)
{
	unsigned int taken = get(objects, count);

	if (taken < count) {
		put(objects, taken);
		return -ENOBUFS;
	}
	for (unsigned int i = 0; i < count; i++)
		objects[i] = RTE_PTR_ADD(objects[i], HEADER);
	return 0;
}

static unsigned int
handler_get_count(const struct rte_mempool *mp __rte_unused)
{
	return blockpool_available(pool);
}

/* The blocks are already free: this only tells the mempool where they are. */
static int
handler_populate(struct rte_mempool *mp, unsigned int most, void *memory, rte_iova_t iova,
		 size_t length, rte_mempool_populate_obj_cb_t *add, void *argument)
{
	unsigned int count = RTE_MIN((size_t)most, length / BLOCK_SIZE);

	for (unsigned int i = 0; i < count; i++) {
		size_t offset = (size_t)i * BLOCK_SIZE + HEADER;

		add(mp, argument, RTE_PTR_ADD(memory, offset),
		    iova == RTE_BAD_IOVA ? RTE_BAD_IOVA : iova + offset);
	}
	return count;
}

static const struct rte_mempool_ops handler = {
	.name = "pipeline",
	.alloc = handler_alloc,
	.free = handler_free,
	.enqueue = handler_enqueue,
	.dequeue = handler_dequeue,
	.get_count = handler_get_count,
	.populate = handler_populate,
};

RTE_MEMPOOL_REGISTER_OPS(handler);

/* Set-up, before packets come. */

static void *
memory_of(size_t length)
{
	void *memory = rte_zmalloc("pipeline", length, RTE_MAX(BLOCKPOOL_ALIGNMENT, 4096));

	if (memory == NULL)
		end("cannot have memory of EAL: -m gives it more", -ENOMEM);
	return memory;
}

static void
make_pool(void)
{
	size_t length = (size_t)BLOCKS * BLOCK_SIZE;
	size_t bookkeeping = blockpool_bookkeeping_size(length, BLOCK_SIZE);
	size_t queue = blockpool_queue_size(BLOCKS);
	unsigned int lcore;

	expect("make the pool", blockpool_create(memory_of(length), length, BLOCK_SIZE,
					memory_of(bookkeeping), bookkeeping, &pool));
	expect("make the queue", blockpool_queue_create(pool, memory_of(queue), queue, &received));
	RTE_LCORE_FOREACH(lcore)
		expect("make a local pool for an lcore", blockpool_local_pool_create(pool, BLOCKPOOL_MAX_STOCK,
							 memory_of(BLOCKPOOL_LOCAL_POOL_SIZE),
							 BLOCKPOOL_LOCAL_POOL_SIZE, &locals[lcore]));
}

static struct rte_mempool *
make_mempool(void)
{
	size_t length;
	char *memory = blockpool_memory(pool, &length);
	struct rte_mempool *mp = rte_mempool_create_empty("packets", BLOCKS, BLOCK_SIZE - HEADER, 0,
							  sizeof(struct rte_pktmbuf_pool_private),
							  SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_SPREAD);
	int result;

	if (mp == NULL)
		end("cannot make the mempool", rte_errno);
	/* Otherwise the memory need not be contiguous to devices. */
	if (rte_eal_iova_mode() != RTE_IOVA_VA)
		end("needs --iova-mode=va", 0);
	if (mp->header_size != HEADER || mp->trailer_size != 0)
		end("an object does not fill a block", 0);
	result = rte_mempool_set_ops_byname(mp, handler.name, NULL);
	if (result < 0)
		end("the mempool does not take the handler", result);
	rte_pktmbuf_pool_init(mp, NULL);
	result = rte_mempool_populate_iova(mp, memory, rte_malloc_virt2iova(memory), length, NULL,
					   NULL);
	if (result != BLOCKS)
		end("the mempool does not take all blocks", result < 0 ? result : 0);
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return mp;
}

static void
start_port(struct rte_mempool *mp)
{
	struct rte_eth_conf configuration = { 0 };
	int result = rte_eth_dev_configure(PORT, 1, 1, &configuration);

	if (result != 0)
		end("cannot give port 0 one queue each way", result);
	result = rte_eth_rx_queue_setup(PORT, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, mp);
	if (result != 0)
		end("port 0 cannot receive into the mempool", result);
	result = rte_eth_tx_queue_setup(PORT, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL);
	if (result != 0)
		end("cannot set up sending by port 0", result);
	result = rte_eth_dev_start(PORT);
	if (result != 0)
		end("port 0 does not start", result);
}

/* The index of the block that a packet fills; everything that the packet needs lies in it. */
static size_t
block_of(struct rte_mbuf *packet)
{
	char *block = (char *)packet - HEADER;
	char *data = rte_pktmbuf_mtod(packet, char *);
	size_t index = blockpool_index_of(pool, block);

	if (packet->nb_segs != 1)
		end("a packet is too long for a block", 0);
	if (index == SIZE_MAX || data < block || data + packet->data_len > block + BLOCK_SIZE)
		end("a packet does not lie in a block", 0);
	return index;
}

/* Returns when `count` packets have come, or none for a second. */
static void
receive(unsigned long count)
{
	struct rte_mbuf *packets[BURST];
	void *blocks[BURST];
	unsigned long so_far = 0;
	uint64_t last = rte_get_timer_cycles();

	while (so_far < count && rte_get_timer_cycles() - last < rte_get_timer_hz()) {
		unsigned int burst;

		/* A capture waits; a wire would not. */
		if (so_far - atomic_load_explicit(&sent_count, memory_order_relaxed) > ON_THEIR_WAY)
			continue;
		burst = rte_eth_rx_burst(PORT, 0, packets, RTE_MIN(count - so_far, BURST));
		for (unsigned int i = 0; i < burst; i++) {
			data_at[block_of(packets[i])] = rte_pktmbuf_mtod(packets[i], void *);
			blocks[i] = RTE_PTR_SUB(packets[i], HEADER);
		}
		expect("push received blocks", blockpool_queue_push_burst(received, blocks, burst, NULL));
		so_far += burst;
		if (burst > 0)
			last = rte_get_timer_cycles();
	}
	atomic_store_explicit(&to_be_sent, so_far, memory_order_relaxed);
}

static void
send_back(struct rte_mbuf *packet)
{
	struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(packet, struct rte_ether_hdr *);
	struct rte_ether_addr from;

	if (packet->data_len < sizeof(*ethernet))
		return;
	from = ethernet->src_addr;
	ethernet->src_addr = ethernet->dst_addr;
	ethernet->dst_addr = from;
}

/* The other lcore waits for these blocks, so a port that takes none for a second ends the program. */
static void
send_all(struct rte_mbuf **packets, unsigned int count)
{
	uint64_t last = rte_get_timer_cycles();

	while (count > 0) {
		unsigned int sent = rte_eth_tx_burst(PORT, 0, packets, count);

		packets += sent;
		count -= sent;
		if (sent > 0)
			last = rte_get_timer_cycles();
		else if (rte_get_timer_cycles() - last > rte_get_timer_hz())
			end("port 0 has sent nothing for a second: is its link up?", 0);
	}
}

static int
work_and_send(void *argument __rte_unused)
{
	struct rte_mbuf *packets[BURST];
	void *blocks[BURST];
	unsigned long so_far = 0;

	while (so_far < atomic_load_explicit(&to_be_sent, memory_order_relaxed)) {
		unsigned int burst = blockpool_queue_pop_burst(received, blocks, BURST);

		for (unsigned int i = 0; i < burst; i++) {
			packets[i] = RTE_PTR_ADD(blocks[i], HEADER);
			if (data_at[block_of(packets[i])] != rte_pktmbuf_mtod(packets[i], void *))
				end("a packet's data moved", 0);
			send_back(packets[i]);
		}
		send_all(packets, burst);
		so_far += burst;
		atomic_store_explicit(&sent_count, so_far, memory_order_relaxed);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	struct rte_eth_stats statistics = { 0 };
	unsigned int second, lcore;
	unsigned long count;
	char *behind;
	int launched;

	if (used < 0)
		end("EAL does not start, see above", rte_errno);
	second = rte_get_next_lcore(-1, 1, 0);
	if (argc - used != 2 || (count = strtoul(argv[used + 1], &behind, 10)) == 0 ||
	    *behind != '\0' || *argv[used + 1] == '-' || second == RTE_MAX_LCORE) {
		fprintf(stderr, "usage: dpdk_pipeline OPTIONS-OF-EAL -- PACKETS\n"
				"with two lcores and one port\n");
		return 2;
	}
	if (rte_eth_dev_count_avail() != 1)
		end("needs one port: see above why there is none, or use --vdev or --allow", 0);
	make_pool();
	start_port(make_mempool());

	launched = rte_eal_remote_launch(work_and_send, NULL, second);
	if (launched != 0)
		end("the second lcore does not start", launched);
	receive(count);
	rte_eal_wait_lcore(second);

	rte_eth_stats_get(PORT, &statistics);
	rte_eth_dev_stop(PORT);
	rte_eth_dev_close(PORT);
	RTE_LCORE_FOREACH(lcore)
		expect("end a local pool", blockpool_local_pool_destroy(locals[lcore]));
	printf("%lu of %lu packets; %zu of %zu blocks free\n", to_be_sent, count,
	       blockpool_available(pool), blockpool_capacity(pool));
	if (to_be_sent != count)
		fprintf(stderr, "none came for a second: has the capture as many? %" PRIu64
			" were dropped for want of blocks\n", statistics.rx_nombuf);
	if (to_be_sent != count || blockpool_available(pool) != blockpool_capacity(pool))
		return EXIT_FAILURE;
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
