/* Walking an input file, the choice of held-out documents, unique ids over all ranks. See ingest_parts.h. */
#include "text/ingest_parts.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "par/par.h"
#include <stdlib.h>
#include <string.h>

int ingest_check(const ingest_t *spec) {
    if (spec->inputs->count == 0) return err_set("[corpus] documents: no input file");
    if (!(spec->held_out >= 0 && spec->held_out < 1)) {
        return err_set("[corpus] held_out: %g is not a share from 0 to below 1", spec->held_out);
    }
    return 0;
}

/* Chosen by the id, not by the place: a document stays on its side when files are renamed, split or put in another
 * order. Compared in integers: 53 bits of a share are exact. */
static int holds_out(const ingest_t *spec, const char *id) {
    uint64_t drawn = rng_u64(spec->seed, RNG_HOLD_OUT, hash_text(id).lo) >> 11;
    return drawn < (uint64_t)(spec->held_out * 0x1p53);
}

/* Names of planted documents are ours while there are any. */
static int id_check(const ingest_t *spec, const document_t *document) {
    int ours = strncmp(document->id, "planted/", 8) == 0 || strncmp(document->id, "planted-control/", 16) == 0;
    if (!ours || spec->inject.per_level == 0) return 0;
    return err_set("document '%s': such ids are those of planted sequences; give it another, or leave out [inject]",
                   document->id);
}

int ingest_walk(const ingest_t *spec, int64_t file, ingest_visit_t *visit, void *self) {
    const char *path = spec->inputs->path[file];
    documents_t *reader = NULL;
    document_t document;
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    TRY(inputs_open_file(path, NULL, &rules, &inputs));
    int rc = documents_open(&inputs.input[0], &reader);
    while (rc == 0 && (rc = documents_next(reader, &document)) == 1) {
        rc = id_check(spec, &document) == 0 ? visit(self, &document, holds_out(spec, document.id))
                                            : err_context("%s", path);
        if (rc != 0) break;
    }
    documents_close(reader);
    inputs_free(&inputs);
    return rc;
}

int ingest_ids_add(ingest_ids_t *ids, const char *id, int64_t file, int64_t number) {
    TRY(mem_grow(&ids->id, &ids->capacity, ids->n + 1, sizeof *ids->id, "ids of documents"));
    ids->id[ids->n++] = (ingest_id_t){hash_text(id), file, number};
    return 0;
}

void ingest_ids_free(ingest_ids_t *ids) {
    mem_free(ids->id);
    *ids = (ingest_ids_t){0};
}

static int by_place(const ingest_id_t *a, const ingest_id_t *b) {
    if (a->file != b->file) return a->file < b->file ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static int by_hash(const void *left, const void *right) {
    const ingest_id_t *a = left, *b = right;
    int order = hash_compare(a->hash, b->hash);
    return order != 0 ? order : by_place(a, b);
}

/* Ids of all ranks whose hash belongs to this one: equal ids meet on one rank, and no rank holds them all. */
static int gather_mine(const ingest_ids_t *ids, ingest_id_t **mine, int64_t *n) {
    int ranks = par_size();
    int64_t *count = mem_new(ranks, sizeof *count, "ids of documents"),
            *next = mem_new(ranks, sizeof *next, "ids of documents");
    ingest_id_t *dealt = mem_new(ids->n, sizeof *dealt, "ids of documents");
    int rc = par_agree(count == NULL || next == NULL || dealt == NULL ? -1 : 0);
    if (rc == 0) {
        for (int64_t i = 0; i < ids->n; i++) count[ids->id[i].hash.hi % (uint64_t)ranks]++;
        for (int r = 1; r < ranks; r++) next[r] = next[r - 1] + count[r - 1];
        for (int64_t i = 0; i < ids->n; i++) dealt[next[ids->id[i].hash.hi % (uint64_t)ranks]++] = ids->id[i];
        rc = par_exchange(dealt, count, sizeof *dealt, (void **)mine, n);
    }
    mem_free(dealt);
    mem_free(next);
    mem_free(count);
    return rc;
}

int ingest_ids_check(const ingest_t *spec, const ingest_ids_t *ids) {
    ingest_id_t *mine = NULL;
    int64_t n = 0;
    TRY(gather_mine(ids, &mine, &n));
    if (n > 0) qsort(mine, (size_t)n, sizeof *mine, by_hash);
    const ingest_id_t *again = NULL; // the first document of the corpus whose id was there before
    for (int64_t i = 1; i < n; i++) {
        if (hash_compare(mine[i - 1].hash, mine[i].hash) != 0) continue;
        if (again == NULL || by_place(&mine[i], again) < 0) again = &mine[i];
    }
    int rc = 0;
    if (again != NULL) {
        rc = err_set(
            "%s, document %lld, has the id of %s, document %lld: give every document of the corpus an id of its "
            "own",
            spec->inputs->path[again->file], (long long)again->number, spec->inputs->path[again[-1].file],
            (long long)again[-1].number);
    }
    mem_free(mine);
    return par_agree(rc);
}
