// SPDX-License-Identifier: GPL-2.0
/* luod's messages: what is parsed, what is refused and why, and a fuzzer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/luod/message.h"

#include "kselftest.h"

#define FUZZ_SEEDS	200
#define FUZZ_STEPS	500

static int result_of(const char *line, size_t len, int fds, const char *named)
{
	struct request request;
	int error;

	request_parse(&request, line, len, fds);
	error = request.error;
	if (named && !strstr(request.message, named)) {
		ksft_print_msg("'%s' is not in '%s'\n", named, request.message);
		error = -1;
	}
	request_done(&request);
	return error;
}

static int parse(const char *line)
{
	return result_of(line, strlen(line), 0, NULL);
}

static bool test_valid(void)
{
	static const char *const lines[] = {
		"{\"cmd\":\"HELLO\",\"version\":1}",
		"{\"cmd\": \"SUBSCRIBE\", \"id\": \"vm-7\"}\r",
		" {\"id\":\"\xc3\xa4\xe2\x82\xac\",\"cmd\":\"SUBSCRIBE\"} ",
		"{\"cmd\":\"UPDATE\",\"timeout\":0,\"policy\":\"go\",\"force\":false,\"seq\":-1}",
		"{\"cmd\":\"UPDATE\"}",
		"{\"cmd\":\"CANCEL\",\"reason\":\"\",\"seq\":9007199254740992}",
		"{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"eventfd\"}",
		"{\"cmd\":\"LOG\",\"lines\":10000}",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (parse(lines[i])) {
			ksft_print_msg("%s\n", lines[i]);
			return false;
		}
	}
	return true;
}

static bool test_fields(void)
{
	struct request request;
	bool good;
	const char *line =
		"{\"cmd\":\"UPDATE\",\"timeout\":1500,\"policy\":\"abort\",\"force\":true}";

	request_parse(&request, line, strlen(line), 0);
	good = request.command == CMD_UPDATE && request_int(&request, "timeout", 1) == 1500 &&
	       !strcmp(request_string(&request, "policy"), "abort") &&
	       request_bool(&request, "force") && !request_bool(&request, "dry_run") &&
	       request_int(&request, "lines", 7) == 7 && !request_string(&request, "reason");
	request_done(&request);
	return good;
}

static const struct {
	const char *line;
	int error;
	const char *named;	/* what the message must name */
} wrong[] = {
	{ "{\"cmd\":\"HELLO\"}", EINVAL, "'version' is missing" },
	{ "{\"cmd\":\"HELLO\",\"version\":1,\"x\":1}", EINVAL, "'x' is not known" },
	{ "{\"cmd\":\"HELLO\",\"version\":\"1\"}", EINVAL, "'version' must be an integer" },
	{ "{\"cmd\":\"HELLO\",\"version\":1.0}", EINVAL, "'version'" },
	{ "{\"cmd\":\"HELLO\",\"version\":0}", EINVAL, "'version'" },
	{ "{\"cmd\":\"HELLO\",\"version\":99999999999999999999999}", EINVAL, "'version'" },
	{ "{\"cmd\":\"HELLO\",\"version\":null}", EINVAL, "'version'" },
	{ "{\"cmd\":\"LIST\",\"seq\":\"a\"}", EINVAL, "'seq'" },
	{ "{\"cmd\":\"LIST\",\"seq\":9007199254740993}", EINVAL, "'seq'" },
	{ "{\"cmd\":7}", EINVAL, "'cmd'" },
	{ "{}", EINVAL, "'cmd'" },
	{ "{\"cmd\":\"list\"}", EOPNOTSUPP, "HELLO" },
	{ "{\"cmd\":\"\"}", EOPNOTSUPP, NULL },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"\"}", EINVAL, "'id'" },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"a/b\"}", EINVAL, "'id'" },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"a\\nb\"}", EINVAL, "'id'" },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"a\\u0000b\"}", EINVAL, "NUL" },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"a\\u007fb\"}", EINVAL, "'id'" },
	{ "{\"cmd\":\"CLAIM\",\"id\":[\"a\"]}", EINVAL, "'id'" },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"1234567890123456789012345678901234567890123456789012345678901234\"}",
	  EINVAL, "63 bytes" },
	{ "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\"../x\"}", EINVAL, "'name'" },
	{ "{\"cmd\":\"HANDLER_UNLOAD\",\"name\":\".x\"}", EINVAL, "'name'" },
	{ "{\"cmd\":\"UPDATE\",\"timeout\":-1}", EINVAL, "'timeout'" },
	{ "{\"cmd\":\"UPDATE\",\"policy\":\"maybe\"}", EINVAL, "abort or go" },
	{ "{\"cmd\":\"UPDATE\",\"force\":1}", EINVAL, "'force' must be true or false" },
	{ "{\"cmd\":\"LOG\",\"lines\":10001}", EINVAL, "'lines'" },
	/* No messages at all */
	{ "", EPROTO, NULL },
	{ "\t", EPROTO, NULL },
	{ "null", EPROTO, NULL },
	{ "[]", EPROTO, NULL },
	{ "\"LIST\"", EPROTO, NULL },
	{ "{\"cmd\":\"LIST\"", EPROTO, NULL },
	{ "{\"cmd\":\"LIST\"}}", EPROTO, NULL },
	{ "{\"cmd\":\"LIST\"}{\"cmd\":\"LIST\"}", EPROTO, NULL },
	{ "{\"cmd\":\"LIST\"} x", EPROTO, NULL },
	{ "{'cmd':'LIST'}", EPROTO, NULL },
	{ "{\"cmd\":\"LIST\",}", EPROTO, NULL },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"\xff\xfe\"}", EPROTO, NULL },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"\xc3\"}", EPROTO, NULL },
	{ "{\"cmd\":\"CLAIM\",\"id\":\"\xe2\x82\"}", EPROTO, NULL },
	{ "{\"cmd\":\"LIST\",\"a\":[[[[[[[[[[[[]]]]]]]]]]]]}", EPROTO, NULL },
};

