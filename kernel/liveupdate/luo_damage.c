// SPDX-License-Identifier: GPL-2.0
/*
 * Live Update Orchestrator: records damaged on purpose, for the selftests.
 *
 * Reading liveupdate/damage in debugfs lists what can be done to which field,
 * "FIELD DAMAGE" a line. Writing "SESSION FIELD DAMAGE" has it done to the
 * record of that session in the next kexec, after all was written down; where FIELD
 * begins with "flb", SESSION is the name of an FLB. Several may be written, one a
 * write.
 */
#define pr_fmt(fmt) "luo: " fmt

#include <linux/cleanup.h>
#include <linux/debugfs.h>
#include <linux/fcntl.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kho/abi/luo_bpf.h>
#include <linux/kho/abi/memfd.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "luo_internal.h"

/* "other" takes the value of the same field in the session or FLB of this name. */
#define LUO_DAMAGE_OTHER "healthy"

enum luo_record {
	LUO_RECORD_ROOT,
	LUO_RECORD_SESSION_BLOCK,
	LUO_RECORD_SESSION,
	/* The first file's, and the block that it is in. */
	LUO_RECORD_FILE_BLOCK,
	LUO_RECORD_FILE,
	LUO_RECORD_MEMFD,
	/* The first block of extents after those in the header. */
	LUO_RECORD_EXTENTS,
	LUO_RECORD_BPF,
	/* The first block of chunks, and the first chunk in it. */
	LUO_RECORD_CHUNKS,
	LUO_RECORD_FLB_HEADER,
	LUO_RECORD_FLB,
	LUO_RECORDS,
};

enum luo_kind {
	LUO_NUMBER,
	LUO_STRING,
	LUO_ADDRESS,
	LUO_PFN,
};

struct luo_field {
	const char *name;
	enum luo_record record;
	enum luo_kind kind;
	unsigned int offset;
	unsigned int size;
	unsigned int shift;
	unsigned int bits;
};

#define LUO_FIELD(_name, _record, _kind, _type, _member) {		\
	.name = _name, .record = LUO_RECORD_##_record,			\
	.kind = LUO_##_kind, .offset = offsetof(struct _type, _member),	\
	.size = sizeof_field(struct _type, _member),			\
	.bits = 8 * sizeof_field(struct _type, _member),		\
}

#define LUO_BITS(_name, _record, _kind, _offset, _shift, _bits) {	\
	.name = _name, .record = LUO_RECORD_##_record,			\
	.kind = LUO_##_kind, .offset = _offset,				\
	.size = sizeof(u64), .shift = _shift, .bits = _bits,		\
}

/* The first extent in the header, and in a block. */
#define LUO_MEMFD_INDEX	offsetof(struct memfd_luo_header, \
				 chain[0].extents[0].index)
#define LUO_MEMFD_RUN	offsetof(struct memfd_luo_header, \
				 chain[0].extents[0].run)
#define LUO_BLOCK_INDEX	(sizeof(struct memfd_luo_block) + \
			 offsetof(struct memfd_luo_extent, index))
#define LUO_BLOCK_RUN	(sizeof(struct memfd_luo_block) + \
			 offsetof(struct memfd_luo_extent, run))
#define LUO_PFN_BITS	(64 - MEMFD_LUO_NR_BITS)

