#!/bin/bash
# The audit of the lm-extraction-benchmark's 15,000 training rows finds what an independent NumPy program found:
# 12,699 distinct rows, their multiplicities, 229 of the last 1,000 with a copy among the others, no context with two
# suffixes.
. "$ROOT/tests/cli/helpers/lib.sh"
data=$SHARED/data/lm-extraction-benchmark
[ -f "$data/train_prefix.npy" ] || skip "no lm-extraction-benchmark in $SHARED/data"
ranks 1 audit --split 1000 --list "$DIR/list.csv" --clusters "$DIR/clusters.csv" "$data/train_prefix.npy" "$data/train_suffix.npy"
expect 0 "15000 probes, 12699 of them distinct" "229 of 1000"
has() { grep -qxF -e "$1" "$OUT" || die "the table lacks: $1"; }
has "check,value,probes,of,share,groups,largest"
has "distinct_probes,,12699,15000,0.8466,,"
has "context_with_several_suffixes,,0,15000,0,0,0"
has "split_equal_probe,1000,229,1000,0.229,,"
found=$(awk -F, '$1 == "multiplicity" { printf "%s%s:%s", n++ ? " " : "", $2, $6 }' "$OUT")
[ "$found" = "1:11550 2:738 3:198 4:88 5:37 6:39 7:12 8:4 9:7 10:7 11:5 12:3 13:1 14:3 15:1 18:1 19:2 36:1 44:1 63:1" ] ||
    die "multiplicities: $found"
[ "$(grep -c ,split_equal_probe, "$DIR/list.csv")" = 229 ] || die "the list does not name the 229"
[ "$(grep -c ,equal_probes, "$DIR/list.csv")" = 3450 ] || die "the list does not name the 3450 of which there are more"
[ "$(awk -F, 'NR > 1 { print $2 }' "$DIR/clusters.csv" | sort -u | wc -l)" = 12699 ] || die "equal_to tells 12699 apart"
clusters=$(awk -F, '$1 == "clusters" { print $3 }' "$OUT")
[ "$(awk -F, 'NR > 1 { print $3 }' "$DIR/clusters.csv" | sort -u | wc -l)" = "$clusters" ] || die "other clusters in the file"
