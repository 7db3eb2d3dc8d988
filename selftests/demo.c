// SPDX-License-Identifier: GPL-2.0
/*
 * The live update that a newcomer watches: three memfds and an eventfd go into a
 * session, a kexec replaces the kernel, and all that can be seen of them is compared
 * with before. The eventfd's handler is a BPF object: loaded while the kernel runs,
 * replaced while the file is preserved, and loaded late in the next kernel. At the
 * end stands where the time went.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "demo/timeline.h"
#include "libluo-bpf.h"
#include "luo.h"
#include "tap.h"
#include "vm.h"

#define SESSION "demo"
#define NOTES_TOKEN 100
#define EVENTFD_TOKEN 101
#define HANDLER "/handlers/eventfd.bpf.o"
#define HANDLER_2 "/selftests/progs/eventfd-2.bpf.o"
#define MIB 0x100000UL
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What can be seen of a file from outside. */
struct look {
	uint64_t size, allocated, position;
	uint32_t seals;
	char sha256[65];
};

static void fill_small(int fd);
static void fill_sparse(int fd);
static void fill_sealed(int fd);

static const struct {
	const char *name;
	void (*fill)(int fd);
} files[] = {
	{ "small", fill_small },
	{ "sparse", fill_sparse },
	{ "sealed", fill_sealed },
};

/* What the old kernel's program tells the new one's, in a memfd of its own. */
struct notes {
	struct look looks[ARRAY_SIZE(files)];
	char boot_id[40], release[65];
	uint64_t ticks;
};

static void put(int fd, uint64_t offset, const void *data, size_t len)
{
	must(pwrite(fd, data, len, offset) == (ssize_t)len ? 0 : -1, "write");
}

static void fill_small(int fd)
{
	static const char text[] = "A kexec replaces the kernel; this line stays.\n";

	put(fd, 0, text, sizeof(text) - 1);
	lseek(fd, 8, SEEK_SET);
}

static void fill_sparse(int fd)
{
	static const uint64_t islands[] = { 0, 17 * MIB, 41 * MIB + 123 };

	for (size_t i = 0; i < ARRAY_SIZE(islands); i++)
		put(fd, islands[i], "an island in a hole", 19);
	must(ftruncate(fd, 64 * MIB), "ftruncate");
}

static void fill_sealed(int fd)
{
	uint32_t *words = malloc(4 * MIB), x = 2463534242;

	must(words ? 0 : -1, "malloc");
	for (size_t i = 0; i < MIB; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		words[i] = x;
	}
	put(fd, 0, words, 4 * MIB);
	free(words);
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE), "seal");
}

static void look_at(int fd, struct look *look)
{
	char command[80];
	struct stat st;
	FILE *p;

	memset(look, 0, sizeof(*look));
	fstat(fd, &st);
	look->size = st.st_size;
	look->allocated = st.st_blocks * 512;
	look->position = lseek(fd, 0, SEEK_CUR);
	look->seals = fcntl(fd, F_GET_SEALS);
	/* A name under /proc: opened anew, so that the position stays. */
	snprintf(command, sizeof(command), "sha256sum /proc/%d/fd/%d", getpid(), fd);
	p = popen(command, "r");
	if (!p || fscanf(p, "%64s", look->sha256) != 1)
		tap_bail("%s", command);
	pclose(p);
}

static void show_head(void)
{
	tap_note("    %-7s %9s %10s %9s %-18s %s", "memfd", "bytes", "allocated",
		 "position", "seals", "SHA-256");
}

static void show(const char *name, const struct look *look)
{
	char seals[64] = "";

	if (look->seals & F_SEAL_SHRINK)
		strcat(seals, "shrink ");
	if (look->seals & F_SEAL_GROW)
		strcat(seals, "grow ");
	if (look->seals & F_SEAL_WRITE)
		strcat(seals, "write ");
	tap_note("    %-7s %9ju %10ju %9ju %-18s %.16s...", name, (uintmax_t)look->size,
		 (uintmax_t)look->allocated, (uintmax_t)look->position,
		 seals[0] ? seals : "-", look->sha256);
}

static void describe_kernel(struct notes *notes)
{
	struct utsname u;

	uname(&u);
	snprintf(notes->release, sizeof(notes->release), "%s", u.release);
	must(read_file("/proc/sys/kernel/random/boot_id", notes->boot_id,
		       sizeof(notes->boot_id)), "boot_id");
}

static struct notes *map_notes(int fd)
{
	void *p = mmap(NULL, sizeof(struct notes), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);

	must(p == MAP_FAILED ? -1 : 0, "mmap");
	return p;
}

/* A process that notes the time until the kernel stops it with all others. */
static void start_heart(struct notes *notes)
{
	fflush(stdout);
	if (fork())
		return;
	for (;;) {
		__atomic_store_n(&notes->ticks, ticks(), __ATOMIC_RELAXED);
		usleep(1000);
	}
}

