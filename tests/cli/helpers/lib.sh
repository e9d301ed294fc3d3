# Sourced by the command-line tests: a tiny study that runs in about a second, and checks that say what went wrong.
set -u
MEMPROBE=$BUILD/memprobe
DIR=$(mktemp -d "$TMP/cli.XXXXXX")
OUT=$DIR/stdout ERR=$DIR/stderr

skip() { echo "$*"; exit 77; }
die() {
    echo "FAILED: $*"
    echo "--- stdout"; tail -n 30 "$OUT" 2>/dev/null
    echo "--- stderr"; tail -n 30 "$ERR" 2>/dev/null
    exit 1
}

# ranks N ARGS...: runs memprobe on N ranks, leaves $OUT, $ERR, $STATUS. A hang is a failure.
ranks() {
    local n=$1
    shift
    if [ "$n" = 1 ]; then timeout "${LIMIT:-300}" "$MEMPROBE" "$@" >"$OUT" 2>"$ERR" </dev/null; else
        timeout "${LIMIT:-300}" mpirun --oversubscribe -n "$n" "$MEMPROBE" "$@" >"$OUT" 2>"$ERR" </dev/null
    fi
    STATUS=$?
    [ $STATUS != 124 ] || die "memprobe $* on $n ranks hangs"
}

# expect STATUS [TEXT...]: the exit status, and texts that stderr must hold.
expect() {
    [ "$STATUS" = "$1" ] || die "exit status $STATUS, not $1"
    shift
    local text
    for text in "$@"; do grep -qF -e "$text" "$ERR" || die "stderr does not say: $text"; done
}

# one_error: stderr holds exactly one line of error.
one_error() { [ "$(grep -c '^memprobe: error:' "$ERR")" = 1 ] || die "not exactly one error line"; }

has_mpi() { [ -z "${SERIAL:-}" ]; }

# tiny DIR: two input files and a config of a study with every stage. Deterministic text of pronounceable words.
tiny() {
    mkdir -p "$1"
    awk -v dir="$1" 'function word(  i, w) { w = ""; for (i = rnd() % 3; i >= 0; i--) w = w substr("badigokumelanoprusteviwoxazy", 2 * (rnd() % 14) + 1, 2); return w }
        function rnd() { seed = (seed * 1103515245 + 12345) % 2147483648; return int(seed / 65536) }
        BEGIN { seed = 42
            for (f = 0; f < 2; f++) for (d = 0; d < 20; d++) {
                text = ""; for (i = 0; i < 60; i++) text = text (i ? " " : "") word()
                printf "{\"id\": \"doc-%d-%d\", \"source\": \"tiny\", \"text\": \"%s.\"}\n", f, d, text > (dir "/part" f ".jsonl")
            } }' </dev/null
    cat >"$1/config.ini" <<EOF
[run]
name = tiny
results = $1/results
cache = $1/cache
plots = $ROOT/plots
[corpus]
documents = $1/part*.jsonl
tokenizer = train:300
held_out = 20%
[inject]
sequences = 3 per level
duplicates = 1, 8
words = 20
[model.small]
train = yes
layers = 1
width = 16
heads = 2
context = 64
batch = 16
epochs = 2
lr = 1e-2
[model.large]
train = yes
layers = 2
width = 32
heads = 2
context = 64
batch = 16
epochs = 2
lr = 1e-2
parallel_residual = no
[probe]
context = 4, 8, 16
suffix = 8
per_bucket = 12
verify = all
[memory.knn]
kind = knn-lm
k = 8
lambda = 0, 0.5
models = large
EOF
}

# tables DIR: one hash over every table of a study's results.
tables() {
    (cd "$1/results/tiny" && for f in probes.csv records.csv.zst rates.csv fits.csv figures/*.svg; do
        [ -s "$f" ] || { echo "missing $f"; continue; }
        sha256sum "$f"
    done) | sha256sum
}

# Stops the process $1 once its ingest of the study in $DIR/study has committed a part, and has others to do.
stop_in_ingest() {
    local cache=$DIR/study/cache
    while [ -z "$(ls "$cache"/ingest-*/members/*.json 2>/dev/null)" ] && kill -0 "$1" 2>/dev/null; do sleep 0.01; done
    kill -STOP "$1" 2>/dev/null
    [ ! -e "$(echo "$cache"/ingest-*/DONE)" ] || die "ingest was done before anything could be changed"
}
