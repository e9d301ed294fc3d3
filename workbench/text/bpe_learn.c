/* Each distinct word is a row of symbols. A pair of adjacent symbols has a count over all words and a list of the words
 * that hold it, so that a merge touches only those. The next merge comes from a heap of (count, pair) whose entries may
 * be out of date: a pair is pushed when its count rises, and an entry found too high when it comes up is pushed again
 * with the true count. The order in the heap is total, so the merges depend on the counts alone, and not on the order
 * in which words came. */
#include "text/bpe_learn.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/bytelevel.h"
#include "text/pairmap.h"
#include <assert.h>

typedef struct {
    uint64_t key;
    int64_t count;  // occurrences in all words
    int64_t pushed; // the largest count of it in the heap
    int64_t list;   // first of its words in the pool, -1: none
    int64_t step;   // last merge that changed it
} pair_t;

typedef struct {
    int64_t word, next;
} node_t;

typedef struct {
    int64_t count;
    uint64_t key;
    int64_t pair;
} entry_t;

typedef struct {
    const words_t *words;
    int32_t *symbol; // of all words; word w has length[w] of them from words->word[w].offset on
    int64_t *length;
    pairmap_t numbers; // pair -> place in pair
    pair_t *pair;
    int64_t pairs, pairs_capacity;
    node_t *node;
    int64_t nodes, nodes_capacity, free_node; // free_node: a list of unused ones, -1: none
    entry_t *heap;
    int64_t heap_n, heap_capacity;
    int64_t *touched; // pairs whose count changed in this step
    int64_t touched_n, touched_capacity;
    int64_t step;
} learner_t;

void bpe_model_free(bpe_model_t *model) {
    words_free(&model->tokens);
    mem_free(model->merge);
    *model = (bpe_model_t){0};
}

static void learner_free(learner_t *l) {
    mem_free(l->symbol);
    mem_free(l->length);
    pairmap_free(&l->numbers);
    mem_free(l->pair);
    mem_free(l->node);
    mem_free(l->heap);
    mem_free(l->touched);
}

/* --- the heap of candidates -------------------------------------------------------------------------------------- */

static inline int entry_before(entry_t a, entry_t b) {
    return a.count > b.count || (a.count == b.count && a.key < b.key);
}

static int heap_push(learner_t *l, int64_t pair) {
    pair_t *p = &l->pair[pair];
    entry_t e = {p->count, p->key, pair};
    p->pushed = p->count;
    TRY(mem_grow(&l->heap, &l->heap_capacity, l->heap_n + 1, sizeof *l->heap, "candidate merges"));
    int64_t i = l->heap_n++;
    for (; i > 0 && entry_before(e, l->heap[(i - 1) / 2]); i = (i - 1) / 2) l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = e;
    return 0;
}

static entry_t heap_pop(learner_t *l) {
    entry_t *heap = l->heap, top = heap[0], last = heap[--l->heap_n];
    int64_t i = 0, n = l->heap_n;
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && entry_before(heap[child + 1], heap[child])) child++;
        if (!entry_before(heap[child], last)) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

/* The pair with the largest count, -1 when no pair occurs any more. */
static int next_pair(learner_t *l, int64_t *best) {
    *best = -1;
    while (l->heap_n > 0 && *best < 0) {
        entry_t e = heap_pop(l);
        int64_t count = l->pair[e.pair].count;
        if (e.count == count && count > 0) {
            *best = e.pair;
        } else if (e.count > count && count > 0) {
            TRY(heap_push(l, e.pair));
        }
    }
    return 0;
}

/* --- counts of pairs --------------------------------------------------------------------------------------------- */

static int find_pair(learner_t *l, int32_t left, int32_t right, int64_t *number) {
    uint64_t key = pair_key(left, right);
    *number = pairmap_get(&l->numbers, key);
    if (*number >= 0) return 0;
    TRY(mem_grow(&l->pair, &l->pairs_capacity, l->pairs + 1, sizeof *l->pair, "pairs of tokens"));
    TRY(pairmap_put(&l->numbers, key, l->pairs));
    l->pair[l->pairs] = (pair_t){.key = key, .list = -1, .step = -1};
    *number = l->pairs++;
    return 0;
}

static int list_word(learner_t *l, pair_t *pair, int64_t word) {
    if (pair->list >= 0 && l->node[pair->list].word == word) return 0;
    int64_t node = l->free_node;
    if (node >= 0) {
        l->free_node = l->node[node].next;
    } else {
        TRY(mem_grow(&l->node, &l->nodes_capacity, l->nodes + 1, sizeof *l->node, "words of pairs"));
        node = l->nodes++;
    }
    l->node[node] = (node_t){word, pair->list};
    pair->list = node;
    return 0;
}

/* Adds (sign 1) or takes away (-1) one occurrence of a pair in a word. */
static int count_pair(learner_t *l, int32_t left, int32_t right, int64_t word, int64_t sign) {
    int64_t number;
    TRY(find_pair(l, left, right, &number));
    pair_t *pair = &l->pair[number];
    pair->count += sign * l->words->word[word].count;
    if (sign > 0) TRY(list_word(l, pair, word));
    if (pair->step != l->step) {
        pair->step = l->step;
        TRY(mem_grow(&l->touched, &l->touched_capacity, l->touched_n + 1, sizeof *l->touched, "changed pairs"));
        l->touched[l->touched_n++] = number;
    }
    return 0;
}

