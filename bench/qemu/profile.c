// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU: which instructions a guest executes, from when it gets to one of some
 * addresses until it gets to one of some others.
 *
 *	-plugin file=profile.so,from=ADDRESS,to=ADDRESS,out=FILE
 *
 * from= and to= may be given several times. FILE gets a line for each block of instructions:
 * its address, and how many of them were executed. For a guest with one processor.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As qemu-plugin.h has them, which Debian does not package. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_info;
struct qemu_plugin_tb;
typedef void (*tb_trans_fn)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*tb_exec_fn)(unsigned int vcpu, void *data);
typedef void (*atexit_fn)(qemu_plugin_id_t id, void *data);
extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_fn fn);
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, tb_exec_fn fn,
						 int flags, void *data);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, atexit_fn fn, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

#define EXPORT __attribute__((visibility("default")))

/* Which of QEMU's interface: profile knows the QEMU. */
EXPORT int qemu_plugin_version = PLUGIN_VERSION;

#define MARKS 16

struct block {
	struct block *next;
	uint64_t address, executed;
	size_t size;
	bool from, to;
};

static struct marks {
	uint64_t at[MARKS];
	int nr;
} from, to;

static struct block *blocks;
static bool counting;
static const char *out;

static bool is_marked(const struct marks *marks, uint64_t address)
{
	for (int i = 0; i < marks->nr; i++)
		if (marks->at[i] == address)
			return true;
	return false;
}

static void execute(unsigned int vcpu, void *data)
{
	struct block *block = data;

	(void)vcpu;
	if (block->to)
		counting = false;
	if (block->from)
		counting = true;
	if (counting)
		block->executed += block->size;
}

/* QEMU may translate the same again: that is another one, and they are added up later. */
static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = calloc(1, sizeof(*block));

	(void)id;
	if (!block)
		abort();
	block->address = qemu_plugin_tb_vaddr(tb);
	block->size = qemu_plugin_tb_n_insns(tb);
	block->from = is_marked(&from, block->address);
	block->to = is_marked(&to, block->address);
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, execute, 0, block);
}

static void report(qemu_plugin_id_t id, void *data)
{
	FILE *f = fopen(out, "w");

	(void)id;
	(void)data;
	if (!f) {
		perror(out);
		return;
	}
	for (struct block *block = blocks; block; block = block->next)
		if (block->executed)
			fprintf(f, "%016" PRIx64 " %" PRIu64 "\n", block->address, block->executed);
	fclose(f);
}

static bool mark(struct marks *marks, const char *address)
{
	if (marks->nr == MARKS)
		return false;
	marks->at[marks->nr++] = strtoull(address, NULL, 16);
	return true;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
		else if (!(!strncmp(argv[i], "from=", 5) && mark(&from, argv[i] + 5)) &&
			 !(!strncmp(argv[i], "to=", 3) && mark(&to, argv[i] + 3)))
			return -1;
	}
	if (!out || !from.nr || !to.nr)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
