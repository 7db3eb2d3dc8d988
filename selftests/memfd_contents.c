// SPDX-License-Identifier: GPL-2.0
/* What a memfd is made of, apart from holes: one case a property. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "luo.h"
#include "memfile.h"
#include "stock.h"
#include "tap.h"
#include "vm.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

static int take(int session, uint64_t token)
{
	return must(luo_retrieve_fd(session, token), "retrieve %lu", token);
}

static void sizes_before(int session)
{
	must(luo_preserve(session, mem_filled("0", 0, 0, 1), 0), "empty");
	must(luo_preserve(session, mem_filled("8", 0, 8, 1), 1), "8 bytes");
	must(luo_preserve(session, mem_filled("5000", 0, 5000, 1), 2), "5000 bytes");
	must(luo_preserve(session, mem_filled("3M", 0, MIB(3), 1), 3), "3 MiB");
	must(luo_preserve(session, mem_create("hole", 0, MIB(1)), 4), "a hole");
}

static void sizes_after(int session)
{
	static const off_t sizes[] = { 0, 8, 5000, MIB(3), MIB(1) };

	for (int i = 0; i < 4; i++) {
		int fd = take(session, i);

		check_eq(mem_size(fd), sizes[i], "sizes: size");
		check(mem_is(fd, 0, sizes[i], 1), "sizes: %ld bytes", sizes[i]);
	}
	/* What lies behind the end in the last page must not come up. */
	check(!ftruncate(take(session, 2), 8192) && mem_is_zero(take(session, 2), 5000, 3192),
	      "sizes: grown again, zeroes behind the former end");
	check(mem_is_zero(take(session, 4), 0, MIB(1)), "sizes: a hole reads as zeroes");
	check_eq(mem_size(take(session, 4)), MIB(1), "sizes: of a hole");
}

static void position_before(int session)
{
	int fd = mem_filled("position", 0, KIB(64), 1);

	lseek(fd, 77, SEEK_SET);
	must(luo_preserve(session, fd, 1), "preserve");
	fd = mem_filled("position later", 0, KIB(64), 1);
	must(luo_preserve(session, fd, 2), "preserve");
	lseek(fd, 78, SEEK_SET);
	fd = mem_filled("position far", 0, KIB(64), 1);
	lseek(fd, GIB(5) + 1, SEEK_SET);
	must(luo_preserve(session, fd, 3), "preserve");
}

static void position_after(int session)
{
	check_eq(lseek(take(session, 1), 0, SEEK_CUR), 77, "position");
	check_eq(lseek(take(session, 2), 0, SEEK_CUR), 78, "position: moved after it was preserved");
	check_eq(lseek(take(session, 3), 0, SEEK_CUR), GIB(5) + 1, "position: behind the end");
}

static void flags_before(int session)
{
	int fd = mem_filled("flags", 0, KIB(4), 1);

	fcntl(fd, F_SETFL, O_APPEND);
	must(luo_preserve(session, fd, 1), "preserve");
	fd = mem_filled("flags later", 0, KIB(4), 1);
	must(luo_preserve(session, fd, 2), "preserve");
	fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK);
	vm_kexec_arg("luo_flags", "%d", fcntl(mem_create("plain", 0, 0), F_GETFL));
	must(luo_preserve(session, mem_create("plain", 0, KIB(4)), 3), "preserve");
}

static void flags_after(int session)
{
	int plain = vm_arg_num("luo_flags", -1);

	check_eq(fcntl(take(session, 1), F_GETFL), plain | O_APPEND, "flags: O_APPEND");
	check_eq(fcntl(take(session, 2), F_GETFL), plain | O_APPEND | O_NONBLOCK,
		 "flags: set after it was preserved");
	check_eq(fcntl(take(session, 3), F_GETFL), plain, "flags: none");
	check(fcntl(take(session, 3), F_GETFD) & FD_CLOEXEC, "flags: closed on exec");
}

static void seals_before(int session)
{
	int fd = mem_filled("seals", MFD_ALLOW_SEALING, KIB(4), 1);

	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	must(luo_preserve(session, fd, 1), "preserve");
	fd = mem_filled("seals later", MFD_ALLOW_SEALING, KIB(4), 1);
	must(luo_preserve(session, fd, 2), "preserve");
	check_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) ? -errno : 0, 0,
		 "seals: can be added to a preserved memfd");
	fd = mem_filled("unsealable", 0, KIB(4), 1);
	must(luo_preserve(session, fd, 3), "preserve");
	fd = mem_filled("sealable", MFD_ALLOW_SEALING, KIB(4), 1);
	must(luo_preserve(session, fd, 4), "preserve");
	fd = mem_filled("write", MFD_ALLOW_SEALING, KIB(4), 1);
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), "seal");
	must(luo_preserve(session, fd, 5), "preserve");
}

static void seals_after(int session)
{
	int fd = take(session, 1);

	check_eq(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, "seals");
	check(ftruncate(fd, KIB(8)) && errno == EPERM, "seals: are in force");
	fd = take(session, 2);
	check_eq(fcntl(fd, F_GET_SEALS), F_SEAL_FUTURE_WRITE, "seals: added after it was preserved");
	check_eq(fcntl(take(session, 3), F_GET_SEALS), F_SEAL_SEAL, "seals: made without sealing");
	fd = take(session, 4);
	check_eq(fcntl(fd, F_GET_SEALS), 0, "seals: none");
	check_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0, "seals: can be added afterwards");
	fd = take(session, 5);
	check_eq(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE, "seals: no more writes");
	check(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM, "seals: none is possible");
	check(mem_is(fd, 0, KIB(4), 1), "seals: contents");
}

