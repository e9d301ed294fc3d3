/* Words meet their counts of other ranks. Every rank's words come as a stream sorted by hash. In a round each rank
 * reads as many as its share of memory holds, all agree on the hash up to which everybody has read, and what lies below
 * goes to its owners, who merge what they get. Hashes of different rounds differ, so a word is complete after its
 * round. */
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/word_counter.h"
#include "text/word_store.h"
#include <string.h>

enum { LEAST_STAGE = 4096 };

typedef struct {
    word_counter_t *counter;
    counted_t ahead; // read, but not staged
    int more;        // ahead is a word
    uint8_t *stage;  // words in order, as in messages
    int64_t staged, capacity;
    uint64_t last; // hash of the last one staged
} sender_t;

static int32_t owner_of(uint64_t hash) {
    return (int32_t)((uint32_t)hash % (uint32_t)par_size());
}

static int read_ahead(sender_t *s) {
    s->more = word_counter_next(s->counter, &s->ahead);
    return s->more < 0 ? -1 : 0;
}

/* At least one word, and all words with the hash of the last: else a round might move nothing. */
static int stage_words(sender_t *s, int64_t memory) {
    while (s->more) {
        int64_t need = s->staged + COUNTED_HEAD + s->ahead.bytes;
        if (need > memory && s->staged > 0 && s->ahead.hash != s->last) break;
        TRY(mem_grow(&s->stage, &s->capacity, need, 1, "words for other ranks"));
        counted_write(s->stage + s->staged, &s->ahead);
        s->staged = need;
        s->last = s->ahead.hash;
        TRY(read_ahead(s));
    }
    return par_go_on();
}

/* Collective: the largest hash that no rank has words of beyond its stage, and of everything below. */
static uint64_t common_limit(const sender_t *s) {
    static const uint64_t sign = UINT64_C(1) << 63; // par_min_i64 orders signed numbers
    uint64_t limit = s->more ? s->ahead.hash - 1 : UINT64_MAX;
    int64_t least;
    limit ^= sign;
    memcpy(&least, &limit, sizeof least);
    par_min_i64(&least, 1);
    memcpy(&limit, &least, sizeof limit);
    return limit ^ sign;
}

/* Bytes at the head of the stage whose hashes are within the limit; how many of them go to each rank. */
static int64_t count_bytes(const sender_t *s, uint64_t limit, int64_t *bytes) {
    int64_t at = 0;
    memset(bytes, 0, (size_t)par_size() * sizeof *bytes);
    while (at < s->staged) {
        counted_t word;
        int64_t length = counted_read(s->stage + at, s->staged - at, &word);
        if (word.hash > limit) break;
        bytes[owner_of(word.hash)] += length;
        at += length;
    }
    return at;
}

/* Words to owner 0, then to owner 1 ... */
static void sort_by_owner(const sender_t *s, int64_t end, const int64_t *bytes, int64_t *place, uint8_t *send) {
    int64_t sum = 0;
    for (int r = 0; r < par_size(); r++) {
        place[r] = sum;
        sum += bytes[r];
    }
    for (int64_t at = 0; at < end;) {
        counted_t word;
        int64_t length = counted_read(s->stage + at, end - at, &word);
        int64_t *to = &place[owner_of(word.hash)];
        memcpy(send + *to, s->stage + at, (size_t)length);
        *to += length;
        at += length;
    }
}

/* A message is what the ranks sent, one after the other; wherever the order breaks, another stream begins. */
static int64_t cut_streams(uint8_t *message, int64_t total, word_source_t *source) {
    int64_t n = 0;
    counted_t before = {0}, word;
    for (int64_t at = 0, length; at < total; at += length, before = word) {
        length = counted_read(message + at, total - at, &word);
        if (at > 0 && counted_compare(&before, &word) < 0) continue;
        if (n > 0) source[n - 1].filled = at;
        source[n++] = (word_source_t){.block = message, .at = at, .filled = total, .fd = -1};
    }
    return n;
}

static int merge_message(uint8_t *message, int64_t total, word_source_t *source, word_store_t *mine) {
    word_merge_t merge;
    counted_t word;
    int rc = word_merge_start(&merge, source, cut_streams(message, total, source));
    while (rc == 0 && word_merge_next(&merge, &word) > 0) rc = word_store_add(mine, &word);
    word_merge_end(&merge);
    return rc;
}

/* work: bytes for each rank, then places; source: as many as ranks. */
static int exchange_below(sender_t *s, uint64_t limit, int64_t *work, word_source_t *source, word_store_t *mine) {
    int64_t end = count_bytes(s, limit, work), total = 0;
    uint8_t *received = NULL, *send = mem_new(end, 1, "words for other ranks");
    int rc = par_agree(send ? 0 : -1);
    if (rc == 0) {
        sort_by_owner(s, end, work, work + par_size(), send);
        s->staged -= end;
        if (s->staged > 0) memmove(s->stage, s->stage + end, (size_t)s->staged);
        rc = par_exchange(send, work, 1, (void **)&received, &total);
    }
    mem_free(send);
    if (rc == 0) rc = par_agree(merge_message(received, total, source, mine));
    mem_free(received);
    return rc;
}

int words_to_owners(word_counter_t *counter, int64_t memory, word_store_t *mine) {
    sender_t s = {.counter = counter};
    int64_t share = memory / 4 < LEAST_STAGE ? LEAST_STAGE : memory / 4; // stage, to be sent, received, and to spare
    int64_t *work = mem_new(2 * (int64_t)par_size(), sizeof *work, "counts of an exchange");
    word_source_t *source = mem_new(par_size(), sizeof *source, "streams of an exchange");
    int rc = work && source ? word_counter_start(counter) : -1;
    if (rc == 0) rc = read_ahead(&s);
    for (uint64_t limit = 0; limit < UINT64_MAX;) {
        if (rc == 0) rc = stage_words(&s, share);
        rc = par_agree(rc);
        if (rc != 0) break;
        limit = common_limit(&s);
        rc = exchange_below(&s, limit, work, source, mine);
        if (rc != 0) break;
    }
    mem_free(work);
    mem_free(source);
    mem_free(s.stage);
    return rc;
}
