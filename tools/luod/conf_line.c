// SPDX-License-Identifier: GPL-2.0
/*
 * Where something stands in luod.conf: its parser does not keep that. What is walked here
 * has been parsed, so it is JSON, with comments.
 */
#include <string.h>

#include "policy.h"

/* Keys of the whole are at depth 1, elements of an array there at 2, their keys at 3. */
struct walk {
	const char *at, *end;
	size_t line;
	int depth;
	bool inside;			/* the value of the key that is looked for */
	int element;			/* which one it is in, if that is an array */
	const char *word;		/* the last string */
	size_t word_len, word_line;
};

size_t conf_line_at(const char *text, size_t len)
{
	size_t line = 1;

	for (size_t i = 0; i < len; i++)
		line += text[i] == '\n';
	return line;
}

static bool begins(const struct walk *walk, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(walk->end - walk->at) >= len && !memcmp(walk->at, text, len);
}

static void skip(struct walk *walk)
{
	walk->line += *walk->at == '\n';
	walk->at++;
}

static bool skip_comment(struct walk *walk)
{
	const char *until = begins(walk, "/*") ? "*/" : "\n";

	if (!begins(walk, "/*") && !begins(walk, "//"))
		return false;
	skip(walk);
	skip(walk);
	while (walk->at < walk->end && !begins(walk, until))
		skip(walk);
	for (size_t i = 0; walk->at < walk->end && i < strlen(until); i++)
		skip(walk);
	return true;
}

static void take_word(struct walk *walk)
{
	char quote = *walk->at;

	walk->word_line = walk->line;
	skip(walk);
	walk->word = walk->at;
	while (walk->at < walk->end && *walk->at != quote) {
		if (*walk->at == '\\' && walk->at + 1 < walk->end)
			skip(walk);
		skip(walk);
	}
	walk->word_len = walk->at - walk->word;
	if (walk->at < walk->end)
		skip(walk);
}

static bool word_is(const struct walk *walk, const char *key)
{
	return key && walk->word && strlen(key) == walk->word_len &&
	       !memcmp(walk->word, key, walk->word_len);
}

static void take_mark(struct walk *walk)
{
	switch (*walk->at) {
	case '{':
	case '[':
		walk->depth++;
		break;
	case '}':
	case ']':
		walk->depth--;
		break;
	case ',':
		walk->element += walk->depth == 2;
		walk->inside = walk->inside && walk->depth > 1;
		break;
	default:
		break;
	}
	skip(walk);
}

size_t conf_line_of(const char *text, size_t len, const struct place *place)
{
	struct walk walk = { .at = text, .end = text + len, .line = 1 };
	size_t line = 0;
	bool element = false;		/* its beginning was seen */

	while (walk.at < walk.end) {
		if (skip_comment(&walk))
			continue;
		if (walk.inside && !element && walk.depth == 2 && walk.element == place->element &&
		    !strchr(" \t\r\n,]", *walk.at)) {
			line = walk.line;
			element = true;
		}
		if (*walk.at == '"' || *walk.at == '\'') {
			take_word(&walk);
			continue;
		}
		if (*walk.at == ':' && walk.depth == 1) {
			walk.inside = word_is(&walk, place->key);
			walk.element = 0;
			if (walk.inside)
				line = walk.word_line;
		} else if (*walk.at == ':' && walk.depth == 3 && walk.inside &&
			   walk.element == place->element && word_is(&walk, place->inner)) {
			return walk.word_line;
		}
		take_mark(&walk);
	}
	return line;
}