static const struct luo_field luo_fields[] = {
	LUO_FIELD("luo_ser.compatible", ROOT, STRING, luo_ser, compatible),
	LUO_FIELD("luo_ser.liveupdate_num", ROOT, NUMBER, luo_ser,
		  liveupdate_num),
	LUO_FIELD("luo_ser.sessions_pa", ROOT, ADDRESS, luo_ser, sessions_pa),
	LUO_FIELD("luo_ser.flbs_pa", ROOT, ADDRESS, luo_ser, flbs_pa),

	LUO_FIELD("session_block.next", SESSION_BLOCK, ADDRESS,
		  kho_block_header_ser, next),
	LUO_FIELD("session_block.count", SESSION_BLOCK, NUMBER,
		  kho_block_header_ser, count),
	LUO_FIELD("session.name", SESSION, STRING, luo_session_ser, name),
	LUO_FIELD("session.files", SESSION, ADDRESS, luo_session_ser,
		  file_set_ser.files),
	LUO_FIELD("session.count", SESSION, NUMBER, luo_session_ser,
		  file_set_ser.count),

	LUO_FIELD("file_block.next", FILE_BLOCK, ADDRESS, kho_block_header_ser,
		  next),
	LUO_FIELD("file_block.count", FILE_BLOCK, NUMBER, kho_block_header_ser,
		  count),
	LUO_FIELD("file.compatible", FILE, STRING, luo_file_ser, compatible),
	LUO_FIELD("file.data", FILE, ADDRESS, luo_file_ser, data),
	LUO_FIELD("file.token", FILE, NUMBER, luo_file_ser, token),

	LUO_FIELD("memfd.size", MEMFD, NUMBER, memfd_luo_header, size),
	LUO_FIELD("memfd.pos", MEMFD, NUMBER, memfd_luo_header, pos),
	LUO_FIELD("memfd.nr_extents", MEMFD, NUMBER, memfd_luo_header,
		  nr_extents),
	LUO_FIELD("memfd.nr_pages", MEMFD, NUMBER, memfd_luo_header, nr_pages),
	LUO_FIELD("memfd.page_shift", MEMFD, NUMBER, memfd_luo_header,
		  page_shift),
	LUO_FIELD("memfd.seals", MEMFD, NUMBER, memfd_luo_header, seals),
	LUO_FIELD("memfd.f_flags", MEMFD, NUMBER, memfd_luo_header, f_flags),
	LUO_FIELD("memfd.mode", MEMFD, NUMBER, memfd_luo_header, mode),
	LUO_FIELD("memfd.uid", MEMFD, NUMBER, memfd_luo_header, uid),
	LUO_FIELD("memfd.gid", MEMFD, NUMBER, memfd_luo_header, gid),
	LUO_FIELD("memfd.sum", MEMFD, NUMBER, memfd_luo_header, sum),
	LUO_FIELD("memfd.name", MEMFD, STRING, memfd_luo_header, name),
	LUO_FIELD("memfd.block.next", MEMFD, ADDRESS, memfd_luo_header,
		  chain[0].block.next),
	LUO_FIELD("memfd.block.count", MEMFD, NUMBER, memfd_luo_header,
		  chain[0].block.count),
	LUO_FIELD("memfd.block.reserved", MEMFD, NUMBER, memfd_luo_header,
		  chain[0].block.reserved),
	LUO_BITS("memfd.extent.index", MEMFD, NUMBER, LUO_MEMFD_INDEX, 0, 64),
	LUO_BITS("memfd.extent.nr", MEMFD, NUMBER, LUO_MEMFD_RUN, 0,
		 MEMFD_LUO_NR_BITS),
	LUO_BITS("memfd.extent.pfn", MEMFD, PFN, LUO_MEMFD_RUN,
		 MEMFD_LUO_NR_BITS, LUO_PFN_BITS),

	LUO_FIELD("extents.next", EXTENTS, ADDRESS, memfd_luo_block, next),
	LUO_FIELD("extents.count", EXTENTS, NUMBER, memfd_luo_block, count),
	LUO_FIELD("extents.reserved", EXTENTS, NUMBER, memfd_luo_block,
		  reserved),
	LUO_BITS("extents.extent.index", EXTENTS, NUMBER, LUO_BLOCK_INDEX, 0,
		 64),
	LUO_BITS("extents.extent.nr", EXTENTS, NUMBER, LUO_BLOCK_RUN, 0,
		 MEMFD_LUO_NR_BITS),
	LUO_BITS("extents.extent.pfn", EXTENTS, PFN, LUO_BLOCK_RUN,
		 MEMFD_LUO_NR_BITS, LUO_PFN_BITS),

	LUO_FIELD("bpf.magic", BPF, NUMBER, luo_bpf_ser, magic),
	LUO_FIELD("bpf.format", BPF, NUMBER, luo_bpf_ser, format),
	LUO_FIELD("bpf.version", BPF, NUMBER, luo_bpf_ser, version),
	LUO_FIELD("bpf.state_size", BPF, NUMBER, luo_bpf_ser, state_size),
	LUO_FIELD("bpf.f_flags", BPF, NUMBER, luo_bpf_ser, f_flags),
	LUO_FIELD("bpf.access", BPF, NUMBER, luo_bpf_ser, access),
	LUO_FIELD("bpf.f_pos", BPF, NUMBER, luo_bpf_ser, f_pos),
	LUO_FIELD("bpf.blob_size", BPF, NUMBER, luo_bpf_ser, blob_size),
	LUO_FIELD("bpf.blob_pa", BPF, ADDRESS, luo_bpf_ser, blob_pa),
	LUO_FIELD("bpf.nr_chunks", BPF, NUMBER, luo_bpf_ser, nr_chunks),
	LUO_FIELD("bpf.sum", BPF, NUMBER, luo_bpf_ser, sum),
	LUO_FIELD("bpf.state", BPF, NUMBER, luo_bpf_ser, state[0]),
	LUO_FIELD("bpf.chunks.next", CHUNKS, ADDRESS, kho_block_header_ser,
		  next),
	LUO_FIELD("bpf.chunks.count", CHUNKS, NUMBER, kho_block_header_ser,
		  count),
	LUO_BITS("bpf.chunk.pa", CHUNKS, ADDRESS,
		 sizeof(struct kho_block_header_ser) +
		 offsetof(struct luo_bpf_chunk_ser, pa), 0, 64),
	LUO_BITS("bpf.chunk.order", CHUNKS, NUMBER,
		 sizeof(struct kho_block_header_ser) +
		 offsetof(struct luo_bpf_chunk_ser, order), 0, 64),

	LUO_FIELD("flb_header.pgcnt", FLB_HEADER, NUMBER, luo_flb_header_ser,
		  pgcnt),
	LUO_FIELD("flb_header.count", FLB_HEADER, NUMBER, luo_flb_header_ser,
		  count),
	LUO_FIELD("flb.name", FLB, STRING, luo_flb_ser, name),
	LUO_FIELD("flb.data", FLB, ADDRESS, luo_flb_ser, data),
	LUO_FIELD("flb.count", FLB, NUMBER, luo_flb_ser, count),
};

