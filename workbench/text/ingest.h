/* From documents to token corpora: dir/members (what models are trained on) and dir/controls (held-out documents and
 * planted sequences that are never inserted). Both are folders of text/tokens.h, sealed and DONE; the caller marks dir.
 *
 * Input file i makes the shard IIII-BASENAME in both, be it empty there. Behind a member document come the planted
 * copies that inject_at puts there, as documents of their own:
 *
 *     folder    id                             source   family
 *     members   planted/LEVEL/NUMBER/COPY      planted  planted/LEVEL/NUMBER
 *     controls  planted-control/LEVEL/NUMBER   planted  planted-control/LEVEL/NUMBER    (all in the shard "planted")
 *
 * Ids are unique in the corpus: a second document with one id is an error, since documents are held out by id and
 * tables name them by it. An empty document stays one (of no tokens). A file may hold no document; the corpus may not.
 */
#ifndef MEMPROBE_INGEST_H
#define MEMPROBE_INGEST_H
#include "base/file.h"
#include "text/inject.h"
#include <stdint.h>

typedef struct {
    const file_list_t *inputs;
    double held_out; // share of documents, 0 to below 1, chosen by the hash of (seed, document id)
    inject_t inject;
    uint64_t seed;
    int64_t memory;      // bytes a rank may use
    const char *scratch; // existing folder for words that find no room there, while a tokenizer is trained
} ingest_t;

/* Collective: trains a tokenizer on the member documents of the inputs and each planted sequence once. */
int ingest_train_tokenizer(const ingest_t *spec, int32_t vocab, const char *json_path);
/* Collective: encodes everything; what dir/members and dir/controls held before is removed. Input files are dealt to
 * ranks; the bytes of the result do not depend on their number. */
int ingest_run(const ingest_t *spec, const char *tokenizer_path, const char *dir);

#endif
