/* Merging by rank, in two ways with one result. A short word lives in two small arrays and the lowest rank is found by
 * looking at all of them. A long one (a line of dashes) is a linked list over its bytes with a heap of candidate
 * merges, so that hostile text costs O(n log n) and not O(n^2). Text repeats itself, so most words never get that far:
 * they come out of a cache, or fall into parts that do (text/seams.h). */
#include "text/bpe.h"
#include "base/err.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/pairmap.h"
#include "text/seams.h"
#include "text/wholes.h"
#include <assert.h>
#include <string.h>

enum {
    SHORT_WORD = 48,  // bytes, up to which scanning beats the heap
    COMMON_WORD = 15, // bytes of those that the first cache takes,
    COMMON_IDS = 3,   // and their tokens
    COMMON_BITS = 17, // 131072 entries: 4 MB
    CACHED_WORD = 32, // the same of the second cache
    CACHED_IDS = 7,
    CACHE_BITS = 14, // 16384 entries: 1 MB
    CACHE_WAYS = 4,  // neighbouring entries that may hold a word
    PART = 0x80,     // in the byte of a key that holds the length: of a part of a word, not a word
    NO_RANK = INT32_MAX,
};

/* Nearly all words of a text. Two of them share a cache line and a place; the first is the one that was asked for. */
typedef struct {
    uint64_t key[2]; // 0: an empty entry
    int32_t ids[COMMON_IDS], n;
} common_t;
static_assert(sizeof(common_t) == 32, "two common words fill one cache line");

/* Others. */
typedef struct {
    uint64_t key[CACHED_WORD / 8];
    uint8_t kind, n; // kind: bytes of the word, with PART; 0: an empty entry
    int32_t ids[CACHED_IDS];
} cached_t;
static_assert(sizeof(cached_t) == 64, "a cached word fills one cache line");

typedef struct {
    int32_t rank; // of the pair that starts here; NO_RANK also when the symbol has been merged away
    int32_t id;
    int32_t before, after; // neighbours, -1 and -1 at the ends
} symbol_t;

typedef struct {
    int32_t rank, at;
} candidate_t;

/* Memory of a long word for each byte of it: its symbol, a candidate or two in a heap that may be twice as large as it
 * need be, and the ids. */
enum { WORD_MEMORY = 64, LEAST_LONGEST = 4096 };

struct bpe {
    int32_t byte_id[256];
    bpe_spell_t spell; // instead of byte_id
    const void *spell_user;
    pairmap_t ranks;
    int32_t *merged; // (merges) the token that a merge makes
    int64_t merges, merges_capacity;
    int is_ready;       // for words that no cache has: the next two are there
    int32_t *byte_rank; // (256, 256) ranks of pairs of bytes
    seams_t seams;
    wholes_t wholes;
    common_t *common;
    cached_t *cache;
    symbol_t *symbol; // of long words
    int64_t symbols;
    candidate_t *heap;
    int64_t heap_n, heap_capacity;
    size_t longest; // bytes of a word, at most INT32_MAX: places in it are 32 bits
};

bpe_t *bpe_create(const int32_t byte_id[256], int64_t merges_expected) {
    bpe_t *bpe = mem_new(1, sizeof *bpe, "tokenizer merges");
    if (!bpe) return NULL;
    memcpy(bpe->byte_id, byte_id, sizeof bpe->byte_id);
    bpe->longest = INT32_MAX;
    bpe->common = mem_new((int64_t)1 << COMMON_BITS, sizeof *bpe->common, "tokenizer word cache");
    bpe->cache = mem_new((int64_t)1 << CACHE_BITS, sizeof *bpe->cache, "tokenizer word cache");
    if (!bpe->common || !bpe->cache || pairmap_create(&bpe->ranks, merges_expected) != 0) {
        bpe_free(bpe);
        return NULL;
    }
    return bpe;
}

void bpe_set_memory(bpe_t *bpe, int64_t memory) {
    int64_t longest = memory / WORD_MEMORY;
    bpe->longest = longest > INT32_MAX ? INT32_MAX : longest < LEAST_LONGEST ? LEAST_LONGEST : (size_t)longest;
}

