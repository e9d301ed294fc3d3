/* The lengths of a census, one after the other; see duplicates.h. Per length: count (dup_count.c), share of tokens
 * (dup_tokens.c), choose and recount the windows to list, then one small file. The levels of a length live until the
 * next one is finished; those of the last one stay. */
#include "index/duplicates.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/duplicates_private.h"
#include "index/recount.h"
#include "index/windows.h"
#include "par/par.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A listed window shadows at most 2 (length - 1) others, so among the first so many windows there are `top` that do not
 * overlap, if there are that many at all. */
static int64_t keep_for(const duplicates_t *spec, int64_t length) {
    return spec->top * (2 * length - 1);
}

/* Rank 0: the windows to list, in order: those that overlap one before are passed over. At most `most`. */
static void choose(length_t *length, int64_t most) {
    top_t *top = &length->top;
    int64_t n = 0;
    top_sort(top);
    for (int64_t i = 0; i < top->n && n < most; i++) {
        int overlaps = 0;
        for (int64_t k = 0; k < n; k++) {
            int64_t distance = top->window[i].first - top->window[k].first;
            overlaps |= distance < length->length && -distance < length->length;
        }
        if (!overlaps) top->window[n++] = top->window[i];
    }
    top->n = n;
}

/* Collective. Counts the windows to list again, token by token; what that says stands on rank 0 afterwards. */
static int recount_top(length_t *length) {
    int64_t n = length->top.n, tokens = length->length;
    par_broadcast(&n, sizeof n, 0);
    if (n == 0) return 0;
    int64_t *place = mem_new(3 * n, sizeof *place, "listed windows");
    hash_t *fingerprint = mem_new(n, sizeof *fingerprint, "listed windows");
    int32_t *window = NULL;
    int rc = par_agree(place && fingerprint ? 0 : -1);
    if (rc == 0) {
        for (int64_t i = 0; par_rank() == 0 && i < n; i++) place[i] = length->top.window[i].first;
        par_broadcast(place, (size_t)n * sizeof *place, 0);
        rc = recount_fetch(length->corpus, tokens, place, n, &window);
    }
    if (rc == 0) {
        for (int64_t i = 0; i < n; i++) fingerprint[i] = windows_fingerprint(tokens, window + i * tokens);
        rc = (length->spec->overlapping ? recount_windows : recount_disjoint)(length->corpus, tokens, fingerprint,
                                                                              window, n, place + n, place + 2 * n);
    }
    for (int64_t i = 0; rc == 0 && par_rank() == 0 && i < n; i++) {
        top_window_t *w = &length->top.window[i];
        *w = (top_window_t){length->spec->per_document ? place[2 * n + i] : place[n + i], w->first, place[n + i],
                            place[2 * n + i]};
    }
    mem_free(place);
    mem_free(fingerprint);
    mem_free(window);
    return rc;
}

/* Collective. */
static int finish(length_t *length) {
    TRY(dup_count(length));
    TRY(dup_tokens(length));
    if (par_rank() == 0) choose(length, length->spec->top);
    TRY(recount_top(length));
    if (par_rank() == 0) top_sort(&length->top);
    TRY(par_agree(par_rank() == 0 ? dup_finished_write(length) : 0));
    return par_agree(par_rank() == 0 ? dup_rounds_remove(length) : 0);
}

static int remove_file(char *path) {
    int rc = path && (unlink(path) == 0 || errno == ENOENT) ? 0 : -1;
    if (rc != 0 && path) err_set("%s: cannot be removed: %s", path, strerror(errno));
    mem_free(path);
    return rc;
}

/* Collective. *filter: levels of the length before, closed and replaced by those of this one. */
static int count_length(length_t *length, levels_t *filter) {
    levels_t levels = {.fd = -1};
    char *path = dup_path(length, "levels");
    int rc = par_agree(path ? 0 : -1);
    if (rc == 0) rc = levels_open(path, tokens_count(length->corpus), 1, &levels);
    mem_free(path);
    length->filter = length->shorter > 0 ? filter : NULL;
    length->levels = &levels;
    if (rc == 0) rc = par_agree(top_create(keep_for(length->spec, length->length), &length->top));
    if (rc == 0) rc = finish(length);
    top_free(&length->top);
    levels_close(filter);
    *filter = levels;
    return rc;
}

static length_t length_of(const duplicates_t *spec, tokens_t *corpus, const char *dir, int64_t i) {
    return (length_t){.spec = spec,
                      .corpus = corpus,
                      .dir = dir,
                      .length = spec->length[i],
                      .shorter = i > 0 ? spec->length[i - 1] : 0};
}

