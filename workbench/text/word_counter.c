/* The bag takes three quarters of the memory at its worst moment; the windows of the runs when they are merged share
 * the last quarter. When there are MOST_RUNS of them they become one, so that neither windows nor open files run out.
 */
#include "text/word_counter.h"
#include "base/err.h"
#include "base/mem.h"
#include "par/par.h"
#include "text/words.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MOST_RUNS = 48, LEAST_WINDOW = 1024, MOST_WINDOW = 1 << 20, LEAST_MEMORY = 16 << 10 };

typedef struct {
    int fd;
    int64_t bytes;
    uint64_t check; // sum of counted_check
} run_t;

struct word_counter {
    words_t bag;
    int64_t limit, window; // bytes: of the bag, of the window of a run
    char *scratch;
    run_t run[MOST_RUNS];
    int64_t runs, files, spills;
    word_source_t source[MOST_RUNS];
    word_merge_t merge;
    int64_t next; // in the sorted bag, when there are no runs
};

int word_counter_create(int64_t memory, const char *scratch, word_counter_t **result) {
    if (memory < LEAST_MEMORY) return err_set("%lld bytes are too few to count words in", (long long)memory);
    word_counter_t *c = mem_new(1, sizeof *c, "counter of words");
    if (!c) return -1;
    int64_t window = memory / 4 / (MOST_RUNS + 1);
    c->limit = memory - memory / 4;
    c->window = window < LEAST_WINDOW ? LEAST_WINDOW : window > MOST_WINDOW ? MOST_WINDOW : window;
    c->scratch = mem_strdup(scratch);
    if (!c->scratch) {
        word_counter_free(c);
        return -1;
    }
    *result = c;
    return 0;
}

static void stop_merging(word_counter_t *c) {
    word_merge_end(&c->merge);
    for (int64_t i = 0; i < MOST_RUNS; i++) {
        mem_free(c->source[i].block);
        c->source[i] = (word_source_t){0};
    }
}

static void close_runs(word_counter_t *c) {
    for (int64_t i = 0; i < c->runs; i++) close(c->run[i].fd);
    c->runs = 0;
}

void word_counter_free(word_counter_t *c) {
    if (!c) return;
    stop_merging(c);
    close_runs(c);
    words_free(&c->bag);
    mem_free(c->scratch);
    mem_free(c);
}

int64_t word_counter_spills(const word_counter_t *c) {
    return c->spills;
}

/* --- runs -------------------------------------------------------------------------------------------------------- */

/* A run being written. */
typedef struct {
    run_t run;
    const char *scratch;
    uint8_t *block;
    int64_t filled, capacity;
} run_out_t;

/* The name is given up at once: the file lives as long as it is open, and no crash leaves it behind. */
static int open_nameless(word_counter_t *c, int *fd) {
    char *path = mem_printf("%s/words-%d-%ld-%lld", c->scratch, par_rank(), (long)getpid(), (long long)c->files++);
    if (!path) return -1;
    *fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = *fd >= 0 ? 0 : err_set("%s: cannot be made for words that find no room: %s", path, strerror(errno));
    if (rc == 0 && unlink(path) != 0) rc = err_set("%s: cannot be unlinked: %s", path, strerror(errno));
    if (rc != 0 && *fd >= 0) close(*fd);
    mem_free(path);
    return rc;
}

static int run_begin(word_counter_t *c, run_out_t *out) {
    *out = (run_out_t){.run.fd = -1, .scratch = c->scratch, .capacity = c->window};
    out->block = mem_new(out->capacity, 1, "window of a scratch file");
    return out->block ? open_nameless(c, &out->run.fd) : -1;
}

