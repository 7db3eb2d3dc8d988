// SPDX-License-Identifier: GPL-2.0
/* luod.conf once more, while luod runs: all of it counts, or nothing of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "luod.h"

int conf_find(struct conf *conf, char *message, size_t size)
{
	if (luod.conf_needed && access(luod.conf_path, F_OK)) {
		int err = -errno;

		snprintf(message, size, "%s", strerror(-err));
		return err;
	}
	return conf_read(conf, luod.conf_path, message, size);
}

static void check_subscription(struct client *client)
{
	if (!client->subscription ||
	    policy_allows_name(&luod.conf.policy, &client->peer, client->subscription))
		return;
	log_text(LOG_NOTICE, "user %u has no right to '%s' any more: its subscription ends",
		 client->peer.uid, client->subscription);
	update_unsubscribed(client);
	free(client->subscription);
	client->subscription = NULL;
}

void conf_check_subscriptions(void)
{
	if (!update_is_running())
		server_for_each(check_subscription);
}

/*
 * Who is connected is asked for by the new rules from the next message on. Sessions stay, and
 * so does an update under way, with its subscribers. Handlers are looked for when luod starts.
 */
int conf_reload(char message[ERROR_MAX])
{
	char why[ERROR_MAX / 2] = "";
	struct conf fresh;
	int err = conf_find(&fresh, why, sizeof(why));

	if (err) {
		snprintf(message, ERROR_MAX, "%s: %s: what it said before holds", luod.conf_path,
			 *why ? why : strerror(-err));
		log_text(LOG_ERR, "%s", message);
		return err;
	}
	device_list_reset();
	conf_free(&luod.conf);
	luod.conf = fresh;
	log_text(LOG_NOTICE, "%s: read again", luod.conf_path);
	conf_check_subscriptions();
	return 0;
}
