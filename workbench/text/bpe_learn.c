/* Each rank has its words and knows where in them a pair is (bpe_words); each pair's count over all ranks is kept by
 * one rank, by the hash of the pair (bpe_pairs). For a merge the ranks agree on the best of their best pairs, merge it
 * in their words, and tell the keepers what that changed. The order of pairs is total, so the merges depend on the
 * counts alone: not on how words and pairs are dealt to ranks. */
#include "text/bpe_learn.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "par/par.h"
#include "text/bpe_pairs.h"
#include "text/bytelevel.h"
#include <assert.h>
#include <string.h>

enum { BYTES = 256, BYTES_A_TOKEN = 160 }; // its text, hash and merge, while these arrays grow

static const int64_t TROUBLE = INT64_MAX; // no pair has this count

typedef struct {
    bpe_words_t words;
    bpe_pairs_t pairs;
    room_t room;
    pair_change_t *send; // changes, those for rank 0 first
    int64_t send_capacity;
    int64_t *send_count, *place; // by rank
    int trouble;                 // -1: this rank failed and will say so when the ranks meet
} learner_t;

void bpe_model_free(bpe_model_t *model) {
    words_free(&model->tokens);
    mem_free(model->merge);
    *model = (bpe_model_t){0};
}

static void learner_free(learner_t *l) {
    bpe_words_free(&l->words);
    bpe_pairs_free(&l->pairs);
    mem_free(l->send);
    mem_free(l->send_count);
    mem_free(l->place);
}

/* --- counts to their keepers ------------------------------------------------------------------------------------- */

static int32_t keeper_of(uint64_t key) {
    return (int32_t)((hash_mix(key) >> 32) % (uint64_t)par_size()); // the low bits place it in the keeper's table
}

static int sort_changes(learner_t *l) {
    const bpe_words_t *w = &l->words;
    TRY(room_grow(&l->room, &l->send, &l->send_capacity, w->changes, sizeof *l->send, "changes of pairs"));
    for (int64_t i = 0; i < w->changes; i++) l->send_count[keeper_of(w->change[i].key)]++;
    int64_t sum = 0;
    for (int r = 0; r < par_size(); r++) {
        l->place[r] = sum;
        sum += l->send_count[r];
    }
    for (int64_t i = 0; i < w->changes; i++) l->send[l->place[keeper_of(w->change[i].key)]++] = w->change[i];
    return 0;
}

static int take_changes(bpe_pairs_t *pairs, const pair_change_t *change, int64_t n) {
    for (int64_t i = 0; i < n; i++) TRY(bpe_pairs_count(pairs, change[i].key, change[i].change));
    for (int64_t i = 0; i < n; i++)
        if (change[i].change > 0) TRY(bpe_pairs_offer(pairs, change[i].key));
    return 0;
}

/* Collective: merges a pair in all words and brings the counts up to date. */
static int merge_everywhere(learner_t *l, merge_t m) {
    pair_change_t *received = NULL;
    int64_t total = 0;
    memset(l->send_count, 0, (size_t)par_size() * sizeof *l->send_count);
    l->trouble = bpe_words_merge(&l->words, m);
    if (l->trouble == 0) l->trouble = sort_changes(l);
    TRY(par_exchange(l->send, l->send_count, sizeof *l->send, (void **)&received, &total));
    if (l->trouble == 0) l->trouble = take_changes(&l->pairs, received, total);
    mem_free(received);
    return 0;
}

/* --- the tokens -------------------------------------------------------------------------------------------------- */

static int byte_tokens(bpe_model_t *model, int32_t symbol[BYTES]) {
    uint8_t order[BYTES];
    int64_t number;
    bytelevel_order(order);
    TRY(words_add(&model->tokens, NULL, 0, 0, &number));
    for (int32_t i = 0; i < BYTES; i++) {
        TRY(words_add(&model->tokens, &order[i], 1, 0, &number));
        symbol[order[i]] = (int32_t)number;
    }
    return 0;
}

/* The token for left followed by right. It is always new: as long as no merge reaches across the ends of a text, what
 * is merged within it depends on nothing outside, so a text that becomes a token always does so from the same two. */
static int join_tokens(bpe_model_t *model, merge_t *m) {
    const word_t a = model->tokens.word[m->left], b = model->tokens.word[m->right];
    int64_t number, tokens = model->tokens.n;
    uint8_t *text = mem_new(a.bytes + b.bytes, 1, "token text");
    if (!text) return -1;
    memcpy(text, model->tokens.text + a.offset, (size_t)a.bytes);
    memcpy(text + a.bytes, model->tokens.text + b.offset, (size_t)b.bytes);
    int rc = words_add(&model->tokens, text, (size_t)(a.bytes + b.bytes), 0, &number);
    mem_free(text);
    assert(rc != 0 || number == tokens);
    m->id = (int32_t)number;
    return rc;
}