enum luo_how {
	LUO_ZERO,
	LUO_INC,
	LUO_DEC,
	LUO_MAX,
	LUO_OTHER,
	LUO_MISALIGNED,
	LUO_LOOSE,
	LUO_CYCLIC,
};

static const char *const luo_hows[] = {
	[LUO_ZERO] = "zero",
	[LUO_INC] = "inc",
	[LUO_DEC] = "dec",
	[LUO_MAX] = "max",
	[LUO_OTHER] = "other",
	[LUO_MISALIGNED] = "misaligned",
	[LUO_LOOSE] = "loose",
	[LUO_CYCLIC] = "cyclic",
};

struct luo_damage {
	struct list_head list;
	char session[LIVEUPDATE_SESSION_NAME_LENGTH];
	const struct luo_field *field;
	enum luo_how how;
};

static LIST_HEAD(luo_damages);
static DEFINE_MUTEX(luo_damage_lock);

static bool luo_damage_applies(const struct luo_field *field, enum luo_how how)
{
	switch (field->kind) {
	case LUO_NUMBER:
		return how <= LUO_OTHER;
	case LUO_STRING:
		return how <= LUO_OTHER && how != LUO_DEC;
	case LUO_PFN:
		return how != LUO_MISALIGNED;
	case LUO_ADDRESS:
		return true;
	}
	return false;
}

/* Where the records of a session or an FLB are, as far as there are any. */
struct luo_records {
	void *at[LUO_RECORDS];
};

static void luo_records_of_bpf(struct luo_records *records,
			       struct luo_bpf_ser *bpf)
{
	records->at[LUO_RECORD_BPF] = bpf;
	if (bpf->blob_pa)
		records->at[LUO_RECORD_CHUNKS] = phys_to_virt(bpf->blob_pa);
}

