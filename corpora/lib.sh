# shellcheck shell=sh
# Sourced by the recipes: what they have in common. A recipe is a folder with build.sh and manifest.json; the manifest says
# which versions of which Debian packages the text is taken from and what must come out, and build.sh leaves the same kind
# of manifest beside the text, so that two of them can be compared with diff.
#
#     corpora/NAME/build.sh [--any-version] [--debs FOLDER] [FOLDER]
#
# FOLDER        where the corpus goes; corpora/build unless given
# --debs        a folder of .deb files: those in it are not downloaded, those downloaded stay in it
# --any-version goes on with other versions of packages when those of the manifest cannot be had. The text is then another
#               corpus, and the manifest beside it says which
#
# Packages are never installed. One that is installed in the right version is read in place, when its files still have
# the checksums that dpkg knows; the others are downloaded with apt-get, which needs no root, and unpacked aside.
#
# Used variables: name, here, out, work, manifest. Nothing is left in $out under a final name before all is checked, and
# $out/$name.done comes last.

fail() {
    echo "corpora/$name/build.sh: $*" >&2
    exit 1
}

# corpus_start "$0" "$@": reads the arguments, makes the work folder.
corpus_start() {
    LC_ALL=C
    export LC_ALL
    unset PYTHONHOME PYTHONPATH TAR_OPTIONS ZSTD_CLEVEL ZSTD_NBTHREADS
    here=$(cd "$(dirname "$1")" && pwd)
    name=$(basename "$here")
    manifest=$here/manifest.json
    shift
    out='' debs='' any_version=''
    while [ $# -gt 0 ]; do
        case $1 in
        --any-version) any_version=yes ;;
        --debs)
            [ -d "${2-}" ] || fail "--debs needs a folder that exists"
            debs=$(cd "$2" && pwd)
            shift
            ;;
        -*) fail "unknown option $1; usage: build.sh [--any-version] [--debs FOLDER] [FOLDER]" ;;
        *)
            [ -z "$out" ] || fail "one folder is enough; usage: build.sh [--any-version] [--debs FOLDER] [FOLDER]"
            out=$1
            ;;
        esac
        shift
    done
    out=${out:-$here/../build}
    mkdir -p "$out" || fail "cannot make the folder $out"
    out=$(cd "$out" && pwd)
    rm -f "$out/$name.done"
    work=$(mktemp -d "$out/$name.XXXXXX.part") || fail "cannot write in $out"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
}

# corpus_need "COMMAND..." "PACKAGE...": the commands, and the packages that bring them.
corpus_need() {
    for command in $1; do
        command -v "$command" >/dev/null || fail "the command $command is missing; install it with: apt-get install $2"
    done
}

# take_installed PACKAGE PATTERN...: copies the matching files of an installed package; fails when dpkg does not know
# any, or when one of them is not as it was packed (changed, or left out, as small container images do with manual pages).
take_installed() {
    for sums in "/var/lib/dpkg/info/$1.md5sums" "/var/lib/dpkg/info/$1":*.md5sums; do [ ! -f "$sums" ] || break; done
    [ -f "$sums" ] || return 1
    shift
    while read -r sum path; do
        for pattern in "$@"; do
            # shellcheck disable=SC2254  # it is a pattern
            case ./$path in $pattern) echo "$sum  $path" && break ;; esac
        done
    done <"$sums" >"$work/sums"
    [ -s "$work/sums" ] || return 1
    (cd / && md5sum --status -c "$work/sums") || return 1
    sed 's/^[0-9a-f]*  //' "$work/sums" | tar -C / -c -T - | tar -C "$work/root" -x --no-same-owner
}

