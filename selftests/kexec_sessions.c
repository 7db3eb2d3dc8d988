// SPDX-License-Identifier: GPL-2.0
/* Sessions through one kexec: what each call gives in the next kernel. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "stock.h"
#include "tap.h"
#include "vm.h"

#define FILES 32

static void preserve_many(int session)
{
	for (int i = 0; i < FILES; i++) {
		int fd = mem_filled("many", 0, page_size(), i);

		must(luo_preserve(session, fd, i * 1000 + 7), "preserve %d", i);
		close(fd);
	}
}

static int retrieve_one(int session, int i)
{
	int fd = luo_retrieve_fd(session, i * 1000 + 7);

	if (fd < 0)
		return fd;
	if (!mem_is(fd, 0, page_size(), i) || mem_size(fd) != page_size()) {
		close(fd);
		return -EIO;
	}
	return fd;
}

static void one_before(int session)
{
	int fd = mem_filled("one", 0, KIB(64), 1);

	must(luo_preserve(session, fd, 0), "preserve");
}

static void one_after(int session)
{
	int fd = luo_retrieve_fd(session, 0);

	check(fd >= 0 && mem_is(fd, 0, KIB(64), 1), "one: contents");
	close(fd);
}

static void empty_before(int session)
{
	(void)session;
}

static void empty_after(int session)
{
	check_eq(luo_retrieve_fd(session, 0), -ENOENT, "empty: no file");
}

static void reverse_after(int session)
{
	int bad = 0;

	for (int i = FILES - 1; i >= 0; i--)
		bad += retrieve_one(session, i) < 0;
	check_eq(bad, 0, "reverse: files not right");
}

static void random_after(int session)
{
	int order[FILES], bad = 0;

	srandom(1);
	for (int i = 0; i < FILES; i++) {
		int j = random() % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (int i = 0; i < FILES; i++)
		bad += retrieve_one(session, order[i]) < 0;
	check_eq(bad, 0, "random: files not right");
}

static void twice_after(int session)
{
	int a = retrieve_one(session, 3), b = retrieve_one(session, 3);

	check(a >= 0 && b >= 0 && a != b, "twice: two descriptors");
	lseek(a, 123, SEEK_SET);
	check_eq(lseek(b, 0, SEEK_CUR), 123, "twice: one open file");
	close(a);
	close(b);
	b = retrieve_one(session, 3);
	check_eq(lseek(b, 0, SEEK_CUR), 123, "twice: the same after both were closed");
	close(b);
}

static void some_after(int session)
{
	int a = retrieve_one(session, 0), b = retrieve_one(session, 31);

	check(a >= 0 && b >= 0, "some: two of %d files", FILES);
	/* The rest is freed by the finish that follows. */
}

static void errnos_after(int session)
{
	struct liveupdate_session_finish finish = { .size = sizeof(finish), .reserved = 1 };
	int fd = mem_create("incoming", 0, page_size());
	char state[32] = "";

	check_eq(luo_retrieve_fd(session, 8), -ENOENT, "errnos: unknown token");
	check_eq(luo_preserve(session, fd, 1), -EINVAL, "errnos: preserve in an incoming session");
	check(!ftruncate(fd, 2 * page_size()), "errnos: the refused file is left alone");
	expect(luo_retrieve(vm_luo, "errnos"), -EBUSY, "errnos: session retrieved twice");
	check_eq(luo_retrieve(vm_luo, "error"), -ENOENT, "errnos: unknown session");
	check_eq(luo_ioctl(session, LIVEUPDATE_SESSION_FINISH, &finish), -EINVAL,
		 "errnos: finish with the reserved field set");
	expect(luo_fdinfo(session, "luo-state", state, sizeof(state)) ?:
	       strcmp(state, "incoming"), 0, "errnos: fdinfo");
	close(fd);
}

