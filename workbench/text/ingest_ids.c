/* Ids are unique in the corpus: looked up in the document tables of the shards, when all are there, so that nothing has
 * to be kept while they are written and an interruption loses nothing. Equal ids have equal hashes: ranks exchange the
 * hashes of their shares, so that equal ones meet, and sort them. Done in rounds, each for one range of the hashes,
 * when those of all documents find no room in memory. */
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "text/doctable.h"
#include "text/format.h"
#include "text/ingest_parts.h"
#include <stdlib.h>
#include <string.h>

/* Documents are numbered over the members of all parts, then the controls of all parts. */
typedef struct {
    uint64_t hi, lo;
    int64_t document;
} doc_id_t;

static const char *const halves[] = {"members", "controls"};

/* --- document tables --------------------------------------------------------------------------------------------- */

typedef struct {
    file_map_t map;
    doctable_t table;
} table_t;

static void table_close(table_t *t) {
    file_unmap(&t->map);
}

/* Shard s: of part s % n, among the members if s < n. */
static int table_open(const ingest_parts_t *parts, const char *dir, int64_t shard, table_t *t) {
    *t = (table_t){0};
    char *name = ingest_shard_name(parts, shard % parts->n);
    char *path = name != NULL ? mem_printf("%s/%s/%s.docs", dir, halves[shard / parts->n], name) : NULL;
    int rc = path == NULL ? -1 : file_map(path, &t->map);
    if (rc == 0 && doctable_parse(path, t->map.data, t->map.size, &t->table) != 0) {
        table_close(t);
        rc = -1;
    }
    mem_free(path);
    mem_free(name);
    return rc;
}

/* Collective: number of the first document of each shard, and behind the last. */
static int number_documents(const ingest_parts_t *parts, const char *dir, int64_t *first) {
    int64_t shard, last;
    int rc = 0;
    for (par_share(2 * parts->n, &shard, &last); rc == 0 && shard < last; shard++) {
        table_t t;
        rc = table_open(parts, dir, shard, &t);
        if (rc != 0) break;
        first[shard + 1] = t.table.documents;
        table_close(&t);
    }
    TRY(par_agree(rc));
    par_sum_i64(first, 2 * parts->n + 1);
    for (int64_t s = 0; s < 2 * parts->n; s++) first[s + 1] += first[s];
    return 0;
}

/* --- one round --------------------------------------------------------------------------------------------------- */

typedef struct {
    doc_id_t *id;
    int64_t n, capacity;
} ids_t;

/* This rank's share of the documents whose hash is in the round, in order. */
static int collect(const ingest_parts_t *parts, const char *dir, const int64_t *first, uint64_t round, uint64_t rounds,
                   ids_t *ids) {
    int64_t from, to, shards = 2 * parts->n;
    par_share(first[shards], &from, &to);
    for (int64_t s = 0; s < shards; s++) {
        if (first[s + 1] <= from || first[s] >= to) continue;
        table_t t;
        TRY(par_go_on());
        TRY(table_open(parts, dir, s, &t));
        int64_t i = from > first[s] ? from - first[s] : 0, end = to < first[s + 1] ? to : first[s + 1];
        int rc = end - first[s] <= t.table.documents ? 0 : err_set("%s: changed while it was read", dir);
        for (; rc == 0 && i < end - first[s]; i++) {
            hash_t h = hash_text(doctable_id(&t.table, i));
            if ((h.hi >> 32) * rounds >> 32 != round) continue;
            rc = mem_grow(&ids->id, &ids->capacity, ids->n + 1, sizeof *ids->id, "ids of documents");
            if (rc == 0) ids->id[ids->n++] = (doc_id_t){h.hi, h.lo, first[s] + i};
        }
        table_close(&t);
        TRY(rc);
    }
    return 0;
}

