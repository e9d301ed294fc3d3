# A finished study is not run again; a changed setting reruns the stages that depend on it, and only those.
. tests/cli/helpers/lib.sh
tiny "$DIR/study"
sleep 2.1 # hashes of files that are younger than two seconds are not remembered
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0
want=$(tables "$DIR/study")
find "$DIR/study" -type f -printf '%p %T@\n' | grep -v lock | sort >"$DIR/before"
ranks 1 --no-progress "$DIR/study/config.ini"
expect 0 "every stage is done already"
find "$DIR/study" -type f -printf '%p %T@\n' | grep -v lock | sort >"$DIR/after"
cmp "$DIR/before" "$DIR/after" || die "the second run wrote files"
[ "$(wc -l <"$DIR/study/cache/inputs.csv")" = 3 ] || die "the hashes of the inputs are not remembered"
grep -q large "$OUT" || die "the second run does not print the table"
ranks 1 plan --set memory.knn.k=4 "$DIR/study/config.ini"
expect 0
[ "$(awk '$(NF-4) == "run" || / run /' "$OUT" | grep -c .)" -ge 1 ] || die "plan does not show what a changed k reruns"
awk '/^train|^ingest|^store|^census/ && !/ done /' "$OUT" | grep . && die "a changed k reruns what does not depend on it"
awk '/^probe large knn/ && / done /' "$OUT" | grep . && die "a changed k does not rerun the memory's probes"
[ "$(tables "$DIR/study")" = "$want" ] || die "plan changed results"
# The scripts of the figures count by their text, wherever they lie.
cp -r plots "$DIR/plots"
ranks 1 plan --set "run.plots=$DIR/plots" "$DIR/study/config.ini"
grep -q '^report.* done ' "$OUT" || die "a copy of the figure scripts reruns the report"
echo "set grid xtics" >>"$DIR/plots/curves.gp"
ranks 1 plan --set "run.plots=$DIR/plots" "$DIR/study/config.ini"
grep -q '^report.* done ' "$OUT" && die "a changed figure script does not rerun the report"
awk '$1 != "report" && / run /' "$OUT" | grep . && die "a changed figure script reruns more than the report"
exit 0
