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
 * The passes read the order in sequence but text and bucket ends at random, so both are fetched ahead. */
#include "index/suffix_sort.h"
#include "base/err.h"
#include "base/mem.h"
#include <string.h>

enum { AHEAD = 32 };

typedef struct {
    const int32_t *text;
    int64_t n, symbols;
    int32_t *order;
    int32_t *count;  // (symbols) how often each symbol occurs
    int32_t *bucket; // (symbols) the next free place of each symbol's bucket, from the left or the right
} sort_t;

/* --- buckets ------------------------------------------------------------------------------------------------------ */

static void count_symbols(sort_t *s) {
    memset(s->count, 0, (size_t)s->symbols * sizeof *s->count);
    for (int64_t i = 0; i < s->n; i++) s->count[s->text[i]]++;
}

static void bucket_starts(sort_t *s) {
    int32_t sum = 0;
    for (int64_t c = 0; c < s->symbols; c++) {
        s->bucket[c] = sum;
        sum += s->count[c];
    }
}

static void bucket_ends(sort_t *s) {
    int32_t sum = 0;
    for (int64_t c = 0; c < s->symbols; c++) s->bucket[c] = sum += s->count[c];
}

/* --- the two passes ----------------------------------------------------------------------------------------------- */

/* What the turn of an entry will need is fetched in three steps, each when what it depends on has come: the symbol in
 * front of it, that symbol's bucket, the place in the bucket. A bucket may move on in between; the line is near enough.
 */
static inline void fetch_symbol(const sort_t *s, int64_t i) {
    int32_t p = s->order[i];
    __builtin_prefetch(&s->text[p > 0 ? p - 1 : 0]);
}

static inline void fetch_bucket(const sort_t *s, int64_t i) {
    int32_t p = s->order[i];
    if (p > 0) __builtin_prefetch(&s->bucket[s->text[p - 1]], 1);
}

static inline void fetch_place(const sort_t *s, int64_t i, int from_right) {
    int32_t p = s->order[i];
    if (p > 0) __builtin_prefetch(&s->order[s->bucket[s->text[p - 1]] - from_right], 1);
}

/* Puts L-type position p at the left of its bucket. */
static inline void put_l(sort_t *s, int32_t p) {
    int32_t c = s->text[p];
    s->order[s->bucket[c]++] = p > 0 && s->text[p - 1] < c ? ~p : p;
}

/* Puts S-type position p at the right of its bucket. */
static inline void put_s(sort_t *s, int32_t p) {
    int32_t c = s->text[p];
    s->order[--s->bucket[c]] = p == 0 || s->text[p - 1] > c ? ~p : p;
}

/* To the right: every entry p > 0 is taken to have an L-type predecessor. Leaves complements of what was looked at, and
 * plain those whose predecessor is S. 0 marks a free place as well as position 0, which has no predecessor. */
static void induce_l(sort_t *s) {
    bucket_starts(s);
    put_l(s, (int32_t)s->n - 1); // in front of the end of the text, the smallest of all
    for (int64_t i = 0; i < s->n; i++) {
        if (i + 3 * AHEAD < s->n) {
            fetch_symbol(s, i + 3 * AHEAD);
            fetch_bucket(s, i + 2 * AHEAD);
            fetch_place(s, i + AHEAD, 0);
        }
        int32_t p = s->order[i];
        s->order[i] = ~p;
        if (p > 0) put_l(s, p - 1);
    }
}

/* To the left: entries p > 0 have an S-type predecessor. Leaves plain entries only. */
static void induce_s(sort_t *s) {
    bucket_ends(s);
    for (int64_t i = s->n - 1; i >= 0; i--) {
        if (i >= 3 * AHEAD) {
            fetch_symbol(s, i - 3 * AHEAD);
            fetch_bucket(s, i - 2 * AHEAD);
            fetch_place(s, i - AHEAD, 1);
        }
        int32_t p = s->order[i];
        if (p > 0)
            put_s(s, p - 1);
        else
            s->order[i] = ~p;
    }
}

/* --- LMS positions ------------------------------------------------------------------------------------------------ */

/* A walk over the LMS positions from the right, which knows the type of each position as it comes by. */
typedef struct {
    int64_t i;
    int is_s;
} lms_walk_t;

/* The next LMS position to the left, -1 at the end. Starts with i = n - 1, which is L, and is_s = 0. */
static inline int64_t lms_before(const int32_t *text, lms_walk_t *w) {
    while (w->i > 0) {
        int64_t p = w->i--;
        int is_s = text[p - 1] < text[p] || (text[p - 1] == text[p] && w->is_s);
        int is_lms = w->is_s && !is_s;
        w->is_s = is_s;
        if (is_lms) return p;
    }
    return -1;
}

/* Number of LMS positions; they stand at the right ends of their buckets, in order of position from the right. */
static int64_t place_lms(sort_t *s) {
    int64_t n = 0;
    memset(s->order, 0, (size_t)s->n * sizeof *s->order);
    bucket_ends(s);
    lms_walk_t walk = {s->n - 1, 0};
    int32_t late[AHEAD] = {0}; // positions whose places are being fetched
    for (int64_t p; (p = lms_before(s->text, &walk)) >= 0; n++) {
        int32_t *slot = &late[n % AHEAD];
        if (n >= AHEAD) s->order[--s->bucket[s->text[*slot]]] = *slot;
        *slot = (int32_t)p;
        __builtin_prefetch(&s->order[s->bucket[s->text[p]] - 1], 1);
    }
    for (int64_t k = n > AHEAD ? n - AHEAD : 0; k < n; k++) {
        int32_t p = late[k % AHEAD];
        s->order[--s->bucket[s->text[p]]] = p;
    }
    return n;
}