# unpack_deb PACKAGE VERSION PATTERN...: the same from the folder of .deb files; 1 when the package is not there.
unpack_deb() {
    version=$2
    case $version in *:*) version=${2%%:*}%3a${2#*:} ;; esac
    for deb in "$debs/$1_${version}"_*.deb; do [ ! -f "$deb" ] || break; done
    [ -f "$deb" ] || return 1
    shift 2
    dpkg-deb --fsys-tarfile "$deb" >"$work/tar" || fail "$deb is damaged; remove it"
    tar -t -f "$work/tar" --quoting-style=literal | while read -r path; do
        # shellcheck disable=SC2254  # they are patterns
        for pattern in "$@"; do case $path in $pattern) echo "$path" && break ;; esac done
    done >"$work/paths"
    [ -s "$work/paths" ] || fail "$deb holds nothing that matches $*"
    tar -C "$work/root" -x -f "$work/tar" --no-same-owner --no-recursion --verbatim-files-from -T "$work/paths" ||
        fail "cannot unpack $deb"
}

# take LIST PATTERN...: what can be had without the network of the packages in LIST; the rest is left in $work/missing.
take() {
    list=$1
    shift
    : >"$work/missing"
    awk 'FILENAME == ARGV[1] { is[$0] = 1; next } { print $0, ($0 in is) }' "$work/installed" "$list" >"$work/marked"
    while read -r package pinned installed; do
        if unpack_deb "$package" "$pinned" "$@" || { [ "$installed" = 1 ] && take_installed "$package" "$@"; }; then
            echo "$package $pinned" >>"$work/taken"
        else echo "$package $pinned" >>"$work/missing"; fi
    done <"$work/marked"
}

# download LIST: four at a time, since small packages are a matter of round trips. The option silences a warning to root.
download() {
    sed 's/ /=/' "$1" | (cd "$work/debs" && xargs -n 300 -P 4 apt-get -qq -o APT::Sandbox::User=root download) >"$work/apt" 2>&1 ||
        fail "apt-get download failed: $(grep '^E:' "$work/apt" | head -n 3)"
    for deb in "$work"/debs/*.deb; do
        [ "$debs" = "$work/debs" ] || mv "$deb" "$debs/" || fail "cannot write in $debs"
    done
}

# other_versions: replaces versions in $work/missing that apt does not know by those that it would install. A package that
# it does not know at all is left out.
other_versions() {
    cut -d' ' -f1 "$work/missing" | xargs apt-cache madison 2>/dev/null | awk -F ' *[|] *' '{
        sub(/^ +/, "", $1); print $1, $2 }' >"$work/known"
    awk -v known="$work/known" 'BEGIN { while ((getline line <known) > 0) { split(line, f, " "); is[line] = 1
            if (!(f[1] in first)) first[f[1]] = f[2] } }
        $0 in is { print; next }
        $1 in first { print $1, first[$1]; print "  " $1 " " first[$1] " instead of " $2 >"/dev/stderr"; next }
        { print "  " $1 " " $2 " is left out: apt knows no version of it" >"/dev/stderr" }' "$work/missing" >"$work/others"
    mv "$work/others" "$work/missing"
}

# corpus_unpack PATTERN...: the files of the manifest's packages that match (shell patterns that begin with ./; * matches
# slashes, too) into $work/root; "PACKAGE VERSION" of each package that was taken, a line each, into $work/taken.
corpus_unpack() {
    mkdir "$work/root" "$work/debs"
    debs=${debs:-$work/debs}
    : >"$work/taken"
    sed -n 's/.*{"package": "\([^"]*\)", "version": "\([^"]*\)".*/\1 \2/p' "$manifest" >"$work/wanted"
    [ -s "$work/wanted" ] || fail "$manifest names no packages"
    dpkg-query -W -f '${db:Status-Abbrev}${Package} ${Version}\n' | sed -n 's/^ii *//p' >"$work/installed"
    take "$work/wanted" "$@"
    [ -s "$work/missing" ] || return 0
    if ! (sed 's/ /=/' "$work/missing" | xargs apt-get -qq --print-uris download) >/dev/null 2>"$work/apt"; then
        [ "$any_version" ] || fail "apt-get cannot give all packages of corpora/$name/manifest.json:" \
            "$(grep '^E:' "$work/apt" | head -n 3)
The list of packages may be missing or old: run apt-get update (as root) first. Without network, or when the archive
has moved on to other versions, put the .deb files of these versions into a folder (snapshot.debian.org keeps all that
ever were) and say --debs FOLDER. To take other versions, and so to get another corpus, say --any-version."
        other_versions
    fi
    download "$work/missing"
    mv "$work/missing" "$work/fetched"
    take "$work/fetched" "$@"
    [ ! -s "$work/missing" ] || fail "apt-get did not bring $(tr '\n' ',' <"$work/missing")"
}

