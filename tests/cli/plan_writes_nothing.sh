# `memprobe plan` on a fresh study writes no file at all.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
find "$DIR/study" | sort >"$DIR/before"
ranks 1 plan "$DIR/study/config.ini"
expect 0
find "$DIR/study" | sort | cmp - "$DIR/before" || die "plan wrote files"
for stage in tokenizer ingest census "train large" "store large knn" "probe small" report; do
    grep -q "^$stage" "$OUT" || die "plan does not list $stage"
done
