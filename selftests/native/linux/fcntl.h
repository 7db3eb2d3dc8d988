/* SPDX-License-Identifier: GPL-2.0 */
/* The C library's: the two cannot be mixed. */
#include <fcntl.h>
