// SPDX-License-Identifier: GPL-2.0
/*
 * luo-attach, as what runs it early runs it: an initramfs, PID 1 with its generators.
 * "off", "stock" and "none" are for kernels that attach no handlers.
 */
#include <errno.h>
#include <fcntl.h>
#include <libluo-bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attached.h"
#include "luo.h"
#include "tap.h"
#include "vm.h"

#define MARK "/run/luo-attach"
#define GENERATOR "/tmp/luo-generator /tmp/normal /tmp/early /tmp/late"

/* As an initramfs does, before there is any BPF file system */
static void check_initramfs(void)
{
	struct seen first;

	must(umount("/sys/fs/bpf"), "unmount");
	check_eq(run(IN_INITRD), 0, "initramfs: it succeeds");
	check(objects() && attached().count == objects(), "initramfs: all %d are attached",
	      objects());
	check(!access(LUO_PIN_DIR "/eventfd-v1", F_OK), "initramfs: where luod pins them");
	check_eq(vm_log_count("^luo-attach: "), 1, "initramfs: one line says so");
	first = attached();
	check_eq(run(ATTACH), 0, "again: it succeeds");
	check(attached().count == first.count && attached().eventfd_link == first.eventfd_link,
	      "again: nothing is attached twice");
}

/* PID 1 runs them in a namespace in which only these can be written to. */
static int in_namespace(void *arg)
{
	static const char *const writable[] = { "/sys", "/run", "/proc", "/tmp" };

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL))
		return 125;
	for (int i = 0; i < 4; i++) {
		if (mount(writable[i], writable[i], NULL, MS_BIND | MS_REC, NULL))
			return 126;
	}
	mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	return run(arg);
}

static int generator(const char *environment)
{
	char command[256];

	snprintf(command, sizeof(command), "%s " GENERATOR, environment);
	return vm_in_child(in_namespace, command);
}

static void check_generator(void)
{
	struct luo_handler *eventfd;

	detach_all();
	check_eq(attached().count, 0, "generator: none is attached");
	check_eq(generator("SYSTEMD_IN_INITRD=1"), 0, "generator of an initrd: it succeeds");
	check_eq(attached().count, objects(), "generator of an initrd: all are attached");
	check(access(MARK, F_OK), "generator of an initrd: not the last one");

	detach_all();
	check_eq(generator("SYSTEMD_IN_INITRD=0"), 0, "generator: it succeeds");
	check_eq(attached().count, objects(), "generator: all are attached, and stay so");
	check(!access(MARK, F_OK), "generator: it has run");

	eventfd = luo_handler__open_attached("eventfd-v1");
	must(eventfd ? luo_handler__detach(eventfd) : -errno, "detach");
	luo_handler__close(eventfd);
	check_eq(generator("SYSTEMD_IN_INITRD=0"), 0, "generator: again, as for a reload");
	check_eq(attached().count, objects() - 1, "generator: what was unloaded stays so");
}

static void check_versions(void)
{
	must(-run("mkdir -p /tmp/newer && cp " NEWER " /tmp/newer/eventfd.bpf.o"), "copy");
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	check_eq(run(ATTACH), 0, "version 1: it succeeds");
	check_eq(attached().eventfd_version, 1, "version 1: it is attached");
	conf("{ \"handlers\": [ \"/handlers\", \"/tmp/newer\" ], \"allow\": [ { \"user\": \"nobody-here\" } ] }");
	check_eq(run(ATTACH), 0, "version 2: it succeeds, whoever luod.conf is about");
	check_eq(attached().eventfd_version, 2, "version 2: it is in the place of version 1");
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	check_eq(run(ATTACH), 0, "version 1 again: it succeeds");
	check_eq(attached().eventfd_version, 2, "version 1 again: version 2 stays");
	check_eq(run("/selftests/luo-attach --list > /tmp/list"), 0, "list");
	check_eq(run("ls /handlers/*.bpf.o | cmp - /tmp/list"), 0, "list: every object");
}

/* Lines about /tmp/newer/eventfd.bpf.o */
static int said_of_newer(const char *regex)
{
	char line[256];

	snprintf(line, sizeof(line), "^luo-attach: /tmp/newer/eventfd.bpf.o: %s", regex);
	return vm_log_count(line);
}

