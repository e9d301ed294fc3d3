/* What the tests of the probe engine share. */
#ifndef MEMPROBE_TESTS_ENGINE_CHECK_H
#define MEMPROBE_TESTS_ENGINE_CHECK_H
#include "base/file.h"
#include "base/mem.h"
#include "model_check.h"
#include "probe/engine.h"

/* Greedy continuation of the first `context` tokens of a row of `length`. */
static inline void check_continue(const model_t *model, int64_t context, int64_t length, const attachment_t *attach,
                                  int32_t *row) {
    session_t *session;
    const int32_t first = 0;
    const int64_t fed = context - 1;
    check_ok(session_create(model, 1, length, length, &session));
    if (fed > 0) check_ok(session_forward(session, 1, &first, &fed, row, attach));
    check_ok(session_greedy(session, 1, &first, row + context - 1, length - context, attach, row + context, NULL));
    session_free(session);
}

/* The n records of an arm in the scratch folder. */
static inline record_t *check_records(const char *arm, int64_t n) {
    file_map_t map;
    char file[100];
    snprintf(file, sizeof file, "records.%s.bin", arm);
    check_ok(file_map(scratch(file), &map));
    assert_int_equal(map.size, (size_t)n * sizeof(record_t));
    record_t *records = mem_new(n, sizeof *records, "records");
    memcpy(records, map.data, map.size);
    file_unmap(&map);
    return records;
}

#endif
