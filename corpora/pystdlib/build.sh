#!/bin/sh
# Builds the standard library of Python 3.11 as a corpus: one document a source file, from Debian's packages
# libpython3.11-minimal and libpython3.11-stdlib.
#
#     corpora/pystdlib/build.sh [--any-version] [--debs FOLDER] [FOLDER]      (see corpora/lib.sh)
#
# It leaves pystdlib.jsonl.zst and pystdlib.manifest.json in FOLDER, and pystdlib.done last: make takes that for the sign
# that all is well. Needs apt-get and dpkg-deb, python3 (python3-minimal will do), tar, zstd, awk and sha256sum; seconds.
set -eu
# shellcheck source=corpora/lib.sh
. "$(dirname "$0")/../lib.sh"
corpus_start "$0" "$@"
corpus_need "apt-get dpkg-deb dpkg-query python3 tar zstd awk xargs sha256sum md5sum" \
    "apt dpkg python3-minimal tar zstd mawk findutils coreutils"
corpus_unpack './usr/lib/python3.11/*.py'

# What differs from one kind of processor to another is left out: the records of how Python was built.
(cd "$work/root/usr/lib/python3.11" && find . -type f -name '*.py' ! -name '_sysconfigdata*' ! -path './config-*') | sed 's,^\./,,' |
    awk -v root="$work/root/usr/lib/python3.11/" '{
        source = $0
        sub(/\/.*/, "", source) # the package, or else the module
        sub(/\.py$/, "", source)
        print source "\t" $0 "\t" root $0
    }' >"$work/list"
corpus_pack pystdlib
corpus_check pystdlib modules="$(cut -f1 "$work/list" | sort -u | wc -l)"
corpus_finish "The standard library of Python 3.11"
