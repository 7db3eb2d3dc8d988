#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A handler attached, looked at and detached with bpftool alone, as the documentation
# shows it. Prints TAP.

results=0
log=/tmp/bpftool.log
pins=/sys/fs/bpf/luo

# ok NAME COMMAND...: does the command succeed?
ok() {
	results=$((results + 1))
	name=$1
	shift
	if "$@" > $log 2>&1; then
		echo "ok $results - $name"
	else
		echo "not ok $results - $name"
		sed 's/^/#   /' $log
	fi
}

# says NAME TEXT COMMAND...: does it, and print the text?
says() {
	name=$1 text=$2
	shift 2
	ok "$name" "$@"
	results=$((results + 1))
	if grep -q -e "$text" $log; then
		echo "ok $results - $name: $text"
	else
		echo "not ok $results - $name: $text"
		sed 's/^/#   /' $log
	fi
}

silent() { ! "$@" | grep . ; }
refused() { ! "$@"; }

echo "TAP version 13"
ok "no handler at first" silent bpftool struct_ops show
says "struct_ops register" "Registered luo_bpf_ops eventfd" \
	bpftool struct_ops register /handlers/eventfd.bpf.o $pins
ok "the link is pinned by the map's name" test -e $pins/eventfd
says "struct_ops show" "luo_bpf_ops" bpftool struct_ops show
says "struct_ops show name" "eventfd *luo_bpf_ops" bpftool struct_ops show name eventfd
says "struct_ops dump" '"compatible": "eventfd-v1"' bpftool -p struct_ops dump name eventfd
says "link show" "struct_ops" bpftool link show
says "link show with pins" "pinned $pins/eventfd" bpftool -f link show
says "prog show" "luo_preserve" bpftool prog show name luo_preserve
ok "a second one is refused" refused bpftool struct_ops register /handlers/eventfd.bpf.o

ok "link detach" bpftool link detach pinned $pins/eventfd
ok "the pin stays, and is removed" rm $pins/eventfd
ok "then no handler is left" silent bpftool struct_ops show

# Without a directory, only the kernel would know the link: it is gone at once.
ok "registered without a pin" bpftool struct_ops register /handlers/eventfd.bpf.o
ok "it does not stay" silent bpftool struct_ops show
echo "1..$results"
