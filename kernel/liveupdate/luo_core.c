// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: switch, root record and the way into a kexec.
 */

/**
 * DOC: Live Update Orchestrator
 *
 * The orchestrator (LUO) carries chosen open files over a kexec. User space
 * puts them into named sessions through /dev/liveupdate. Right before the kexec,
 * liveupdate_reboot() has each file's handler save what it needs into memory
 * that Kexec HandOver (KHO) preserves, and writes down which sessions and files
 * there are. The next kernel reads that back and hands the sessions out again.
 *
 * It is off unless ``liveupdate=on`` is on the kernel command line, and needs
 * KHO (``kho=on``).
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/init.h>
#include <linux/io.h>
#include <linux/kexec.h>
#include <linux/kexec_handover.h>
#include <linux/kstrtox.h>
#include <linux/luo_lock.h>
#include <linux/moduleparam.h>
#include <linux/rwsem.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/wait.h>

#include "luo_internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/luo.h>

static bool luo_enabled __ro_after_init;

/*
 * Held for reading by each operation; whoever holds it for writing has the core
 * to itself. luo_rebooting is set for good once a kexec can't be refused any
 * more: user space of other CPUs runs on for a while, and must not change what
 * was written down.
 */
static DECLARE_RWSEM(luo_quiesce);
static bool luo_rebooting;

/*
 * What is under way when a kexec is asked for has so long to end: it may wait for memory,
 * or for a program that serves a file system. Meanwhile no other begins.
 */
#define LUO_DRAIN_S 30
static bool luo_draining;
static DECLARE_WAIT_QUEUE_HEAD(luo_drained);

/* What the next kernel finds, and a checked copy of what this one found. */
static struct luo_ser *luo_out;
static struct luo_ser luo_in;

static int __init luo_param(char *arg)
{
	return kstrtobool(arg, &luo_enabled);
}
early_param("liveupdate", luo_param);

/**
 * liveupdate_enabled - whether live updates can be done
 *
 * Valid from late_initcall on; before, it says what the command line asked for.
 *
 * Context: any.
 * Return: true if user space can preserve files.
 */
bool liveupdate_enabled(void)
{
	return luo_enabled;
}
EXPORT_SYMBOL_GPL(liveupdate_enabled);

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "liveupdate."

/* Whose formats the files are written in. */
enum luo_abi {
	LUO_ABI_OWN,
	LUO_ABI_MAINLINE,
};

static const char *const luo_abis[] = {
	[LUO_ABI_OWN] = "own",
	[LUO_ABI_MAINLINE] = "mainline",
};

static enum luo_abi luo_abi __ro_after_init;

static int luo_abi_set(const char *value, const struct kernel_param *kp)
{
	int abi = sysfs_match_string(luo_abis, value);

	if (abi < 0)
		return abi;
	luo_abi = abi;
	return 0;
}

static int luo_abi_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", luo_abis[luo_abi]);
}

static const struct kernel_param_ops luo_abi_ops = {
	.set = luo_abi_set,
	.get = luo_abi_get,
};
module_param_cb(abi, &luo_abi_ops, NULL, 0444);

/**
 * liveupdate_abi_mainline - whether mainline's kernel must be able to read all files
 *
 * Context: any.
 * Return: true with liveupdate.abi=mainline on the command line: then other files
 * than mainline's memfds can't be preserved.
 */
bool liveupdate_abi_mainline(void)
{
	return luo_abi == LUO_ABI_MAINLINE;
}
EXPORT_SYMBOL_GPL(liveupdate_abi_mainline);

/* Every operation stands between luo_enter() and luo_exit(). */
int luo_enter(void)
{
	int err = 0;

	if (unlikely(READ_ONCE(luo_draining)))
		err = wait_event_killable(luo_drained, !READ_ONCE(luo_draining));
	err = err ?: down_read_killable(&luo_quiesce);
	if (err)
		return err;
	if (luo_rebooting) {
		up_read(&luo_quiesce);
		return -EBUSY;
	}
	return 0;
}

/* For the last close of a file, which can't fail: whether it may undo things. */
bool luo_enter_release(void)
{
	down_read(&luo_quiesce);
	if (!luo_rebooting)
		return true;
	up_read(&luo_quiesce);
	return false;
}

void luo_exit(void)
{
	up_read(&luo_quiesce);
}

/* What the previous kernel handed over; all zero if it did not. */
const struct luo_ser *luo_incoming_root(void)
{
	return &luo_in;
}

/* Only kexec_file_load(2) gives an image what it needs to find all this. */
static int luo_check_image(void)
{
	if (!luo_sessions[LUO_OUTGOING].count || kexec_image->kho.fdt)
		return 0;

	pr_err("kexec refused: the next kernel was loaded without Kexec HandOver and would lose all sessions; load it with kexec_file_load(2) (kexec -s), or close them\n");
	return -EINVAL;
}

