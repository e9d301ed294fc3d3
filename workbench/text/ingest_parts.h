/* What training a tokenizer, counting and encoding share: the parts of the inputs, walking them, the choice of held-out
 * documents, progress over all ranks. Private to text/ingest*.c. */
#ifndef MEMPROBE_INGEST_PARTS_H
#define MEMPROBE_INGEST_PARTS_H
#include "base/csv.h"
#include "base/log.h"
#include "par/par.h"
#include "text/documents.h"
#include "text/ingest.h"
#include <stdint.h>

/* The inputs with all sizes, and their parts: the same on all ranks. */
typedef struct {
    const ingest_t *spec;
    inputs_t inputs; // a copy whose sizes are known; the texts are those of spec
    part_t *part;    // (n)
    int64_t n;
    int64_t bytes; // of all parts
} ingest_parts_t;

/* Collective: measures compressed inputs and cuts. dir: keeps the sizes from run to run; NULL: nothing is kept. */
int ingest_parts_create(const ingest_t *spec, const char *dir, ingest_parts_t *parts);
void ingest_parts_free(ingest_parts_t *parts);                               // accepts a zeroed one
const input_t *ingest_part_input(const ingest_parts_t *parts, int64_t part); // the one in which it begins
int64_t ingest_part_bytes(const ingest_parts_t *parts, int64_t part);

/* What an interrupted run noted for the next is rows of numbers, each with a hash of them at its end: a changed digit
 * would cut or plant otherwise than the shards that are there already. */
void ingest_row_end(csv_out_t *out, const int64_t *numbers, int n);                   // writes the hash, ends the row
int ingest_row_holds(const csv_t *table, int64_t row, const int64_t *numbers, int n); // 1 when its hash fits

/* Progress in bytes and documents over all ranks; shown by rank 0. Create and free are collective, the others local. */
typedef struct {
    par_tally_t *tally; // bytes, documents
    progress_t line;
    int64_t pending;    // bytes of the part at hand that are not in the tally yet
    int64_t documents;  // and documents
    int64_t part_bytes; // what is left of its share: text is less than the lines that it stands in
} ingest_progress_t;
int ingest_progress_create(const char *stage, int64_t total, int64_t done, ingest_progress_t *progress);
void ingest_progress_free(ingest_progress_t *progress, int rc); // closing line when rc is 0

/* One rank's way over parts, in rising order. Keeps its reader: the next part of one compressed file is reached by
 * unpacking what lies between, not by beginning again. */
typedef struct {
    const ingest_parts_t *parts;
    ingest_progress_t *progress; // may be NULL
    documents_t *reader;
    int64_t input, at; // whose reader it is, and the unit up to which it has read
} ingest_walker_t;

/* Calls visit for every document of the part, in order; a visit that fails ends the walk. A signal does so too. */
typedef int ingest_visit_t(void *self, const input_t *input, const document_t *document, int held_out);
int ingest_walk(ingest_walker_t *walker, int64_t part, ingest_visit_t *visit, void *self);
void ingest_walker_close(ingest_walker_t *walker);

/* Collective: an error when two documents of dir's shards have one id; else how many there are in the shards of the
 * parts: planted copies too, their controls not. */
int ingest_ids_check(const ingest_parts_t *parts, const char *dir, int64_t *members, int64_t *controls);

/* Shards sort by name as parts do by number. mem_free. */
char *ingest_shard_name(const ingest_parts_t *parts, int64_t part);

#endif
