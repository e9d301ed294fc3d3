/* What the two ways over the input files share: walking a file, the choice of held-out documents, unique ids. Private
 * to text/ingest*.c. */
#ifndef MEMPROBE_INGEST_PARTS_H
#define MEMPROBE_INGEST_PARTS_H
#include "base/hash.h"
#include "text/documents.h"
#include "text/ingest.h"
#include <stdint.h>

/* Message when a value of spec makes no sense. */
int ingest_check(const ingest_t *spec);

/* Calls visit for every document of input `file`, in order; a visit that fails ends the walk. */
typedef int ingest_visit_t(void *self, const document_t *document, int held_out);
int ingest_walk(const ingest_t *spec, int64_t file, ingest_visit_t *visit, void *self);

/* Ids seen by this rank. */
typedef struct {
    hash_t hash;          // of the id
    int64_t file, number; // where it stands: input file, document in it from 1
} ingest_id_t;
typedef struct {
    ingest_id_t *id;
    int64_t n, capacity;
} ingest_ids_t;
int ingest_ids_add(ingest_ids_t *ids, const char *id, int64_t file, int64_t number);
/* Collective: an error when two documents of the corpus have one id. */
int ingest_ids_check(const ingest_t *spec, const ingest_ids_t *ids);
void ingest_ids_free(ingest_ids_t *ids);

#endif
