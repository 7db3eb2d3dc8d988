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
#include <linux/kho/abi/memfd_extents.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "luo_damage.h"
#include "luo_internal.h"

/* "other" takes the value of the same field in the session or FLB of this name. */
#define LUO_DAMAGE_OTHER "healthy"

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

static void luo_records_of_memfd(struct luo_records *records,
				 struct memfd_luo_header *memfd)
{
	records->at[LUO_RECORD_MEMFD] = memfd;
	if (memfd->chain[0].block.next)
		records->at[LUO_RECORD_EXTENTS] =
			phys_to_virt(memfd->chain[0].block.next);
}

static void luo_records_of_v2(struct luo_records *records,
			      struct memfd_luo_ser *memfd)
{
	struct kho_vmalloc_chunk *chunk;

	records->at[LUO_RECORD_V2] = memfd;
	if (!memfd->nr_folios)
		return;
	chunk = phys_to_virt(memfd->folios.first.phys);
	records->at[LUO_RECORD_V2_CHUNK] = chunk;
	records->at[LUO_RECORD_V2_FOLIO] = phys_to_virt(chunk->phys[0]);
}

static void luo_records_of_file(struct luo_records *records,
				struct luo_file_ser *file)
{
	void *record = phys_to_virt(file->data);

	records->at[LUO_RECORD_FILE] = file;
	if (strstarts(file->compatible, LUO_BPF_PREFIX))
		luo_records_of_bpf(records, record);
	else if (!strcmp(file->compatible, MEMFD_LUO_EXTENTS_COMPATIBLE))
		luo_records_of_memfd(records, record);
	else if (!strcmp(file->compatible, MEMFD_LUO_FH_COMPATIBLE))
		luo_records_of_v2(records, record);
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

	for (int i = 0; i < luo_nr_fields; i++) {
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
	for (int i = 0; i < luo_nr_fields; i++) {
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
