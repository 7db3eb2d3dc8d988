/* SPDX-License-Identifier: GPL-2.0 */
/* Clients of a luod of fake.h, a new one for each test. */
#ifndef NATIVE_LUOD_CLIENT_H
#define NATIVE_LUOD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What takes longer hangs. */
#define LIMIT_MS (120 * 1000)

#define SUBSCRIBE_A "{\"cmd\":\"SUBSCRIBE\",\"id\":\"a\",\"seq\":1}"
#define SUBSCRIBE_B "{\"cmd\":\"SUBSCRIBE\",\"id\":\"b\",\"seq\":1}"

struct luod_test {
	const char *name;
	void (*run)(void);
	bool remembering;		/* with a luod of fake_start_remembering() */
};

/* Of the test that runs: where its luod listens, luod, and whether all was as it should be. */
extern char luod_path[64];
extern pid_t luod_pid;
extern bool good;

int dial(void);
void say(int client, const char *line);
/* Whatever it is, without a newline, and with descriptors */
void say_with(int client, const int *fds, int count, const char *line);
/* The next line, or "(the end)"; *session is -1, or a descriptor that came along. */
const char *hear_with(int client, int *session);
/* The next line that tells no progress has all of these texts, which NULL ends. */
void hear(int client, const char *text, ...);
/* The session of a START_PRESERVATION */
int start_of(int client);
/* A client that has said @line, which is SUBSCRIBE */
int subscribe(const char *line);
/* Everything that was said before, luod has heard. */
void settle(void);

/* Does not return. */
void luod_run_tests(const struct luod_test *tests, size_t nr) __attribute__((noreturn));

#endif
