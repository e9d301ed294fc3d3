/* SA-IS. A suffix is S-type if it is smaller than the next one, else L-type; position p is LMS if p is S and p-1 is L.
 * Once the LMS suffixes are sorted, one pass to the right puts all L suffixes in place, each in front of an already
 * sorted one, and one pass to the left all S suffixes. The LMS suffixes themselves are sorted by the same two passes
 * over what stands between neighbouring LMS positions, then by the order of the string of their ranks: a problem at
 * most half as large, solved inside the same array.
 *
 * Types are never stored: whether p-1 is L or S follows from its symbol, that at p and the type of p, and a pass only
 * looks at p of the right type. An entry whose predecessor is of the other type is kept as its complement, so that a
 * pass goes by it without a look at the text.
 *
 * The first two passes also find out which LMS substrings are equal, so that none are compared afterwards: neighbours
 * in a bucket are equal if what they were put in front of was. They leave the LMS positions behind and nothing else.
 *
 * The passes read the order in sequence but text and buckets at random, so both are fetched ahead. */
#include "index/suffix_sort.h"
#include "base/err.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

/* An entry of the first two passes is a position and a bit: whether it begins a class, that is, differs from the one
 * that the pass came by before. */
enum { AHEAD = 32, RUN = 4096, NEAR = 1 << 17, BEGINS = SUFFIX_BLOCK_MOST, POSITION = BEGINS - 1 };

/* A bucket of the first two passes: the next free place, from the left or the right, and the class of what the entry
 * last put there was put in front of. */
typedef struct {
    int32_t place;
    uint32_t class;
} bucket_t;

typedef struct {
    const int32_t *text;
    int64_t n, symbols;
    int32_t *order;
    int32_t *count;   // (symbols) how often each symbol occurs
    bucket_t *bucket; // (symbols) of the first two passes
    int32_t *place;   // (symbols) of the last two: the next free place of each bucket
} sort_t;

static void count_symbols(sort_t *s) {
    memset(s->count, 0, (size_t)s->symbols * sizeof *s->count);
    for (int64_t i = 0; i < s->n; i++) s->count[s->text[i]]++;
}

/* What the turn of an entry needs is fetched in three steps, each when what it depends on has come: the symbol in front
 * of it, that symbol's bucket, the place in the bucket. A bucket may move on in between; the line is near enough. What
 * stands in front of an entry that will be passed by is fetched too: to ask costs more. The buckets of up to NEAR
 * symbols are in the cache anyway. */
static inline int32_t in_front(int32_t entry) {
    int32_t p = entry & ~(entry >> 31) & POSITION;
    return p - (p > 0);
}

static inline void fetch_symbol(const sort_t *s, int64_t i) {
    __builtin_prefetch(&s->text[in_front(s->order[i])]);
}

/* --- LMS positions ------------------------------------------------------------------------------------------------ */

/* A walk over the text from the right, which knows the type of each position as it comes by. */
typedef struct {
    int64_t i;
    int is_s;
} lms_walk_t;

/* The last position is L. */
static lms_walk_t lms_walk(const sort_t *s) {
    return (lms_walk_t){s->n - 1, 0};
}

/* Walks on by `steps` positions, or to the beginning, and writes the LMS positions that it comes by; returns how many.
 * Also writes one place behind them: to write and maybe go on costs less than to ask. */
static inline int64_t lms_run(const int32_t *text, lms_walk_t *w, int64_t steps, int32_t *out) {
    int64_t found = 0, to = w->i > steps ? w->i - steps : 0;
    for (; w->i > to; w->i--) {
        int is_s = (text[w->i - 1] < text[w->i]) | ((text[w->i - 1] == text[w->i]) & w->is_s);
        out[found] = (int32_t)w->i;
        found += w->is_s & !is_s;
        w->is_s = is_s;
    }
    return found;
}

static void place_run(sort_t *s, const int32_t *run, int64_t n) {
    for (int64_t i = 0; i < n + 2 * AHEAD; i++) {
        if (i < n) __builtin_prefetch(&s->bucket[s->text[run[i]]], 1);
        if (i >= AHEAD && i < n + AHEAD) __builtin_prefetch(&s->order[s->bucket[s->text[run[i - AHEAD]]].place - 1], 1);
        if (i < 2 * AHEAD) continue;
        int32_t p = run[i - 2 * AHEAD];
        s->order[--s->bucket[s->text[p]].place] = p;
    }
}

