/* Searching a block: binary searches in the order of its suffixes, LANES of them under way at once. A step of one
 * search needs two lines of memory, the entry of the order and the text that it points to; each is asked for, and
 * meanwhile the other searches take their steps. The table of first tokens saves about half of the steps.
 *
 * A search knows how many tokens its query shares with the suffixes at both ends of what is left (Manber and Myers
 * 1993); whatever lies between shares at least the lesser of them, and is compared from there on. */
#include "base/err.h"
#include "base/mem.h"
#include "index/suffix_file.h"

enum { LANES = 32 };

typedef enum { IDLE, LOWER, GALLOP, UPPER } phase_t;

typedef struct {
    phase_t phase;
    int is_fetched; // the order's entry at mid has come; else it was only asked for
    int64_t which;  // the query
    const int32_t *token;
    int64_t length;
    int64_t low, high;   // what is looked for lies in [low, high]
    int64_t end;         // of the suffixes that begin with the first token
    int64_t shared_low;  // tokens that the query shares with the suffix before low
    int64_t shared_high; // and with the one at high
    int64_t mid, step;
    uint32_t at; // where the suffix at mid starts
} lane_t;

static int entry_at(suffix_block_t *b, int64_t i, uint32_t *at) {
    TRY(suffix_touch(b, b->at.order + 4 * i, 4));
    *at = b->order[i];
    if (*at < b->head.tokens) return 0;
    return err_set("%s: entry %lld of its order points outside its text", b->path, (long long)i);
}

/* Compares a query with the suffix that starts at `at`, of which `shared` tokens are known to agree; *shared becomes
 * the true number. *sign: -1 the suffix is smaller, 0 it begins with the query, 1 it is larger. */
static int compare(suffix_block_t *b, const int32_t *token, int64_t length, uint32_t at, int64_t *shared, int *sign) {
    const int64_t width = b->head.width, stretch = SUFFIX_PIECE / width;
    int64_t left = b->head.tokens - at, i = *shared;
    while (i < length && i < left) {
        int64_t to = i + stretch < length ? i + stretch : length;
        if (to > left) to = left;
        TRY(suffix_touch(b, b->at.text + width * (at + i), width * (to - i)));
        for (; i < to; i++) {
            uint32_t theirs = suffix_token(b, at + i), ours = (uint32_t)token[i];
            if (theirs == ours) continue;
            *shared = i;
            *sign = theirs < ours ? -1 : 1;
            return 0;
        }
    }
    *shared = i;
    *sign = i < length ? -1 : 0; // a text that ends early is smaller
    return 0;
}

/* --- one step of one search --------------------------------------------------------------------------------------- */

static void ask(const suffix_block_t *b, lane_t *l, int64_t mid) {
    l->mid = mid;
    l->is_fetched = 0;
    __builtin_prefetch(&b->order[mid]);
}

static void halve(const suffix_block_t *b, lane_t *l) {
    ask(b, l, l->low + (l->high - l->low) / 2);
}

/* The search for the first suffix not below the query is over: for the last that begins with it, go up in growing
 * steps, since most spans are rare. */
static void begin_gallop(const suffix_block_t *b, lane_t *l, suffix_range_t *range, int wants_end) {
    *range = (suffix_range_t){l->low, l->low};
    if (l->shared_high < l->length) {
        l->phase = IDLE;
        return;
    }
    range->high = l->low + 1;
    l->phase = GALLOP;
    l->step = 1;
    l->low++;
    l->high = l->end;
    l->shared_low = l->length;
    l->shared_high = 1;
    if (!wants_end || l->low == l->end)
        l->phase = IDLE;
    else
        ask(b, l, l->low);
}

static void step_lower(const suffix_block_t *b, lane_t *l, int sign, int64_t shared, suffix_range_t *range,
                       int wants_end) {
    if (sign < 0) {
        l->low = l->mid + 1;
        l->shared_low = shared;
    } else {
        l->high = l->mid;
        l->shared_high = shared;
    }
    if (l->low < l->high)
        halve(b, l);
    else
        begin_gallop(b, l, range, wants_end);
}

static void step_upper(const suffix_block_t *b, lane_t *l, int sign, int64_t shared, suffix_range_t *range) {
    if (sign == 0) {
        l->low = l->mid + 1;
    } else {
        l->high = l->mid;
        l->shared_high = shared;
        l->phase = UPPER; // the gallop has gone past the end
    }
    if (l->low == l->high) {
        range->high = l->low;
        l->phase = IDLE;
    } else if (l->phase == UPPER) {
        halve(b, l);
    } else {
        l->step *= 2;
        ask(b, l, l->low + l->step - 1 < l->high ? l->low + l->step - 1 : l->high - 1);
    }
}

