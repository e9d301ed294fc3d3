/* The state of a training run on disk: everything that the next step depends on. Local. */
#ifndef MEMPROBE_TRAIN_STATE_H
#define MEMPROBE_TRAIN_STATE_H
#include "base/hash.h"
#include <stdint.h>

typedef struct {
    int64_t tokens; // predicted up to and with this step
    double loss, norm;
} train_row_t; // one step of loss.csv; the other columns follow from the step

typedef struct {
    hash_t run;         // of all that defines the run; a state of another run is refused
    int64_t step;       // steps done
    int64_t tokens;     // tokens predicted in them
    int64_t parameters; // floats of each block
    float *weights;     // (parameters)
    float *mean;        // (parameters) first moment
    float *square;      // (parameters) second moment
    int64_t capacity;   // rows that `row` can hold
    train_row_t *row;   // (step)
} train_state_t;

/* Written aside and renamed. */
int train_state_save(const train_state_t *state, const char *path);

/* Fills the blocks, step and tokens of a state whose run, parameters and capacity are set. Leaves it as it is when
 * there is no file. Error: the file is damaged, of another version, or of another run. */
int train_state_load(train_state_t *state, const char *path);

#endif
