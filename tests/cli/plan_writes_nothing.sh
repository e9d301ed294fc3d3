# `memprobe plan` on a fresh study writes no file at all.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
find "$DIR/study" | sort >"$DIR/before"
ranks 1 plan "$DIR/study/config.ini"
expect 0
find "$DIR/study" | sort | cmp - "$DIR/before" || die "plan wrote files"
# Work is counted that will be made: a memory without weight searches nothing, so its arm costs what the bare model does.
flop() { sed -n "s/^probe large$1  *run  *\([^ ]*\) .*/\1/p" "$OUT"; }
[ "$(flop " knn")" != "$(flop "")" ] || die "the search of a memory costs nothing"
ranks 1 plan --set memory.knn.lambda=0 "$DIR/study/config.ini"
expect 0
[ -n "$(flop "")" ] && [ "$(flop " knn")" = "$(flop "")" ] || die "a search that is not made is counted"
for stage in tokenizer ingest census "train large" "store large knn" "probe small" report; do
    grep -q "^$stage" "$OUT" || die "plan does not list $stage"
done
