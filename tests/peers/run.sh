#!/bin/bash
# Compares memprobe with its Python peers. PYTHON names the interpreter of a virtual environment outside the tree that has
# torch, transformers, tokenizers, scipy, statsmodels and tokengrams (pip install torch transformers tokenizers statsmodels
# tokengrams);
# SHARED the folder of real inputs; STUDY, when set, the results of a finished study that is recomputed too.
set -u
cd "$(dirname "$0")/../.."
export BUILD=${BUILD:-build/out} SHARED=${SHARED:-../shared}
PYTHON=${PYTHON:-python3}
failed=0
peer() {
    local needs=$1
    shift
    if ! "$PYTHON" -c "import $needs" 2>/dev/null; then
        echo "skip  $1: $PYTHON has no $needs (PYTHON=/path/to/venv/bin/python make peers)"
        return
    fi
    echo "run   $*"
    "$PYTHON" "$@" || failed=1
}
peer torch,transformers tests/peers/families.py check
peer torch,transformers tests/peers/families.py back
peer torch,transformers tests/peers/train.py check
peer torch,transformers,tokenizers tests/peers/complete.py "$BUILD/memprobe"
peer torch,transformers tests/peers/speed.py
peer numpy tests/peers/formats.py
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# A study small enough to be recomputed as a whole, with a model that is trained until it knows something by heart.
(
    export ROOT=$PWD TMP=$scratch
    . tests/cli/helpers/lib.sh
    tiny "$scratch/study"
    printf '[census]\nlengths = 6, 20, 50\noverlapping = no\n' >>"$scratch/study/config.ini"
    "$MEMPROBE" --quiet --no-progress --set model.large.epochs=60 --set memory.knn.lambda=0,0.5,1 \
        "$scratch/study/config.ini"
) >/dev/null || failed=1
peer torch,transformers,scipy,statsmodels tests/peers/study.py "$scratch/study/results/tiny"
peer torch,transformers tests/peers/families.py folders $(find "$scratch/study" -name model.safetensors -printf "%h\n" | sort)
peer json tests/peers/census.py "$scratch/study/results/tiny"
[ -z "${STUDY:-}" ] || peer torch,transformers,scipy,statsmodels tests/peers/study.py "$STUDY"
# A SentencePiece model for MODEL comes with some packages of PyPI (mistral-common); it is the tokenizer.model of a folder.
peer tokenizers tests/peers/sentence.py --program "$BUILD/memprobe" --megabytes 2 ${MODEL:+--model "$MODEL"} \
    /usr/share/i18n/locales /usr/share/perl
peer tokengrams tests/peers/suffix.py /usr/share/perl /usr/lib/python3
if [ -f "$SHARED/data/20B_tokenizer.json" ]; then
    peer tokenizers tests/peers/tokenizer.py --program "$BUILD/memprobe" --tokenizer "$SHARED/data/20B_tokenizer.json" \
        /usr/share/doc /usr/share/man /usr/share/locale /usr/share/fonts /usr/lib/python3*
    peer tokenizers tests/peers/tokenizer.py --program "$BUILD/memprobe" --tokenizer "$SHARED/data/20B_tokenizer.json" \
        --speed --styles given /usr/share/doc /usr/share/man /usr/share/locale /usr/lib/python3*
else
    echo "skip  tests/peers/tokenizer.py: no tokenizer in $SHARED/data"
fi
exit $failed