static int add_merge(bpe_model_t *model, uint64_t key, merge_t *m) {
    *m = (merge_t){(int32_t)(key >> 32), (int32_t)(key & UINT32_MAX), 0};
    TRY(mem_grow(&model->merge, &model->capacity, model->merges + 1, sizeof *model->merge, "merges"));
    TRY(join_tokens(model, m));
    model->merge[model->merges++] = *m;
    return 0;
}

/* --- learning ---------------------------------------------------------------------------------------------------- */

/* Collective: an error on all ranks when any of them could not even begin. */
static int check_memory(const word_store_t *words, int32_t vocab, int64_t memory) {
    int64_t tokens = (int64_t)vocab * BYTES_A_TOKEN, need = bpe_words_need(words->words, words->text_bytes, vocab);
    int64_t most = -(need + tokens), total = words->words;
    par_min_i64(&most, 1);
    par_sum_i64(&total, 1);
    if (total == 0) return err_set("there is no text to train a tokenizer on");
    if (-most <= memory) return 0;
    char needs[NUM_TEXT], has[NUM_TEXT];
    num_print_bytes(needs, -(double)most);
    num_print_bytes(has, (double)memory);
    return err_set("a vocabulary of %d entries from a text of %lld different words takes %s of memory a rank on %d "
                   "ranks, and %s are allowed: use more ranks or allow more memory ([run] memory, --memory)",
                   vocab, (long long)total, needs, par_size(), has);
}

static int learner_start(learner_t *l, word_store_t *words, const int32_t symbol[BYTES], int32_t vocab, int64_t *sum) {
    l->pairs.room = &l->room;
    l->send_count = mem_new(par_size(), sizeof *l->send_count, "counts of an exchange");
    l->place = mem_new(par_size(), sizeof *l->place, "counts of an exchange");
    if (!sum || !l->send_count || !l->place) return -1;
    TRY(room_take(&l->room, (int64_t)vocab * BYTES_A_TOKEN, "tokens"));
    TRY(bpe_words_create(&l->words, words, symbol, vocab, &l->room));
    bpe_words_sum(&l->words, sum);
    return 0;
}

/* Collective: the first counts, of pairs of bytes. */
static int count_bytes(learner_t *l, int64_t *sum) {
    par_sum_i64(sum, BYTES * BYTES);
    for (int32_t i = 0; i < BYTES * BYTES; i++) {
        uint64_t key = pair_key(1 + i / BYTES, 1 + i % BYTES);
        if (sum[i] == 0 || keeper_of(key) != par_rank()) continue;
        TRY(bpe_pairs_count(&l->pairs, key, sum[i]));
        TRY(bpe_pairs_offer(&l->pairs, key));
    }
    return 0;
}

/* Collective: the best pair of all. A rank in trouble brings one that beats all, so that everybody hears of it. */
static int agree_on_pair(learner_t *l, const bpe_model_t *model, int32_t vocab, uint64_t *key) {
    pair_entry_t best;
    if (l->trouble == 0) l->trouble = par_go_on();
    if (l->trouble == 0) l->trouble = bpe_pairs_best(&l->pairs, &best);
    if (l->trouble != 0) best = (pair_entry_t){TROUBLE, PAIR_NONE};
    par_best(&best.count, &best.key);
    *key = best.key;
    if (best.count == TROUBLE) return par_agree(l->trouble);
    if (best.count > 0) return 0;
    return err_set("the text gives a vocabulary of at most %lld entries, fewer than the %d asked for: ask for fewer or "
                   "train on more text",
                   (long long)model->tokens.n, vocab);
}

static int learn(learner_t *l, int32_t vocab, bpe_model_t *model) {
    progress_t progress;
    progress_start(&progress, "learn merges", vocab - model->tokens.n, "merges");
    while (model->tokens.n < vocab) {
        uint64_t key;
        merge_t m;
        TRY(agree_on_pair(l, model, vocab, &key));
        TRY(par_agree(add_merge(model, key, &m)));
        TRY(merge_everywhere(l, m));
        progress_update(&progress, model->merges);
    }
    progress_end(&progress);
    return par_agree(l->trouble);
}

int bpe_learn(word_store_t *words, int32_t vocab, int64_t memory, bpe_model_t *model) {
    int32_t symbol[BYTES];
    learner_t l = {.room.limit = memory};
    TRY(check_memory(words, vocab, memory));
    int64_t *sum = mem_new((int64_t)BYTES * BYTES, sizeof *sum, "counts of pairs of bytes");
    int rc = par_agree(byte_tokens(model, symbol));
    if (rc == 0) rc = par_agree(learner_start(&l, words, symbol, vocab, sum));
    if (rc == 0) rc = par_agree(count_bytes(&l, sum));
    mem_free(sum);
    if (rc == 0) rc = learn(&l, vocab, model);
    learner_free(&l);
    return rc;
}