/* Number of LMS positions; they stand at the right ends of their buckets, in order of position from the right. Those of
 * a bucket are a class. */
static int64_t place_lms(sort_t *s) {
    memset(s->order, 0, (size_t)s->n * sizeof *s->order);
    int32_t sum = 0, run[RUN + 1];
    for (int64_t c = 0; c < s->symbols; c++) s->bucket[c] = (bucket_t){sum += s->count[c], 0};
    int64_t n = 0;
    for (lms_walk_t walk = lms_walk(s); walk.i > 0;) {
        int64_t found = lms_run(s->text, &walk, RUN, run);
        place_run(s, run, found);
        n += found;
    }
    sum = 0;
    for (int64_t c = 0; c < s->symbols; c++) {
        int32_t left = s->bucket[c].place;
        if (left < (sum += s->count[c])) s->order[left] |= BEGINS;
    }
    return n;
}

/* --- sorting LMS substrings --------------------------------------------------------------------------------------- */

static inline void fetch_bucket(const sort_t *s, int64_t i) {
    __builtin_prefetch(&s->bucket[s->text[in_front(s->order[i])]], 1);
}

static inline void fetch_slot(const sort_t *s, int64_t i, int from_right) {
    __builtin_prefetch(&s->order[s->bucket[s->text[in_front(s->order[i])]].place - from_right], 1);
}

/* An entry of position p, in front of something of a class. */
static inline int32_t entry_of(bucket_t *b, int32_t p, uint32_t class) {
    int32_t entry = b->class == class ? p : p | BEGINS;
    b->class = class;
    return entry;
}

/* Puts L-type position p at the left of its bucket; position 0 is in front of nothing, and is left out. */
static inline void class_l(sort_t *s, int32_t p, uint32_t class) {
    if (p == 0) return;
    int32_t c = s->text[p];
    bucket_t *b = &s->bucket[c];
    int32_t entry = entry_of(b, p, class);
    s->order[b->place++] = s->text[p - 1] < c ? ~entry : entry;
}

/* Puts S-type position p at the right of its bucket. */
static inline void class_s(sort_t *s, int32_t p, uint32_t class) {
    if (p == 0) return;
    int32_t c = s->text[p];
    bucket_t *b = &s->bucket[c];
    int32_t entry = entry_of(b, p, class);
    s->order[--b->place] = s->text[p - 1] > c ? ~entry : entry;
}

/* To the right: plain entries have an L-type predecessor and make way for it. Leaves those with an S-type one, plain;
 * the last of them in a class gets the bit, for it is the one that the way back comes by first. Returns the number of
 * classes. */
static uint32_t class_pass_l(sort_t *s) {
    int32_t sum = 0, nothing = 0, *kept = &nothing;
    for (int64_t c = 0; c < s->symbols; c++) {
        s->bucket[c].place = sum;
        sum += s->count[c];
    }
    uint32_t class = 1, kept_class = 0;
    class_l(s, (int32_t)s->n - 1, class); // in front of the end of the text, the smallest of all
    for (int64_t i = 0; i < s->n; i++) {
        if (i + 3 * AHEAD < s->n) {
            fetch_symbol(s, i + 3 * AHEAD);
            if (s->symbols > NEAR) fetch_bucket(s, i + 2 * AHEAD);
            fetch_slot(s, i + AHEAD, 0);
        }
        int32_t e = s->order[i];
        if (e == 0) continue;
        if (e > 0) {
            s->order[i] = 0;
            class += (e & BEGINS) != 0;
            class_l(s, (e & POSITION) - 1, class);
        } else {
            class += (~e & BEGINS) != 0;
            if (class != kept_class) *kept |= BEGINS;
            s->order[i] = ~e & POSITION;
            kept = &s->order[i];
            kept_class = class;
        }
    }
    *kept |= BEGINS;
    return class;
}

