// SPDX-License-Identifier: GPL-2.0
/*
 * State that files of several handlers and sessions share: there from the first file to
 * the last, and once in what is handed over.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "kho.h"
#include "progs/shared.h"
#include "tap.h"
#include "vm.h"

#define DAMAGE "/sys/kernel/debug/liveupdate/damage"

static struct luo_device *device;
static struct shared_control *a, *b;

/* @shared: its name, NULL for what the object says */
static struct shared_control *attach(const char *compatible, const char *fops,
				     const char *shared)
{
	struct luo_handler *handler = handler_open("shared");
	char path[64];

	strcpy(handler_member(handler, "compatible"), compatible);
	strcpy(handler_member(handler, "fops"), fops);
	if (shared)
		strcpy(handler_member(handler, "shared"), shared);
	must(luo_handler__attach(handler), "attach %s", compatible);
	/* Not where the object says, which has another name */
	mkdir(LUO_PIN_DIR, 0700);
	snprintf(path, sizeof(path), LUO_PIN_DIR "/%s", compatible);
	must(luo_handler__pin(handler, path), "pin %s", compatible);
	return handler_variable(handler, "shared");
}

static void attach_a(void)
{
	a = attach("test-shared-a-v1", "eventfd_fops", NULL);
}

static void attach_b(void)
{
	b = attach("test-shared-b-v1", "null_fops", NULL);
}

/* An eventfd under an odd token, /dev/null under an even one */
static int preserve(struct luo_session *session, int token)
{
	int fd = must(token & 1 ? eventfd(token, 0) : open("/dev/null", O_RDWR), "a file");
	int err = luo_session__preserve_fd(session, fd, token);

	close(fd);
	return err;
}

static struct luo_session *session_of(const char *name, int token)
{
	struct luo_session *session = session_create(device, name);

	must(preserve(session, token), "preserve %d", token);
	return session;
}

static void check_lifetime(void)
{
	long kho = kho_preserved(), one;
	struct luo_session *first, *second;

	first = session_of("first", 1);
	one = kho_preserved();
	second = session_of("second", 2);
	check(kho_preserved() - one < one - kho, "the second file takes less: the state is there");
	luo_session__close(first);
	check(kho_preserved() > kho, "the state stays for the second");
	luo_session__close(second);
	check_eq(kho_preserved(), kho, "and goes with it");

	a->fail = -EIO;
	first = session_create(device, "first");
	check_eq(preserve(first, 1), -EIO, "a file that can't be preserved");
	luo_session__close(first);
	check_eq(kho_preserved(), kho, "leaves no state behind");
	a->fail = 0;
}

static void check_upgrade(void)
{
	struct luo_handler *handler = handler_open("shared");

	strcpy(handler_member(handler, "shared"), "test-other-v1");
	vm_log_mark();
	check_eq(luo_handler__upgrade(handler, NULL), -EINVAL, "upgrade: other shared state");
	check_eq(vm_log_count("not replaced: .*shared"), 1, "upgrade: the kernel says why");
	luo_handler__close(handler);

	handler = handler_open("shared");
	strcpy(handler_member(handler, "shared"), "a b");
	check_eq(luo_handler__attach(handler), -EILSEQ, "attach: an odd name of shared state");
	luo_handler__close(handler);
	handler = handler_open("shared");
	memset(handler_member(handler, "shared"), 'n', 44);
	check_eq(luo_handler__attach(handler), -ENAMETOOLONG, "attach: a long one");
	luo_handler__close(handler);
}

static void check_none(void)
{
	struct shared_control *none = attach("test-shared-none-v1", "zero_fops", "");
	struct luo_session *session = session_create(device, "none");
	int fd = must(open("/dev/zero", O_RDWR), "/dev/zero");

	check_eq(luo_session__preserve_fd(session, fd, 1), -ENOENT, "a handler without");
	none->no_state = 1;
	check_eq(luo_session__preserve_fd(session, fd, 1), 0, "which can do without");
	check_eq(none->error, -ENOENT, "so bpf_luo_error() said");
	luo_session__close(session);
	close(fd);
	check_eq(handler_detach("test-shared-none-v1"), 0, "detach");
}

static void before(void)
{
	struct luo_session *session;

	device = device_open();
	attach_a();
	attach_b();
	check_lifetime();
	check_upgrade();
	check_none();

	session = session_of("both", 1);
	must(preserve(session, 2), "preserve");
	session_of("late", 4);
	session_of("detached", 5);
	session_of("never", 7);
	check_eq(handler_detach("test-shared-a-v1"), 0, "detach, with files preserved");
}

static void check_seen(const struct shared_control *by, int retrieved, int finished,
		       const char *what)
{
	check(by->seen.preserved == 5 && by->seen.frozen == 5 &&
	      by->seen.retrieved == (unsigned int)retrieved &&
	      by->seen.finished == (unsigned int)finished,
	      "%s: %llu preserved, %llu frozen, %llu retrieved, %llu finished", what,
	      by->seen.preserved, by->seen.frozen, by->seen.retrieved, by->seen.finished);
}

static void after(void)
{
	struct luo_session *both, *late, *detached, *never;

	device = device_open();
	both = session_retrieve(device, "both");
	late = session_retrieve(device, "late");
	detached = session_retrieve(device, "detached");
	never = session_retrieve(device, "never");

	vm_log_mark();
	attach_a();
	check(luo_session__retrieve_fd(both, 1) >= 0, "a file of the first handler");
	check_seen(a, 1, 0, "what it found");
	check_eq(luo_session__finish(both), 0, "finish, with a file that has no handler");
	check_seen(a, 1, 1, "finish found it, too");

	attach_b();
	check(luo_session__retrieve_fd(late, 4) >= 0, "a file of the second handler");
	check_seen(b, 2, 1, "the same state");
	check(luo_session__retrieve_fd(detached, 5) >= 0, "and another of the first");
	check_eq(handler_detach("test-shared-a-v1"), 0, "detach, with a file retrieved");
	check_eq(luo_session__finish(detached), 0, "finish");
	check_seen(a, 3, 2, "its finish has the state");
	check_eq(luo_session__finish(late), 0, "finish");
	check_seen(b, 3, 3, "and so has the second's");
	check_eq(handler_detach("test-shared-b-v1"), 0, "detach the last handler");
	check_eq(luo_session__finish(never), 0, "finish the last file, with no handler");
	check_eq(vm_log_count("stays reserved"), 0, "no memory was given up");

	attach_a();
	session_of("damaged", 9);
	must(write_file(DAMAGE, "bpf:test-shared-v1 flb.name zero"), "damage its name");
}

/* That it is lost is not that there was none. */
static void damaged(void)
{
	struct luo_session *session;

	device = device_open();
	session = session_retrieve(device, "damaged");
	attach_a();
	check_eq(luo_session__retrieve_fd(session, 9), -EUCLEAN, "damaged: the file has no state");
	check_eq(a->error, -EUCLEAN, "damaged: so bpf_luo_error() said");
	check_eq(luo_session__finish(session), 0, "damaged: finish");
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after, damaged };

	vm_run_stages(stages, 3);
}