static struct luo_handler *open_handler(const char *path)
{
	struct luo_handler *handler = luo_handler__open(path, NULL);

	must(handler ? 0 : -errno, "open %s", path);
	return handler;
}

static void load_handler(const char *path)
{
	struct luo_handler *handler = open_handler(path);

	must(luo_handler__attach(handler), "attach %s", path);
	must(luo_handler__pin(handler, NULL), "pin %s", path);
	tap_note("    loaded %s: this kernel preserves eventfds now", path);
	luo_handler__close(handler);
}

static void replace_handler(const char *path)
{
	struct luo_handler *handler = open_handler(path);

	must(luo_handler__upgrade(handler, NULL), "upgrade to %s", path);
	tap_note("    replaced by %s while the file is preserved", path);
	luo_handler__close(handler);
}

static void preserve_eventfd(int session)
{
	int fd = must(eventfd(40, EFD_SEMAPHORE | EFD_NONBLOCK), "eventfd");
	uint64_t more = 2;

	tap_note("  an eventfd, count 40, semaphore, nonblocking:");
	tap_note("    without a handler: %s", strerror(-luo_preserve(session, fd, EVENTFD_TOKEN)));
	load_handler(HANDLER);
	must(luo_preserve(session, fd, EVENTFD_TOKEN), "preserve the eventfd");
	replace_handler(HANDLER_2);
	must(write(fd, &more, sizeof(more)) == sizeof(more) ? 0 : -errno, "write");
	tap_note("    2 added after that: count 42");
}

static void retrieve_eventfd(int session)
{
	uint64_t one, count = 0;
	int fd;

	tap_note("  the eventfd:");
	tap_note("    without a handler: %s",
		 strerror(-luo_retrieve_fd(session, EVENTFD_TOKEN)));
	load_handler(HANDLER_2);
	fd = must(luo_retrieve_fd(session, EVENTFD_TOKEN), "retrieve the eventfd");
	check_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK, "eventfd: nonblocking as before");
	while (read(fd, &one, sizeof(one)) == sizeof(one) && one == 1)
		count++;
	tap_note("    came back: count %ju, taken one by one as from a semaphore",
		 (uintmax_t)count);
	check_eq(count, 42, "eventfd: count as before");
}

static void before(void)
{
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_create(luo, SESSION), "create session");
	int fd = must(memfd_create("notes", 0), "memfd_create");
	struct notes *notes;

	must(ftruncate(fd, sizeof(*notes)), "ftruncate");
	notes = map_notes(fd);
	describe_kernel(notes);
	must(luo_preserve(session, fd, NOTES_TOKEN), "preserve notes");

	tap_note("Before  Linux %s, boot id %.13s...", notes->release, notes->boot_id);
	tap_note("  put into session \"" SESSION "\":");
	show_head();
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		fd = must(memfd_create(files[i].name, MFD_ALLOW_SEALING), "memfd_create");
		files[i].fill(fd);
		must(luo_preserve(session, fd, i), "preserve %s", files[i].name);
		look_at(fd, &notes->looks[i]);
		show(files[i].name, &notes->looks[i]);
	}

	preserve_eventfd(session);

	tap_note("kexec   ...");
	must(vm_kexec_load(), "load the next kernel");
	start_heart(notes);
	timeline_start();
	timeline_reboot();
}

static void compare(const char *name, const struct look *was, const struct look *is)
{
	check(!strcmp(was->sha256, is->sha256), "%s: SHA-256 as before", name);
	check_eq(is->size, was->size, "%s: size as before", name);
	check_eq(is->allocated, was->allocated, "%s: allocated bytes as before", name);
	check_eq(is->position, was->position, "%s: position as before", name);
	check_eq(is->seals, was->seals, "%s: seals as before", name);
}

static void after(void)
{
	uint64_t back = strtoull(getenv("LUO_INIT_TICKS") ?: "0", NULL, 10);
	int luo = must(luo_open(), "/dev/liveupdate");
	int session = must(luo_retrieve(luo, SESSION), "retrieve session");
	struct notes *was, is;

	was = map_notes(must(luo_retrieve_fd(session, NOTES_TOKEN), "retrieve notes"));
	describe_kernel(&is);
	tap_note("After   Linux %s, boot id %.13s..., %.2f s without user space",
		 is.release, is.boot_id, seconds(back - was->ticks));
	tap_note("  taken out of session \"" SESSION "\":");
	show_head();
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = must(luo_retrieve_fd(session, i), "retrieve %s", files[i].name);

		look_at(fd, &is.looks[i]);
		show(files[i].name, &is.looks[i]);
	}
	retrieve_eventfd(session);
	check(strcmp(was->boot_id, is.boot_id), "this is another boot");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		compare(files[i].name, &was->looks[i], &is.looks[i]);
	check_eq(luo_finish(session), 0, "session finished");
	timeline_print(was->ticks, back);
}

int main(void)
{
	static const vm_stage_fn stages[] = { before, after };

	vm_run_stages(stages, ARRAY_SIZE(stages));
}
