#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The base kernel's own liveupdate selftests, unmodified: the API test, then each kexec
# test up to the kexec, one kexec for all of them, and what each finds in the next kernel.
tests="luo_kexec_simple luo_multi_session luo_stress_files luo_stress_sessions"

# results NUMBER STAGE: run the tests' stage; what they print becomes comments.
results() {
	number=$1
	for test in $tests; do
		"/selftests/base/$test" -s "$2" > /tmp/output 2>&1
		status=$?
		good="not ok"
		[ $status != 0 ] || good=ok
		echo "$good $number - base $test, stage $2"
		[ $status = 0 ] || sed 's/^/#   /' /tmp/output
		number=$((number + 1))
	done
}

if [ "$LUO_STAGE" = 0 ]; then
	/selftests/base/liveupdate
	echo TAP version 13
	results 1 1
	luo-kexec
	echo "Bail out! kexec failed"
	exit 1
fi
results 5 2
echo 1..8