static void luo_records_of_file(struct luo_records *records,
				struct luo_file_ser *file)
{
	struct memfd_luo_header *memfd;

	records->at[LUO_RECORD_FILE] = file;
	if (strstarts(file->compatible, LUO_BPF_PREFIX))
		luo_records_of_bpf(records, phys_to_virt(file->data));
	if (strcmp(file->compatible, MEMFD_LUO_FH_COMPATIBLE))
		return;
	memfd = phys_to_virt(file->data);
	records->at[LUO_RECORD_MEMFD] = memfd;
	if (memfd->chain[0].block.next)
		records->at[LUO_RECORD_EXTENTS] =
			phys_to_virt(memfd->chain[0].block.next);
}

static void luo_records_of_flb(struct luo_records *records, struct luo_ser *ser,
			       const char *name)
{
	struct luo_flb_header_ser *area;
	struct luo_flb_ser *flb;

	if (!ser->flbs_pa)
		return;
	area = phys_to_virt(ser->flbs_pa);
	flb = (struct luo_flb_ser *)(area + 1);
	for (u64 i = 0; i < area->count; i++, flb++) {
		if (strcmp(flb->name, name))
			continue;
		records->at[LUO_RECORD_FLB_HEADER] = area;
		records->at[LUO_RECORD_FLB] = flb;
		return;
	}
}

static void luo_records_find(struct luo_records *records, struct luo_ser *ser,
			     const char *name)
{
	struct kho_block_header_ser *block;
	struct luo_session_ser *session;

	*records = (struct luo_records) { .at[LUO_RECORD_ROOT] = ser };
	luo_records_of_flb(records, ser, name);

	for (u64 pa = ser->sessions_pa; pa; pa = block->next) {
		block = phys_to_virt(pa);
		session = (void *)(block + 1);
		for (u64 i = 0; i < block->count; i++, session++) {
			if (strcmp(session->name, name))
				continue;
			records->at[LUO_RECORD_SESSION_BLOCK] = block;
			records->at[LUO_RECORD_SESSION] = session;
			if (!session->file_set_ser.files)
				return;
			block = phys_to_virt(session->file_set_ser.files);
			records->at[LUO_RECORD_FILE_BLOCK] = block;
			luo_records_of_file(records, (void *)(block + 1));
			return;
		}
	}
}

static u64 luo_field_get(const struct luo_field *field, const void *record)
{
	u64 value = 0;

	memcpy(&value, record + field->offset, field->size);
	value >>= field->shift;
	return field->bits < 64 ? value & (BIT_ULL(field->bits) - 1) : value;
}

static void luo_field_set(const struct luo_field *field, void *record, u64 value)
{
	u64 mask = field->bits < 64 ? BIT_ULL(field->bits) - 1 : U64_MAX;
	u64 word = 0;

	memcpy(&word, record + field->offset, field->size);
	word &= ~(mask << field->shift);
	word |= (value & mask) << field->shift;
	memcpy(record + field->offset, &word, field->size);
}

/* The page stays allocated: to the next kernel it is like any other. */
static u64 luo_damage_loose(void)
{
	unsigned long page = get_zeroed_page(GFP_KERNEL);

	return page ? virt_to_phys((void *)page) : 0;
}

static void luo_damage_string(const struct luo_damage *damage, char *string,
			      const char *other)
{
	unsigned int size = damage->field->size;

	switch (damage->how) {
	case LUO_ZERO:
		memset(string, 0, size);
		break;
	case LUO_INC:
		string[0]++;
		break;
	case LUO_OTHER:
		if (other)
			memcpy(string, other, size);
		break;
	default:
		memset(string, 0xff, size);
	}
}

