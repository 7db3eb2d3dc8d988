// SPDX-License-Identifier: GPL-2.0
/* Who may do what: root all, others what a rule gives them. */
#include <string.h>

#include "policy.h"

static bool is_in_group(const struct peer *peer, gid_t gid)
{
	if (peer->gid == gid)
		return true;
	for (size_t i = 0; i < peer->group_count; i++) {
		if (peer->groups[i] == gid)
			return true;
	}
	return false;
}

static bool rule_is_for(const struct rule *rule, const struct peer *peer)
{
	return rule->by_group ? is_in_group(peer, rule->id) : peer->uid == rule->id;
}

static bool name_matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return !strncmp(pattern, name, len - 1);
	return !strcmp(pattern, name);
}

static bool rule_has_name(const struct rule *rule, const char *name)
{
	for (char **pattern = rule->names; pattern && *pattern; pattern++) {
		if (name_matches(*pattern, name))
			return true;
	}
	return false;
}

bool policy_allows(const struct policy *policy, const struct peer *peer, enum right right)
{
	if (!peer->uid)
		return true;
	for (size_t i = 0; i < policy->count; i++) {
		if (rule_is_for(&policy->rules[i], peer) && policy->rules[i].rights & right)
			return true;
	}
	return false;
}

bool policy_allows_some_name(const struct policy *policy, const struct peer *peer)
{
	if (!peer->uid)
		return true;
	for (size_t i = 0; i < policy->count; i++) {
		if (rule_is_for(&policy->rules[i], peer) && policy->rules[i].names &&
		    *policy->rules[i].names)
			return true;
	}
	return false;
}

bool name_is_reserved(const char *name)
{
	return !strncmp(name, "luod.", 5);
}

bool policy_allows_name(const struct policy *policy, const struct peer *peer, const char *name)
{
	if (name_is_reserved(name))
		return false;
	if (!peer->uid)
		return true;
	for (size_t i = 0; i < policy->count; i++) {
		if (rule_is_for(&policy->rules[i], peer) && rule_has_name(&policy->rules[i], name))
			return true;
	}
	return false;
}
