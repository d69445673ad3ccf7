/* processes EAL-OPTIONS -- HANDLER
 *
 * One mempool in two processes: this one, and a secondary one that it starts. On failure, prints a line
 * that says what was wrong. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mempool.h>

/* The secondary process gets all objects that the primary one does not hold, and keeps some. */
enum { OBJECTS = 1000, OBJECT_SIZE = 200, OF_PRIMARY = 10, KEPT = 5, ARGUMENTS = 64 };

static const char *const name = "shared";

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			rte_exit(EXIT_FAILURE, "line %d: not %s\n", __LINE__, #condition);         \
	} while (0)

static void
write_to(void **objects, unsigned int count, int byte)
{
	for (unsigned int i = 0; i < count; i++)
		memset(objects[i], byte, OBJECT_SIZE);
}

/* Starts this program again, and returns when it has ended. */
static void
run_secondary(char **arguments)
{
	pid_t process = fork();
	int status;

	if (process == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv("/proc/self/exe", arguments);
		_exit(EXIT_FAILURE);
	}
	EXPECT(waitpid(process, &status, 0) == process);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void
be_primary(const char *handler, char **arguments)
{
	struct rte_mempool *mempool =
		rte_mempool_create_empty(name, OBJECTS, OBJECT_SIZE, 0, 0, SOCKET_ID_ANY, 0);
	void *objects[OBJECTS];

	EXPECT(mempool != NULL);
	EXPECT(rte_mempool_set_ops_byname(mempool, handler, NULL) == 0);
	EXPECT(rte_mempool_populate_default(mempool) == OBJECTS);
	EXPECT(rte_mempool_get_bulk(mempool, objects, OF_PRIMARY) == 0);
	write_to(objects, OF_PRIMARY, 1);
	run_secondary(arguments);
	for (unsigned int i = 0; i < OF_PRIMARY; i++)
		for (unsigned int byte = 0; byte < OBJECT_SIZE; byte++)
			EXPECT(((const unsigned char *)objects[i])[byte] == 1);
	/* What the other process kept is lost with it. */
	rte_mempool_put_bulk(mempool, objects, OF_PRIMARY);
	EXPECT(rte_mempool_avail_count(mempool) == OBJECTS - KEPT);
	EXPECT(rte_mempool_get_bulk(mempool, objects, OBJECTS - KEPT + 1) == -ENOBUFS);
	EXPECT(rte_mempool_get_bulk(mempool, objects, OBJECTS - KEPT) == 0);
}

static void
be_secondary(void)
{
	struct rte_mempool *mempool = rte_mempool_lookup(name);
	void *objects[OBJECTS];

	EXPECT(mempool != NULL);
	EXPECT(rte_mempool_get_bulk(mempool, objects, OBJECTS - OF_PRIMARY + 1) == -ENOBUFS);
	EXPECT(rte_mempool_get_bulk(mempool, objects, OBJECTS - OF_PRIMARY) == 0);
	write_to(objects, OBJECTS - OF_PRIMARY, 2);
	rte_mempool_put_bulk(mempool, objects, OBJECTS - OF_PRIMARY - KEPT);
}

int
main(int argc, char **argv)
{
	/* EAL reorders the arguments, and takes the amount of memory from the primary process. */
	char *again[ARGUMENTS] = { argv[0], "--proc-type=secondary" };
	unsigned int count = 2;

	EXPECT(argc + 1 < ARGUMENTS);
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "-m", 2) != 0)
			again[count++] = argv[i];
	EXPECT(rte_eal_init(argc, argv) >= 0);
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		be_primary(again[count - 1], again);
	else
		be_secondary();
	return rte_eal_cleanup();
}
