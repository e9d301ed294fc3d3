/* A study: what one config.ini says, checked and resolved. The option tables in study.c are the one place that knows
 * keys, defaults and ranges; they fill these structs, print --help-config and write the resolved config.ini. */
#ifndef MEMPROBE_STUDY_H
#define MEMPROBE_STUDY_H
#include "base/ini.h"
#include "index/probes.h"
#include "model/model.h"
#include "model/spec.h"
#include "probe/engine.h"
#include <stdio.h>

enum { STUDY_MODELS = 64, STUDY_MEMORIES = 16 };

typedef struct {
    const char *name, *results, *cache, *kernels, *plots;
    int64_t seed;
    int64_t memory; // bytes a rank may use for ingest, tokenizer training and census
} study_run_t;

typedef struct {
    const char *documents, *tokenizer;
    const char *controls;                             // "": those held out
    const char *text_field, *id_field, *source_field; // of JSON lines
    const char *end_token;                            // "": the tokenizer's own
    double held_out;
    int64_t part;        // bytes of input a shard, 0: automatic
    int64_t train_vocab; // from "train:N"; 0: tokenizer is a file
} study_corpus_t;

typedef struct {
    const char *sequences; // "20 per level"
    opt_ints_t duplicates;
    int64_t words;
    int64_t per_level; // parsed from sequences; 0: nothing is planted
} study_inject_t;

typedef struct {
    int32_t asked; // the config has a section [census]
    opt_ints_t lengths;
    int32_t overlapping, per_document;
    int64_t top;
    int32_t near; // look for near-duplicates as well
    int64_t shingle;
    double threshold;
} study_census_t;

typedef struct {
    const char *name;
    int32_t train;
    const char *checkpoint; // a Hugging Face folder, when train is no
    const char *precision_name;
    precision_t precision; // of probing and of the store
    int64_t layers, width, heads, ffn, context, batch;
    double rotary_pct, epochs, lr, lr_end, warmup, decay, clip, save_every;
    int32_t parallel_residual;
} study_model_t;

typedef struct {
    const char *sample, *windows, *match, *decode, *measure_name, *verify;
    measure_t measure;
    opt_ints_t context;
    int64_t suffix, per_bucket, probes, batch_tokens;
    double alpha;
    sample_protocol_t protocol; // from sample
    char *path[2];              // of file:PATH, or file:CONTEXTS.npy,SUFFIXES.npy
    int paths;
} study_probe_t;

typedef struct {
    const char *name, *kind, *models; // models: comma-separated names, or "all"
    int64_t k, stride;
    opt_reals_t lambda;
    double temperature;
} study_memory_t;

typedef struct {
    ini_t *ini; // owns all texts
    study_run_t run;
    study_corpus_t corpus;
    study_inject_t inject;
    study_census_t census;
    study_probe_t probe;
    int32_t n_models, n_memories; // no models: a study of the corpus alone, without probes
    study_model_t model[STUDY_MODELS];
    study_memory_t memory[STUDY_MEMORIES];
} study_t;

/* Local. Reads the file, applies `overrides` ("section.key=value") and checks all that can be checked without running.
 */
int study_load(const char *path, char *const *overrides, int32_t n_overrides, study_t *study);
void study_free(study_t *study);

model_spec_t study_model_spec(const study_model_t *model, int64_t vocab, int32_t end_token); // of a model trained here
int study_memory_has_model(const study_memory_t *memory, const char *model); // is the model named in `models`?
int64_t study_window(const study_t *study);                                  // longest context + suffix

void study_print_help(FILE *out);                               // every key with its default, range and meaning
int study_write_config(const study_t *study, const char *path); // resolved: every key with the value in force

#endif
