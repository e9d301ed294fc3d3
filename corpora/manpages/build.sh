#!/bin/sh
# Builds a corpus of manual pages as plain text: English, Spanish, French, Russian and Japanese, one document a page, from
# Debian's packages manpages, manpages-dev, manpages-es, -fr, -ru and -ja, laid out by mandoc.
#
#     corpora/manpages/build.sh [--any-version] [--debs FOLDER] [FOLDER]      (see corpora/lib.sh)
#
# It leaves manpages.jsonl.zst and manpages.manifest.json in FOLDER, and manpages.done last: make takes that for the sign
# that all is well. Needs apt-get and dpkg-deb, python3 (python3-minimal will do), tar, zstd, awk and sha256sum, but
# neither man nor mandoc, which is unpacked with the pages: another version might break lines elsewhere. Half a minute.
set -eu
# shellcheck source=corpora/lib.sh
. "$(dirname "$0")/../lib.sh"
corpus_start "$0" "$@"
corpus_need "apt-get dpkg-deb dpkg-query python3 tar zstd gzip awk xargs sha256sum md5sum" \
    "apt dpkg python3-minimal tar zstd gzip mawk findutils coreutils"
corpus_unpack './usr/bin/mandoc' './usr/share/man/*.gz'

# Links to other pages, as files of the file system or as pages that only say .so, would be the same text again.
cd "$work/root/usr/share/man"
mandoc=$work/root/usr/bin/mandoc
"$mandoc" -T utf8 "$work/root/usr/share/man/man1/mandoc.1.gz" >/dev/null || fail "the unpacked mandoc does not run"
find . -type f -name '*.gz' -size -300c | while read -r page; do
    if gzip -dc "$page" | grep -q '^\.so '; then rm "$page"; fi
done
find . -type f -name '*.gz' | sed 's,^\./,,' | sort >"$work/pages"
while read -r page; do
    text=$work/text/${page%.gz}
    mkdir -p "${text%/*}"
    # It complains of every oddity of a page (status 1 to 5) and lays it out all the same. -I: a page in the language mdoc
    # would name the kernel that runs here.
    "$mandoc" -T utf8 -I os=Debian "$page" >"$text" 2>/dev/null || [ $? -le 5 ] || fail "mandoc failed on $page"
done <"$work/pages"

# mandoc does not know all requests of groff. Where it understands nothing it runs lines together: such a page is no text.
find "$work/text" -type f -exec awk 'length($0) > 2000 && !seen[FILENAME]++ { print FILENAME }' {} + | xargs -r rm
(cd "$work/text" && find . -type f) | sed 's,^\./,,' | awk -v text="$work/text/" '{
    source = $0 ~ /^man/ ? "en" : $0
    sub(/\/.*/, "", source)
    print source "\t" $0 "\t" text $0
}' >"$work/list"
cd "$here"
corpus_pack manpages --overstruck
corpus_check manpages languages="$(cut -f1 "$work/list" | sort -u | wc -l)"
corpus_finish "Manual pages in several languages"
