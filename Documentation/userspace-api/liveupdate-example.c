// SPDX-License-Identifier: GPL-2.0
/*
 * A program that lives through kexecs: it counts the kernels that it has seen,
 * in a memfd that each hands over to the next.
 */
#define _GNU_SOURCE 1
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/liveupdate.h>

#define NAME	"example"
#define TOKEN	1

/* The memfd from the kernel before; -1 if that did not hand over any. */
static int take_back(int luo)
{
	struct liveupdate_ioctl_retrieve_session session = {
		.size = sizeof(session), .name = NAME,
	};
	struct liveupdate_session_retrieve_fd file = {
		.size = sizeof(file), .token = TOKEN,
	};
	struct liveupdate_session_finish finish = { .size = sizeof(finish) };

	if (ioctl(luo, LIVEUPDATE_IOCTL_RETRIEVE_SESSION, &session)) {
		if (errno == ENOENT)
			return -1;
		err(1, "session " NAME);
	}
	/* Whatever fails from here on: the session is there for the next try. */
	if (ioctl(session.fd, LIVEUPDATE_SESSION_RETRIEVE_FD, &file))
		err(1, "file %d", TOKEN);
	if (ioctl(session.fd, LIVEUPDATE_SESSION_FINISH, &finish))
		err(1, "finish");
	close(session.fd);
	return file.fd;
}

/* The session lasts until its descriptor is closed: it must stay open. */
static void hand_over(int luo, int fd)
{
	struct liveupdate_ioctl_create_session session = {
		.size = sizeof(session), .name = NAME,
	};
	struct liveupdate_session_preserve_fd file = {
		.size = sizeof(file), .fd = fd, .token = TOKEN,
	};

	if (ioctl(luo, LIVEUPDATE_IOCTL_CREATE_SESSION, &session))
		err(1, "create session " NAME);
	if (ioctl(session.fd, LIVEUPDATE_SESSION_PRESERVE_FD, &file))
		err(1, "preserve");
}

int main(void)
{
	int luo = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);
	int kernels = 0, fd;

	if (luo < 0)
		err(1, "/dev/liveupdate");

	fd = take_back(luo);
	if (fd < 0)
		fd = memfd_create("kernels", MFD_CLOEXEC);
	if (fd < 0)
		err(1, "memfd");

	if (pread(fd, &kernels, sizeof(kernels), 0) < 0)
		err(1, "read");
	kernels++;
	if (pwrite(fd, &kernels, sizeof(kernels), 0) != sizeof(kernels))
		err(1, "write");

	hand_over(luo, fd);
	printf("kernel %d\n", kernels);
	fflush(stdout);
	pause();
	return 0;
}