static int push_touched(learner_t *l) {
    for (int64_t i = 0; i < l->touched_n; i++) {
        const pair_t *pair = &l->pair[l->touched[i]];
        if (pair->count > pair->pushed) TRY(heap_push(l, l->touched[i]));
    }
    l->touched_n = 0;
    l->step++;
    return 0;
}

/* --- merging ----------------------------------------------------------------------------------------------------- */

static int learner_start(learner_t *l, const words_t *words, const int32_t byte_id[256]) {
    l->words = words;
    l->free_node = -1;
    l->symbol = mem_new(words->text_bytes, sizeof *l->symbol, "symbols of words");
    l->length = mem_new(words->n, sizeof *l->length, "lengths of words");
    if (!l->symbol || !l->length) return -1;
    TRY(pairmap_create(&l->numbers, 65536));
    for (int64_t i = 0; i < words->text_bytes; i++) l->symbol[i] = byte_id[words->text[i]];
    for (int64_t w = 0; w < words->n; w++) {
        const int32_t *s = l->symbol + words->word[w].offset;
        l->length[w] = words->word[w].bytes;
        for (int64_t i = 0; i + 1 < l->length[w]; i++) TRY(count_pair(l, s[i], s[i + 1], w, 1));
    }
    return push_touched(l);
}

/* Merges left to right in one word; only the pairs beside a merge change. */
static int merge_in_word(learner_t *l, int64_t word, merge_t m) {
    int32_t *s = l->symbol + l->words->word[word].offset;
    int64_t n = l->length[word], kept = 0;
    for (int64_t i = 0; i < n;) {
        if (i + 1 >= n || s[i] != m.left || s[i + 1] != m.right) {
            s[kept++] = s[i++];
            continue;
        }
        TRY(count_pair(l, m.left, m.right, word, -1));
        if (kept > 0) {
            TRY(count_pair(l, s[kept - 1], m.left, word, -1));
            TRY(count_pair(l, s[kept - 1], m.id, word, 1));
        }
        if (i + 2 < n) {
            TRY(count_pair(l, m.right, s[i + 2], word, -1));
            TRY(count_pair(l, m.id, s[i + 2], word, 1));
        }
        s[kept++] = m.id;
        i += 2;
    }
    l->length[word] = kept;
    return 0;
}

static int merge_everywhere(learner_t *l, int64_t number, merge_t m) {
    int64_t node = l->pair[number].list;
    l->pair[number].list = -1;
    while (node >= 0) {
        node_t here = l->node[node];
        l->node[node].next = l->free_node;
        l->free_node = node;
        TRY(merge_in_word(l, here.word, m));
        node = here.next;
    }
    assert(l->pair[number].count == 0);
    return push_touched(l);
}

/* The token for left followed by right: a new one, unless other merges have already made the same text. */
static int join_tokens(bpe_model_t *model, merge_t *m) {
    const word_t a = model->tokens.word[m->left], b = model->tokens.word[m->right];
    int64_t number;
    uint8_t *text = mem_new(a.bytes + b.bytes, 1, "token text");
    if (!text) return -1;
    for (int64_t i = 0; i < a.bytes; i++) text[i] = model->tokens.text[a.offset + i];
    for (int64_t i = 0; i < b.bytes; i++) text[a.bytes + i] = model->tokens.text[b.offset + i];
    int rc = words_add(&model->tokens, text, (size_t)(a.bytes + b.bytes), 0, &number);
    mem_free(text);
    m->id = (int32_t)number;
    return rc;
}

static int learn(learner_t *l, int32_t vocab, bpe_model_t *model) {
    while (model->tokens.n < vocab) {
        int64_t best;
        TRY(next_pair(l, &best));
        if (best < 0) {
            return err_set("the text gives a vocabulary of at most %lld entries, fewer than the %d asked for: "
                           "ask for fewer or train on more text",
                           (long long)model->tokens.n, vocab);
        }
        uint64_t key = l->pair[best].key;
        merge_t m = {(int32_t)(key >> 32), (int32_t)(key & UINT32_MAX), 0};
        TRY(join_tokens(model, &m));
        TRY(mem_grow(&model->merge, &model->capacity, model->merges + 1, sizeof *model->merge, "merges"));
        model->merge[model->merges++] = m;
        TRY(merge_everywhere(l, best, m));
    }
    return 0;
}

int bpe_learn(const words_t *words, int32_t vocab, bpe_model_t *model) {
    uint8_t order[256];
    int32_t byte_id[256];
    int64_t number;
    bytelevel_order(order);
    TRY(words_add(&model->tokens, NULL, 0, 0, &number));
    for (int32_t i = 0; i < 256; i++) {
        TRY(words_add(&model->tokens, &order[i], 1, 0, &number));
        byte_id[order[i]] = (int32_t)number;
    }
    learner_t l = {0};
    int rc = learner_start(&l, words, byte_id);
    if (rc == 0) rc = learn(&l, vocab, model);
    learner_free(&l);
    return rc;
}
