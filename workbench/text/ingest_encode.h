/* Encoding the parts of a corpus into shards, the planted copies among them. Private to text/ingest*.c. */
#ifndef MEMPROBE_INGEST_ENCODE_H
#define MEMPROBE_INGEST_ENCODE_H
#include "text/ingest_parts.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <stdint.h>

/* Where the member documents stand, counted beforehand; without planted sequences nobody needs to know: all NULL. */
typedef struct {
    int64_t *members, *held; // (parts) documents
    int64_t *before;         // (parts) member documents of the parts before
    int64_t total;           // member documents
} ingest_counts_t;

typedef struct {
    const ingest_parts_t *parts;
    const ingest_counts_t *counts;
    const char *dir;
    tokenizer_t *tokenizer;
    int32_t vocab, end;
    ingest_progress_t progress;
    ingest_walker_t walker;
    /* of the part at hand */
    shard_out_t *members, *controls;
    int64_t part;
    int64_t member, held; // documents seen so far
} ingest_encoder_t;

/* Local: the tokenizer, and which of its tokens ends a document. The caller frees it, after an error too. */
int ingest_encoder_load(const ingest_t *spec, const char *path, ingest_encoder_t *encoder);
void ingest_encoder_free(ingest_encoder_t *encoder);

int ingest_encode_part(ingest_encoder_t *encoder, int64_t part); // local: both shards of a part, committed
int ingest_encode_controls(ingest_encoder_t *encoder);           // local: the twins of all planted sequences

/* Local: 1 when both shards of the part are committed and of the size that their descriptions say. */
int ingest_part_is_done(const ingest_encoder_t *encoder, int64_t part);

#endif
