/* The plan of a study: its stages in order, each with an artifact folder named by a hash of everything that went into
 * it. memprobe is a small make: a stage whose folder is DONE is skipped, a half-done one resumes or starts over, and a
 * changed setting changes the hashes of the stages that depend on it, and of no other. */
#ifndef MEMPROBE_PLAN_H
#define MEMPROBE_PLAN_H
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cmd/file_hashes.h"
#include "cmd/study.h"
#include "tensor/tensor.h"
#include "text/ingest.h"

typedef struct plan plan_t;
typedef struct stage stage_t;

struct stage {
    const char *verb;      // the verb of the command line that runs up to here
    const char *name;      // for people: "train large"
    const char *dir;       // its artifact
    hash_t hash;           // of everything that went into it
    int32_t model, memory; // indices into the study, -1 where they mean nothing
    int32_t resumable;     // a half-done folder is of use
    int32_t sealed;        // its files get checksums (base/seal.h)
    int32_t done;
    int (*run)(const plan_t *plan, stage_t *stage); // collective: 0 done, 1 interrupted with state saved, -1
    double tokens, flop;                            // the work it did, for the rates of the run; 0 until it has run
    double load_seconds;                            // in which its model was read and packed; 0: none in this run
};

typedef struct {
    file_hash_t *file; // (files) weights and config, as they were hashed
    int64_t files;     // 0: of a model that is trained here
} plan_weights_t;

typedef struct {
    const file_hash_t *file; // of the first input
    int64_t *first;          // (inputs + 1) which of them are an input's: first[i] .. first[i + 1] - 1
} plan_files_t;

struct plan {
    study_t *study;
    const tensor_ops_t *ops;
    arena_t *arena;                  // owns all texts
    inputs_t inputs, control_inputs; // the second of [corpus] controls
    file_hash_t *file;               // (files) of the inputs and a given tokenizer, as they were hashed
    int64_t files;
    plan_files_t input_files, control_files; // among them
    file_hash_t list[2];                     // (lists) of [probe] sample = file:..., likewise
    int32_t lists;
    int32_t vocab;                                     // on rank 0: of the tokenizer that was given; 0: it is trained
    hash_t scripts;                                    // of the figures
    const char *ingest_tokenizer;                      // the tokenizer.json that ingest reads: given, or trained here
    const char *tokenizer;                             // its copy beside the tokens: all that comes behind reads that
    const char *ingest_dir, *probes_dir, *results_dir; // artifacts; probes_dir NULL: no models
    const char *controls_dir;                          // token corpus of the controls
    const char *duplicates_dir;                        // the census of several lengths; NULL: not asked for
    const char *near_dir;                              // near-duplicates; NULL: not asked for
    const char *model_dir[STUDY_MODELS];               // checkpoint folders, trained here or given
    plan_weights_t weights[STUDY_MODELS];
    const char *store_dir[STUDY_MODELS][STUDY_MEMORIES];
    const char *probe_dir[STUDY_MODELS][STUDY_MEMORIES + 1]; // [model][0] bare, [model][1 + memory]
    int32_t n_stages;
    stage_t *stage;
};

/* Collective: what can be said of the study before contents are read: its inputs are there, its kernels run here.
 * Borrows study. */
int plan_create(study_t *study, plan_t *plan);
/* Collective. Hashes the inputs, names the artifacts and looks which are done. remember: notes the hashes of the inputs
 * in the cache, so that the next run need not read them all. */
int plan_stages(plan_t *plan, int remember);
/* Collective, when the inputs have been read: an error when they, or the tokenizer, are not what was hashed. */
int plan_inputs_hold(const plan_t *plan);
/* Collective, when the lists of probes have been read: likewise. */
int plan_lists_hold(const plan_t *plan);
/* On rank 0, before terabytes are hashed: the tokenizer can be read and has a token that ends documents. */
int plan_tokenizer_check(plan_t *plan);
/* Local: an error when the folder dir of model i holds a tokenizer.json that is not the same as the one given. */
int plan_tokenizer_fits(const plan_t *plan, int32_t i, const char *dir, const char *tokenizer);
/* Local: an error when model i has fewer tokens (theirs) than the tokenizer. */
int plan_vocab_fits(const plan_t *plan, int32_t i, int64_t theirs, int32_t ours);
/* Collective: the tokenizer of the corpus, where it is there already, is that of each checkpoint that has one. */
int plan_tokenizers_fit(const plan_t *plan);
/* Collective: the hash of the checkpoint folder that model i is given by. */
int plan_weights_hash(plan_t *plan, int32_t i, int remember, hash_t *hash);
/* Collective, when the weights of model i have been read: likewise. */
int plan_weights_hold(const plan_t *plan, int32_t i);
void plan_free(plan_t *plan);

/* Is the stage's folder complete and made from the same inputs? Local. */
int plan_stage_is_done(const stage_t *stage);

/* Name of a memory's arm at its i-th lambda, "knn:lambda=0.25"; arena memory. */
const char *plan_arm_name(const plan_t *plan, int32_t memory, int32_t i);

/* What ingest is to do, from the study, in the folder of the stage. Texts and arrays belong to plan. */
int plan_ingest(const plan_t *plan, const stage_t *stage, ingest_t *spec);

/* The table of `memprobe plan`, to stdout: stages, what is done, predicted cost. Local. */
int plan_print(const plan_t *plan);

#endif