static bool test_wrong(void)
{
	bool good = true;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		int got = result_of(wrong[i].line, strlen(wrong[i].line), 0, wrong[i].named);

		if (got == wrong[i].error)
			continue;
		ksft_print_msg("%s: got %d, want %d\n", wrong[i].line, got, wrong[i].error);
		good = false;
	}
	return good;
}

static bool test_nul(void)
{
	static const char after[] = "{\"cmd\":\"LIST\"}\0{}", inside[] = "{\"cmd\":\"LI\0ST\"}";

	return result_of(after, sizeof(after) - 1, 0, NULL) == EPROTO &&
	       result_of(inside, sizeof(inside) - 1, 0, NULL) == EPROTO &&
	       result_of("\0", 1, 0, NULL) == EPROTO;
}

/* Every beginning of a message, in memory that ends there. */
static bool test_truncated(void)
{
	static const char line[] = "{\"cmd\":\"CLAIM\",\"id\":\"\xc3\xa4\\u00e4\",\"seq\":-12}";

	for (size_t len = 0; len < sizeof(line) - 1; len++) {
		char *copy = malloc(len ?: 1);
		int got;

		memcpy(copy, line, len);
		got = result_of(copy, len, 0, NULL);
		free(copy);
		if (got != EPROTO)
			return false;
	}
	return true;
}

static bool test_large(void)
{
	size_t size = 10 << 20;
	char *line = malloc(size);
	bool good;

	memset(line, 'a', size);
	good = result_of(line, size, 0, NULL) == EMSGSIZE &&
	       result_of(line, MESSAGE_MAX, 0, NULL) == EMSGSIZE &&
	       result_of(line, MESSAGE_MAX - 1, 0, NULL) == EPROTO;
	memset(line, '[', size);
	good = good && result_of(line, MESSAGE_MAX - 1, 0, NULL) == EPROTO;
	/* As long as can be, and right */
	memset(line, ' ', size);
	memcpy(line, "{\"cmd\":\"LIST\"", 13);
	line[MESSAGE_MAX - 2] = '}';
	good = good && !result_of(line, MESSAGE_MAX - 1, 0, NULL);
	free(line);
	return good;
}

