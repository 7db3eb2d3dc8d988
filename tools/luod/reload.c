// SPDX-License-Identifier: GPL-2.0
/* luod.conf once more, while luod runs: all of it counts, or nothing of it. */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "luod.h"

/*
 * Who is connected is asked for by the new rules from the next message on. Sessions stay, and
 * so does an update under way. Handlers are looked for when luod starts.
 */
int conf_reload(char message[ERROR_MAX])
{
	char why[ERROR_MAX / 2] = "";
	struct conf fresh;
	int err = conf_read(&fresh, luod.conf_path, why, sizeof(why));

	if (err) {
		snprintf(message, ERROR_MAX, "%s: %s: what it said before holds", luod.conf_path,
			 *why ? why : strerror(-err));
		log_text(LOG_ERR, "%s", message);
		return err;
	}
	if (strcmp(fresh.iterators, luod.conf.iterators))
		device_list_reset();
	conf_free(&luod.conf);
	luod.conf = fresh;
	log_text(LOG_NOTICE, "%s: read again", luod.conf_path);
	return 0;
}
