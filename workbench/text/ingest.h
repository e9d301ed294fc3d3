/* From documents to token corpora: dir/members (what models are trained on) and dir/controls (held-out documents and
 * planted sequences that are never inserted). */
#ifndef MEMPROBE_INGEST_H
#define MEMPROBE_INGEST_H
#include "base/file.h"
#include "text/inject.h"
#include <stdint.h>

typedef struct {
    const file_list_t *inputs;
    double held_out; // share of documents, chosen by the hash of (seed, document id)
    inject_t inject;
    uint64_t seed;
} ingest_t;

/* Collective: trains a tokenizer on the member documents and planted texts of the inputs. */
int ingest_train_tokenizer(const ingest_t *spec, int32_t vocab, const char *json_path);
/* Collective: encodes everything. Input files are dealt to ranks; the result does not depend on their number. */
int ingest_run(const ingest_t *spec, const char *tokenizer_path, const char *dir);

#endif