static u64 luo_damage_value(const struct luo_damage *damage, void *record,
			    void *other)
{
	const struct luo_field *field = damage->field;
	unsigned int unit = field->kind == LUO_PFN ? PAGE_SHIFT : 0;
	u64 value = luo_field_get(field, record);

	switch (damage->how) {
	case LUO_ZERO:
		return 0;
	case LUO_INC:
		return value + 1;
	case LUO_DEC:
		return value - 1;
	case LUO_MAX:
		return U64_MAX;
	case LUO_OTHER:
		return other ? luo_field_get(field, other) : value;
	case LUO_MISALIGNED:
		return value + sizeof(u64);
	case LUO_LOOSE:
		return luo_damage_loose() >> unit;
	case LUO_CYCLIC:
		return (virt_to_phys(record) & PAGE_MASK) >> unit;
	}
	return value;
}

static void luo_damage_do(struct luo_ser *ser, const struct luo_damage *damage)
{
	const struct luo_field *field = damage->field;
	struct luo_records mine, theirs;
	void *record, *other;

	luo_records_find(&mine, ser, damage->session);
	luo_records_find(&theirs, ser, LUO_DAMAGE_OTHER);
	record = mine.at[field->record];
	other = theirs.at[field->record];
	if (!record) {
		pr_warn("session '%s' has no %s to damage\n", damage->session,
			field->name);
		return;
	}

	if (field->kind == LUO_STRING)
		luo_damage_string(damage, record + field->offset,
				  other ? other + field->offset : NULL);
	else
		luo_field_set(field, record,
			      luo_damage_value(damage, record, other));
	pr_info("damaged %s of session '%s': %s\n", field->name,
		damage->session, luo_hows[damage->how]);
}

/*
 * From the last to the first, and what leads to other records after these, so
 * that each record is found although others are damaged already.
 */
void luo_damage(struct luo_ser *ser)
{
	struct luo_damage *damage, *next;

	guard(mutex)(&luo_damage_lock);

	for (int record = LUO_RECORDS - 1; record >= 0; record--) {
		list_for_each_entry_safe(damage, next, &luo_damages, list) {
			if (damage->field->record != record)
				continue;
			luo_damage_do(ser, damage);
			list_del(&damage->list);
			kfree(damage);
		}
	}
}

static int luo_damage_parse(struct luo_damage *damage, char *line)
{
	char *session = strsep(&line, " "), *field = strsep(&line, " ");

	if (!field || !line)
		return -EINVAL;
	if (strscpy(damage->session, session) < 0)
		return -ENAMETOOLONG;

	for (int i = 0; i < ARRAY_SIZE(luo_fields); i++) {
		if (!strcmp(luo_fields[i].name, field))
			damage->field = &luo_fields[i];
	}
	damage->how = match_string(luo_hows, ARRAY_SIZE(luo_hows), line);
	if (!damage->field || (int)damage->how < 0 ||
	    !luo_damage_applies(damage->field, damage->how))
		return -EINVAL;
	return 0;
}

static ssize_t luo_damage_write(struct file *file, const char __user *buf,
				size_t len, loff_t *pos)
{
	struct luo_damage *damage __free(kfree) = NULL;
	char *line __free(kfree) = NULL;
	int err;

	line = memdup_user_nul(buf, min(len, PAGE_SIZE));
	if (IS_ERR(line))
		return PTR_ERR(no_free_ptr(line));
	damage = kzalloc_obj(*damage);
	if (!damage)
		return -ENOMEM;
	err = luo_damage_parse(damage, strim(line));
	if (err)
		return err;

	guard(mutex)(&luo_damage_lock);
	list_add_tail(&no_free_ptr(damage)->list, &luo_damages);
	return len;
}

static int luo_damage_show(struct seq_file *m, void *unused)
{
	for (int i = 0; i < ARRAY_SIZE(luo_fields); i++) {
		for (int how = 0; how < ARRAY_SIZE(luo_hows); how++) {
			if (luo_damage_applies(&luo_fields[i], how))
				seq_printf(m, "%s %s\n", luo_fields[i].name,
					   luo_hows[how]);
		}
	}
	return 0;
}
DEFINE_SHOW_STORE_ATTRIBUTE(luo_damage);

static int __init luo_damage_init(void)
{
	struct dentry *dir = debugfs_create_dir("liveupdate", NULL);

	debugfs_create_file("damage", 0600, dir, NULL, &luo_damage_fops);
	return 0;
}
late_initcall(luo_damage_init);
