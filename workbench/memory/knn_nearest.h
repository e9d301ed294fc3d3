/* The k nearest of the keys that are offered, in any order. A heap would pay log k unpredictable steps for every key
 * that is near enough; here such a key is only appended, and when 2 k have come together (and a few more when k is
 * small) the k nearest of them are picked out in linear time. Private to knn.c. */
#ifndef MEMPROBE_KNN_NEAREST_H
#define MEMPROBE_KNN_NEAREST_H
#include "memory/knn.h"

typedef struct {
    neighbour_t *place; // (nearest_capacity(k))
    int64_t held;
    float worst; // the k nearest so far are no farther than this; infinite until as many are known
} nearest_t;

int64_t nearest_capacity(int64_t k);
/* Returns 1 when `worst` became smaller. */
int nearest_offer(nearest_t *nearest, int64_t k, neighbour_t key);
/* The k nearest in order; the places of entries that do not exist get id -1. Forgets them. */
void nearest_finish(nearest_t *nearest, int64_t k, neighbour_t *out);

#endif
