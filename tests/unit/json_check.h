/* The scanner of JSON against jansson on one line: both take it with the same values, or both refuse it. Five
 * differences are meant:
 *   the scanner refuses  a wanted key that is there twice; jansson, not told otherwise, takes the last
 *                        more than 1024 objects and arrays inside each other; jansson 2048
 *                        an array as the whole; jansson's caller would have to
 *                        a NUL byte behind a number or a word; jansson 2.14 passes over it
 *   jansson refuses      numbers that no double or 64-bit integer holds, and \u0000 in a key: its own limits, not
 * JSON's
 */
#ifndef MEMPROBE_TEST_JSON_CHECK_H
#define MEMPROBE_TEST_JSON_CHECK_H
#include "base/err.h"
#include "base/json_scan.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_CHECK_PATHS = 5 };
static const char *const json_check_path[JSON_CHECK_PATHS] = {"text", "id", "source", "meta.pile_set_name", "meta.a.b"};

static inline const json_t *json_check_find(const json_t *value, const char *path) {
    char part[64];
    const char *dot = strchr(path, '.');
    snprintf(part, sizeof part, "%.*s", (int)(dot != NULL ? (size_t)(dot - path) : strlen(path)), path);
    const json_t *inner = json_object_get(value, part);
    return dot != NULL ? json_check_find(inner, dot + 1) : inner;
}

static inline int json_check_equal(const json_t *theirs, const json_value_t *ours) {
    if (theirs == NULL) return ours->kind == JSON_ABSENT;
    if (json_is_null(theirs)) return ours->kind == JSON_IS_NULL;
    if (json_is_string(theirs))
        return ours->kind == JSON_IS_TEXT && ours->bytes == json_string_length(theirs) &&
               memcmp(ours->text, json_string_value(theirs), ours->bytes) == 0 && ours->text[ours->bytes] == '\0';
    if (json_is_integer(theirs)) {
        if (ours->kind != JSON_IS_INTEGER || strlen(ours->text) != ours->bytes) return 0;
        return strtoll(ours->text, NULL, 10) == json_integer_value(theirs);
    }
    return ours->kind == JSON_IS_OTHER;
}

static inline int json_check_refused_by_us(const json_t *theirs, const char *line, size_t bytes) {
    if (!json_is_object(theirs) || strstr(err_text(), "too deep") != NULL) return 1;
    const char *column = strstr(err_text(), "column ");
    size_t at = column != NULL ? strtoull(column + 7, NULL, 10) : 0;
    if (at > 1 && at <= bytes && line[at - 1] == '\0' && strchr("0123456789el", line[at - 2]) != NULL) return 1;
    if (strstr(err_text(), "duplicate") == NULL) return 0;
    json_error_t error;
    json_t *strict = json_loadb(line, bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    json_decref(strict);
    return strict == NULL && json_error_code(&error) == json_error_duplicate_key;
}

/* 1: both took it, 0: both refused it (or a difference that is meant), -1: they differ, and the message says how. line
 * is not changed. */
static inline int json_check(const char *line, size_t bytes) {
    json_paths_t paths = {0};
    json_value_t value[JSON_CHECK_PATHS];
    json_error_t error;
    for (int p = 0; p < JSON_CHECK_PATHS; p++) {
        if (json_paths_add(&paths, json_check_path[p], strlen(json_check_path[p])) != 0) return -1;
    }
    char *copy = malloc(bytes + 1); // exactly so large that a sanitizer sees a step too far
    if (copy == NULL) return -1;
    memcpy(copy, line, bytes);
    copy[bytes] = '\0';
    int rc = json_scan(&paths, copy, bytes, value), verdict = rc == 0;
    json_t *theirs = json_loadb(line, bytes, JSON_ALLOW_NUL, &error);
    if (rc == 0 && theirs != NULL) {
        for (int p = 0; p < JSON_CHECK_PATHS; p++) {
            if (!json_check_equal(json_check_find(theirs, json_check_path[p]), &value[p]))
                verdict = err_set("another value of %s", json_check_path[p]);
        }
    } else if (rc == 0) {
        enum json_error_code code = json_error_code(&error);
        int meant = code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
        verdict = meant ? 0 : err_set("jansson alone refuses it: %s", error.text);
    } else if (theirs != NULL && !json_check_refused_by_us(theirs, line, bytes)) {
        verdict = err_context("jansson takes it");
    }
    json_decref(theirs);
    free(copy);
    return verdict;
}

#endif
