/* See bpe_words.h. The list of a pair is made in one go, since pairs with a new token only come about in the merge that
 * makes it: a token is made only once (bpe_learn.c says why). */
#include "text/bpe_words.h"
#include "base/err.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

enum { LEFT, RIGHT, HEAD_CELLS = 3, LEAST_FRESH = 1024, LEAST_SLACK = 4096 };

static const char what[] = "words to learn merges from";

static int64_t load_count(const int32_t *word) {
    int64_t count;
    memcpy(&count, word + 1, sizeof count);
    return count;
}

static int64_t fresh_for(int64_t entries) {
    return entries / 32 + LEAST_FRESH;
}

static int64_t bytes_a_token(void) {
    return 2 * (int64_t)(sizeof *((bpe_side_t *)0)->token + sizeof(int32_t));
}

int64_t bpe_words_need(int64_t words, int64_t text_bytes, int32_t vocab) {
    int64_t entries = text_bytes - words;
    return (HEAD_CELLS * words + text_bytes + entries + entries / 4 + LEAST_SLACK) * (int64_t)sizeof(int32_t) +
           2 * fresh_for(entries) * (int64_t)sizeof(bpe_fresh_t) + vocab * bytes_a_token();
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

static int new_block(bpe_words_t *w, void *block, int64_t count, size_t size) {
    TRY(room_take(w->room, count * (int64_t)size, what));
    void *fresh = mem_new(count, size, what);
    memcpy(block, &fresh, sizeof fresh);
    if (!fresh) room_give(w->room, count * (int64_t)size);
    return fresh ? 0 : -1;
}

static void drop_index(bpe_words_t *w) {
    room_give(w->room, w->pool_capacity * (int64_t)sizeof *w->pool);
    pairtable_free(&w->lists);
    mem_free(w->pool);
    w->pool = NULL;
    w->pool_n = w->pool_capacity = 0;
}

void bpe_words_free(bpe_words_t *w) {
    if (w->room) drop_index(w);
    mem_free(w->cell);
    mem_free(w->change);
    for (int side = 0; side < 2; side++) {
        mem_free(w->side[side].token);
        mem_free(w->side[side].touched);
        mem_free(w->side[side].fresh);
    }
    *w = (bpe_words_t){0};
}

static int new_sides(bpe_words_t *w) {
    for (int i = 0; i < 2; i++) {
        bpe_side_t *side = &w->side[i];
        TRY(new_block(w, &side->token, w->vocab, sizeof *side->token));
        TRY(new_block(w, &side->touched, w->vocab, sizeof *side->touched));
        TRY(new_block(w, &side->fresh, w->fresh_capacity, sizeof *side->fresh));
    }
    return 0;
}

/* --- the index: lists of all pairs ------------------------------------------------------------------------------- */

/* Where the first word at or behind place `at` begins. */
static int64_t skip_gap(const bpe_words_t *w, int64_t at) {
    while (at < w->cells && w->cell[at] < 0) at++;
    return at;
}

/* Moves the words together and gives up the room that is left; those of one symbol hold no pair any more. */
static int close_gaps(bpe_words_t *w) {
    int64_t to = 0;
    for (int64_t at = skip_gap(w, 0), next; at < w->cells; at = next) {
        int64_t length = HEAD_CELLS + w->cell[at];
        next = skip_gap(w, at + length);
        if (w->cell[at] < 2) continue;
        memmove(w->cell + to, w->cell + at, (size_t)length * sizeof *w->cell);
        to += length;
    }
    room_give(w->room, (w->cells_capacity - to) * (int64_t)sizeof *w->cell);
    w->cells = w->cells_capacity = to;
    return mem_shrink(&w->cell, to, sizeof *w->cell, what);
}

/* The same pairs in a larger table. */
static int grow_lists(bpe_words_t *w) {
    pairtable_t next, *old = &w->lists;
    TRY(pairtable_create(&next, old->n, w->room));
    for (int64_t i = 0; i < old->slots; i++) {
        const pairmap_slot_t *slot = &old->slot[i];
        if (slot->key != PAIR_NONE) pairtable_put(&next, pairtable_place(&next, slot->key), slot->key, slot->value);
    }
    pairtable_free(old);
    *old = next;
    return 0;
}

/* The slot of a pair, a new one with `value` if it had none; NULL: there is no room. */
static pairmap_slot_t *slot_of(bpe_words_t *w, uint64_t key, int64_t value) {
    pairmap_slot_t *slot = pairtable_place(&w->lists, key);
    if (slot->key == key) return slot;
    if (pairtable_is_full(&w->lists)) {
        if (grow_lists(w) != 0) return NULL;
        slot = pairtable_place(&w->lists, key);
    }
    pairtable_put(&w->lists, slot, key, value);
    return slot;
}

/* Sets the value of each pair to the length of its list; *total: of all lists. */
static int count_lists(bpe_words_t *w, int64_t expected, int64_t *total) {
    TRY(pairtable_create(&w->lists, expected, w->room));
    *total = 0;
    for (int64_t at = 0; at < w->cells; at += HEAD_CELLS + w->cell[at]) {
        const int32_t *s = w->cell + at + HEAD_CELLS;
        for (int32_t i = 0; i + 1 < w->cell[at]; i++) {
            pairmap_slot_t *slot = slot_of(w, pair_key(s[i], s[i + 1]), 0);
            if (!slot) return -1;
            slot->value++;
        }
        *total += w->cell[at] - 1;
    }
    return 0;
}

/* As much as the lists need and more, so that the index is not made too often: half of what is free, up to double. */
static int new_pool(bpe_words_t *w, int64_t need) {
    int64_t slack = (w->room->limit - w->room->used) / 2 / (int64_t)sizeof *w->pool - need;
    if (slack > need) slack = need;
    if (slack < need / 4) slack = need / 4;
    slack += LEAST_SLACK;
    TRY(new_block(w, &w->pool, need + slack, sizeof *w->pool));
    w->pool_capacity = need + slack;
    return 0;
}

static int make_index(bpe_words_t *w) {
    int64_t total, expected = w->lists.n;
    drop_index(w);
    TRY(close_gaps(w));
    TRY(count_lists(w, expected, &total));
    TRY(new_pool(w, total + w->lists.n));
    for (int64_t i = 0; i < w->lists.slots; i++) {
        pairmap_slot_t *slot = &w->lists.slot[i];
        if (slot->key == PAIR_NONE) continue;
        int64_t length = slot->value;
        slot->value = w->pool_n;
        w->pool_n += 1 + length;
    }
    for (int64_t at = 0; at < w->cells; at += HEAD_CELLS + w->cell[at]) {
        const int32_t *s = w->cell + at + HEAD_CELLS;
        for (int32_t i = 0; i + 1 < w->cell[at]; i++) {
            uint32_t *list = w->pool + pairtable_place(&w->lists, pair_key(s[i], s[i + 1]))->value;
            list[++list[0]] = (uint32_t)at;
        }
    }
    return 0;
}

/* --- creation ---------------------------------------------------------------------------------------------------- */

int bpe_words_create(bpe_words_t *w, word_store_t *store, const int32_t symbol[256], int32_t vocab, room_t *room) {
    counted_t word;
    int64_t entries = store->text_bytes - store->words;
    *w = (bpe_words_t){.room = room, .vocab = vocab, .fresh_capacity = fresh_for(entries)};
    w->cells_capacity = HEAD_CELLS * store->words + store->text_bytes;
    if (w->cells_capacity > UINT32_MAX) return err_set("%s: too many for one rank: use more ranks", what);
    TRY(new_block(w, &w->cell, w->cells_capacity, sizeof *w->cell));
    while (word_store_take(store, &word)) {
        if (word.bytes < 2) continue;
        if (word.bytes > INT32_MAX) return err_set("a word of %lld bytes is too long", (long long)word.bytes);
        int32_t *to = w->cell + w->cells;
        to[0] = (int32_t)word.bytes;
        memcpy(to + 1, &word.count, sizeof word.count);
        for (int64_t i = 0; i < word.bytes; i++) to[HEAD_CELLS + i] = symbol[word.text[i]];
        w->cells += HEAD_CELLS + word.bytes;
    }
    TRY(new_sides(w));
    return make_index(w);
}

void bpe_words_sum(const bpe_words_t *w, int64_t *sum) {
    for (int64_t at = 0; at < w->cells; at += HEAD_CELLS + w->cell[at]) {
        const int32_t *s = w->cell + at + HEAD_CELLS;
        int64_t count = load_count(w->cell + at);
        for (int32_t i = 0; i + 1 < w->cell[at]; i++) sum[256 * (s[i] - 1) + s[i + 1] - 1] += count;
    }
}

/* --- merging ----------------------------------------------------------------------------------------------------- */

/* A neighbour on one side met the new token in place of the old one. */
static inline void meet(bpe_words_t *w, int which, int32_t neighbour, int64_t count, uint32_t word) {
    bpe_side_t *side = &w->side[which];
    if (side->token[neighbour].count == 0) side->touched[side->touched_n++] = neighbour;
    side->token[neighbour].count += count;
    side->token[neighbour].list++;
    if (side->fresh_n < w->fresh_capacity)
        side->fresh[side->fresh_n++] = (bpe_fresh_t){neighbour, word};
    else
        w->is_lost = 1;
}

static void merge_in_word(bpe_words_t *w, uint32_t at, merge_t m) {
    int32_t *word = w->cell + at, *s = word + HEAD_CELLS, n = word[0], kept = 0;
    int64_t count = load_count(word);
    for (int32_t i = 0; i < n;) {
        if (s[i] != m.left || i + 1 >= n || s[i + 1] != m.right) {
            s[kept++] = s[i++];
            continue;
        }
        w->merged += count;
        if (kept > 0) meet(w, LEFT, s[kept - 1], count, at);
        if (i + 2 < n) meet(w, RIGHT, s[i + 2], count, at);
        s[kept++] = m.id;
        i += 2;
    }
    for (int32_t i = kept; i < n; i++) s[i] = -1;
    word[0] = kept;
}

static uint64_t key_of(int which, int32_t neighbour, int32_t token) {
    return which == LEFT ? pair_key(neighbour, token) : pair_key(token, neighbour);
}

static int list_changes(bpe_words_t *w, merge_t m) {
    int64_t need = 1 + 2 * (w->side[LEFT].touched_n + w->side[RIGHT].touched_n);
    w->changes = 0;
    if (w->merged == 0) return 0;
    TRY(room_grow(w->room, &w->change, &w->change_capacity, need, sizeof *w->change, what));
    w->change[w->changes++] = (pair_change_t){pair_key(m.left, m.right), -w->merged};
    for (int which = 0; which < 2; which++) {
        const bpe_side_t *side = &w->side[which];
        int32_t old = which == LEFT ? m.left : m.right;
        for (int64_t i = 0; i < side->touched_n; i++) {
            int32_t neighbour = side->touched[i];
            int64_t count = side->token[neighbour].count;
            w->change[w->changes++] = (pair_change_t){key_of(which, neighbour, old), -count};
            w->change[w->changes++] = (pair_change_t){key_of(which, neighbour, m.id), count};
        }
    }
    return 0;
}

/* Room for the list of n words of a new pair; -1: there is none. */
static int64_t new_list(bpe_words_t *w, uint64_t key, int64_t n) {
    int64_t first = w->pool_n;
    if (first + 1 + n > w->pool_capacity) return -1;
    pairmap_slot_t *slot = slot_of(w, key, -1);
    if (!slot) return -1;
    assert(slot->value < 0);
    w->pool[first] = 0;
    w->pool_n += 1 + n;
    return slot->value = first;
}

/* Lists of the pairs that came about on one side. */
static int list_fresh(bpe_words_t *w, int which, int32_t id) {
    bpe_side_t *side = &w->side[which];
    for (int64_t i = 0; i < side->touched_n; i++) {
        int32_t neighbour = side->touched[i];
        int64_t *list = &side->token[neighbour].list;
        *list = new_list(w, key_of(which, neighbour, id), *list);
        if (*list < 0) return -1;
    }
    for (int64_t i = 0; i < side->fresh_n; i++) {
        uint32_t *list = w->pool + side->token[side->fresh[i].neighbour].list;
        list[++list[0]] = side->fresh[i].word;
    }
    return 0;
}

static void forget_sides(bpe_words_t *w) {
    for (int which = 0; which < 2; which++) {
        bpe_side_t *side = &w->side[which];
        for (int64_t i = 0; i < side->touched_n; i++)
            side->token[side->touched[i]].count = side->token[side->touched[i]].list = 0;
        side->touched_n = side->fresh_n = 0;
    }
    w->is_lost = 0;
}

int bpe_words_merge(bpe_words_t *w, merge_t m) {
    uint64_t key = pair_key(m.left, m.right);
    pairmap_slot_t *slot = pairtable_place(&w->lists, key);
    int64_t n = slot->key == key && slot->value >= 0 ? w->pool[slot->value] : 0;
    const uint32_t *list = n > 0 ? w->pool + slot->value + 1 : NULL;
    w->merged = 0;
    if (slot->key == key) slot->value = -1;
    for (int64_t i = 0; i < n; i++) { // a word that holds the pair several times is there several times, in a row
        if (i == 0 || list[i] != list[i - 1]) merge_in_word(w, list[i], m);
    }
    TRY(list_changes(w, m));
    int is_lost = w->is_lost || list_fresh(w, LEFT, m.id) != 0 || list_fresh(w, RIGHT, m.id) != 0;
    forget_sides(w);
    return is_lost ? make_index(w) : 0;
}
