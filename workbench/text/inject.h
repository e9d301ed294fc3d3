/* Planted sequences: plausible sentences of random facts (names, numbers, places) whose number of copies in the corpus
 * is known, since we put them there. Sequence s of level l is a pure function of (seed, l, s). As many again are made
 * and never inserted: the controls. */
#ifndef MEMPROBE_INJECT_H
#define MEMPROBE_INJECT_H
#include <stdint.h>

typedef struct {
    int64_t per_level; // sequences a level; 0: nothing is planted
    int32_t levels;
    const int64_t *copies; // (levels) copies of each sequence of a level
    int64_t words;         // length of a sequence, at least
    uint64_t seed;
} inject_t;

/* Text of one sequence, mem_free: sentences until there are `words` words. control 1: the twin that is never inserted.
 */
int inject_text(const inject_t *inject, int32_t level, int64_t number, int control, char **text);
/* Number of planted documents in all: sum of per_level * copies. */
int64_t inject_documents(const inject_t *inject);

/* Documents to be put after natural document `ordinal` (0-based over `total` member documents of the corpus), as
 * triples (level, number, copy); *n of them, mem_free. Evenly spread, scattered by seed; the union over all ordinals is
 * exact: each copy of each sequence once. Costs as much as it returns, whatever the size of the corpus. */
typedef struct {
    int32_t level;
    int64_t number, copy;
} planted_t;
int inject_at(const inject_t *inject, int64_t ordinal, int64_t total, planted_t **planted, int64_t *n);

#endif
