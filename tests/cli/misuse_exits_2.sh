# Misuse of the command line: stderr, exit 2. Help: stdout, exit 0.
. tests/cli/helpers/lib.sh
ranks 1; expect 2 "usage"; [ ! -s "$OUT" ] || die "misuse writes to stdout"
ranks 1 fly; expect 2 "fly"
ranks 1 run; expect 2 "config.ini"
ranks 1 run --fly x.ini; expect 2 "--fly"
ranks 1 run a.ini b.ini; expect 2 "b.ini"
ranks 1 run --set; expect 2 "--set"
# An option that is given twice would be two wishes of which one is passed over.
for option in model tokenizer tokens top beam precision samples temperature top-k top-p seed kernels; do
    value=1; [ $option = precision ] && value=bf16
    ranks 1 complete --$option $value --$option $value x; expect 2 "--$option is given twice"; [ ! -s "$OUT" ] || die "misuse writes to stdout"
done
ranks 1 tokenizer encode --tokenizer a --tokenizer b x; expect 2 "--tokenizer is given twice"
ranks 1 tokenizer train --vocab 300 --out a --vocab 301 x; expect 2 "--vocab is given twice"
ranks 1 count --corpus a --corpus b x; expect 2 "--corpus is given twice"
ranks 1 locate --corpus a --limit 1 --lim 2 x; expect 2 "--limit is given twice"
ranks 1 audit --suffix 1 --suffix=2 x; expect 2 "--suffix is given twice"
ranks 1 index --block 1 --block 2 x; expect 2 "--block is given twice"
ranks 1 index --help --help -h; expect 0
ranks 1 count --fly x; expect 2 "there is no option --fly"
ranks 1 count x --corpus; expect 2 "--corpus needs a value"
for verb in "" run plan tokenizer inspect complete selftest; do
    ranks 1 $verb --help
    expect 0
    grep -q usage "$OUT" || die "no usage in $verb --help"
    [ ! -s "$ERR" ] || die "$verb --help writes to stderr"
done
ranks 1 run --help-config; expect 0
for key in held_out per_bucket lambda rotary_pct; do grep -q "$key" "$OUT" || die "--help-config lacks $key"; done
ranks 1 version; expect 0; grep -q '^memprobe ' "$OUT" || die "no version"
