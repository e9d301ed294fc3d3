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

#endif
