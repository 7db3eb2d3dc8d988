// SPDX-License-Identifier: GPL-2.0
/*
 * The live update that a newcomer watches. The agent luod runs; a program has it make a
 * session, puts three memfds and an eventfd into that, and lets go: luod keeps it. luoctl
 * asks for the update, a kexec replaces the kernel, and the program, started again, claims
 * its session from the next luod and compares all that can be seen of the files with
 * before. The eventfd's handler is a BPF object: loaded while the kernel runs, replaced
 * while the file is preserved, and brought along to the next kernel by luod. A second session
 * has all that an event-driven server consists of, which goes on in the next kernel. At the end
 * stands where the time went.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "demo/files.h"
#include "demo/server.h"
#include "demo/timeline.h"
#include "libluo-bpf.h"
#include "tap.h"
#include "ticks.h"
#include "vm.h"

#define SESSION "demo"
#define SERVER_SESSION "server"
#define NOTES_TOKEN 100
#define EVENTFD_TOKEN 101
#define HANDLER "/handlers/eventfd.bpf.o"
#define HANDLER_2 "/selftests/progs/eventfd-2.bpf.o"
#define CONF "/tmp/luod.conf"

/* What the old kernel's program tells the new one's, in a memfd of its own. */
struct notes {
	struct look looks[DEMO_FILES];
	char boot_id[40], release[65];
	struct timeline times;
};

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
		__atomic_store_n(&notes->times.stopped, ticks(), __ATOMIC_RELAXED);
		usleep(1000);
	}
}

/* Run it as a person would, and show both; its exit status. */
static int shell(const char *command)
{
	char line[512];
	FILE *p;

	tap_note("  $ %s", command);
	fflush(stdout);
	snprintf(line, sizeof(line), "%s 2>&1", command);
	p = popen(line, "r");
	must(p ? 0 : -errno, "%s", command);
	while (fgets(line, sizeof(line), p)) {
		line[strcspn(line, "\n")] = '\0';
		tap_note("    %s", line);
	}
	return pclose(p);
}

static void luoctl(const char *words)
{
	char command[256];

	snprintf(command, sizeof(command), "luoctl %s", words);
	must(shell(command) ? -EIO : 0, "%s", command);
}

/* No handlers but those that luoctl loads, to see what happens without. */
static struct luo_client *start_luod(void)
{
	FILE *conf = fopen(CONF, "we");
	struct luo_client *client;

	must(conf && fputs("{ \"handlers\": [], \"iterators\": \"/iterators\" }", conf) >= 0 &&
	     !fclose(conf) ? 0 : -EIO, CONF);
	must(system("luod --config " CONF) ? -EIO : 0, "start luod");
	client = luo_client__connect(NULL);
	must(client ? 0 : -errno, "connect to luod");
	return client;
}

static void preserve_files(struct luo_session *session, struct notes *notes)
{
	tap_note("  put into session \"" SESSION "\", which luod keeps:");
	file_show_head();
	for (int i = 0; i < DEMO_FILES; i++) {
		int fd = file_make(i);

		must(luo_session__preserve_fd(session, fd, i), "preserve memfd %d", i);
		file_show(i, fd, &notes->looks[i]);
	}
}

static void preserve_eventfd(struct luo_session *session)
{
	int fd = must(eventfd(40, EFD_SEMAPHORE | EFD_NONBLOCK), "eventfd");
	uint64_t more = 2;

	tap_note("  an eventfd, count 40, semaphore, nonblocking:");
	tap_note("    without a handler: %s",
		 strerror(-luo_session__preserve_fd(session, fd, EVENTFD_TOKEN)));
	luoctl("handlers load " HANDLER);
	must(luo_session__preserve_fd(session, fd, EVENTFD_TOKEN), "preserve the eventfd");
	tap_note("    preserved");
	luoctl("handlers upgrade --name eventfd " HANDLER_2);
	must(write(fd, &more, sizeof(more)) == sizeof(more) ? 0 : -errno, "write");
	tap_note("    2 added after that: count 42");
}

static void preserve_server(struct luo_client *client)
{
	struct luo_session *session = luo_client__create(client, SERVER_SESSION, true);
	struct server server;

	must(session ? 0 : -errno, "create session");
	tap_note("  put into session \"" SERVER_SESSION "\", an event-driven server: epoll, requests in a");
	tap_note("  pipe, a timerfd that ticks each second, an eventfd to stop it, its data in a memfd:");
	luoctl("handlers load /handlers/pipe.bpf.o");
	luoctl("handlers load /handlers/timerfd.bpf.o");
	luoctl("handlers load /handlers/epoll.bpf.o");
	server_make(&server);
	tap_note("    it runs:");
	server_run(&server);
	server_ask(&server, "set colour blue");
	server_ask(&server, "get colour");
	server_wait_ticks(&server, 2);
	server_stop(&server);
	tap_note("    it does not run, and is asked: get colour");
	server_ask(&server, "get colour");
	server_preserve(&server, session);
	luo_session__close(session);
}