/* Ids of all ranks whose hash belongs to this one: equal ids meet on one rank, and no rank holds them all. */
static int exchange(const ids_t *ids, doc_id_t **mine, int64_t *n) {
    int ranks = par_size();
    int64_t *count = mem_new(ranks, sizeof *count, "ids of documents"),
            *next = mem_new(ranks, sizeof *next, "ids of documents");
    doc_id_t *dealt = mem_new(ids->n, sizeof *dealt, "ids of documents");
    int rc = par_agree(count == NULL || next == NULL || dealt == NULL ? -1 : 0);
    if (rc == 0) {
        for (int64_t i = 0; i < ids->n; i++) count[ids->id[i].lo % (uint64_t)ranks]++;
        for (int r = 1; r < ranks; r++) next[r] = next[r - 1] + count[r - 1];
        for (int64_t i = 0; i < ids->n; i++) dealt[next[ids->id[i].lo % (uint64_t)ranks]++] = ids->id[i];
        rc = par_exchange(dealt, count, sizeof *dealt, (void **)mine, n);
    }
    mem_free(dealt);
    mem_free(next);
    mem_free(count);
    return rc;
}

static int is_before(const doc_id_t *a, const doc_id_t *b) {
    if (a->hi != b->hi) return a->hi < b->hi;
    if (a->lo != b->lo) return a->lo < b->lo;
    return a->document < b->document;
}

static int compare_ids(const void *left, const void *right) {
    return is_before(right, left) - is_before(left, right);
}

/* A few, or many when many documents have one id. */
static void sort_bucket(doc_id_t *id, int64_t n) {
    if (n > 64) {
        qsort(id, (size_t)n, sizeof *id, compare_ids);
        return;
    }
    for (int64_t i = 1; i < n; i++) {
        doc_id_t moved = id[i];
        int64_t at = i;
        for (; at > 0 && is_before(&moved, &id[at - 1]); at--) id[at] = id[at - 1];
        id[at] = moved;
    }
}

static uint64_t bucket_of(const doc_id_t *id, uint64_t buckets) {
    return (id->hi & UINT32_MAX) * buckets >> 32; // the upper half of hi chose the round
}

/* Brings equal hashes together, their documents in order. Hashes are spread evenly, so buckets by some of their bits
 * hold a few each: several times as fast as qsort over all. */
static int group_ids(doc_id_t **ids, int64_t n) {
    uint64_t buckets = n / 4 < UINT32_MAX ? (uint64_t)n / 4 + 1 : UINT32_MAX;
    int64_t *next = mem_new((int64_t)buckets + 1, sizeof *next, "ids of documents");
    doc_id_t *grouped = mem_new(n, sizeof *grouped, "ids of documents"), *id = *ids;
    if (next == NULL || grouped == NULL) {
        mem_free(next);
        mem_free(grouped);
        return -1;
    }
    for (int64_t i = 0; i < n; i++) next[bucket_of(&id[i], buckets) + 1]++;
    for (uint64_t b = 0; b < buckets; b++) next[b + 1] += next[b];
    for (int64_t i = 0; i < n; i++) grouped[next[bucket_of(&id[i], buckets)]++] = id[i];
    for (uint64_t b = 0; b < buckets; b++) { // next is the end of each by now
        int64_t first = b > 0 ? next[b - 1] : 0;
        sort_bucket(grouped + first, next[b] - first);
    }
    mem_free(next);
    mem_free(id);
    *ids = grouped;
    return 0;
}

/* The first document of the corpus whose id was there before, and where it was: INT64_MAX if there is none. */
typedef struct {
    int64_t again, before;
} twice_t;

static void find_twice(const doc_id_t *id, int64_t n, twice_t *twice) {
    for (int64_t i = 1; i < n; i++) {
        if (id[i - 1].hi != id[i].hi || id[i - 1].lo != id[i].lo || id[i].document >= twice->again) continue;
        *twice = (twice_t){id[i].document, id[i - 1].document};
    }
}

/* Collective. */
static int run_round(const ingest_parts_t *parts, const char *dir, const int64_t *first, uint64_t round,
                     uint64_t rounds, twice_t *twice) {
    ids_t ids = {0};
    doc_id_t *mine = NULL;
    int64_t n = 0;
    int rc = par_agree(collect(parts, dir, first, round, rounds, &ids));
    if (rc == 0) rc = exchange(&ids, &mine, &n);
    mem_free(ids.id);
    if (rc == 0) rc = par_agree(group_ids(&mine, n));
    if (rc == 0) find_twice(mine, n, twice);
    mem_free(mine);
    return rc;
}

