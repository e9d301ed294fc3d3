/* Opening a datastore: four files whose sizes must agree with one another before anything in them is used. */
#include "memory/datastore.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "memory/datastore_files.h"
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

typedef struct {
    file_map_t keys, values, positions;
} maps_t;

static int read_count(const json_t *meta, const char *path, const char *name, int64_t *value) {
    const json_t *field = json_object_get(meta, name);
    if (!json_is_integer(field) || json_integer_value(field) < 0)
        return err_set("%s: no whole number \"%s\"; build the datastore again", path, name);
    *value = json_integer_value(field);
    return 0;
}

static int read_meta(const char *path, datastore_t *store) {
    json_error_t error;
    int64_t format = 0;
    json_t *meta = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!meta) return err_set("%s: %s", path, error.text);
    int rc = read_count(meta, path, "format", &format);
    if (rc == 0 && format != DATASTORE_FORMAT)
        rc = err_set("%s: format %" PRId64 ", this program reads %d", path, format, DATASTORE_FORMAT);
    if (rc == 0) rc = read_count(meta, path, "entries", &store->n);
    if (rc == 0) rc = read_count(meta, path, "width", &store->width);
    json_decref(meta);
    return rc;
}

static int map_file(const char *dir, const char *name, int64_t n, int64_t record, file_map_t *map) {
    char *path = mem_printf("%s/%s", dir, name);
    if (!path) return -1;
    int64_t bytes;
    int rc = file_map(path, map);
    if (rc == 0 && (__builtin_mul_overflow(n, record, &bytes) || (uint64_t)bytes != map->size))
        rc = err_set("%s: %zu bytes; %" PRId64 " entries of %" PRId64 " bytes are due: build the datastore again", path,
                     map->size, n, record);
    mem_free(path);
    return rc;
}

static int check_order(const char *dir, const datastore_t *store) {
    for (int64_t i = 0; i < store->n; i++)
        if (store->position[i] < (i ? store->position[i - 1] + 1 : 0))
            return err_set("%s/" DATASTORE_POSITIONS ": entry %" PRId64 " is not after the one before it", dir, i);
    return 0;
}

static int open_files(const char *dir, datastore_t *store, maps_t *maps) {
    char *path = mem_printf("%s/" DATASTORE_META, dir);
    if (!path) return -1;
    int rc = read_meta(path, store);
    mem_free(path);
    TRY(rc);
    int64_t key_bytes;
    if (store->width < 1 || __builtin_mul_overflow(store->width, (int64_t)sizeof(float), &key_bytes))
        return err_set("%s/" DATASTORE_META ": keys of %" PRId64 " numbers", dir, store->width);
    TRY(map_file(dir, DATASTORE_KEYS, store->n, key_bytes, &maps->keys));
    TRY(map_file(dir, DATASTORE_VALUES, store->n, sizeof(int32_t), &maps->values));
    TRY(map_file(dir, DATASTORE_POSITIONS, store->n, sizeof(int64_t), &maps->positions));
    store->keys = (const void *)maps->keys.data;
    store->values = (const void *)maps->values.data;
    store->position = (const void *)maps->positions.data;
    return check_order(dir, store);
}

int datastore_open(const char *dir, datastore_t *store) {
    *store = (datastore_t){0};
    maps_t *maps = mem_new(1, sizeof *maps, "datastore");
    if (!maps) return -1;
    store->hidden = maps;
    if (open_files(dir, store, maps) == 0) return 0;
    datastore_close(store);
    return -1;
}

void datastore_close(datastore_t *store) {
    maps_t *maps = store->hidden;
    if (maps) {
        file_unmap(&maps->keys);
        file_unmap(&maps->values);
        file_unmap(&maps->positions);
    }
    mem_free(maps);
    *store = (datastore_t){0};
}