static bool test_descriptors(void)
{
	static const char list[] = "{\"cmd\":\"LIST\"}", keep[] = "{\"cmd\":\"KEEP\",\"id\":\"a\"}",
			  load[] = "{\"cmd\":\"LOAD\"}";

	return result_of(list, strlen(list), 1, "no descriptors") == EBADF &&
	       result_of(keep, strlen(keep), 0, "first byte") == EBADF &&
	       result_of(keep, strlen(keep), 2, NULL) == EBADF &&
	       !result_of(keep, strlen(keep), 1, NULL) &&
	       !result_of(load, strlen(load), 1, NULL) && !result_of(load, strlen(load), 2, NULL) &&
	       result_of(load, strlen(load), 3, NULL) == EBADF &&
	       result_of(load, strlen(load), 0, NULL) == EBADF;
}

static bool answer_is(const char *line, int err, const char *message, const char *want)
{
	struct request request;
	size_t len;
	char *got;
	bool good;
	struct json_object *answer;

	request_parse(&request, line, strlen(line), 0);
	answer = answer_new(&request, err, message);
	got = message_line(answer, &len);
	good = got && !strcmp(got, want) && len == strlen(want);
	if (!good)
		ksft_print_msg("%s", got);
	free(got);
	json_object_put(answer);
	request_done(&request);
	return good;
}

static bool test_answers(void)
{
	return answer_is("{\"cmd\":\"LIST\",\"seq\":5}", 0, NULL,
			 "{\"cmd\":\"LIST\",\"seq\":5,\"status\":\"ok\"}\n") &&
	       answer_is("{\"cmd\":\"LIST\"}", EACCES, "no",
			 "{\"cmd\":\"LIST\",\"status\":\"error\","
			 "\"error\":\"EACCES\",\"message\":\"no\"}\n") &&
	       answer_is("x", EPROTO, "a\nb/\"",
			 "{\"status\":\"error\",\"error\":\"EPROTO\","
			 "\"message\":\"a\\nb/\\\"\"}\n") &&
	       answer_is("{\"cmd\":\"LIST\",\"seq\":\"no\"}", EINVAL, "seq",
			 "{\"cmd\":\"LIST\",\"status\":\"error\",\"error\":\"EINVAL\",\"message\":\"seq\"}\n");
}

/* Fuzzing: the same on each run, for what it finds has to be found again. */

static unsigned int random_state;

static unsigned int random_below(unsigned int n)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 8) % n;
}

static const char *const parts[] = {
	"{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud800", "\\u0000", "cmd", "seq", "id",
	"\"cmd\":", "\"LIST\"", "\"UPDATE\"", "\"id\":", "\"a\"", "timeout", "null", "true",
	"-1", "1e999", "NaN", "Infinity", "0x1", "99999999999999999999", "/*", "*/", "//",
	"\xc3", "\xff", "\xf0\x9f\x98\x80", " ", "\t", "\x01", "",
};

/* Bytes and words of the format, put where something is, or between it. */
static size_t mutate(char *line, size_t len, size_t size)
{
	const char *part = parts[random_below(sizeof(parts) / sizeof(*parts))];
	size_t at = random_below(len + 1), n = strlen(part);

	switch (random_below(5)) {
	case 0:
		if (len)
			line[at % len] = random_below(256);
		return len;
	case 1:
		return at;
	case 2:
		memmove(line + at / 2, line + at, len - at);
		return len - (at - at / 2);
	default:
		if (len + n > size)
			return len / 2;
		memmove(line + at + n, line + at, len - at);
		memcpy(line + at, part, n);
		return len + n;
	}
}

/* A request that is accepted has what its type says; and its answer is one line. */
static bool fuzz_one(const char *line, size_t len)
{
	int fds = random_below(4);
	struct json_object *answer;
	struct request request;
	size_t answer_len;
	char *copy, *text;
	bool good = true;

	copy = malloc(len ?: 1);	/* for what is read behind it to be seen */
	memcpy(copy, line, len);
	request_parse(&request, copy, len, fds);
	if (!request.error) {
		const struct field *field = request.type->fields;

		good = fds >= request.type->min_fds && fds <= request.type->max_fds;
		for (int i = 0; i < FIELDS_MAX && field[i].name; i++)
			good = good && (field[i].optional ||
					json_object_object_get_ex(request.object, field[i].name,
								  NULL));
	} else {
		good = *request.message;
	}
	answer = answer_new(&request, request.error, request.message);
	text = message_line(answer, &answer_len);
	good = good && text && strchr(text, '\n') == text + answer_len - 1 &&
	       answer_len < 8 * MESSAGE_MAX;
	free(text);
	json_object_put(answer);
	request_done(&request);
	free(copy);
	return good;
}

