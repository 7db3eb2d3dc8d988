// SPDX-License-Identifier: GPL-2.0
/* Live updates are off: no device, and all the rest of the kernel as it should be. */
#include <errno.h>

#include "luo.h"
#include "tap.h"
#include "vm.h"

int main(void)
{
	tap_start(true, 0);
	check_eq(luo_open(), -ENOENT, "off: no /dev/liveupdate");
	check(!vm_log_count("luo.*(error|fail)"), "off: no complaint in the log");
	tap_finish();
}