/* The longest name that memfd_create() takes. */
static const char *long_name(void)
{
	static char name[250];

	memset(name, 'm', 249);
	return name;
}

static void name_before(int session)
{
	must(luo_preserve(session, mem_create("a name", 0, KIB(4)), 1), "preserve");
	must(luo_preserve(session, mem_create("", 0, KIB(4)), 2), "preserve");
	must(luo_preserve(session, mem_create(long_name(), 0, KIB(4)), 3), "preserve");
	must(luo_preserve(session, mem_create("a/b\n \xff", 0, KIB(4)), 4), "preserve");
}

static void check_name(int fd, const char *name)
{
	char want_link[300], got[300] = "", buf[32] = "", *copy = got;
	int plain = mem_create(name, 0, 0);

	fd_link(plain, want_link, sizeof(want_link));
	fd_link(fd, got, sizeof(got));
	snprintf(buf, sizeof(buf), "%s", name[0] == 'a' && name[1] == '/' ? "odd bytes" : name);
	check(!strcmp(copy, want_link), "name: '%s'", buf);
	close(plain);
}

static void name_after(int session)
{
	check_name(take(session, 1), "a name");
	check_name(take(session, 2), "");
	check_name(take(session, 3), long_name());
	check_name(take(session, 4), "a/b\n \xff");
}

static void mode_before(int session)
{
	int fd = mem_filled("noexec", MFD_NOEXEC_SEAL, KIB(4), 1);

	must(luo_preserve(session, fd, 1), "preserve");
	fd = mem_filled("exec", MFD_EXEC, KIB(4), 1);
	must(luo_preserve(session, fd, 2), "preserve");
	fd = mem_filled("chmod", MFD_EXEC, KIB(4), 1);
	fchmod(fd, 0640);
	fchown(fd, 12, 34);
	must(luo_preserve(session, fd, 3), "preserve");
}

static void mode_after(int session)
{
	struct stat st = { };
	int fd = take(session, 1);

	fstat(fd, &st);
	check_eq(st.st_mode, S_IFREG | 0666, "mode: not executable");
	check(fcntl(fd, F_GET_SEALS) & F_SEAL_EXEC, "mode: and sealed so");
	fstat(take(session, 2), &st);
	check_eq(st.st_mode, S_IFREG | 0777, "mode: executable");
	fstat(take(session, 3), &st);
	check_eq(st.st_mode, S_IFREG | 0640, "mode: changed");
}

static int open_again(int fd, int mode)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return must(open(path, mode | O_CLOEXEC), "open %s", path);
}

static void access_before(int session)
{
	int fd = mem_filled("read", 0, KIB(4), 1);

	must(luo_preserve(session, open_again(fd, O_RDONLY), 1), "preserve a read-only memfd");
	close(fd);
	fd = mem_filled("write", 0, KIB(4), 2);
	must(luo_preserve(session, open_again(fd, O_WRONLY), 2), "preserve a write-only memfd");
}

static void access_after(int session)
{
	int fd = take(session, 1);
	char byte;

	check_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY, "access: read-only");
	check(pwrite(fd, "x", 1, 0) < 0 && errno == EBADF, "access: no write");
	check(mmap(NULL, KIB(4), PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED,
	      "access: no shared mapping to write to");
	check(mem_is(fd, 0, KIB(4), 1), "access: contents");

	fd = take(session, 2);
	check_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY, "access: write-only");
	check(pread(fd, &byte, 1, 0) < 0 && errno == EBADF, "access: no read");
	check(pwrite(fd, "x", 1, KIB(4)) == 1, "access: write");
	check(mem_is(open_again(fd, O_RDONLY), 0, KIB(4), 2), "access: contents of it");
}

static void mapped_before(int session)
{
	int fd = mem_filled("mapped", 0, KIB(64), 1);
	char *map = mmap(NULL, KIB(64), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(luo_preserve(session, fd, 1), "preserve");
	/* Mapped before, written after it was preserved, closed but mapped. */
	memset(map + KIB(4), 'w', KIB(4));
	close(fd);
}

static void mapped_after(int session)
{
	int fd = take(session, 1);
	char *map = mmap(NULL, KIB(64), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	check(mem_is(fd, 0, KIB(4), 1) && mem_is(fd, KIB(8), KIB(56), 1), "mapped: contents");
	check(map[KIB(4)] == 'w' && map[KIB(8) - 1] == 'w', "mapped: written since");
	map[0] = 'x';
	memset(map + KIB(60), 'y', KIB(4));
	check(pwrite(fd, "z", 1, 1) == 1 && map[1] == 'z', "mapped: a mapping and the file agree");
	check(!ftruncate(fd, KIB(128)) && mem_is_zero(fd, KIB(64), KIB(64)),
	      "mapped: the memfd can grow again");
	check(!ftruncate(fd, KIB(8)) && mem_size(fd) == KIB(8), "mapped: and shrink");
	check(mem_allocated(fd) == KIB(8), "mapped: which frees what it held");
}

int main(int argc, char **argv)
{
	static const struct vm_case cases[] = {
		{ "sizes", sizes_before, sizes_after },
		{ "position", position_before, position_after },
		{ "flags", flags_before, flags_after },
		{ "seals", seals_before, seals_after },
		{ "name", name_before, name_after },
		{ "mode", mode_before, mode_after },
		{ "access", access_before, access_after },
		{ "mapped", mapped_before, mapped_after },
	};

	stock_args(argc, argv);
	vm_run_cases(cases, sizeof(cases) / sizeof(*cases));
}
