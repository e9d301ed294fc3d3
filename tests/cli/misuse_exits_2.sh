# Misuse of the command line: stderr, exit 2. Help: stdout, exit 0.
. tests/cli/helpers/lib.sh
ranks 1; expect 2 "usage"; [ ! -s "$OUT" ] || die "misuse writes to stdout"
ranks 1 fly; expect 2 "fly"
ranks 1 run; expect 2 "config.ini"
ranks 1 run --fly x.ini; expect 2 "--fly"
ranks 1 run a.ini b.ini; expect 2 "b.ini"
ranks 1 run --set; expect 2 "--set"
for verb in "" run plan tokenizer inspect complete selftest; do
    ranks 1 $verb --help
    expect 0
    grep -q usage "$OUT" || die "no usage in $verb --help"
    [ ! -s "$ERR" ] || die "$verb --help writes to stderr"
done
ranks 1 run --help-config; expect 0
for key in held_out per_bucket lambda rotary_pct; do grep -q "$key" "$OUT" || die "--help-config lacks $key"; done
ranks 1 version; expect 0; grep -q '^memprobe ' "$OUT" || die "no version"
