// SPDX-License-Identifier: GPL-2.0
/* luo-kexec [-2] [KEY=VALUE...]: kexec into the same kernel, or the second one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

int main(int argc, char **argv)
{
	int i = 1, ret;

	if (argc > 1 && !strcmp(argv[1], "-2")) {
		vm_kexec_image("/boot/kernel2");
		i++;
	}
	for (; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value) {
			fprintf(stderr, "usage: luo-kexec [-2] [KEY=VALUE...]\n");
			return 2;
		}
		*value++ = '\0';
		vm_kexec_arg(argv[i], "%s", value);
	}
	ret = vm_kexec();
	fprintf(stderr, "luo-kexec: %s\n", strerror(-ret));
	return 1;
}
