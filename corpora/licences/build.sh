#!/bin/sh
# Builds a corpus of licences: the file debian/copyright of a thousand Debian packages, and the licences that every Debian
# system has in /usr/share/common-licenses. One document a file.
#
#     corpora/licences/build.sh [--any-version] [--debs FOLDER] [FOLDER]      (see corpora/lib.sh)
#
# It leaves licences.jsonl.zst and licences.manifest.json in FOLDER, and licences.done last: make takes that for the sign
# that all is well. Needs apt-get and dpkg-deb, python3 (python3-minimal will do), tar, zstd, awk and sha256sum; a
# minute or so, most of it for the download of 14 MB.
set -eu
# shellcheck source=corpora/lib.sh
. "$(dirname "$0")/../lib.sh"
corpus_start "$0" "$@"
corpus_need "apt-get dpkg-deb dpkg-query python3 tar zstd awk xargs sha256sum md5sum" \
    "apt dpkg python3-minimal tar zstd mawk findutils coreutils"
corpus_unpack './usr/share/doc/*/copyright' './usr/share/common-licenses/*'

# Each package gives one document; its section in the archive is the source.
root=$work/root/usr/share
sed -n 's/.*{"package": "\([^"]*\)", .*"section": "\([^"]*\)".*/\1 \2/p' "$manifest" >"$work/sections"
cut -d' ' -f1 "$work/taken" | while read -r package; do
    [ -f "$root/doc/$package/copyright" ] || fail "the package $package holds no file copyright"
    [ ! -L "$root/doc/$package/copyright" ] || fail "the copyright of $package is only a link"
done
awk -v root="$root/doc/" 'NR == FNR { section[$1] = $2; next }
    { printf "%s\t%s/copyright\t%s%s/copyright\n", section[$1], $1, root, $1 }' "$work/sections" "$work/taken" >"$work/list"
find "$root/common-licenses" -type f | sed 's,.*/,,' |
    awk -v root="$root/common-licenses/" '{ print "common-licenses\tcommon-licenses/" $0 "\t" root $0 }' >>"$work/list"
corpus_pack licences
corpus_check licences sources="$(cut -f1 "$work/list" | sort -u | wc -l)"
corpus_finish "Licences and copyright files of Debian packages"