/* --- what to say ------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *id;
    int64_t skip;         // how many of that id to pass over
    const input_t *input; // where it was found
    int64_t number;       // documents of this input seen, in the part
    char *place;
} finder_t;

static int find_document(void *self, const input_t *input, const document_t *document, int held_out) {
    finder_t *f = self;
    (void)held_out;
    if (f->input != input) f->number = 0;
    f->input = input;
    f->number++;
    if (strcmp(document->id, f->id) != 0 || f->skip-- > 0) return 0;
    f->place = mem_printf("document %lld", (long long)f->number);
    return -1; // found: the walk ends here, with f->input where it is
}

/* "FILE, document N" in words, by walking the part once more; mem_free. */
static char *describe(const ingest_parts_t *parts, int64_t part, const char *id, int64_t skip) {
    ingest_walker_t walker = {.parts = parts};
    finder_t finder = {.id = id, .skip = skip};
    const part_t *p = &parts->part[part];
    if (ingest_walk(&walker, part, find_document, &finder) != 0) err_clear();
    ingest_walker_close(&walker);
    const char *path = finder.input != NULL ? finder.input->path : ingest_part_input(parts, part)->path;
    const char *place = finder.place != NULL ? finder.place : "a document";
    char *text = p->inputs > 1 || p->first == 0
                     ? mem_printf("%s, %s", path, place)
                     : mem_printf("%s, %s behind %s %lld", path, place, ingest_part_input(parts, part)->format->unit,
                                  (long long)p->first);
    mem_free(finder.place);
    return text;
}

static int64_t shard_of(const int64_t *first, int64_t shards, int64_t document) {
    int64_t low = 0, high = shards;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (first[middle] <= document)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The message of the rank that found the two. */
static int say_twice(const ingest_parts_t *parts, const char *dir, const int64_t *first, twice_t twice) {
    int64_t a = shard_of(first, 2 * parts->n, twice.before), b = shard_of(first, 2 * parts->n, twice.again);
    table_t t;
    TRY(table_open(parts, dir, b, &t));
    const char *id = doctable_id(&t.table, twice.again - first[b]);
    char *before = describe(parts, a % parts->n, id, 0), *again = describe(parts, b % parts->n, id, a == b);
    if (before != NULL && again != NULL) {
        err_set("%s, has the id of %s: '%.200s'; give every document of the corpus an id of its own", again, before,
                id);
    }
    table_close(&t);
    mem_free(before);
    mem_free(again);
    return -1;
}

/* --- all rounds -------------------------------------------------------------------------------------------------- */

/* A rank holds its ids as collected, in an array that may be twice as large as it need be; as dealt; as received; and
 * the copy that is grouped. */
static uint64_t count_rounds(int64_t documents, int64_t memory) {
    int64_t bytes = (documents / par_size() + 1) * 5 * (int64_t)sizeof(doc_id_t);
    int64_t rounds = bytes / (memory > 0 ? memory : 1) + 1;
    return (uint64_t)(rounds < 1 << 20 ? rounds : 1 << 20);
}

static int check_all(const ingest_parts_t *parts, const char *dir, int64_t *first) {
    TRY(number_documents(parts, dir, first));
    uint64_t rounds = count_rounds(first[2 * parts->n], parts->spec->memory);
    twice_t twice = {INT64_MAX, INT64_MAX};
    for (uint64_t round = 0; round < rounds; round++) TRY(run_round(parts, dir, first, round, rounds, &twice));
    int64_t again = twice.again;
    par_min_i64(&again, 1);
    if (again == INT64_MAX) return 0;
    return par_agree(again == twice.again ? say_twice(parts, dir, first, twice) : 0);
}

int ingest_ids_check(const ingest_parts_t *parts, const char *dir, int64_t *members, int64_t *controls) {
    int64_t *first = mem_new(2 * parts->n + 1, sizeof *first, "numbers of documents");
    int rc = par_agree(first != NULL ? 0 : -1);
    if (rc == 0) rc = check_all(parts, dir, first);
    if (rc == 0) {
        *members = first[parts->n];
        *controls = first[2 * parts->n] - first[parts->n];
    }
    mem_free(first);
    return rc;
}
