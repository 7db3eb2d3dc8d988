#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# scripts/new-handler: what it makes, what it refuses, and that what it makes compiles. The
# VM test bpf-skeleton loads that and runs its test.
# shellcheck disable=SC2317 # they are called by ok
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
out=${OUT:-$PWD/out}/${ARCH:-x86_64}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. selftests/lib/tap.sh

echo "TAP version 13"
make_one() { INTO=$dir/tree scripts/new-handler "$@"; }
refused() { ! make_one "$@" && ! compgen -G "$dir/tree/bpf/handlers/$1.bpf.c"; }
files() { (cd "$dir/tree" && find . -type f | sort); }

ok "a handler is begun" make_one first mod:first_ops
compare "it is a handler, a test and a spec" < <(diff <(files) - << END
./bpf/handlers/first.bpf.c
./selftests/bpf/first.c
./selftests/vm/tests/bpf-first.vm
END
)
compare "no name of the template is left" < <(grep -rn skeleton "$dir/tree" || true)
ok "it has the file_operations" grep -q '\.fops = "mod:first_ops"' "$dir/tree/bpf/handlers/first.bpf.c"
cp -r "$dir/tree" "$dir/before"
ok "another of the same name is refused" bash -c "! INTO=$dir/tree scripts/new-handler first"
compare "and the first is as it was" < <(diff -r "$dir/before" "$dir/tree")
ok "a second one is begun" make_one second
ok "its file_operations are named after it" grep -q '\.fops = "second_fops"' "$dir/tree/bpf/handlers/second.bpf.c"
for name in '' Capital '1st' 'a/b' 'a b' 'sixteen_letters_'; do
	ok "no handler can be called '$name'" refused "$name"
done
ok "nor can file_operations have any name" refused third 'a b'
ok "a test in C, a spec in shell" bash -c "gcc -fsyntax-only -Wall -Wextra -D_GNU_SOURCE -I selftests/lib -I selftests/bpf/lib \
	-I tools/lib/luo-bpf -isystem '$out/tools/libbpf/include' '$dir/tree/selftests/bpf/first.c' && bash -n '$dir/tree/selftests/vm/tests/bpf-first.vm'"
ok "the handler was compiled" test -s "$out/selftests/progs/skeleton.bpf.o"
echo "1..$number"
exit $failed
