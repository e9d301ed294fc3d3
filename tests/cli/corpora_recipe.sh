# A recipe gives the text of its manifest, twice the same; another text is refused unless it is asked for, and then named.
. "$(dirname "$0")/helpers/lib.sh"

mkdir "$DIR/debs"
cp -r "$ROOT/corpora/pystdlib" "$ROOT/corpora/lib.sh" "$ROOT/corpora/pack.py" "$DIR/" || die "cannot copy the recipe"
build() { timeout 300 "$DIR/pystdlib/build.sh" --debs "$DIR/debs" "$@" >"$OUT" 2>"$ERR" </dev/null; }

build "$DIR/one" || {
    grep -qE 'apt-get (cannot give|download failed)|command [a-z-]* is missing' "$ERR" &&
        skip "no Debian archive here: $(grep -m1 '^corpora' "$ERR" | cut -c1-120)"
    die "the recipe failed"
}
cmp "$DIR/one/pystdlib.manifest.json" "$ROOT/corpora/pystdlib/manifest.json" || die "not the manifest"
[ -e "$DIR/one/pystdlib.done" ] || die "no mark at the end"
[ "$(ls "$DIR/one" | tr '\n' ' ')" = "pystdlib.done pystdlib.jsonl.zst pystdlib.manifest.json " ] || die "something is left over"

# The text against the committed numbers, without the recipe's own help.
zstd -q -d "$DIR/one/pystdlib.jsonl.zst" -o "$DIR/text" || die "zstd cannot read it"
grep -q "\"documents\": $(wc -l <"$DIR/text"), .*\"bytes\": $(wc -c <"$DIR/text"), \"sha256\": \"$(sha256sum <"$DIR/text" | cut -d' ' -f1)\"" \
    "$ROOT/corpora/pystdlib/manifest.json" || die "counts or sha256 differ"
string='"([^"\\[:cntrl:]]|\\(["\\ntr]|u00[01][0-9a-f]))*"'
LC_ALL=C.UTF-8 grep -vqE "^\{\"id\":$string,\"source\":$string,\"text\":$string\}\$" "$DIR/text" && die "a line is not JSON"
[ -z "$(cut -d'"' -f4 "$DIR/text" | sort | uniq -d)" ] || die "an id twice"
[ "$(cut -d'"' -f8 "$DIR/text" | sort -u | wc -l)" -gt 100 ] || die "too few sources"

build "$DIR/two" && cmp "$DIR/one/pystdlib.jsonl.zst" "$DIR/two/pystdlib.jsonl.zst" || die "not the same bytes again"

# Another sum: refused, and nothing that looks complete; with --any-version taken, said, and written down.
sed -i 's/"sha256": "..../"sha256": "0000/' "$DIR/pystdlib/manifest.json"
build "$DIR/two" && die "another text than the manifest's was taken"
grep -q 'has sha256 .* as corpora/pystdlib/manifest.json says' "$ERR" || die "no word about the sum"
[ ! -e "$DIR/two/pystdlib.done" ] || die "a failed build looks done"
build --any-version "$DIR/two" || die "--any-version does not go on"
grep -q 'is not the text of corpora/pystdlib/manifest.json' "$ERR" || die "no note"
cmp "$DIR/two/pystdlib.manifest.json" "$ROOT/corpora/pystdlib/manifest.json" || die "the note names other numbers"

# A version that the archive does not have.
rm "$DIR"/debs/*
sed -i 's/"version": "[^"]*"/"version": "3.11.2-0none"/' "$DIR/pystdlib/manifest.json"
build "$DIR/three" && die "a version that never was"
grep -q 'say --any-version' "$ERR" || die "no advice"
build --any-version "$DIR/three" || die "--any-version does not take another version"
grep -q 'instead of 3.11.2-0none' "$ERR" && ! grep -q 0none "$DIR/three/pystdlib.manifest.json" || die "the version taken is not named"