void bpe_free(bpe_t *bpe) {
    if (!bpe) return;
    pairmap_free(&bpe->ranks);
    wholes_free(&bpe->wholes);
    mem_free(bpe->merged);
    mem_free(bpe->byte_rank);
    seams_free(&bpe->seams);
    mem_free(bpe->common);
    mem_free(bpe->cache);
    mem_free(bpe->symbol);
    mem_free(bpe->heap);
    mem_free(bpe);
}

int bpe_add_merge(bpe_t *bpe, int32_t left, int32_t right, int32_t id, int64_t *again) {
    uint64_t key = pair_key(left, right);
    *again = pairmap_get(&bpe->ranks, key);
    if (*again >= 0) return 0;
    if (bpe->merges >= NO_RANK - 1) return err_set("more than %d merges", NO_RANK - 1);
    TRY(mem_grow(&bpe->merged, &bpe->merges_capacity, bpe->merges + 1, sizeof *bpe->merged, "tokenizer merges"));
    TRY(pairmap_put(&bpe->ranks, key, bpe->merges));
    bpe->merged[bpe->merges++] = id;
    return 0;
}

int bpe_add_whole(bpe_t *bpe, const uint8_t *word, size_t bytes, int32_t id) {
    return wholes_put(&bpe->wholes, word, bytes, id);
}

int64_t bpe_merges(const bpe_t *bpe) {
    return bpe->merges;
}

static inline int32_t rank_of(const bpe_t *bpe, int32_t left, int32_t right) {
    int64_t rank = pairmap_get(&bpe->ranks, pair_key(left, right));
    return rank < 0 ? NO_RANK : (int32_t)rank;
}

/* ids holds the tokens of a word before any merge, rank that of each with the next; merges in place, returns how many
 * are left. */
static int64_t merge_short(const bpe_t *bpe, int32_t *ids, int32_t *rank, int64_t n) {
    while (n > 1) {
        uint64_t least = UINT64_MAX; // of rank and place
        for (int64_t i = 0; i + 1 < n; i++) {
            uint64_t here = (uint64_t)rank[i] << 8 | (uint64_t)i;
            least = here < least ? here : least;
        }
        int64_t best = (int64_t)(least & 0xFF);
        if (rank[best] == NO_RANK) break;
        ids[best] = bpe->merged[rank[best]];
        for (int64_t i = best + 1; i + 1 < n; i++) {
            ids[i] = ids[i + 1];
            rank[i - 1] = rank[i];
        }
        n--;
        if (best > 0) rank[best - 1] = rank_of(bpe, ids[best - 1], ids[best]);
        if (best + 1 < n) rank[best] = rank_of(bpe, ids[best], ids[best + 1]);
    }
    return n;
}

static inline int candidate_before(candidate_t a, candidate_t b) {
    return a.rank < b.rank || (a.rank == b.rank && a.at < b.at);
}

static int heap_push(bpe_t *bpe, candidate_t c) {
    if (c.rank == NO_RANK) return 0;
    TRY(mem_grow(&bpe->heap, &bpe->heap_capacity, bpe->heap_n + 1, sizeof *bpe->heap, "merges of a long word"));
    int64_t i = bpe->heap_n++;
    for (; i > 0 && candidate_before(c, bpe->heap[(i - 1) / 2]); i = (i - 1) / 2) bpe->heap[i] = bpe->heap[(i - 1) / 2];
    bpe->heap[i] = c;
    return 0;
}

static candidate_t heap_pop(bpe_t *bpe) {
    candidate_t *heap = bpe->heap, top = heap[0], last = heap[--bpe->heap_n];
    int64_t i = 0, n = bpe->heap_n;
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && candidate_before(heap[child + 1], heap[child])) child++;
        if (!candidate_before(heap[child], last)) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

/* The pair that starts at `at` has changed: notes its rank and makes it a candidate. */
static int symbol_rank(bpe_t *bpe, int32_t at) {
    symbol_t *s = &bpe->symbol[at];
    s->rank = s->after < 0 ? NO_RANK : rank_of(bpe, s->id, bpe->symbol[s->after].id);
    return heap_push(bpe, (candidate_t){s->rank, at});
}

