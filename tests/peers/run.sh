#!/bin/bash
# Compares memprobe with its Python peers. PYTHON names the interpreter of a virtual environment outside the tree that has
# torch, transformers, tokenizers (pip install torch transformers tokenizers); SHARED the folder of real inputs.
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
peer torch,transformers tests/peers/neox.py check
peer torch,transformers tests/peers/train.py check
if [ -f "$SHARED/data/20B_tokenizer.json" ]; then
    peer tokenizers tests/peers/tokenizer.py --program "$BUILD/memprobe" --tokenizer "$SHARED/data/20B_tokenizer.json" \
        /usr/share/doc /usr/share/man /usr/lib/python3*
else
    echo "skip  tests/peers/tokenizer.py: no tokenizer in $SHARED/data"
fi
exit $failed