/* Rank 0: how many lengths are finished, with whole files; *levels_check: of the last of them. */
static int find_finished(const duplicates_t *spec, tokens_t *corpus, const char *dir, int64_t *n,
                         int64_t *levels_check) {
    int rc = 0;
    for (*n = 0; rc == 0 && *n < spec->n; ++*n) {
        length_t length = length_of(spec, corpus, dir, *n);
        if (!dup_is_finished(&length)) break;
        rc = dup_finished_read(&length); // its top keeps none
        *levels_check = length.levels_check;
    }
    return rc;
}

/* Collective. Lengths before *first are finished, and the levels of the one before it are open and what they were. */
static int resume(const duplicates_t *spec, tokens_t *corpus, const char *dir, int64_t *first, levels_t *filter) {
    int64_t check = 0;
    *first = 0;
    TRY(par_agree(par_rank() == 0 ? find_finished(spec, corpus, dir, first, &check) : 0));
    par_broadcast(first, sizeof *first, 0);
    if (*first == 0) return 0;
    length_t length = length_of(spec, corpus, dir, *first - 1);
    char *path = dup_path(&length, "levels");
    int rc = par_agree(path ? 0 : -1);
    if (rc == 0) rc = levels_open(path, tokens_count(corpus), 0, filter);
    length.levels = filter;
    if (rc == 0) rc = dup_tokens(&length);
    if (rc == 0 && par_rank() == 0 && length.levels_check != check)
        rc = err_set("%s: not what it was when its length was finished: the file is damaged; remove its folder and run "
                     "again",
                     path);
    mem_free(path);
    return par_agree(rc);
}

static int count_lengths(const duplicates_t *spec, tokens_t *corpus, const char *dir) {
    levels_t filter = {.fd = -1};
    int64_t first;
    int rc = resume(spec, corpus, dir, &first, &filter);
    length_t *length = mem_new(1, sizeof *length, "census");
    rc = par_agree(length ? rc : -1);
    for (int64_t i = first; rc == 0 && i < spec->n; i++) {
        *length = length_of(spec, corpus, dir, i);
        rc = count_length(length, &filter);
        if (rc != 0 || i == 0) continue;
        *length = length_of(spec, corpus, dir, i - 1);
        rc = par_agree(par_rank() == 0 ? remove_file(dup_path(length, "levels")) : 0);
    }
    levels_close(&filter);
    mem_free(length);
    return rc;
}

/* Rank 0. The levels get their name last: with it there, nothing is left to do but to clean up. */
static int write_results(const duplicates_t *spec, tokens_t *corpus, const char *tokenizer_path, const char *dir,
                         const char *levels) {
    length_t length = length_of(spec, corpus, dir, spec->n - 1);
    TRY(dup_tables_write(spec, corpus, tokenizer_path, dir));
    char *from = dup_path(&length, "levels");
    int rc = from ? 0 : -1;
    if (rc == 0 && rename(from, levels) != 0) rc = err_set("%s: cannot be renamed: %s", from, strerror(errno));
    mem_free(from);
    return rc;
}

static int clean_up(const duplicates_t *spec, tokens_t *corpus, const char *dir) {
    for (int64_t i = 0; i < spec->n; i++) {
        length_t length = length_of(spec, corpus, dir, i);
        TRY(remove_file(dup_path(&length, "csv")));
    }
    return 0;
}

int duplicates_run(const duplicates_t *spec, tokens_t *corpus, const char *tokenizer_path, const char *dir) {
    for (int32_t i = 0; i < spec->n; i++)
        if (spec->length[i] < 1 || (i > 0 && spec->length[i] <= spec->length[i - 1]))
            return err_set("window lengths of a census must rise and be at least 1");
    char *levels = mem_printf("%s/levels", dir);
    int64_t ready = levels && par_rank() == 0 && file_exists(levels);
    int rc = par_agree(levels ? 0 : -1);
    par_broadcast(&ready, sizeof ready, 0);
    if (rc == 0 && !ready) rc = count_lengths(spec, corpus, dir);
    if (rc == 0 && par_rank() == 0) {
        if (!ready) rc = write_results(spec, corpus, tokenizer_path, dir, levels);
        if (rc == 0) rc = clean_up(spec, corpus, dir);
    }
    mem_free(levels);
    return par_agree(rc);
}