# corpus_pack FILE [OPTION]: JSON lines $work/FILE.jsonl of the documents in $work/list, "SOURCE<tab>ID<tab>PATH" a line.
corpus_pack() {
    file=$1
    shift
    python3 -I "$here/../pack.py" "$@" <"$work/list" >"$work/$file.jsonl" || fail "corpora/pack.py failed"
}

# corpus_check FILE [KEY=COUNT...]: compares $work/FILE.jsonl with the manifest, packs it, and adds its line to
# $work/files. KEY=COUNT: more to say about it in the manifest.
corpus_check() {
    file=$1
    shift
    sha=$(sha256sum <"$work/$file.jsonl" | cut -d' ' -f1)
    expected=$(sed -n "s/.*\"file\": \"$file.jsonl\".*\"sha256\": \"\([0-9a-f]*\)\".*/\1/p" "$manifest")
    if [ "$sha" != "$expected" ]; then
        [ "$any_version" ] || fail "$file.jsonl has sha256 $sha, not $expected as corpora/$name/manifest.json says." \
            "Numbers from another text cannot be compared with the published ones; to use it all the same, say --any-version."
        echo "corpora/$name/build.sh: note: $file.jsonl is not the text of corpora/$name/manifest.json; compare with" \
            "$out/$name.manifest.json before comparing numbers" >&2
    fi
    zstd -q -f -12 -T1 --check --no-progress "$work/$file.jsonl" -o "$work/$file.jsonl.zst" || fail "zstd failed on $file.jsonl"
    [ ! -f "$work/files" ] || printf ',\n' >>"$work/files"
    {
        printf '    {"file": "%s.jsonl", "documents": %d' "$file" "$(wc -l <"$work/$file.jsonl")"
        for extra in "$@"; do printf ', "%s": %d' "${extra%%=*}" "${extra#*=}"; done
        printf ', "bytes": %d, "sha256": "%s"}' "$(wc -c <"$work/$file.jsonl")" "$sha"
    } >>"$work/files"
}

# corpus_finish TITLE: writes the manifest, moves everything to its place.
corpus_finish() {
    {
        printf '{\n  "corpus": "%s",\n  "packages": [\n' "$1"
        awk -v taken="$work/taken" '
            BEGIN { while ((getline line <taken) > 0) { split(line, f, " "); version[f[1]] = f[2] } }
            match($0, /{"package": "[^"]*"/) {
                package = substr($0, RSTART + 13, RLENGTH - 14)
                if (!(package in version)) next
                sub(/"version": "[^"]*"/, "\"version\": \"" version[package] "\"")
                sub(/,$/, "")
                printf "%s%s", (n++ ? ",\n" : ""), $0
            }' "$manifest"
        printf '\n  ],\n  "files": [\n%s\n  ]\n}\n' "$(cat "$work/files")"
    } >"$work/$name.manifest.json"
    for file in "$work"/*.jsonl.zst "$work/$name.manifest.json"; do
        mv "$file" "$out/" || fail "cannot write in $out"
    done
    : >"$out/$name.done"
    echo "  corpus $(cd "$out" && echo "$name"*.jsonl.zst) in $out: $(cat "$work"/*.jsonl | wc -l) documents," \
        "$(cat "$work"/*.jsonl | wc -c) bytes"
}
