/* Verdicts alone, by pieces (engine.h says which, and why that is exact). Private to probe/. */
#ifndef MEMPROBE_VERDICT_H
#define MEMPROBE_VERDICT_H
#include "par/par.h"
#include "probe/batch.h"

/* Local: the batches of the tickets, until none is left. The records of every arm go to out (n_arms), and what was
 * computed is added to the batch's work. A NaN is an error that names model, probe and context. */
int verdict_run(batch_t *batch, const arm_t *arms, int32_t n_arms, par_tickets_t *tickets, par_out_t **out);

#endif