static int merge_long(bpe_t *bpe, int32_t *ids, int64_t *n) {
    TRY(mem_grow(&bpe->symbol, &bpe->symbols, *n, sizeof *bpe->symbol, "symbols of a long word"));
    symbol_t *s = bpe->symbol;
    int32_t symbols = (int32_t)*n;
    for (int32_t i = 0; i < symbols; i++) s[i] = (symbol_t){NO_RANK, ids[i], i - 1, i + 1 < symbols ? i + 1 : -1};
    bpe->heap_n = 0;
    for (int32_t i = 0; i < symbols; i++) TRY(symbol_rank(bpe, i));
    while (bpe->heap_n > 0) {
        candidate_t c = heap_pop(bpe);
        if (s[c.at].rank != c.rank) continue; // the pair has changed since
        int32_t gone = s[c.at].after;
        s[c.at].id = bpe->merged[c.rank];
        s[c.at].after = s[gone].after;
        s[gone].rank = NO_RANK;
        if (s[gone].after >= 0) s[s[gone].after].before = c.at;
        TRY(symbol_rank(bpe, c.at));
        if (s[c.at].before >= 0) TRY(symbol_rank(bpe, s[c.at].before));
    }
    int64_t kept = 0;
    for (int32_t i = 0; i >= 0; i = s[i].after) ids[kept++] = s[i].id;
    *n = kept;
    return 0;
}

static int too_long(const bpe_t *bpe, size_t bytes) {
    if (bpe->longest == INT32_MAX) return err_set("a word of %zu bytes: %d are the most", bytes, INT32_MAX);
    return err_set("a word of %zu bytes would take %lld MB of memory, for %lld bytes there is room; raise [run] memory",
                   bytes, (long long)(bytes / 1000000 + 1) * WORD_MEMORY, (long long)bpe->longest);
}

static inline uint64_t read64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t read32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* A word of at most CACHED_WORD bytes as four numbers, which with its length tell it from any other. Overlapping reads
 * from both ends, none outside the word. */
static inline void word_key(const uint8_t *w, size_t n, uint64_t key[4]) {
    key[2] = key[3] = 0;
    if (n >= 8) {
        key[0] = read64(w);
        key[1] = read64(w + n - 8);
        if (n > 16) {
            key[2] = read64(w + 8);
            key[3] = read64(w + n - 16);
        }
    } else if (n >= 4) {
        key[0] = read32(w);
        key[1] = read32(w + n - 4);
    } else {
        key[0] = (uint64_t)w[0] | (uint64_t)w[n >> 1] << 8 | (uint64_t)w[n - 1] << 16;
        key[1] = 0;
    }
}

static inline uint64_t cache_home(const uint64_t key[4], uint8_t kind) {
    uint64_t h = (key[0] ^ kind) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 32 ^ key[1]) * 0xD6E8FEB86659FD93u;
    h = (h ^ h >> 32 ^ key[2] ^ key[3] << 1) * 0xA0761D6478BD642Fu;
    return (h ^ h >> 32) & (((uint64_t)1 << CACHE_BITS) - 1) & ~(uint64_t)(CACHE_WAYS - 1);
}

/* A word of at most COMMON_WORD bytes as two numbers, its length the last byte. */
static inline void common_key(const uint8_t *word, size_t bytes, size_t readable, uint64_t key[2]) {
    uint8_t last[16] = {0};
    if (readable < sizeof last) {
        memcpy(last, word, bytes);
        word = last;
    }
    uint64_t low_bits = bytes < 8 ? 8 * bytes : 64, high_bits = bytes < 8 ? 0 : 8 * (bytes - 8);
    key[0] = bytes_get_u64(word) & UINT64_MAX >> (64 - low_bits);
    key[1] = (bytes_get_u64(word + 8) & (((uint64_t)1 << high_bits) - 1)) | (uint64_t)bytes << 56;
}

static inline uint64_t common_place(const uint64_t key[2]) {
    uint64_t h = key[0] * 0x9E3779B97F4A7C15u ^ key[1] * 0xD6E8FEB86659FD93u;
    return (h ^ h >> 32) * 0xA0761D6478BD642Fu >> (64 - COMMON_BITS) & ~(uint64_t)1;
}

/* A part of a word stands apart from a word of the same bytes where that might be taken whole. */
static inline bpe_word_t expect(const bpe_t *bpe, const uint8_t *text, size_t bytes, size_t readable, int is_part) {
    assert(bytes > 0 && readable >= bytes);
    bpe_word_t word = {.text = text, .bytes = bytes, .place = readable};
    if (bytes > COMMON_WORD) return word;
    common_key(text, bytes, readable, word.key);
    if (is_part && bpe->wholes.n > 0) word.key[1] |= (uint64_t)PART << 56;
    word.place = common_place(word.key);
    __builtin_prefetch(&bpe->common[word.place], 1);
    return word;
}