/* To the left: plain entries have an S-type predecessor, the others are the LMS positions, now in order. These move to
 * the right end of the array, each with the bit where its substring differs from the one on its right; all other
 * entries become 0. Returns the number of different substrings. */
static int64_t class_pass_s(sort_t *s, uint32_t class) {
    int32_t sum = 0;
    for (int64_t c = 0; c < s->symbols; c++) s->bucket[c].place = sum += s->count[c];
    uint32_t lms_class = 0;
    int64_t names = 0, to = s->n;
    for (int64_t i = s->n - 1; i >= 0; i--) {
        if (i >= 3 * AHEAD) {
            fetch_symbol(s, i - 3 * AHEAD);
            if (s->symbols > NEAR) fetch_bucket(s, i - 2 * AHEAD);
            fetch_slot(s, i - AHEAD, 1);
        }
        int32_t e = s->order[i];
        if (e == 0) continue;
        s->order[i] = 0;
        if (e > 0) {
            class += (e & BEGINS) != 0;
            class_s(s, (e & POSITION) - 1, class);
        } else {
            class += (~e & BEGINS) != 0;
            s->order[--to] = class != lms_class ? ~e | BEGINS : ~e & POSITION;
            names += class != lms_class;
            lms_class = class;
        }
    }
    return names;
}

/* --- sorting LMS suffixes ----------------------------------------------------------------------------------------- */

static int sort_whole(sort_t *s);

/* The string of names, from 0, of the LMS positions in order of position, to the end of the array. A name goes by
 * order[p / 2] on its way: no two LMS positions are neighbours. */
static void name_lms(sort_t *s, int64_t n_lms) {
    int32_t *sorted = s->order + s->n - n_lms, name = 1;
    for (int64_t i = 0; i < n_lms; i++) {
        if (i + AHEAD < n_lms) __builtin_prefetch(&s->order[(sorted[i + AHEAD] & POSITION) / 2], 1);
        s->order[(sorted[i] & POSITION) / 2] = name;
        name += (sorted[i] & BEGINS) != 0;
    }
    for (int64_t i = (s->n - 1) / 2, to = s->n; i >= 0; i--)
        if (s->order[i] > 0) s->order[--to] = s->order[i] - 1;
}

/* All LMS positions, ascending. */
static void list_lms(const sort_t *s, int64_t n_lms, int32_t *position) {
    int32_t run[RUN + 1];
    for (lms_walk_t walk = lms_walk(s); walk.i > 0;) {
        int64_t found = lms_run(s->text, &walk, RUN, run);
        for (int64_t i = 0; i < found; i++) position[--n_lms] = run[i];
    }
}

/* The sorted LMS positions move to order[0 .. n_lms-1]. The string lies at the end of the array, so the inner problem
 * has the beginning for itself. */
static int sort_lms(sort_t *s, int64_t n_lms, int64_t names) {
    int32_t *string = s->order + s->n - n_lms;
    if (names == n_lms) {
        for (int64_t i = 0; i < n_lms; i++) s->order[i] = string[i] & POSITION;
        return 0;
    }
    name_lms(s, n_lms);
    sort_t inner = {.text = string, .n = n_lms, .symbols = names, .order = s->order};
    TRY(sort_whole(&inner));
    list_lms(s, n_lms, string);
    for (int64_t i = 0; i < n_lms; i++) {
        if (i + AHEAD < n_lms) __builtin_prefetch(&string[s->order[i + AHEAD]]);
        s->order[i] = string[s->order[i]];
    }
    return 0;
}

/* --- sorting all suffixes from them ------------------------------------------------------------------------------- */

static inline void fetch_place(const sort_t *s, int64_t i) {
    __builtin_prefetch(&s->place[s->text[in_front(s->order[i])]], 1);
}

static inline void fetch_target(const sort_t *s, int64_t i, int from_right) {
    __builtin_prefetch(&s->order[s->place[s->text[in_front(s->order[i])]] - from_right], 1);
}

static void place_starts(sort_t *s) {
    int32_t sum = 0;
    for (int64_t c = 0; c < s->symbols; c++) {
        s->place[c] = sum;
        sum += s->count[c];
    }
}

static void place_ends(sort_t *s) {
    int32_t sum = 0;
    for (int64_t c = 0; c < s->symbols; c++) s->place[c] = sum += s->count[c];
}