static int run_flush(run_out_t *out) {
    for (int64_t done = 0; done < out->filled;) {
        ssize_t wrote = write(out->run.fd, out->block + done, (size_t)(out->filled - done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0)
            return err_set("%s: a scratch file of words cannot be written: %s", out->scratch, strerror(errno));
        done += wrote;
    }
    out->run.bytes += out->filled;
    out->filled = 0;
    return 0;
}

static int run_put(run_out_t *out, const counted_t *word) {
    if (out->filled + COUNTED_HEAD + word->bytes > out->capacity) TRY(run_flush(out));
    TRY(mem_grow(&out->block, &out->capacity, COUNTED_HEAD + word->bytes, 1, "window of a scratch file"));
    counted_write(out->block + out->filled, word);
    out->filled += COUNTED_HEAD + word->bytes;
    out->run.check += counted_check(word);
    return 0;
}

/* Ends a run that was filled with success rc; on failure it is gone. */
static int run_end(run_out_t *out, int rc) {
    if (rc == 0) rc = run_flush(out);
    if (rc != 0 && out->run.fd >= 0) close(out->run.fd);
    mem_free(out->block);
    out->block = NULL;
    return rc;
}

static int start_merging(word_counter_t *c) {
    for (int64_t i = 0; i < c->runs; i++) {
        uint8_t *block = mem_new(c->window, 1, "window of a scratch file");
        if (!block) return -1;
        c->source[i] = (word_source_t){.block = block,
                                       .capacity = c->window,
                                       .fd = c->run[i].fd,
                                       .end = c->run[i].bytes,
                                       .check = c->run[i].check};
    }
    return word_merge_start(&c->merge, c->source, c->runs);
}

static int copy_merged(word_counter_t *c, run_out_t *out) {
    counted_t word;
    int got;
    TRY(start_merging(c));
    while ((got = word_merge_next(&c->merge, &word)) > 0) TRY(run_put(out, &word));
    return got;
}

static int merge_runs(word_counter_t *c) {
    run_out_t out;
    int rc = run_begin(c, &out);
    if (rc == 0) rc = copy_merged(c, &out);
    rc = run_end(&out, rc);
    stop_merging(c);
    TRY(rc);
    close_runs(c);
    c->run[c->runs++] = out.run;
    return 0;
}

static counted_t word_of_bag(const words_t *bag, int64_t i) {
    const word_t *w = &bag->word[i];
    return (counted_t){w->hash, w->count, w->bytes, bag->text + w->offset};
}

static int copy_bag(const words_t *bag, run_out_t *out) {
    for (int64_t i = 0; i < bag->n; i++) {
        counted_t word = word_of_bag(bag, i);
        TRY(run_put(out, &word));
    }
    return 0;
}

static int spill(word_counter_t *c) {
    run_out_t out;
    if (c->runs == MOST_RUNS) TRY(merge_runs(c));
    words_sort(&c->bag);
    int rc = run_begin(c, &out);
    if (rc == 0) rc = copy_bag(&c->bag, &out);
    TRY(run_end(&out, rc));
    c->run[c->runs++] = out.run;
    c->spills++;
    words_clear(&c->bag);
    if (words_need(&c->bag, 1) > c->limit) words_free(&c->bag); // a very long word made it larger than it may be
    return 0;
}

/* --- words in, words out ----------------------------------------------------------------------------------------- */

int word_counter_add(word_counter_t *c, const uint8_t *text, size_t bytes) {
    uint64_t hash = words_hash(text, bytes);
    int64_t number = words_find(&c->bag, hash, text, bytes);
    if (number >= 0) {
        c->bag.word[number].count++;
        return 0;
    }
    if (c->bag.n > 0 && words_need(&c->bag, bytes) > c->limit) TRY(spill(c));
    return words_put(&c->bag, hash, text, bytes, 1);
}

int word_counter_start(word_counter_t *c) {
    if (c->runs == 0) {
        words_sort(&c->bag);
        return 0;
    }
    if (c->bag.n > 0) TRY(spill(c));
    words_free(&c->bag);
    return start_merging(c);
}

int word_counter_next(word_counter_t *c, counted_t *word) {
    if (c->runs > 0) return word_merge_next(&c->merge, word);
    if (c->next == c->bag.n) return 0;
    *word = word_of_bag(&c->bag, c->next++);
    return 1;
}
