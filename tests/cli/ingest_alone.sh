#!/bin/bash
# A study with nothing but a corpus: ingest makes its tokens, plan shows that one stage, and the other verbs say what is
# missing. No results folder appears.
. "$ROOT/tests/cli/helpers/lib.sh"
tiny "$DIR/study"
sed -n '1,/held_out/p' "$DIR/study/config.ini" >"$DIR/study/corpus.ini"
ranks 1 plan "$DIR/study/corpus.ini"
expect 0
grep -q '^ingest ' "$OUT" && ! grep -q '^report \|probes' "$OUT" || die "the plan is not of ingest alone"
ranks 1 ingest "$DIR/study/corpus.ini"
expect 0
[ -f "$(echo "$DIR"/study/cache/ingest-*/DONE)" ] || die "nothing was ingested"
cmp -s "$DIR"/study/cache/ingest-*/tokenizer.json "$DIR"/study/cache/tokenizer-*/tokenizer.json ||
    die "the tokenizer is not beside the tokens"
for verb in run census train report; do
    ranks 1 $verb "$DIR/study/corpus.ini"
    expect 1 "no [model.NAME] section"
    one_error
done
[ ! -e "$DIR/study/results" ] || die "there are results of nothing"
