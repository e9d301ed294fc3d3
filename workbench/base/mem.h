/* Memory. Sizes come as count x size and are checked for overflow; failure leaves a message that names what the
 * memory was for. All blocks are aligned to 64 bytes (a cache line, a zmm register) and zeroed. */
#ifndef MEMPROBE_MEM_H
#define MEMPROBE_MEM_H
#include <stddef.h>
#include <stdint.h>

/* NULL with a message when there is none. Release with mem_free. count 0 gives a valid pointer. */
void *mem_new(int64_t count, size_t size, const char *what) __attribute__((malloc));
void mem_free(void *block); // accepts NULL

/* Grows *array to hold at least `need` elements of `size` bytes, doubling; *capacity is in elements. New elements
 * are zeroed. *array may start as NULL with *capacity 0; release with mem_free. */
int mem_grow(void *array, int64_t *capacity, int64_t need, size_t size, const char *what);

/* Gives back what an array holds beyond its first `count` elements; these stay, perhaps in another place. */
int mem_shrink(void *array, int64_t count, size_t size, const char *what);

char *mem_strdup(const char *text); // NULL with a message; release with mem_free
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An arena: many blocks, one release. A block is 64-byte aligned and zeroed. */
typedef struct arena arena_t;
arena_t *arena_create(size_t chunk_bytes);
void *arena_new(arena_t *arena, int64_t count, size_t size, const char *what);
char *arena_strdup(arena_t *arena, const char *text);
void arena_free(arena_t *arena); // accepts NULL

#endif