void bpe_set_spelling(bpe_t *bpe, bpe_spell_t spell, const void *user) {
    bpe->spell = spell;
    bpe->spell_user = user;
}

static int spell_bytes(const bpe_t *bpe, const uint8_t *word, size_t bytes, int32_t *ids, int64_t *n) {
    for (size_t i = 0; i < bytes; i++) {
        ids[i] = bpe->byte_id[word[i]];
        if (ids[i] < 0) return err_set("the vocabulary has no token for the byte 0x%02X", word[i]);
    }
    *n = (int64_t)bytes;
    return 0;
}

static int rank_bytes(bpe_t *bpe) {
    bpe->byte_rank = mem_new(256 * 256, sizeof *bpe->byte_rank, "ranks of pairs of bytes");
    if (!bpe->byte_rank) return -1;
    for (int32_t i = 0; i < 256 * 256; i++) {
        int32_t left = bpe->byte_id[i >> 8], right = bpe->byte_id[i & 0xFF];
        bpe->byte_rank[i] = left < 0 || right < 0 ? NO_RANK : rank_of(bpe, left, right);
    }
    return 0;
}

static int find_seams(bpe_t *bpe) {
    uint64_t *pair = mem_new(bpe->merges, sizeof *pair, "tokenizer merges");
    if (!pair) return -1;
    for (int64_t i = 0; i < (int64_t)1 << bpe->ranks.bits; i++) {
        const pairmap_slot_t *slot = &bpe->ranks.slot[i];
        if (slot->key != PAIR_NONE) pair[slot->value] = slot->key;
    }
    int rc = seams_find(&bpe->seams, bpe->byte_id, pair, bpe->merged, bpe->merges);
    mem_free(pair);
    return rc;
}

int bpe_get_ready(bpe_t *bpe) {
    if (bpe->is_ready) return 0;
    if (!bpe->spell && (rank_bytes(bpe) != 0 || find_seams(bpe) != 0)) return -1;
    bpe->is_ready = 1;
    return 0;
}

/* A word that nothing cuts. */
static int merge_word(bpe_t *bpe, const uint8_t *word, size_t bytes, int32_t *ids, int64_t *n) {
    int32_t rank[SHORT_WORD];
    TRY(bpe->spell ? bpe->spell(bpe->spell_user, word, bytes, ids, n) : spell_bytes(bpe, word, bytes, ids, n));
    if (*n > SHORT_WORD) return merge_long(bpe, ids, n);
    for (int64_t i = 0; i + 1 < *n; i++) {
        rank[i] = bpe->spell ? rank_of(bpe, ids[i], ids[i + 1]) : bpe->byte_rank[word[i] << 8 | word[i + 1]];
    }
    *n = merge_short(bpe, ids, rank, *n);
    return 0;
}

static int encode_expected(bpe_t *bpe, const bpe_word_t *word, int is_part, int32_t *ids, int64_t *n);

/* A short word of ASCII: merged in less time than its seams take to be looked for, and it has few. */
static inline int is_plain(const bpe_word_t *word) {
    return word->bytes <= COMMON_WORD && ((word->key[0] | word->key[1] << 8) & 0x8080808080808080u) == 0;
}

/* A word by its parts between seams, which are looked for in the caches; some are found ahead, as words are. */
static int encode_parts(bpe_t *bpe, const bpe_word_t *word, int32_t *ids, int64_t *n) {
    enum { AHEAD = 16 };
    size_t end[AHEAD], readable = word->bytes > COMMON_WORD ? word->place : word->bytes;
    bpe_word_t part[AHEAD];
    *n = 0;
    for (size_t at = 0; at < word->bytes;) {
        int32_t parts = seams_cut(&bpe->seams, word->text, at, word->bytes, end, AHEAD);
        if (at == 0 && parts == 1) return merge_word(bpe, word->text, word->bytes, ids, n);
        for (int32_t i = 0; i < parts; at = end[i++]) {
            part[i] = expect(bpe, word->text + at, end[i] - at, readable - at, 1);
        }
        for (int32_t i = 0; i < parts; i++) {
            int64_t part_n;
            TRY(encode_expected(bpe, &part[i], 1, ids + *n, &part_n));
            *n += part_n;
        }
    }
    return 0;
}