static int step(suffix_block_t *b, lane_t *l, suffix_range_t *range, int wants_end) {
    if (!l->is_fetched) {
        TRY(entry_at(b, l->mid, &l->at));
        l->is_fetched = 1;
        int64_t byte = b->at.text + b->head.width * l->at;
        __builtin_prefetch(b->file.data + byte);
        return 0;
    }
    int64_t shared = l->shared_low < l->shared_high ? l->shared_low : l->shared_high;
    int sign;
    TRY(compare(b, l->token, l->length, l->at, &shared, &sign));
    if (l->phase == LOWER)
        step_lower(b, l, sign, shared, range, wants_end);
    else
        step_upper(b, l, sign, shared, range);
    return 0;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* The next query into a lane; those whose answer the table of first tokens gives are answered at once. */
static void begin(const suffix_block_t *b, const suffix_query_t *query, int64_t n, int64_t *next, int wants_end,
                  lane_t *l, suffix_range_t *range) {
    while (*next < n) {
        int64_t which = (*next)++;
        const suffix_query_t *q = &query[which];
        int32_t first = q->token[0];
        range[which] = (suffix_range_t){0, 0};
        if (first < 0 || first >= b->head.vocab) continue;
        int64_t low = b->starts[first], high = b->starts[first + 1];
        range[which] = (suffix_range_t){low, high};
        if (low == high || (q->length == 1 && wants_end)) continue;
        *l = (lane_t){.phase = LOWER,
                      .which = which,
                      .token = q->token,
                      .length = q->length,
                      .low = low,
                      .high = high,
                      .end = high,
                      .shared_low = 1,
                      .shared_high = 1};
        if (q->length == 1) { // the whole range begins with it
            range[which] = (suffix_range_t){low, low + 1};
            l->phase = IDLE;
            continue;
        }
        halve(b, l);
        return;
    }
}

/* wants_end 0: only the first suffix not below the query, and range.high - range.low is 1 if it begins with it. */
static int search(suffix_block_t *b, const suffix_query_t *query, int64_t n, int wants_end, suffix_range_t *range) {
    lane_t lane[LANES] = {{0}};
    int64_t next = 0;
    int busy = 0;
    for (int i = 0; i < LANES; i++) {
        begin(b, query, n, &next, wants_end, &lane[i], range);
        busy += lane[i].phase != IDLE;
    }
    while (busy > 0) {
        for (int i = 0; i < LANES; i++) {
            lane_t *l = &lane[i];
            if (l->phase == IDLE) continue;
            TRY(step(b, l, &range[l->which], wants_end));
            if (l->phase != IDLE) continue;
            begin(b, query, n, &next, wants_end, l, range);
            busy -= l->phase == IDLE;
        }
    }
    return 0;
}

int suffix_find(suffix_t *index, int32_t block, const suffix_query_t *query, int64_t n, suffix_range_t *range) {
    return search(&index->block[block], query, n, 1, range);
}

int suffix_positions(suffix_t *index, int32_t block, int64_t low, int64_t n, int64_t *position) {
    suffix_block_t *b = &index->block[block];
    for (int64_t i = 0; i < n; i++) {
        uint32_t at;
        TRY(entry_at(b, low + i, &at));
        position[i] = b->head.first + at;
    }
    return 0;
}

/* --- longest matches ---------------------------------------------------------------------------------------------- */

/* What shares most with a text stands next to where the text would be put in the order, on one of both sides. */
static int longest_beside(suffix_block_t *b, const suffix_query_t *q, int64_t place, int64_t *longest, int64_t *at) {
    int64_t first = b->starts[q->token[0]], end = b->starts[q->token[0] + 1];
    for (int64_t i = place - 1; i <= place; i++) {
        if (i < first || i >= end) continue;
        uint32_t start;
        int64_t shared = 1;
        int sign;
        TRY(entry_at(b, i, &start));
        TRY(compare(b, q->token, q->length, start, &shared, &sign));
        if (shared <= *longest) continue;
        *longest = shared;
        *at = b->head.first + start;
    }
    return 0;
}

int suffix_longest(suffix_t *index, int32_t block, const int32_t *text, int64_t n, int64_t *longest, int64_t *at) {
    suffix_block_t *b = &index->block[block];
    suffix_query_t *query = mem_new(n, sizeof *query, "longest matches");
    suffix_range_t *range = mem_new(n, sizeof *range, "longest matches");
    int rc = query && range ? 0 : -1;
    for (int64_t i = 0; i < n && rc == 0; i++) query[i] = (suffix_query_t){text + i, n - i};
    if (rc == 0) rc = search(b, query, n, 0, range);
    for (int64_t i = 0; i < n && rc == 0; i++) {
        longest[i] = 0;
        at[i] = -1;
        if (text[i] >= 0 && text[i] < b->head.vocab)
            rc = longest_beside(b, &query[i], range[i].low, &longest[i], &at[i]);
    }
    mem_free(query);
    mem_free(range);
    return rc;
}