/* Mended, without another version: that of the root file system counts. */
static void check_stale(void)
{
	struct seen stale, mended;

	detach_all();
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	check_eq(run(IN_INITRD), 0, "stale: as of an initramfs");
	stale = attached();
	change_newer("/handlers/eventfd.bpf.o", "eventfd_fops", NULL);
	conf(OF_NEWER);
	vm_log_mark();
	check_eq(generator("SYSTEMD_IN_INITRD=1"), 0, "stale: still in the initramfs");
	check_eq(vm_log_count("the initramfs has another"), 0, "stale: which is no news there");
	check_eq(attached().eventfd_version, 1, "stale: the version is the same");
	detach_all();
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	must(-run(IN_INITRD), "attach");
	stale = attached();
	conf(OF_NEWER);
	unlink(MARK);
	check_eq(generator(""), 0, "stale: the generator succeeds");
	mended = attached();
	check(mended.eventfd_link == stale.eventfd_link && mended.eventfd_map != stale.eventfd_map,
	      "stale: the mended one is in its place");
	check_eq(said_of_newer("the initramfs has another one: .*update-initramfs -u"), 1,
		 "stale: one line says that the initramfs is to be made again");
	check_eq(run(ATTACH), 0, "stale: once more");
	check_eq(attached().eventfd_map, mended.eventfd_map, "stale: and then it stays");
}

/* What another program has attached, and not pinned, must not go with it. */
static void check_unpinned(void)
{
	struct luo_handler *handler;

	detach_all();
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	handler = luo_handler__open("/handlers/eventfd.bpf.o", NULL);
	must(handler ? luo_handler__attach(handler) : -errno, "attach");
	check_eq(run(ATTACH), 0, "not pinned: it succeeds");
	luo_handler__close(handler);
	check_eq(attached().count, objects(), "not pinned: it is pinned now, and stays");
}

static void check_older_stays(void)
{
	change_newer(NEWER, "eventfd_fops", "eventfd_none");
	conf(OF_NEWER);
	vm_log_mark();
	check_eq(run(ATTACH), 1, "refused: it fails");
	check_eq(attached().eventfd_version, 1, "refused: the older one stays");
	check_eq(said_of_newer("version 1 of it was attached before and stays: .*'eventfd_none'"),
		 1, "refused: a line says so, and why");
	check_eq(vm_log_count("^luo-attach: .*not attached"), 0, "refused: none says more");
	check_eq(vm_log_count("^luo-attach: 1?[0-9] of 1?[0-9] handlers are attached"), 1,
		 "refused: and one sums it up");
}

static void check_no_file(void)
{
	must(-run("rm /tmp/newer/*; mkfifo /tmp/newer/eventfd.bpf.o; "
		  "ln -s /nowhere /tmp/newer/lost.bpf.o"),
	     "no files");
	vm_log_mark();
	check_eq(run(ATTACH), 1, "no files: it fails");
	check_eq(said_of_newer("no plain file: mend or remove it"), 1,
		 "no files: a line about a FIFO");
	check_eq(vm_log_count("^luo-attach: /tmp/newer/lost.bpf.o: No such file or directory: "), 1,
		 "no files: a line about what is not there");
	must(-run("rm /tmp/newer/*"), "remove");
}

/* More lines than the kernel's log takes from one opener at a time */
static void check_many_lines(void)
{
	must(-run("for i in 0 1 2 3 4 5 6 7 8 9 a b; do "
		  "head -c 100 " NEWER " > /tmp/newer/bad-$i.bpf.o; done"),
	     "bad objects");
	vm_log_mark();
	check_eq(run(ATTACH), 1, "many bad objects: it fails");
	check_eq(vm_log_count("^luo-attach: /tmp/newer/bad-.*: not attached"), 12,
		 "many bad objects: a line about each");
	check_eq(vm_log_count("^luo-attach: "), 13, "many bad objects: and one that sums it up");
	must(-run("rm /tmp/newer/*"), "remove");
}

/* Nothing is there to mount it on. */
static int without_sys(void *arg)
{
	(void)arg;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) ||
	    mount("none", "/sys/fs", "tmpfs", 0, NULL))
		return 125;
	return run(ATTACH);
}

