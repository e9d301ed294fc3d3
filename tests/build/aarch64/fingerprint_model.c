/* Prints for each of the tests' small models, which are of all families, a number that stands for every bit of its
 * logits with the named kernels: weights stored as floats and as halves, and products in bf16; the same for any kernels
 * on any machine. Fails when sequences fed token by token have other logits than when fed whole. */
#include "base/rng.h"
#include "model_stored.h"
#include <inttypes.h>

enum { SEQUENCES = 2, LENGTH = 16, ROWS = SEQUENCES * LENGTH, VOCAB = 130 };

static uint64_t hash_on(uint64_t hash, size_t bytes, const void *data) { // FNV-1a
    const unsigned char *x = data;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ x[i]) * 0x100000001b3u;
    return hash;
}

/* Everything said about the next token, by sequence and position. */
typedef struct {
    int64_t vocab;
    float logits[SEQUENCES][LENGTH][VOCAB];
    head_stat_t stat[SEQUENCES][LENGTH];
} said_t;

static int take_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    said_t *said = user;
    (void)select;
    for (int64_t i = 0; i < n; i++)
        memcpy(said->logits[rows[i].sequence][rows[i].position], logits + i * said->vocab,
               (size_t)said->vocab * sizeof *logits);
    return 0;
}

static int32_t token_at(int32_t sequence, int64_t position, int64_t vocab) {
    return (int32_t)rng_below(6, RNG_TEST, (uint64_t)(sequence * 1000 + position), vocab);
}

/* Both sequences in pieces of `piece` tokens; the second is one piece behind, so that batches differ. */
static void feed(const model_t *model, int64_t piece, said_t *said) {
    session_t *s;
    memset(said, 0, sizeof *said);
    said->vocab = model_spec(model)->vocab;
    assert_true(said->vocab <= VOCAB);
    const attachment_t take = {.user = said, .logits = take_logits};
    check_ok(session_create(model, SEQUENCES, LENGTH, ROWS, &s));
    for (int64_t at = 0; at < LENGTH + piece; at += piece) {
        int32_t count = 0, sequence[SEQUENCES], token[ROWS];
        int64_t length[SEQUENCES], rows = 0, select[ROWS];
        head_stat_t stat[ROWS];
        for (int32_t q = 0; q < SEQUENCES; q++) {
            int64_t first = at - q * piece, last = first + piece < LENGTH ? first + piece : LENGTH;
            if (first < 0 || first >= LENGTH) continue;
            for (int64_t j = first; j < last; j++, rows++)
                token[rows] = token_at(q, j, said->vocab), select[rows] = rows;
            sequence[count] = q, length[count++] = last - first;
        }
        check_ok(session_forward(s, count, sequence, length, token, NULL));
        check_ok(session_head(s, rows, select, NULL, &take, stat));
        for (int64_t i = 0, r = 0; i < count; i++)
            for (int64_t j = session_length(s, sequence[i]) - length[i]; j < session_length(s, sequence[i]); j++)
                said->stat[sequence[i]][j] = stat[r++];
    }
    session_free(s);
}

static uint64_t add_model(uint64_t hash, const model_t *model) {
    static said_t whole, cached;
    feed(model, LENGTH, &whole);
    feed(model, 1, &cached);
    check_same("logits of a sequence fed token by token", &cached, &whole, sizeof whole);
    return hash_on(hash, sizeof whole, &whole);
}

int main(int argc, char **argv) {
    if (argc != 2 || tensor_kernels(argv[1]) == NULL) return 2;
    for (int kind = 0; kind < CHECK_KINDS; kind++) {
        uint64_t hash = 0xcbf29ce484222325u;
        model_t *model = check_model(kind, argv[1]);
        hash = add_model(hash, model);
        check_ok(model_set_precision(model, PRECISION_BF16));
        hash = add_model(hash, model);
        check_store(model, PACKED_F16);
        hash = add_model(hash, model);
        check_store(model, PACKED_BF16);
        hash = add_model(hash, model);
        model_free(model);
        printf("%s:%016" PRIx64 " ", check_spec[kind].family, hash);
    }
    puts("");
    return 0;
}