/* The sorted LMS positions at the front move to the right ends of their buckets; all other places are free. */
static void spread_lms(sort_t *s, int64_t n_lms) {
    memset(s->order + n_lms, 0, (size_t)(s->n - n_lms) * sizeof *s->order);
    place_ends(s);
    for (int64_t i = n_lms - 1; i >= 0; i--) {
        if (i >= AHEAD) __builtin_prefetch(&s->text[s->order[i - AHEAD]]);
        int32_t p = s->order[i];
        s->order[i] = 0;
        s->order[--s->place[s->text[p]]] = p;
    }
}

/* Puts L-type position p at the left of its bucket. */
static inline void put_l(sort_t *s, int32_t p) {
    int32_t c = s->text[p];
    s->order[s->place[c]++] = p > 0 && s->text[p - 1] < c ? ~p : p;
}

/* Puts S-type position p at the right of its bucket. */
static inline void put_s(sort_t *s, int32_t p) {
    int32_t c = s->text[p];
    s->order[--s->place[c]] = p == 0 || s->text[p - 1] > c ? ~p : p;
}

/* To the right: every entry p > 0 is taken to have an L-type predecessor. Leaves complements of what was looked at, and
 * plain those whose predecessor is S. 0 marks a free place as well as position 0, which has no predecessor. */
static void pass_l(sort_t *s) {
    place_starts(s);
    put_l(s, (int32_t)s->n - 1);
    for (int64_t i = 0; i < s->n; i++) {
        if (i + 3 * AHEAD < s->n) {
            fetch_symbol(s, i + 3 * AHEAD);
            if (s->symbols > NEAR) fetch_place(s, i + 2 * AHEAD);
            fetch_target(s, i + AHEAD, 0);
        }
        int32_t p = s->order[i];
        s->order[i] = ~p;
        if (p > 0) put_l(s, p - 1);
    }
}

/* To the left: entries p > 0 have an S-type predecessor. Leaves plain entries only. */
static void pass_s(sort_t *s) {
    place_ends(s);
    for (int64_t i = s->n - 1; i >= 0; i--) {
        if (i >= 3 * AHEAD) {
            fetch_symbol(s, i - 3 * AHEAD);
            if (s->symbols > NEAR) fetch_place(s, i - 2 * AHEAD);
            fetch_target(s, i - AHEAD, 1);
        }
        int32_t p = s->order[i];
        if (p > 0)
            put_s(s, p - 1);
        else
            s->order[i] = ~p;
    }
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

/* Tables are there only while they are needed: not while the inner problem has its own. */
static int first_half(sort_t *s, int64_t *n_lms, int64_t *names) {
    s->count = mem_new(s->symbols, sizeof *s->count, "suffix sorting");
    s->bucket = mem_new(s->symbols, sizeof *s->bucket, "suffix sorting");
    int rc = s->count && s->bucket ? 0 : -1;
    if (rc == 0) {
        count_symbols(s);
        *n_lms = place_lms(s);
        *names = class_pass_s(s, class_pass_l(s));
    }
    mem_free(s->count);
    mem_free(s->bucket);
    return rc;
}

static int second_half(sort_t *s, int64_t n_lms) {
    s->count = mem_new(s->symbols, sizeof *s->count, "suffix sorting");
    s->place = mem_new(s->symbols, sizeof *s->place, "suffix sorting");
    int rc = s->count && s->place ? 0 : -1;
    if (rc == 0) {
        count_symbols(s);
        spread_lms(s, n_lms);
        pass_l(s);
        pass_s(s);
    }
    mem_free(s->count);
    mem_free(s->place);
    return rc;
}

static int sort_whole(sort_t *s) {
    int64_t n_lms, names;
    TRY(first_half(s, &n_lms, &names));
    TRY(sort_lms(s, n_lms, names));
    return second_half(s, n_lms);
}

int suffix_sort(const int32_t *text, int64_t n, int64_t symbols, int32_t *order) {
    assert(n > 0 && n <= SUFFIX_BLOCK_MOST);
    sort_t s = {.text = text, .n = n, .symbols = symbols, .order = order};
    return sort_whole(&s);
}
