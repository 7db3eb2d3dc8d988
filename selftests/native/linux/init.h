/* SPDX-License-Identifier: GPL-2.0 */
/* What of it is needed is in the test that includes it. */