/* Returns only if there is no kexec. */
static void update(void)
{
	char command[256];

	must(access("/boot/initrd", R_OK) ? system("vm-boot-files") : 0, "/boot");
	snprintf(command, sizeof(command), "load %s --initrd /boot/initrd --reuse-cmdline",
		 vm_kexec_kernel());
	luoctl(command);
	tap_bail("no kexec: luoctl ended with status %d", shell("luoctl update"));
}

static void before(struct luo_client *client)
{
	struct luo_session *session = luo_client__create(client, SESSION, true);
	int fd = must(memfd_create("notes", 0), "memfd_create");
	struct notes *notes;

	must(session ? 0 : -errno, "create session");
	must(ftruncate(fd, sizeof(*notes)), "ftruncate");
	notes = map_notes(fd);
	describe_kernel(notes);
	must(luo_session__preserve_fd(session, fd, NOTES_TOKEN), "preserve notes");

	tap_note("Before  Linux %s, boot id %.13s...", notes->release, notes->boot_id);
	preserve_files(session, notes);
	preserve_eventfd(session);
	luo_session__close(session);
	preserve_server(client);
	luo_client__close(client);

	luoctl("status");
	luoctl("sessions");
	start_heart(notes);
	timeline_start(&notes->times);
	update();
}

static void retrieve_files(struct luo_session *session, struct notes *notes)
{
	tap_note("  taken out of session \"" SESSION "\":");
	file_show_head();
	for (int i = 0; i < DEMO_FILES; i++)
		file_show(i, must(luo_session__retrieve_fd(session, i), "retrieve memfd %d", i),
			  &notes->looks[i]);
}

static void retrieve_eventfd(struct luo_session *session)
{
	int fd = must(luo_session__retrieve_fd(session, EVENTFD_TOKEN), "retrieve the eventfd");
	uint64_t one, count = 0;

	check_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK, "eventfd: nonblocking as before");
	while (read(fd, &one, sizeof(one)) == sizeof(one) && one == 1)
		count++;
	tap_note("  the eventfd came back: count %ju, taken one by one as from a semaphore",
		 (uintmax_t)count);
	check_eq(count, 42, "eventfd: count as before");
}

static void retrieve_server(struct luo_client *client)
{
	struct luo_session *session = luo_client__claim(client, SERVER_SESSION);
	const char *colour;
	unsigned long due;
	struct server server;

	must(session ? 0 : -errno, "claim session");
	tap_note("  taken out of session \"" SERVER_SESSION "\", the server runs:");
	server_retrieve(&server, session);
	server_run(&server);
	server_wait_ticks(&server, 1);
	server_ask(&server, "set colour green");
	server_ask(&server, "get colour");
	server_wait_ticks(&server, 1);
	due = server_due(&server);
	server_stop(&server);

	colour = server_value(&server, "colour");
	check(colour && !strcmp(colour, "green"), "server: takes requests as before");
	check_eq(server_answered(&server), 5, "server: answers those made before as well");
	check(server_ticks(&server) >= due && server_ticks(&server) <= server_due(&server),
	      "server: ticks each second as before");
	check_eq(luo_session__finish(session), 0, "session of the server finished");
	luo_session__close(session);
}

static void after(struct luo_client *client, struct luo_session *session)
{
	uint64_t back = strtoull(getenv("LUO_INIT_TICKS") ?: "0", NULL, 10);
	struct notes *was, is;

	was = map_notes(must(luo_session__retrieve_fd(session, NOTES_TOKEN), "retrieve notes"));
	was->times.back = back;
	describe_kernel(&is);
	tap_note("After   Linux %s, boot id %.13s..., %.2f s without user space",
		 is.release, is.boot_id, seconds(back - was->times.stopped));
	luoctl("status");
	luoctl("handlers list");
	retrieve_files(session, &is);
	retrieve_eventfd(session);
	retrieve_server(client);
	check(strcmp(was->boot_id, is.boot_id), "this is another boot");
	for (int i = 0; i < DEMO_FILES; i++)
		file_compare(i, &was->looks[i], &is.looks[i]);
	check_eq(luo_session__finish(session), 0, "session finished");
	timeline_print(&was->times, !strcmp(was->release, is.release));
}

/* What any program would do: take its session back if there is one, or else make one. */
int main(void)
{
	struct luo_client *client = start_luod();
	struct luo_session *session = luo_client__claim(client, SESSION);

	tap_start(!session, 0);
	if (!session)
		before(client);
	after(client, session);
	luo_session__close(session);
	luo_client__close(client);
	tap_finish();
}
