// SPDX-License-Identifier: GPL-2.0
/*
 * What is attached, and from which object. A version alone does not tell: an object is mended
 * without another one. So luo-attach leaves a note of the object that it has attached, which
 * holds for as long as the kernel's map is the same. Notes go from an initramfs to the root
 * with /run, and so do the objects: the root may have none of them, and luod is to take them
 * to the next kernel.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common.h"
#include "policy.h"

#define NOTES	ATTACHED_DIR

struct search {
	const char *compatible;
	struct attached *attached;
};

static int compare(const struct luo_handler_info *info, void *ctx)
{
	struct search *search = ctx;

	if (strcmp(info->compatible, search->compatible))
		return 0;
	search->attached->version = info->version;
	search->attached->link_id = info->link_id;
	search->attached->map_id = info->map_id;
	return 1;
}

static bool is_pinned(const char *compatible, uint32_t link_id)
{
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);
	char path[PATH_MAX];
	bool same;
	int fd;

	snprintf(path, sizeof(path), LUO_PIN_DIR "/%s", compatible);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	same = !bpf_link_get_info_by_fd(fd, &info, &len) && info.id == link_id;
	close(fd);
	return same;
}

static void read_note(const char *compatible, struct attached *attached)
{
	char path[PATH_MAX], where[8];
	uint32_t map_id;
	FILE *f;

	snprintf(path, sizeof(path), NOTES "/%s", compatible);
	f = fopen(path, "re");
	if (!f)
		return;
	attached->known = fscanf(f, "%" SCNu32 " %" SCNx64 " %7s", &map_id, &attached->digest,
				 where) == 3 && map_id == attached->map_id;
	attached->from_initrd = attached->known && !strcmp(where, "initrd");
	fclose(f);
}

bool attached_find(const char *compatible, struct attached *attached)
{
	struct search search = { compatible, attached };

	memset(attached, 0, sizeof(*attached));
	if (luo_handler__list(compare, &search) != 1)
		return false;
	attached->pinned = is_pinned(compatible, attached->link_id);
	read_note(compatible, attached);
	return true;
}

bool attached_is(const struct attached *attached, uint32_t version, uint64_t digest)
{
	return attached->version == version && attached->known && attached->digest == digest;
}

/* Without a note, it is only attached once more than need be. */
void attached_note(const char *compatible, uint64_t digest, bool from_initrd)
{
	struct attached attached;
	char path[PATH_MAX];
	FILE *f;

	if (!attached_find(compatible, &attached))
		return;
	mkdir(NOTES, 0755);
	snprintf(path, sizeof(path), NOTES "/%s", compatible);
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "%" PRIu32 " %" PRIx64 " %s\n", attached.map_id, digest,
		from_initrd ? "initrd" : "root");
	fclose(f);
}

static void kept_path(const char *file, char *path, size_t size)
{
	const char *slash = strrchr(file, '/');

	snprintf(path, size, ATTACHED_DIR "/%s", slash ? slash + 1 : file);
}

/* Under another name until it is whole */
int attached_keep(const char *file, const void *data, size_t size)
{
	char path[PATH_MAX];
	int fd, err = 0;
	ssize_t n;

	mkdir(ATTACHED_DIR, 0755);
	fd = open(ATTACHED_DIR "/.object", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	n = write(fd, data, size);
	if (n != (ssize_t)size)
		err = n < 0 ? -errno : -ENOSPC;
	close(fd);
	kept_path(file, path, sizeof(path));
	if (!err && rename(ATTACHED_DIR "/.object", path))
		err = -errno;
	if (err)
		unlink(ATTACHED_DIR "/.object");
	return err;
}

void attached_forget(const char *file)
{
	char path[PATH_MAX];

	kept_path(file, path, sizeof(path));
	unlink(path);
}

/* FNV-1a: nobody but root writes objects, so that none is made to look like another one. */
uint64_t object_digest(const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t digest = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ bytes[i]) * 0x100000001b3;
	return digest;
}

bool file_problem(const struct luo_handler_file *file, char *text, size_t size)
{
	const char *what = strerror(-file->error);

	if (!file->error ||
	    (file->error == -ENOENT && !file->name && conf_is_usual_dir(file->path)))
		return false;
	if (!file->name)
		snprintf(text, size, "%s: %s: no handler from there: see \"handlers\" in luod.conf",
			 file->path, what);
	else
		snprintf(text, size, "%s: %s: mend or remove it", file->path,
			 file->error == -EINVAL ? "no plain file" : what);
	return true;
}