static int encode_uncached(bpe_t *bpe, const bpe_word_t *word, int is_part, int32_t *ids, int64_t *n) {
    TRY(bpe_get_ready(bpe));
    if (is_part) return merge_word(bpe, word->text, word->bytes, ids, n);
    if (word->bytes > bpe->longest) return too_long(bpe, word->bytes);
    int32_t whole = wholes_get(&bpe->wholes, word->text, word->bytes);
    if (whole < 0 && (bpe->spell || is_plain(word))) return merge_word(bpe, word->text, word->bytes, ids, n);
    if (whole < 0) return encode_parts(bpe, word, ids, n);
    ids[0] = whole;
    *n = 1;
    return 0;
}

static int encode_cached(bpe_t *bpe, const bpe_word_t *word, int is_part, int32_t *ids, int64_t *n) {
    if (word->bytes > CACHED_WORD) return encode_uncached(bpe, word, is_part, ids, n);
    uint64_t key[4];
    uint8_t kind = (uint8_t)(word->bytes | (is_part && bpe->wholes.n > 0 ? PART : 0));
    word_key(word->text, word->bytes, key);
    cached_t *way = &bpe->cache[cache_home(key, kind)], *free_way = NULL;
    for (int32_t i = 0; i < CACHE_WAYS; i++) {
        const uint64_t *held = way[i].key;
        uint64_t differs = (held[0] ^ key[0]) | (held[1] ^ key[1]) | (held[2] ^ key[2]) | (held[3] ^ key[3]);
        if (way[i].kind == kind && differs == 0) {
            *n = way[i].n;
            for (int32_t k = 0; k < way[i].n; k++) ids[k] = way[i].ids[k];
            return 0;
        }
        if (way[i].kind == 0 && !free_way) free_way = &way[i];
    }
    TRY(encode_uncached(bpe, word, is_part, ids, n));
    if (*n <= CACHED_IDS && !(*n <= COMMON_IDS && word->bytes <= COMMON_WORD)) {
        // In a full set the word with the most tokens to recompute is not known to be the most wanted; any may go.
        cached_t *entry = free_way ? free_way : &way[(key[0] ^ key[1]) >> 3 & (CACHE_WAYS - 1)];
        memcpy(entry->key, key, sizeof key);
        entry->kind = kind;
        entry->n = (uint8_t)*n;
        memcpy(entry->ids, ids, (size_t)*n * sizeof *ids);
    }
    return 0;
}

static inline int is_common(const common_t *entry, const bpe_word_t *word) {
    return ((entry->key[0] ^ word->key[0]) | (entry->key[1] ^ word->key[1])) == 0;
}

static inline int encode_expected(bpe_t *bpe, const bpe_word_t *word, int is_part, int32_t *ids, int64_t *n) {
    if (word->bytes > COMMON_WORD) return encode_cached(bpe, word, is_part, ids, n);
    common_t *entry = &bpe->common[word->place];
    if (!is_common(&entry[0], word)) {
        common_t first = entry[0];
        if (is_common(&entry[1], word)) {
            entry[0] = entry[1];
            entry[1] = first;
        } else {
            TRY(encode_cached(bpe, word, is_part, ids, n));
            if (*n > COMMON_IDS) return 0;
            // What is asked for again moves to the front: words that come once drive out one another only.
            common_t *last = first.n == 0 ? &entry[0] : &entry[1];
            *last = (common_t){.key = {word->key[0], word->key[1]}, .n = (int32_t)*n};
            memcpy(last->ids, ids, (size_t)*n * sizeof *ids);
            return 0;
        }
    }
    memcpy(ids, entry->ids, sizeof entry->ids); // all of them, as their number is hard to foresee
    *n = entry->n;
    return 0;
}

bpe_word_t bpe_expect(const bpe_t *bpe, const uint8_t *text, size_t bytes, size_t readable) {
    return expect(bpe, text, bytes, readable, 0);
}

int bpe_encode_expected(bpe_t *bpe, const bpe_word_t *word, int32_t *ids, int64_t *n) {
    return encode_expected(bpe, word, 0, ids, n);
}

int bpe_encode(bpe_t *bpe, const uint8_t *text, size_t bytes, int32_t *ids, int64_t *n) {
    bpe_word_t word = expect(bpe, text, bytes, bytes, 0);
    return encode_expected(bpe, &word, 0, ids, n);
}
