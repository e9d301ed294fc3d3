/* From documents to token corpora: dir/members (what models are trained on) and dir/controls (held-out documents and
 * planted sequences that are never inserted). Both are folders of text/tokens.h, sealed and DONE; the caller marks dir.
 *
 * The inputs are cut into parts (text/input.h), which ranks take as they come free. Part i makes the shard IIIII-BASE
 * in both folders, be it empty there; BASE is the name of the file in which the part begins. Behind a member document
 * come the planted copies that inject_at puts there, as documents of their own:
 *
 *     folder    id                             source   family
 *     members   planted/LEVEL/NUMBER/COPY      planted  planted/LEVEL/NUMBER
 *     controls  planted-control/LEVEL/NUMBER   planted  planted-control/LEVEL/NUMBER    (all in the shard "planted")
 *
 * Ids are unique in the corpus: a second document with one id is an error, since documents are held out by id and
 * tables name them by it. An empty document stays one (of no tokens). A file may hold no document; the corpus may not.
 *
 * Work that an interrupted run left in dir is of use to the next: parts whose shards are committed are not done again,
 * and what the ways over the inputs before it found is kept beside them:
 *
 *     dir/key          what the work was begun with
 *     dir/inputs.csv   name,format,bytes,size,check: unpacked sizes of compressed files, where there are any
 *     dir/counts.csv   part,members,held_out,check: documents, where sequences are planted
 *
 * The bytes of dir do not depend on the number of ranks or of interruptions. */
#ifndef MEMPROBE_INGEST_H
#define MEMPROBE_INGEST_H
#include "text/inject.h"
#include "text/input.h"
#include "text/tokenizer.h"
#include <stdint.h>

typedef struct {
    const inputs_t *inputs;
    int64_t part_bytes; // of a shard's input; 0: as inputs_cut thinks fit
    double held_out;    // share of documents, 0 to below 1, chosen by the hash of (seed, document id)
    inject_t inject;
    uint64_t seed;
    int64_t memory;        // bytes a rank may use, besides the program and the tokenizer
    const char *end_token; // the text of the token behind each document; NULL or "": the tokenizer's own
    const char *scratch;   // an existing folder for words that find no room in memory, while a tokenizer is trained
    int32_t is_controls;   // 1: documents that no model is trained on; messages say so, nothing else
    /* Local: are the files of an input still those that key names? Asked before a part is committed, since a later run
     * goes on with it; -1 and an error when they are not. NULL: not asked. */
    int (*holds)(const void *user, int64_t input);
    const void *user;
    const char *key; // names all that goes in; work begun with another is removed. NULL: begin anew
} ingest_t;

/* The longest line, text or row of tokens that a rank with so much memory takes: input_rules_t.document_limit. */
int64_t ingest_document_limit(int64_t memory);

/* Local: a message when a value of spec makes no sense. trains: a tokenizer is to be trained, which takes text. */
int ingest_check(const ingest_t *spec, int trains);

/* Local: the token that follows each document, by its text or, where that is NULL or "", the tokenizer's own. An error,
 * which names the path of the tokenizer, when it has none. */
int ingest_find_end(const tokenizer_t *tokenizer, const char *path, const char *text, int32_t *end);

/* Collective: trains a tokenizer on the member documents of the inputs and each planted sequence once. */
int ingest_train_tokenizer(const ingest_t *spec, int32_t vocab, const char *json_path);
/* Collective: encodes everything, or what is left of it. */
int ingest_run(const ingest_t *spec, const char *tokenizer_path, const char *dir);

#endif
