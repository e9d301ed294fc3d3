/* What each stage of a study does: a few lines that read the settings and call the layer that knows how. All
 * collective, all with the signature of stage_t.run. */
#ifndef MEMPROBE_STAGES_H
#define MEMPROBE_STAGES_H
#include "cmd/plan.h"

int stage_tokenizer(const plan_t *plan, stage_t *stage);
int stage_ingest(const plan_t *plan, stage_t *stage);
int stage_duplicates(const plan_t *plan, stage_t *stage);
int stage_near(const plan_t *plan, stage_t *stage);
int stage_controls(const plan_t *plan, stage_t *stage);
int stage_census(const plan_t *plan, stage_t *stage);
int stage_train(const plan_t *plan, stage_t *stage);
int stage_store(const plan_t *plan, stage_t *stage);
int stage_probe(const plan_t *plan, stage_t *stage);
int stage_report(const plan_t *plan, stage_t *stage);

/* FLOP of a store of so many tokens: keys want neither the last layer's ffn nor the head. */
double stage_store_flop(const model_spec_t *shape, double tokens);

#endif