static bool mends(const char *text, const char *want)
{
	char copy[64];

	snprintf(copy, sizeof(copy), "%s", text);
	text_mend(copy);
	if (strcmp(copy, want) || !text_is_utf8(copy) ||
	    text_is_utf8(text) != !strcmp(text, want)) {
		ksft_print_msg("'%s' became '%s'\n", text, copy);
		return false;
	}
	return true;
}

/* What luod says is UTF-8, even if what it was told is cut in the middle of a character. */
static bool test_utf8(void)
{
	char line[256];
	bool good;

	good = mends("", "") && mends("a\u00e9\u20ac\U0001f600z", "a\u00e9\u20ac\U0001f600z") &&
	       mends("\u00e9\xc3", "\u00e9?") && mends("\xe2\x82", "??") &&
	       mends("\xf0\x9f\x98x", "???x") && mends("\200a\xff", "?a?") &&
	       mends("\xc0\x80\xe0\x80\x80", "?????") && mends("\xed\xa0\x80", "???") &&
	       mends("\xf4\x90\x80\x80\xf5", "?????") && mends("\xed\x9f\xbf\xf4\x8f\xbf\xbf",
							       "\xed\x9f\xbf\xf4\x8f\xbf\xbf");
	/* An unknown field, the name of which is shortened */
	for (int shift = 0; good && shift < 4; shift++) {
		struct json_object *answer, *parsed;
		struct request request;
		size_t len;
		char *text;

		len = snprintf(line, sizeof(line), "{\"cmd\":\"STATUS\",\"%.*s", shift, "aaaa");
		for (int i = 0; i < 30; i++)
			len += snprintf(line + len, sizeof(line) - len, "\U0001f600");
		len += snprintf(line + len, sizeof(line) - len, "\":1}");
		request_parse(&request, line, len, 0);
		answer = answer_new(&request, request.error, request.message);
		text = message_line(answer, &len);
		parsed = object_parse(text, len - 1, true, NULL);
		good = request.error == EINVAL && strstr(request.message, "is not known") && parsed;
		json_object_put(parsed);
		free(text);
		json_object_put(answer);
		request_done(&request);
	}
	return good;
}

static bool test_fuzz(void)
{
	char line[4096];

	for (unsigned int seed = 0; seed < FUZZ_SEEDS; seed++) {
		const char *start = wrong[seed % (sizeof(wrong) / sizeof(*wrong))].line;
		size_t len = strlen(start);

		random_state = seed;
		memcpy(line, start, len);
		for (int step = 0; step < FUZZ_STEPS; step++) {
			len = mutate(line, len, sizeof(line));
			if (!fuzz_one(line, len)) {
				ksft_print_msg("seed %u, step %d: %.*s\n", seed, step, (int)len,
					       line);
				return false;
			}
		}
	}
	return true;
}

int main(void)
{
	static const struct {
		const char *name;
		bool (*run)(void);
	} tests[] = {
		{ "what is right is accepted", test_valid },
		{ "fields have their values", test_fields },
		{ "what is wrong is refused, by its name", test_wrong },
		{ "NUL bytes", test_nul },
		{ "every beginning of a message", test_truncated },
		{ "10 MB, 64 KiB, and one byte less", test_large },
		{ "descriptors, too many and too few", test_descriptors },
		{ "answers", test_answers },
		{ "what is not UTF-8", test_utf8 },
		{ "100,000 messages that are nearly right", test_fuzz },
	};

	ksft_print_header();
	ksft_set_plan(sizeof(tests) / sizeof(*tests));
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		ksft_test_result(tests[i].run(), "%s\n", tests[i].name);
	ksft_finished();
}
