/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Live Update Orchestrator: each step of a live update, where it starts and where
 * it ends. See Documentation/core-api/liveupdate.rst.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM luo

#if !defined(_TRACE_LUO_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_LUO_H

#include <linux/tracepoint.h>
#include <linux/types.h>

/* Known where the events are created; callers pass a pointer and no more. */
struct luo_file;
struct luo_ser;
struct luo_session;

DECLARE_EVENT_CLASS(luo_update,

	TP_PROTO(const struct luo_ser *ser),

	TP_ARGS(ser),

	TP_STRUCT__entry(
		__field(u64, update)
	),

	TP_fast_assign(
		__entry->update = ser->liveupdate_num;
	),

	TP_printk("update=%llu", __entry->update)
);

DEFINE_EVENT(luo_update, luo_reboot_start,

	TP_PROTO(const struct luo_ser *ser),

	TP_ARGS(ser)
);

TRACE_EVENT(luo_reboot_end,

	TP_PROTO(const struct luo_ser *ser, int ret),

	TP_ARGS(ser, ret),

	TP_STRUCT__entry(
		__field(u64, update)
		__field(u64, sessions)
		__field(u64, files)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->update = ser->liveupdate_num;
		__entry->sessions = READ_ONCE(luo_sessions[LUO_OUTGOING].count);
		__entry->files = luo_file_count_outgoing();
		__entry->ret = ret;
	),

	TP_printk("update=%llu sessions=%llu files=%llu ret=%d",
		  __entry->update, __entry->sessions, __entry->files,
		  __entry->ret)
);

TRACE_EVENT(luo_root_read,

	TP_PROTO(const struct luo_ser *ser, int ret),

	TP_ARGS(ser, ret),

	TP_STRUCT__entry(
		__field(u64, update)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->update = ser->liveupdate_num;
		__entry->ret = ret;
	),

	TP_printk("update=%llu ret=%d", __entry->update, __entry->ret)
);

DEFINE_EVENT(luo_update, luo_sessions_read_start,

	TP_PROTO(const struct luo_ser *ser),

	TP_ARGS(ser)
);

TRACE_EVENT(luo_sessions_read_end,

	TP_PROTO(const struct luo_ser *ser, int ret),

	TP_ARGS(ser, ret),

	TP_STRUCT__entry(
		__field(u64, update)
		__field(u64, sessions)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->update = ser->liveupdate_num;
		__entry->sessions = READ_ONCE(luo_sessions[LUO_INCOMING].count);
		__entry->ret = ret;
	),

	TP_printk("update=%llu sessions=%llu ret=%d", __entry->update,
		  __entry->sessions, __entry->ret)
);

TRACE_EVENT(luo_session_start,

	TP_PROTO(const struct luo_session *session, const char *step),

	TP_ARGS(session, step),

	TP_STRUCT__entry(
		__string(session, session->name)
		__string(step, step)
		__field(u64, files)
		__field(u64, bytes)
	),

	TP_fast_assign(
		__assign_str(session);
		__assign_str(step);
		__entry->files = READ_ONCE(session->nr_files);
		__entry->bytes = READ_ONCE(session->bytes);
	),

	TP_printk("session=%s step=%s files=%llu bytes=%llu",
		  __get_str(session), __get_str(step), __entry->files,
		  __entry->bytes)
);

TRACE_EVENT(luo_session_end,

	TP_PROTO(const struct luo_session *session, const char *step, int ret),

	TP_ARGS(session, step, ret),

	TP_STRUCT__entry(
		__string(session, session->name)
		__string(step, step)
		__field(u64, files)
		__field(u64, bytes)
		__field(int, ret)
	),

	TP_fast_assign(
		__assign_str(session);
		__assign_str(step);
		__entry->files = READ_ONCE(session->nr_files);
		__entry->bytes = READ_ONCE(session->bytes);
		__entry->ret = ret;
	),

	TP_printk("session=%s step=%s files=%llu bytes=%llu ret=%d",
		  __get_str(session), __get_str(step), __entry->files,
		  __entry->bytes, __entry->ret)
);

TRACE_EVENT(luo_file_start,

	TP_PROTO(const struct luo_file *lf, const char *callback),

	TP_ARGS(lf, callback),

	TP_STRUCT__entry(
		__string(session, lf->by_token.session->name)
		__string(handler, lf->fh ? lf->fh->compatible : lf->compatible)
		__string(callback, callback)
		__field(u64, token)
	),

	TP_fast_assign(
		__assign_str(session);
		__assign_str(handler);
		__assign_str(callback);
		__entry->token = lf->by_token.token;
	),

	TP_printk("session=%s token=%#llx handler=%s callback=%s",
		  __get_str(session), __entry->token, __get_str(handler),
		  __get_str(callback))
);

TRACE_EVENT(luo_file_end,

	TP_PROTO(const struct luo_file *lf, const char *callback, int ret),

	TP_ARGS(lf, callback, ret),

	TP_STRUCT__entry(
		__string(session, lf->by_token.session->name)
		__string(handler, lf->fh ? lf->fh->compatible : lf->compatible)
		__string(callback, callback)
		__field(u64, token)
		__field(u64, bytes)
		__field(int, ret)
	),

	TP_fast_assign(
		__assign_str(session);
		__assign_str(handler);
		__assign_str(callback);
		__entry->token = lf->by_token.token;
		__entry->bytes = lf->bytes;
		__entry->ret = ret;
	),

	TP_printk("session=%s token=%#llx handler=%s callback=%s bytes=%llu ret=%d",
		  __get_str(session), __entry->token, __get_str(handler),
		  __get_str(callback), __entry->bytes, __entry->ret)
);

TRACE_EVENT(luo_flb_start,

	TP_PROTO(const char *flb, const char *callback),

	TP_ARGS(flb, callback),

	TP_STRUCT__entry(
		__string(flb, flb)
		__string(callback, callback)
	),

	TP_fast_assign(
		__assign_str(flb);
		__assign_str(callback);
	),

	TP_printk("flb=%s callback=%s", __get_str(flb), __get_str(callback))
);

TRACE_EVENT(luo_flb_end,

	TP_PROTO(const char *flb, const char *callback, int ret),

	TP_ARGS(flb, callback, ret),

	TP_STRUCT__entry(
		__string(flb, flb)
		__string(callback, callback)
		__field(int, ret)
	),

	TP_fast_assign(
		__assign_str(flb);
		__assign_str(callback);
		__entry->ret = ret;
	),

	TP_printk("flb=%s callback=%s ret=%d", __get_str(flb),
		  __get_str(callback), __entry->ret)
);

#endif /* _TRACE_LUO_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
