#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What scripts/new-handler begins: the handler attaches, the test runs and says that it is
# to be written. Prints TAP.

log=/tmp/skeleton.log
results=0

# ok NAME COMMAND...
ok() {
	results=$((results + 1))
	name=$1
	shift
	if "$@"; then
		echo "ok $results - $name"
	else
		echo "not ok $results - $name"
		sed 's/^/#   /' $log
	fi
}

echo "TAP version 13"
bpf_skeleton > $log 2>&1
status=$?
ok "its test fails" test $status = 1
ok "the handler attaches" grep -qx 'ok 1 the handler attaches' $log
ok "the test is to be written" grep -qx 'not ok 2 there is a file: write this test' $log
ok "there is a plan, as of any test" grep -qx '1\.\.2' $log
ok "the handler is there" bpftool struct_ops show name skeleton
echo "1..$results"