/* Is p LMS? Its predecessor must be larger, and the next symbol that differs too. Every run of equal symbols is walked
 * over from its first place only. */
static inline int is_lms(const sort_t *s, int64_t p) {
    if (p == 0 || s->text[p - 1] <= s->text[p]) return 0;
    int64_t q = p + 1;
    while (q < s->n && s->text[q] == s->text[p]) q++;
    return q < s->n && s->text[q] > s->text[p];
}

/* Moves the LMS positions, in their present order, to the front. */
static void collect_lms(sort_t *s) {
    int64_t kept = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (i + AHEAD < s->n) __builtin_prefetch(&s->text[s->order[i + AHEAD]]);
        int32_t p = s->order[i];
        if (is_lms(s, p)) s->order[kept++] = p;
    }
}

/* Names the LMS substrings by rank from 1, equal ones alike; a substring goes to the next LMS position and includes it.
 * The name of p goes to order[n_lms + p / 2]: no two LMS positions are neighbours. Its length is kept there before. */
static int64_t name_lms(sort_t *s, int64_t n_lms) {
    int32_t *name = s->order + n_lms;
    memset(name, 0, (size_t)(s->n - n_lms) * sizeof *name);
    lms_walk_t walk = {s->n - 1, 0};
    int64_t next = s->n - 1; // the last substring ends with the text
    for (int64_t p; (p = lms_before(s->text, &walk)) >= 0; next = p) name[p / 2] = (int32_t)(next - p + 1);

    int64_t names = 0, before = 0, before_length = 0;
    for (int64_t i = 0; i < n_lms; i++) {
        if (i + AHEAD < n_lms) {
            __builtin_prefetch(&s->text[s->order[i + AHEAD]]);
            __builtin_prefetch(&name[s->order[i + AHEAD] / 2], 1);
        }
        int64_t p = s->order[i], length = name[p / 2];
        // The one that ends with the text has the end behind it, smaller than all symbols: it equals no other.
        int same = i > 0 && length == before_length && p + length < s->n && before + length < s->n &&
                   memcmp(s->text + p, s->text + before, (size_t)length * sizeof *s->text) == 0;
        names += !same;
        name[p / 2] = (int32_t)names;
        before = p;
        before_length = length;
    }
    return names;
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static int sort_whole(sort_t *s);

/* Sorts the LMS suffixes by the string of their names: order[0 .. n_lms-1] becomes their positions in order. The string
 * lies at the end of the array, so the inner problem has the beginning for itself. */
static int sort_lms(sort_t *s, int64_t n_lms, int64_t names) {
    int32_t *string = s->order + s->n - n_lms;
    for (int64_t i = n_lms + (s->n - 1) / 2, to = s->n; i >= n_lms; i--)
        if (s->order[i] > 0) s->order[--to] = s->order[i] - 1;
    if (names < n_lms) {
        sort_t inner = {.text = string, .n = n_lms, .symbols = names, .order = s->order};
        TRY(sort_whole(&inner));
    } else {
        for (int64_t i = 0; i < n_lms; i++) s->order[string[i]] = (int32_t)i;
    }
    lms_walk_t walk = {s->n - 1, 0};
    int64_t k = n_lms;
    for (int64_t p; (p = lms_before(s->text, &walk)) >= 0;) string[--k] = (int32_t)p;
    for (int64_t i = 0; i < n_lms; i++) {
        if (i + AHEAD < n_lms) __builtin_prefetch(&string[s->order[i + AHEAD]]);
        s->order[i] = string[s->order[i]];
    }
    return 0;
}

/* The sorted LMS positions at the front move to the right ends of their buckets; all other places are free. */
static void spread_lms(sort_t *s, int64_t n_lms) {
    memset(s->order + n_lms, 0, (size_t)(s->n - n_lms) * sizeof *s->order);
    bucket_ends(s);
    for (int64_t i = n_lms - 1; i >= 0; i--) {
        if (i >= AHEAD) __builtin_prefetch(&s->text[s->order[i - AHEAD]]);
        int32_t p = s->order[i];
        s->order[i] = 0;
        s->order[--s->bucket[s->text[p]]] = p;
    }
}

static int sort_counted(sort_t *s) {
    count_symbols(s);
    int64_t n_lms = place_lms(s);
    if (n_lms > 1) {
        induce_l(s);
        induce_s(s);
        collect_lms(s);
        TRY(sort_lms(s, n_lms, name_lms(s, n_lms)));
        spread_lms(s, n_lms);
    }
    induce_l(s);
    induce_s(s);
    return 0;
}

static int sort_whole(sort_t *s) {
    s->count = mem_new(s->symbols, sizeof *s->count, "suffix sorting");
    s->bucket = mem_new(s->symbols, sizeof *s->bucket, "suffix sorting");
    int rc = s->count && s->bucket ? sort_counted(s) : -1;
    mem_free(s->count);
    mem_free(s->bucket);
    return rc;
}

int suffix_sort(const int32_t *text, int64_t n, int64_t symbols, int32_t *order) {
    sort_t s = {.text = text, .n = n, .symbols = symbols, .order = order};
    return sort_whole(&s);
}