static void names_before(int session)
{
	char name[64] = "";
	int fd = mem_filled("63", 0, page_size(), 63), longest;

	memset(name, 'n', 63);
	longest = must(luo_create(vm_luo, name), "create");
	must(luo_preserve(longest, fd, 63), "preserve");
	must(luo_create(vm_luo, "a/b c\n\xff"), "create");
	(void)session;
}

static void names_after(int session)
{
	char name[64] = "", got[64] = "";
	int longest, other;

	memset(name, 'n', 63);
	longest = luo_retrieve(vm_luo, name);
	check(longest >= 0 && !luo_get_name(longest, got) && !strcmp(name, got),
	      "names: 63 bytes");
	check(luo_retrieve_fd(longest, 63) >= 0, "names: and its file");
	check_eq(luo_finish(longest), 0, "names: finish");
	other = luo_retrieve(vm_luo, "a/b c\n\xff");
	check(other >= 0 && !luo_finish(other), "names: any bytes");

	/* Outgoing and incoming sessions are apart. */
	other = luo_create(vm_luo, "names");
	check(other >= 0, "names: an outgoing session of the same name");
	close(other);
	close(longest);
	(void)session;
}

/* The new descriptor can't be had: what it would have been is not lost. */
static void nofds_after(int session)
{
	struct rlimit limit, none;
	int fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	check_eq(luo_retrieve_fd(session, 7), -EMFILE, "nofds: retrieve_fd");
	check_eq(luo_retrieve(vm_luo, "spare"), -EMFILE, "nofds: retrieve");
	check_eq(luo_create(vm_luo, "outgoing"), -EMFILE, "nofds: create");
	setrlimit(RLIMIT_NOFILE, &limit);
	check(retrieve_one(session, 0) >= 0, "nofds: retrieve_fd, then with");
	fd = luo_retrieve(vm_luo, "spare");
	check(fd >= 0 && !luo_finish(fd), "nofds: retrieve, then with");
	close(fd);
	fd = luo_create(vm_luo, "outgoing");
	check(fd >= 0, "nofds: create, then with");
	close(fd);
}

static void spare_before(int session)
{
	must(luo_create(vm_luo, "spare"), "create");
	preserve_many(session);
}

/* The number of the descriptor can't be written. */
static void fault_after(int session)
{
	struct liveupdate_session_retrieve_fd *arg =
		mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int before = dup(session), after;

	close(before);
	*arg = (struct liveupdate_session_retrieve_fd) { .size = sizeof(*arg), .token = 7 };
	mprotect(arg, page_size(), PROT_READ);
	check_eq(luo_ioctl(session, LIVEUPDATE_SESSION_RETRIEVE_FD, arg), -EFAULT,
		 "fault: retrieve_fd into read-only memory");
	after = dup(session);
	check_eq(after, before, "fault: leaves no descriptor behind");
	close(after);
	check(retrieve_one(session, 0) >= 0, "fault: nor is the file lost");
}

static void gone_after(int session)
{
	check_eq(luo_finish(session), 0, "gone: finish");
	expect(luo_retrieve(vm_luo, "gone"), -ENOENT, "gone: not there after finish");
	check_eq(luo_retrieve_fd(session, 7), -ENOENT, "gone: nor its files");
}

int main(int argc, char **argv)
{
	static const struct vm_case cases[] = {
		{ "one", one_before, one_after },
		{ "empty", empty_before, empty_after },
		{ "reverse", preserve_many, reverse_after },
		{ "random", preserve_many, random_after },
		{ "twice", preserve_many, twice_after },
		{ "some", preserve_many, some_after },
		{ "none", preserve_many, empty_before },
		{ "errnos", preserve_many, errnos_after },
		{ "names", names_before, names_after },
		{ "nofds", spare_before, nofds_after },
		{ "fault", preserve_many, fault_after },
		{ "gone", preserve_many, gone_after },
	};

	stock_args(argc, argv);
	vm_run_cases(cases, sizeof(cases) / sizeof(*cases));
}