static int luo_hand_over(void)
{
	int err = luo_check_image();

	if (err)
		return err;

	/* First, as it can take long: what is frozen keeps user space waiting. */
	luo_incoming_report_dropped();

	err = luo_freeze_sessions(&luo_out->sessions_pa);
	if (err)
		return err;

	luo_out->flbs_pa = luo_flb_write();
	luo_damage(luo_out);
	luo_rebooting = true;
	return 0;
}

/* Take luo_quiesce for writing, if all that is under way ends. */
static int luo_drain(void)
{
	int err;

	if (down_write_trylock(&luo_quiesce))
		return 0;

	WRITE_ONCE(luo_draining, true);
	err = luo_try_for(LUO_DRAIN_S * MSEC_PER_SEC,
			  down_write_trylock(&luo_quiesce));
	WRITE_ONCE(luo_draining, false);
	wake_up_all(&luo_drained);
	if (err == -EBUSY)
		pr_err("kexec refused: an operation on a session has not ended within %u s; look for tasks in liveupdate ioctls (/proc/PID/stack), end them and try again\n",
		       LUO_DRAIN_S);
	return err;
}

/**
 * liveupdate_reboot - freeze all that is preserved and hand it over
 *
 * Called by kernel_kexec() while a kexec can still be refused. If any file's
 * handler refuses, whatever was frozen is unfrozen again, in reverse order, and
 * the system goes on as before: the next call starts anew.
 *
 * Once it has returned 0 every operation on sessions fails with EBUSY, and
 * closing a session undoes nothing.
 *
 * Context: process context, with the lock on the kexec image; may sleep. Waits
 * for operations under way, killably and for %LUO_DRAIN_S at most.
 * Return: 0, what a handler's freeze returned, -EINVAL if the loaded image can't
 * take anything over, -EBUSY if an operation under way does not end, -EINTR.
 */
int liveupdate_reboot(void)
{
	int err;

	if (!luo_enabled)
		return 0;

	trace_luo_reboot_start(luo_out);
	err = luo_drain();
	if (!err) {
		err = luo_hand_over();
		up_write(&luo_quiesce);
	}
	trace_luo_reboot_end(luo_out, err);
	return err;
}

static int __init luo_setup_outgoing(void)
{
	int err;

	luo_out = kho_alloc_preserve(sizeof(*luo_out));
	if (IS_ERR(luo_out))
		return PTR_ERR(luo_out);

	strscpy_pad(luo_out->compatible, LUO_ABI_COMPATIBLE);
	luo_out->liveupdate_num = luo_in.liveupdate_num + 1;

	err = kho_add_subtree(LUO_KHO_ENTRY_NAME, luo_out, sizeof(*luo_out));
	if (err)
		kho_unpreserve_free(luo_out);
	return err;
}

/*
 * The page of the root is never given back: KHO shows it in debugfs for as long
 * as this kernel runs.
 */
static int __init luo_read_root(void)
{
	struct luo_ser *ser;
	phys_addr_t phys;
	size_t size;

	if (kho_retrieve_subtree(LUO_KHO_ENTRY_NAME, &phys, &size))
		return -ENOENT;

	if (size < sizeof(*ser) || kho_claim(phys) < 0) {
		pr_err("root record is damaged: nothing of the previous kernel is taken over\n");
		return -EUCLEAN;
	}

	ser = phys_to_virt(phys);
	if (!luo_string_ok(ser->compatible, sizeof(ser->compatible)) ||
	    strcmp(ser->compatible, LUO_ABI_COMPATIBLE)) {
		pr_err("previous kernel handed over '%.*s', this one reads '%s': nothing is taken over\n",
		       (int)sizeof(ser->compatible), ser->compatible,
		       LUO_ABI_COMPATIBLE);
		return -EUCLEAN;
	}

	luo_in = *ser;
	pr_info("live update %llu\n", luo_in.liveupdate_num);
	return 0;
}

static void __init luo_setup_incoming(void)
{
	int err = luo_read_root();

	if (err == -EUCLEAN) {
		luo_incoming_set_damaged();
		luo_flb_set_damaged();
	}
	trace_luo_root_read(&luo_in, err);
}

/*
 * After kho_init(), which is an fs_initcall, and before any rootfs_initcall:
 * those of the architecture come first among these, and IOMMUs ask for their
 * FLBs there.
 */
static int __init luo_init(void)
{
	int err;

	if (!luo_enabled)
		return 0;

	err = -EOPNOTSUPP;
	if (!kho_is_enabled()) {
		pr_warn("disabled: needs Kexec HandOver, boot with kho=on\n");
		goto disable;
	}

	luo_setup_incoming();

	err = luo_handler_init();
	if (!err)
		err = luo_flb_init();
	if (!err)
		err = luo_file_init();
	if (!err)
		err = luo_session_init();
	if (!err)
		err = luo_setup_outgoing();
	if (err) {
		pr_err("disabled: setting up failed: %pe\n", ERR_PTR(err));
		goto disable;
	}
	return 0;

disable:
	luo_enabled = false;
	return err;
}
fs_initcall_sync(luo_init);

static int __init luo_late_init(void)
{
	return luo_enabled ? luo_device_init() : 0;
}
late_initcall(luo_late_init);
