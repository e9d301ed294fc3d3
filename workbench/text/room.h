/* A budget of memory, kept beside the allocations that it is meant for. */
#ifndef MEMPROBE_ROOM_H
#define MEMPROBE_ROOM_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t limit, used; // bytes
    int64_t most;        // the largest `used` so far
} room_t;

/* Takes bytes out of the room, or leaves it as it was and returns -1 with a message that says how much is needed. */
int room_take(room_t *room, int64_t bytes, const char *what);
void room_give(room_t *room, int64_t bytes);

/* mem_grow within the room. The array is freed by its owner, who gives capacity * size back. */
int room_grow(room_t *room, void *array, int64_t *capacity, int64_t need, size_t size, const char *what);

#endif
