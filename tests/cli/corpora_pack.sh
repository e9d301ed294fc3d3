# corpora/pack.py writes any bytes as JSON lines: escapes, files that are not UTF-8, empty files, order, ids that clash.
. "$(dirname "$0")/helpers/lib.sh"

python3 -I -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))' >"$DIR/bytes" # not UTF-8: Latin-1
printf 'a "quote" \\ tab\tline\r\nform\fescape\033 nul\0 \303\251 \360\220\215\210 \357\273\277' >"$DIR/utf8"
: >"$DIR/empty"
printf ' \n\t\n' >"$DIR/blank"
printf 'b\bbo\bol\bld \346\227\245\b\346\227\245 _\bu' >"$DIR/overstruck"
printf '%s\t%s\t%s\n' src z/utf8 "$DIR/utf8" 'a "b"' bytes "$DIR/bytes" src empty "$DIR/empty" src blank "$DIR/blank" >"$DIR/list"

python3 -I "$ROOT/corpora/pack.py" <"$DIR/list" >"$OUT" 2>"$ERR" || die "pack.py failed"
{
    printf '{"id":"bytes","source":"a \\"b\\"","text":"'
    for code in 00 01 02 03 04 05 06 07 08; do printf '\\u00%s' $code; done
    printf '\\t\\n\\u000b\\u000c\\r'
    for code in 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f; do printf '\\u00%s' $code; done
    printf ' !\\"#$%%&'"'"'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\177'
    for code in $(seq 128 255); do printf '%b' "\\0$(printf %o $((code < 192 ? 194 : 195)))\\0$(printf %o $((code % 64 + 128)))"; done
    printf '"}\n{"id":"z/utf8","source":"src","text":"a \\"quote\\" \\\\ tab\\tline\\r\\nform\\u000cescape\\u001b nul\\u0000 \303\251 \360\220\215\210 \357\273\277"}\n'
} >"$DIR/expected"
cmp "$OUT" "$DIR/expected" || die "the bytes are not those expected"

printf 'src\to\t%s\n' "$DIR/overstruck" | python3 -I "$ROOT/corpora/pack.py" --overstruck >"$OUT" 2>"$ERR" || die "pack.py failed"
[ "$(cat "$OUT")" = '{"id":"o","source":"src","text":"bold 日 u"}' ] || die "bold text stays bold"

printf 'src\tsame\t%s\nsrc\tsame\t%s\n' "$DIR/utf8" "$DIR/bytes" | python3 -I "$ROOT/corpora/pack.py" >"$OUT" 2>"$ERR" &&
    die "two documents of one id"
grep -q 'two documents are called same' "$ERR" || die "no word about the id"

# Debian's python3-minimal must be enough.
if [ -f /var/lib/dpkg/info/libpython3.11-minimal:amd64.list ]; then
    python3 -I -c '
import runpy, sys
sys.argv = [sys.argv[1]]
runpy.run_path(sys.argv[0], run_name="__main__")
files = [m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None) and "/python3." in m.__file__]
print("\n".join(files), file=sys.stderr)' "$ROOT/corpora/pack.py" <"$DIR/list" >"$OUT" 2>"$ERR" || die "pack.py failed"
    while read -r file; do
        case $file in /usr/lib/python3*) grep -qxF "$file" /var/lib/dpkg/info/libpython3.11-minimal:amd64.list ||
            die "$file is not in libpython3.11-minimal" ;; esac
    done <"$ERR"
fi
