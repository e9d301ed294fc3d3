/* state.bin: a header, then weights, first and second moments and the table of losses, raw and little-endian. The
 * header holds a hash of the rest, so that a torn or altered file is refused rather than trained on. */
#include "model/train_state.h"

#include "base/err.h"
#include "base/file.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "state.bin is written as it lies in memory: little-endian");

enum { STATE_VERSION = 1, STATE_PARTS = 4 };
static const char STATE_MAGIC[8] = "MPSTATE";

typedef struct {
    char magic[8];
    uint32_t version, bytes; // of this header
    hash_t run, content;
    int64_t step, tokens, parameters;
} header_t;
_Static_assert(sizeof(header_t) == 72, "no padding may enter the file");

typedef struct {
    void *data;
    size_t bytes;
} part_t;

static void list_parts(const train_state_t *s, int64_t steps, part_t part[STATE_PARTS]) {
    const size_t block = (size_t)s->parameters * sizeof(float);
    part[0] = (part_t){s->weights, block};
    part[1] = (part_t){s->mean, block};
    part[2] = (part_t){s->square, block};
    part[3] = (part_t){s->row, (size_t)steps * sizeof(train_row_t)};
}

/* The counters belong to the content too: a flipped bit in the step must not pass. */
static hasher_t *hash_counters(const header_t *h) {
    hasher_t *hasher = hasher_create();
    if (!hasher) return NULL;
    hasher_add_i64(hasher, h->step);
    hasher_add_i64(hasher, h->tokens);
    hasher_add_i64(hasher, h->parameters);
    return hasher;
}

int train_state_save(const train_state_t *s, const char *path) {
    part_t part[STATE_PARTS];
    list_parts(s, s->step, part);
    header_t h = {.version = STATE_VERSION,
                  .bytes = sizeof h,
                  .run = s->run,
                  .step = s->step,
                  .tokens = s->tokens,
                  .parameters = s->parameters};
    memcpy(h.magic, STATE_MAGIC, sizeof h.magic);
    hasher_t *hasher = hash_counters(&h);
    if (!hasher) return -1;
    for (int i = 0; i < STATE_PARTS; i++) hasher_add(hasher, part[i].data, part[i].bytes);
    h.content = hasher_finish(hasher);

    file_out_t *out;
    TRY(file_out_open(path, &out));
    int rc = file_out_write(out, &h, sizeof h);
    for (int i = 0; i < STATE_PARTS && rc == 0; i++) rc = file_out_write(out, part[i].data, part[i].bytes);
    if (rc == 0) return file_out_commit(out);
    file_out_abort(out);
    return -1;
}

static int check_header(const train_state_t *s, const char *path, const file_map_t *map, const header_t *h) {
    const char *advice = "remove it to train from the start";
    if (map->size < sizeof *h || memcmp(h->magic, STATE_MAGIC, sizeof h->magic) != 0 || h->bytes != sizeof *h)
        return err_set("%s: not a training state; %s", path, advice);
    if (h->version != STATE_VERSION)
        return err_set("%s: a training state of version %" PRIu32 ", this program writes version %d; %s", path,
                       h->version, STATE_VERSION, advice);
    if (hash_compare(h->run, s->run) != 0)
        return err_set("%s: a training state of another run (settings, model or corpus have changed); %s", path,
                       advice);
    if (h->parameters != s->parameters || h->step < 0 || h->step > s->capacity)
        return err_set("%s: damaged training state (%lld parameters, step %lld); %s", path, (long long)h->parameters,
                       (long long)h->step, advice);
    return 0;
}

static int check_content(const train_state_t *s, const char *path, const file_map_t *map, const header_t *h) {
    part_t part[STATE_PARTS];
    list_parts(s, h->step, part);
    size_t total = sizeof *h;
    for (int i = 0; i < STATE_PARTS; i++) total += part[i].bytes;
    if (map->size != total)
        return err_set("%s: damaged training state: %zu bytes, expected %zu; remove it to train from the start", path,
                       map->size, total);
    hasher_t *hasher = hash_counters(h);
    if (!hasher) return -1;
    const uint8_t *data = map->data + sizeof *h;
    for (int i = 0; i < STATE_PARTS; data += part[i].bytes, i++) hasher_add(hasher, data, part[i].bytes);
    if (hash_compare(hasher_finish(hasher), h->content) != 0)
        return err_set("%s: damaged training state: its checksum differs; remove it to train from the start", path);
    return 0;
}

int train_state_load(train_state_t *s, const char *path) {
    if (!file_exists(path)) return 0;
    file_map_t map;
    TRY(file_map(path, &map));
    header_t h = {.version = 0};
    if (map.size >= sizeof h) memcpy(&h, map.data, sizeof h);
    int rc = check_header(s, path, &map, &h);
    if (rc == 0) rc = check_content(s, path, &map, &h);
    if (rc == 0) {
        part_t part[STATE_PARTS];
        list_parts(s, h.step, part);
        const uint8_t *data = map.data + sizeof h;
        for (int i = 0; i < STATE_PARTS; data += part[i].bytes, i++)
            if (part[i].bytes) memcpy(part[i].data, data, part[i].bytes);
        s->step = h.step;
        s->tokens = h.tokens;
    }
    file_unmap(&map);
    return rc;
}
