/* preempted_lcore EAL-OPTIONS -- HANDLER
 *
 * Lcore 1 gets objects from a mempool and puts them back, and is stopped before each of these
 * instructions in turn. While it is stopped, lcore 0 gets and puts. Both set their processor's trap
 * flag, so that each instruction raises SIGTRAP and is counted: lcore 0 counts as waiting if its
 * operation does not return within far more instructions than it needs. Then lcore 1 is released.
 * No clock is involved. */

#define _GNU_SOURCE

#include <limits.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <x86intrin.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

enum {
	/* One less than a power of two, as DPDK recommends. */
	OBJECTS = 15,
	MOST_AT_ONCE = 4,
	/* Some rings let others run ahead by an eighth of their size; these rounds exceed that. */
	ROUNDS = 2,
	/* In instructions, for one get or put, which takes one or two hundred. */
	PATIENCE = 500,
	TRAP_FLAG = 1 << 8,
};

static const unsigned int WORKER = 1;

/* Code whose instructions are counted. */
struct steps {
	unsigned int count;
	/* `reached` is called before this instruction, counted from 0. */
	unsigned int limit;
	void (*reached)(void);
};

/* What this lcore is stepping through. */
static __thread struct steps *volatile stepping;

/* Lcore 1 is stopped or done; lcore 1 may continue. */
static sem_t is_there, may_go_on;

static void
wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		;
}

static void
on_trap(int signal, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
	struct steps *steps = stepping;

	(void)signal;
	(void)info;
	if (steps == NULL) {
		*flags &= ~(greg_t)TRAP_FLAG;
	} else if (steps->count++ == steps->limit) {
		*flags &= ~(greg_t)TRAP_FLAG;
		steps->reached();
	}
}

static void
begin(struct steps *steps)
{
	stepping = steps;
	__writeeflags(__readeflags() | TRAP_FLAG);
}

static void
end(void)
{
	__writeeflags(__readeflags() & ~(unsigned long long)TRAP_FLAG);
	stepping = NULL;
}

/* Lcore 1's part. */
struct operation {
	struct rte_mempool *mempool;
	unsigned int at_once;
	struct steps steps;
	bool got;
};

static void
stop_here(void)
{
	sem_post(&is_there);
	wait_for(&may_go_on);
}

static int
get_and_put(void *argument)
{
	struct operation *operation = argument;
	struct rte_mempool *mempool = operation->mempool;
	unsigned int at_once = operation->at_once;
	void *objects[MOST_AT_ONCE];

	begin(&operation->steps);
	operation->got = rte_mempool_generic_get(mempool, objects, at_once, NULL) == 0;
	if (operation->got)
		rte_mempool_generic_put(mempool, objects, at_once, NULL);
	end();
	if (operation->steps.count <= operation->steps.limit)
		stop_here();
	return 0;
}

/* What lcore 0 saw. */
enum outcome { FREE, WAITS, FOUND_NONE };

static bool waits;

static void
let_go_on(void)
{
	waits = true;
	sem_post(&may_go_on);
}

static enum outcome
try(struct rte_mempool *mempool, unsigned int at_once)
{
	void *objects[MOST_AT_ONCE];

	waits = false;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct steps get = { .limit = PATIENCE, .reached = let_go_on };
		struct steps put = get;
		bool got;

		begin(&get);
		got = rte_mempool_generic_get(mempool, objects, at_once, NULL) == 0;
		end();
		if (got) {
			begin(&put);
			rte_mempool_generic_put(mempool, objects, at_once, NULL);
			end();
		}
		if (waits)
			return WAITS;
		if (!got) {
			sem_post(&may_go_on);
			return FOUND_NONE;
		}
	}
	sem_post(&may_go_on);
	return FREE;
}

static struct rte_mempool *
full_mempool(const char *handler)
{
	struct rte_mempool *mempool =
		rte_mempool_create_empty(handler, OBJECTS, 64, 0, 0, SOCKET_ID_ANY, 0);

	if (mempool == NULL || rte_mempool_set_ops_byname(mempool, handler, NULL) != 0 ||
	    rte_mempool_populate_default(mempool) != OBJECTS)
		rte_exit(EXIT_FAILURE, "no mempool with the handler %s\n", handler);
	return mempool;
}

struct stop {
	/* That lcore 1 executed in all. */
	unsigned int instructions;
	enum outcome outcome;
	bool lost_objects;
};

static struct stop
stop_before(unsigned int instruction, const char *handler, unsigned int at_once)
{
	struct operation operation = {
		.mempool = full_mempool(handler),
		.at_once = at_once,
		.steps = { .limit = instruction, .reached = stop_here },
	};
	struct stop stop;

	if (rte_eal_remote_launch(get_and_put, &operation, WORKER) != 0)
		rte_exit(EXIT_FAILURE, "lcore %u is busy\n", WORKER);
	wait_for(&is_there);
	stop.outcome = try(operation.mempool, at_once);
	rte_eal_wait_lcore(WORKER);
	if (!operation.got)
		rte_exit(EXIT_FAILURE, "lcore %u got nothing\n", WORKER);
	stop.instructions = operation.steps.count;
	stop.lost_objects = rte_mempool_avail_count(operation.mempool) != OBJECTS;
	rte_mempool_free(operation.mempool);
	return stop;
}

static void
stop_everywhere(const char *handler, unsigned int at_once)
{
	unsigned int counts[] = { [FREE] = 0, [WAITS] = 0, [FOUND_NONE] = 0 };
	unsigned int lost_objects = 0;
	unsigned int instructions;

	/* Not stopped. The first run includes work of the dynamic linker. */
	stop_before(UINT_MAX, handler, at_once);
	instructions = stop_before(UINT_MAX, handler, at_once).instructions;
	for (unsigned int instruction = 0; instruction < instructions; instruction++) {
		struct stop stop = stop_before(instruction, handler, at_once);

		counts[stop.outcome]++;
		lost_objects += stop.lost_objects;
	}
	printf("%u at once: instructions %u, waits %u, found none %u, lost objects %u\n", at_once,
	       instructions, counts[WAITS], counts[FOUND_NONE], lost_objects);
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	int arguments = rte_eal_init(argc, argv);

	if (argc != arguments + 2 || !rte_lcore_is_enabled(WORKER))
		rte_exit(EXIT_FAILURE, "one handler and lcores 0 and %u are needed\n", WORKER);
	if (sem_init(&is_there, 0, 0) != 0 || sem_init(&may_go_on, 0, 0) != 0 ||
	    sigaction(SIGTRAP, &action, NULL) != 0)
		rte_exit(EXIT_FAILURE, "no semaphores or no handler for SIGTRAP\n");
	stop_everywhere(argv[argc - 1], 1);
	stop_everywhere(argv[argc - 1], MOST_AT_ONCE);
	return rte_eal_cleanup();
}
