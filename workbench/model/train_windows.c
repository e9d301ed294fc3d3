/* Windows of a tokenized corpus in training order. The corpus is held decoded, two bytes a token where the vocabulary
 * allows, as long as that stays under WINDOWS_HELD: windows come in random order, and a small model would otherwise
 * spend more time on decoding a frame for each of them than on learning from it. A corpus that is larger belongs to
 * models that are larger, for which decoding costs nothing that can be measured. */
#include "model/train_windows.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"

enum {
    WINDOWS_HELD = 64 << 20, // bytes a rank spends on a decoded corpus
    WINDOWS_PIECE = 1 << 16  // tokens decoded at a time while filling it
};

struct train_windows {
    tokens_t *corpus;
    int64_t tokens, context, count;
    int32_t end;
    uint64_t seed;
    int64_t epoch;   // of `order`; -1: none yet
    int64_t *order;  // (count)
    uint16_t *held;  // (tokens) the corpus, or NULL
    int32_t *buffer; // (max(context + 1, WINDOWS_PIECE))
};

int64_t train_windows_in(int64_t tokens, int64_t context) {
    return tokens < 2 ? 0 : (tokens - 1 + context - 1) / context;
}

static int hold_corpus(train_windows_t *w) {
    w->held = mem_new(w->tokens, sizeof *w->held, "the decoded corpus");
    if (!w->held) return -1;
    for (int64_t first = 0; first < w->tokens; first += WINDOWS_PIECE) {
        const int64_t n = w->tokens - first < WINDOWS_PIECE ? w->tokens - first : WINDOWS_PIECE;
        TRY(tokens_read(w->corpus, first, n, w->buffer));
        for (int64_t i = 0; i < n; i++) w->held[first + i] = (uint16_t)w->buffer[i];
    }
    return 0;
}

int train_windows_open(tokens_t *corpus, int64_t context, uint64_t seed, train_windows_t **out) {
    *out = NULL;
    const int64_t tokens = tokens_count(corpus);
    if (tokens < 2) return err_set("training: the corpus has %lld tokens, fewer than two", (long long)tokens);
    train_windows_t *w = mem_new(1, sizeof *w, "training windows");
    if (!w) return -1;
    *w = (train_windows_t){.corpus = corpus,
                           .tokens = tokens,
                           .context = context,
                           .count = train_windows_in(tokens, context),
                           .end = tokens_end(corpus),
                           .seed = seed,
                           .epoch = -1};
    w->order = mem_new(w->count, sizeof *w->order, "the order of training");
    w->buffer = mem_new(context + 1 > WINDOWS_PIECE ? context + 1 : WINDOWS_PIECE, sizeof *w->buffer, "a window");
    const int fits = tokens_vocab(corpus) <= 1 << 16 && tokens <= WINDOWS_HELD / (int64_t)sizeof *w->held;
    if (!w->order || !w->buffer || (fits && hold_corpus(w) != 0)) {
        train_windows_close(w);
        return -1;
    }
    *out = w;
    return 0;
}

void train_windows_close(train_windows_t *w) {
    if (!w) return;
    mem_free(w->order);
    mem_free(w->held);
    mem_free(w->buffer);
    mem_free(w);
}

int train_windows_hash(train_windows_t *w, hash_t *hash) {
    const int64_t n = w->tokens < WINDOWS_PIECE ? w->tokens : WINDOWS_PIECE;
    hash_t end[2];
    TRY(tokens_read(w->corpus, 0, n, w->buffer));
    end[0] = hash_bytes(w->buffer, (size_t)n * sizeof *w->buffer, 0);
    TRY(tokens_read(w->corpus, w->tokens - n, n, w->buffer));
    end[1] = hash_bytes(w->buffer, (size_t)n * sizeof *w->buffer, 0);
    *hash = hash_bytes(end, sizeof end, 0);
    return 0;
}

int64_t train_windows_at(train_windows_t *w, int64_t i) {
    const int64_t epoch = i / w->count;
    if (epoch != w->epoch) rng_permute(w->seed, RNG_ORDER, (uint64_t)epoch, w->count, w->order);
    w->epoch = epoch;
    return w->order[i % w->count];
}

int64_t train_windows_length(const train_windows_t *w, int64_t window) {
    const int64_t left = w->tokens - 1 - window * w->context;
    return left < w->context ? left : w->context;
}

int train_windows_read(train_windows_t *w, int64_t window, int32_t *tokens, int32_t *targets) {
    const int64_t first = window * w->context, length = train_windows_length(w, window);
    if (w->held)
        for (int64_t i = 0; i <= length; i++) w->buffer[i] = w->held[first + i];
    else
        TRY(tokens_read(w->corpus, first, length + 1, w->buffer));
    for (int64_t i = 0; i < w->context; i++) {
        tokens[i] = i < length ? w->buffer[i] : w->end;
        targets[i] = i < length ? w->buffer[i + 1] : -1;
    }
    return 0;
}