static void check_failures(void)
{
	vm_log_mark();
	check_eq(vm_in_child(without_sys, NULL), 1, "no place for a BPF file system: it fails");
	check_eq(vm_log_count("^luo-attach: no BPF file system at .*, nor can it be mounted: No "),
		 1, "no place for a BPF file system: one line says so");

	detach_all();
	must(-run("head -c 5000 " NEWER " > /tmp/newer/eventfd.bpf.o; "
		 "cp /selftests/luo-attach /tmp/newer/other.bpf.o"), "damaged objects");
	conf(OF_NEWER);
	vm_log_mark();
	check_eq(run(ATTACH), 1, "bad objects: it fails");
	check_eq(attached().count, objects() - 1, "bad objects: the others are attached");
	check_eq(said_of_newer("not attached, .*: .*"), 1,
		 "bad objects: a line about the first");
	check_eq(vm_log_count("^luo-attach: /tmp/newer/other.bpf.o: not attached, .*: .*"), 1,
		 "bad objects: a line about the second");
	check_eq(vm_log_count("^luo-attach: "), 3, "bad objects: and one that sums it up");

	make_fatal("/tmp/newer/eventfd.bpf.o");
	vm_log_mark();
	check_eq(run(ATTACH), 1, "fatal to libbpf: it fails");
	check_eq(attached().count, objects() - 1, "fatal to libbpf: the others are attached");
	check_eq(said_of_newer("not attached, .*: it is damaged, and libbpf"), 1,
		 "fatal to libbpf: a line says which it is");
	unlink(MARK);
	check_eq(generator(""), 0, "bad objects: a generator succeeds");

	vm_log_mark();
	conf("{ \"handlers\": [ \"/nowhere\" ] }");
	check_eq(run(ATTACH), 1, "no directory: it fails");
	check_eq(vm_log_count("^luo-attach: /nowhere: No such file .*: no handler from there: "), 1,
		 "no directory: one line says so");
	conf("{}");
	vm_log_mark();
	check_eq(run(ATTACH), 0, "no objects: it has nothing to do");
	check_eq(vm_log_count("^luo-attach: there is no handler to attach: .*" CONF), 1,
		 "no objects: one line says so");
	check_eq(vm_log_count("^luo-attach: "), 1, "no objects: and no other");
	conf("{ \"handlers\": 5 }");
	check_eq(run(ATTACH), 1, "luod.conf is wrong: it fails");
	check_eq(vm_log_count("^luo-attach: " CONF ": line 1: .*usual directories"), 1,
		 "luod.conf is wrong: one line says so");

	conf("{ \"handlers\": [ \"/handlers\" ] }");
	must(umount("/sys/fs/bpf"), "unmount");
	unlink(MARK);
	vm_log_mark();
	check_eq(generator(""), 0, "no BPF file system: a generator succeeds");
	check_eq(attached().count, 0, "no BPF file system: it attaches none");
	check_eq(vm_log_count("^luo-attach: no BPF file system at /sys/fs/bpf: no handler"), 1,
		 "no BPF file system: one line says so");
}

static void before(void)
{
	int luo, session;

	conf("{ \"handlers\": [ \"/handlers\" ] }");
	must(symlink("/selftests/luo-attach", "/tmp/luo-generator"), "link");
	check_initramfs();
	check_generator();
	check_versions();
	check_stale();
	check_unpinned();
	check_older_stays();
	check_no_file();
	check_many_lines();
	check_failures();

	must(-run(ATTACH), "attach");
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_create(luo, "early"), "create");
	must(luo_preserve(session, eventfd(7, EFD_NONBLOCK), 1), "preserve an eventfd");
}

/* Whoever opens the device next gets the file. */
static void after(void)
{
	int luo, session, fd;
	uint64_t count = 0;

	conf("{ \"handlers\": [ \"/handlers\" ] }");
	must(symlink("/selftests/luo-attach", "/tmp/luo-generator"), "link");
	check_eq(generator(""), 0, "kexec: the generator succeeds");
	luo = must(luo_open(), "/dev/liveupdate");
	session = must(luo_retrieve(luo, "early"), "retrieve the session");
	fd = luo_retrieve_fd(session, 1);
	check(fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count) && count == 7,
	      "kexec: the file is back at the first attempt");
	check_eq(luo_finish(session), 0, "kexec: finish");
}

/* Nothing can be attached, and nothing is the end of anything. */
static void no_handlers(const char *what, int status, const char *line)
{
	tap_start(true, 0);
	conf("{ \"handlers\": [ \"/handlers\" ] }");
	vm_log_mark();
	check_eq(run(ATTACH), status, "%s: its status", what);
	check_eq(vm_log_count("^luo-attach: "), line ? 1 : 0, "%s: no more lines than that", what);
	if (line)
		check_eq(vm_log_count(line), 1, "%s: the line", what);
	must(symlink("/selftests/luo-attach", "/tmp/luo-generator"), "link");
	check_eq(generator(""), 0, "%s: a generator succeeds", what);
	tap_finish();
}

int main(int argc, char **argv)
{
	static const vm_stage_fn stages[] = { before, after };

	if (argc < 2)
		vm_run_stages(stages, 2);
	if (!strcmp(argv[1], "off"))
		no_handlers("luo.attach=0", 0, "^luo-attach: no handler is attached: luo.attach=0");
	if (!strcmp(argv[1], "stock"))
		no_handlers("a kernel without handlers in BPF", 1,
			    "^luo-attach: no handler is attached: this kernel has no handlers in BPF");
	no_handlers("a kernel without live update", 0, NULL);
}
