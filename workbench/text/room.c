/* Growing counts the old and the new array, which are both there while one is copied to the other. */
#include "text/room.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"

int room_take(room_t *room, int64_t bytes, const char *what) {
    if (bytes > room->limit - room->used) {
        char need[NUM_TEXT], limit[NUM_TEXT];
        num_print_bytes(need, (double)(room->used + bytes));
        num_print_bytes(limit, (double)room->limit);
        return err_set("%s: a rank needs at least %s of memory and may use %s: use more ranks or allow more memory "
                       "([run] memory, --memory)",
                       what, need, limit);
    }
    room->used += bytes;
    if (room->used > room->most) room->most = room->used;
    return 0;
}

void room_give(room_t *room, int64_t bytes) {
    room->used -= bytes;
}

int room_grow(room_t *room, void *array, int64_t *capacity, int64_t need, size_t size, const char *what) {
    if (need <= *capacity) return 0;
    int64_t before = *capacity, larger = before < 16 ? 16 : before;
    while (larger < need) larger *= 2;
    TRY(room_take(room, larger * (int64_t)size, what));
    if (mem_grow(array, capacity, larger, size, what) != 0) {
        room_give(room, larger * (int64_t)size);
        return -1;
    }
    room_give(room, before * (int64_t)size);
    return 0;
}
