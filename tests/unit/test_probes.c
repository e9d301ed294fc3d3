/* The probe sampler: every rule of probes.h is checked on the rows, against counts of the plainest kind. */
#include "scratch.h"

#include "base/log.h"
#include "corpus_check.h"
#include "index/census.h"
#include "index/probes.h"
#include "par/par.h"

static corpus_t members, controls;

static void corpora_begin(int32_t vocab) {
    memset(&members, 0, sizeof members);
    memset(&controls, 0, sizeof controls);
    members.vocab = controls.vocab = vocab;
    members.end = controls.end = vocab - 1;
}

static void corpora_write(void) {
    assert_int_equal(corpus_write(&members, scratch("members"), 2), 0);
    assert_int_equal(corpus_write(&controls, scratch("controls"), 1), 0);
}

static void corpora_remove(void) {
    dir_remove(scratch("members"));
    dir_remove(scratch("controls"));
}

static void sample(int64_t length, int64_t per_bucket, uint64_t seed, const char *dir, probe_set_t *set) {
    sample_t spec = {.length = length, .per_bucket = per_bucket, .seed = seed, .memory = 1 << 20};
    if (probes_sample(&spec, scratch("members"), scratch("controls"), scratch(dir)) != 0) fail_msg("%s", err_text());
    if (probes_read(scratch(dir), set) != 0) fail_msg("%s", err_text());
}

static int64_t find_document(const corpus_t *c, const char *id) {
    for (int64_t d = 0; d < c->documents; d++)
        if (strcmp(c->name[d][0], id) == 0) return d;
    fail_msg("there is no document %s", id);
    return -1;
}

static int64_t position_of(const probe_t *p) {
    const corpus_t *c = p->is_member ? &members : &controls;
    return c->first[find_document(c, p->doc_id)] + p->offset;
}

/* What a row says is so. */
static void check_row(const probe_set_t *set, const probe_t *p) {
    const corpus_t *c = p->is_member ? &members : &controls;
    int64_t d = find_document(c, p->doc_id), documents;
    assert_string_equal(p->source, c->name[d][1]);
    assert_true(p->offset >= 0 && p->offset + set->length <= c->length[d]);
    assert_memory_equal(p->tokens, c->token + c->first[d] + p->offset, (size_t)set->length * sizeof(int32_t));
    assert_int_equal(p->duplicates, plain_count(&members, p->tokens, set->length, &documents));
    assert_int_equal(p->documents, documents);
    if (p->is_member)
        assert_int_equal(p->bucket, census_bucket(p->duplicates));
    else
        assert_int_equal(p->duplicates, 0);
}

/* 1 when a window at this position overlaps a row of the same group: members of a bucket, controls of a source. */
static int is_blocked(const probe_set_t *set, int is_member, int64_t position, int32_t bucket, const char *source,
                      const probe_t *but) {
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *p = &set->probe[i];
        if (p == but || p->is_member != is_member) continue;
        if (is_member ? p->bucket != bucket : strcmp(p->source, source) != 0) continue;
        int64_t distance = position_of(p) - position;
        if (distance > -set->length && distance < set->length) return 1;
    }
    return 0;
}

static int64_t count_rows(const probe_set_t *set, int is_member, int32_t bucket, const char *source) {
    int64_t n = 0;
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *p = &set->probe[i];
        n += p->is_member == is_member && (bucket < 0 || p->bucket == bucket) &&
             (source == NULL || strcmp(p->source, source) == 0);
    }
    return n;
}

/* Where fewer were drawn than asked for, there is no window left that could have been. */
static void check_exhausted_members(const probe_set_t *set, int64_t per_bucket) {
    census_window_t *window;
    int64_t distinct = plain_census(&members, set->length, &window);
    for (int64_t i = 0; i < distinct; i++) {
        int32_t bucket = census_bucket(window[i].occurrences);
        int64_t rows = count_rows(set, 1, bucket, NULL);
        assert_true(rows >= 1 && rows <= per_bucket);
        if (rows < per_bucket) assert_true(is_blocked(set, 1, window[i].first, bucket, NULL, NULL));
    }
    mem_free(window);
}

static void check_exhausted_controls(const probe_set_t *set) {
    census_window_t *window;
    int64_t distinct = plain_census(&controls, set->length, &window), documents;
    for (int64_t i = 0; i < distinct; i++) {
        const char *source = controls.name[corpus_document_at(&controls, window[i].first)][1];
        int64_t need = count_rows(set, 1, -1, source), rows = count_rows(set, 0, -1, source);
        assert_true(rows <= need);
        if (rows == need) continue;
        assert_true(is_blocked(set, 0, window[i].first, 0, source, NULL) ||
                    plain_count(&members, controls.token + window[i].first, set->length, &documents) > 0);
    }
    mem_free(window);
}

static const char *family_of(const probe_t *p) {
    const corpus_t *c = p->is_member ? &members : &controls;
    return c->name[find_document(c, p->doc_id)][2];
}

static void check_sequences(const probe_set_t *set) {
    int64_t next = 0;
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *p = &set->probe[i];
        assert_true(p->sequence_id <= next);
        next += p->sequence_id == next;
        for (int64_t k = 0; k < i; k++) {
            const probe_t *q = &set->probe[k];
            int same = p->is_member == q->is_member && strcmp(family_of(p), family_of(q)) == 0;
            assert_int_equal(p->sequence_id == q->sequence_id, same);
        }
    }
}

static void check_set(const probe_set_t *set, int64_t per_bucket) {
    for (int64_t i = 0; i < set->n; i++) {
        const probe_t *p = &set->probe[i];
        check_row(set, p);
        assert_false(is_blocked(set, p->is_member, position_of(p), p->bucket, p->source, p));
        if (i > 0) { // members by bucket, then controls by bucket
            const probe_t *before = p - 1;
            assert_true(before->is_member > p->is_member ||
                        (before->is_member == p->is_member && before->bucket <= p->bucket));
        }
    }
    check_exhausted_members(set, per_bucket);
    check_exhausted_controls(set);
    check_sequences(set);
}

static int same_probe(const probe_t *p, const probe_t *q) {
    return p->is_member == q->is_member && p->bucket == q->bucket && p->offset == q->offset &&
           strcmp(p->doc_id, q->doc_id) == 0;
}

static int64_t count_common(const probe_set_t *a, const probe_set_t *b) {
    int64_t common = 0;
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = 0; k < b->n; k++) common += same_probe(&a->probe[i], &b->probe[k]);
    return common;
}

/* Three copies of four planted texts, and their twins among the controls under the same family names. */
static void add_planted(void) {
    for (int32_t text = 0; text < 4; text++) {
        int32_t ids[40];
        char id[64], family[32];
        snprintf(family, sizeof family, "planted/0/%d", text);
        for (int copy = 0; copy < 4; copy++) {
            for (int32_t i = 0; i < 40; i++)
                ids[i] = (int32_t)rng_below(3, RNG_TEST, (uint64_t)(text * 100 + i + (copy == 3 ? 1000 : 0)), 30);
            snprintf(id, sizeof id, "planted/0/%d/%d", text, copy);
            corpus_add(copy == 3 ? &controls : &members, id, "planted", family, ids, 40);
        }
    }
}

static void rules_hold(void **state) {
    (void)state;
    corpora_begin(32);
    corpus_add_random(&members, 1, 60, 200, 3, "m");
    add_planted();
    corpus_add_random(&controls, 2, 12, 200, 3, "c"); // the same small alphabet: many occur in the members too
    corpora_write();
    for (int64_t length = 4; length <= 16; length *= 2) {
        probe_set_t few, many, other;
        sample(length, 3, 1, "few", &few);
        sample(length, 40, 1, "many", &many);
        sample(length, 3, 2, "other", &other);
        assert_int_equal(few.length, length);
        check_set(&few, 3);
        check_set(&many, 40);
        assert_true(few.n > 10 && many.n > few.n);
        assert_int_equal(count_common(&few, &many), few.n); // a superset, with the controls' buckets
        assert_true(count_common(&few, &other) < few.n);
        assert_true(count_rows(&many, 1, -1, "planted") > 0 && count_rows(&many, 0, -1, "planted") > 0);
        probes_free(&few);
        probes_free(&many);
        probes_free(&other);
    }
    corpora_remove();
}

/* One planted text and the twin that was never inserted have one name, but are two sequences. */
static void twins_are_two_sequences(void **state) {
    (void)state;
    corpora_begin(32);
    corpus_add(&members, "p0", "planted", "planted/0/0", (int32_t[]){1, 2, 3, 4, 5, 6}, 6);
    corpus_add(&members, "p1", "planted", "planted/0/0", (int32_t[]){1, 2, 3, 4, 5, 6}, 6);
    corpus_add(&controls, "p0", "planted", "planted/0/0", (int32_t[]){7, 8, 9, 10, 11, 12}, 6);
    corpora_write();
    probe_set_t set;
    sample(3, 9, 1, "twins", &set);
    assert_true(count_rows(&set, 1, 4, NULL) >= 1 && count_rows(&set, 0, 4, NULL) >= 1);
    for (int64_t i = 0; i < set.n; i++) assert_int_equal(set.probe[i].sequence_id, !set.probe[i].is_member);
    probes_free(&set);
    corpora_remove();
}

/* A single document: its windows overlap so much that the candidates that are kept at first do not suffice. */
static void a_sample_is_never_silently_short(void **state) {
    (void)state;
    static int32_t ids[20000];
    enum { LENGTH = 150, PER_BUCKET = 100 };
    corpora_begin(1001);
    for (int64_t i = 0; i < 20000; i++) ids[i] = (int32_t)rng_below(7, RNG_TEST, (uint64_t)i, 1000);
    corpus_add(&members, "m", "s", "m", ids, 20000);
    for (int64_t i = 0; i < 20000; i++) ids[i] = (int32_t)rng_below(8, RNG_TEST, (uint64_t)i, 1000);
    corpus_add(&controls, "c", "s", "c", ids, 20000);
    corpora_write();
    probe_set_t set;
    sample(LENGTH, PER_BUCKET, 1, "short", &set);
    assert_true(count_rows(&set, 1, 0, NULL) > 80);
    assert_true(count_rows(&set, 0, 0, NULL) > 80);
    check_exhausted_members(&set, PER_BUCKET);
    check_exhausted_controls(&set);
    probes_free(&set);
    corpora_remove();
}

static void bad_requests_are_refused(void **state) {
    (void)state;
    corpora_begin(32);
    corpus_add_random(&members, 1, 10, 50, 3, "m");
    corpus_add(&controls, "empty", "", "empty", NULL, 0);
    corpora_write();
    sample_t spec = {.length = 500, .per_bucket = 1, .seed = 1, .memory = 1 << 20};
    assert_int_equal(probes_sample(&spec, scratch("members"), scratch("controls"), scratch("refused")), -1);
    assert_message("no document of the corpus holds a window of 500 tokens");
    spec.length = 0;
    assert_int_equal(probes_sample(&spec, scratch("members"), scratch("controls"), scratch("refused")), -1);
    assert_message("probes of 0 tokens");
    spec.length = 5, spec.per_bucket = 0;
    assert_int_equal(probes_sample(&spec, scratch("members"), scratch("controls"), scratch("refused")), -1);
    assert_message("0 probes per bucket");
    spec.per_bucket = 1;
    assert_int_equal(probes_sample(&spec, scratch("nowhere"), scratch("controls"), scratch("refused")), -1);
    assert_message("nowhere");
    assert_false(file_exists(scratch("refused/probes.csv")));
    probe_set_t set;
    sample(5, 1, 1, "alone", &set); // no control anywhere: members only
    assert_int_equal(count_rows(&set, 0, -1, NULL), 0);
    assert_true(set.n > 0);
    probes_free(&set);
    corpora_remove();
}

#define HEADER "probe_id,sequence_id,doc_id,source,offset,length,duplicates,documents,bucket,is_member\n"

static void refuses(const char *rows, size_t token_bytes, const char *words) {
    static const uint8_t tokens[64] = {1, 2, 3, 4};
    char csv[512];
    probe_set_t set;
    snprintf(csv, sizeof csv, HEADER "%s", rows);
    scratch_write("bad/probes.csv", csv);
    assert_int_equal(file_write(scratch("bad/probes.tokens"), tokens, token_bytes), 0);
    assert_int_equal(probes_read(scratch("bad"), &set), -1);
    assert_message(words);
    assert_null(set.probe);
}

static void damaged_sets_are_refused(void **state) {
    (void)state;
    dir_make(scratch("bad"));
    refuses("", 0, "holds no probe");
    refuses("0,0,a,s,0,2,1,1,0,1\n", 4, "4 bytes, but 1 probes of 2 tokens are due");
    refuses("0,0,a,s,0,2,1,1,0,1\n", 12, "12 bytes, but 1 probes");
    refuses("1,0,a,s,0,2,1,1,0,1\n", 8, "row 1, probe_id: 1");
    refuses("0,1,a,s,0,2,1,1,0,1\n", 8, "sequence_id: 1");
    refuses("0,0,a,s,-1,2,1,1,0,1\n", 8, "offset: -1");
    refuses("0,0,a,s,0,0,1,1,0,1\n", 0, "length: 0");
    refuses("0,0,a,s,0,3,1,1,0,1\n1,0,a,s,0,2,1,1,0,1\n", 20, "row 2, length: 2");
    refuses("0,0,a,s,0,2,1,1,0,1\n1,0,a,s,0,3,1,1,0,1\n", 16, "16 bytes, but 2 probes of up to 3 tokens");
    refuses("0,0,a,s,0,9223372036854775807,1,1,0,1\n1,0,a,s,0,9223372036854775807,1,1,0,1\n", 0, "0 bytes, but");
    refuses("0,0,a,s,0,2,0,0,0,1\n", 8, "duplicates: 0");
    refuses("0,0,a,s,0,2,5,6,9,1\n", 8, "documents: 6");
    refuses("0,0,a,s,0,2,5,5,8,1\n", 8, "bucket: 8");
    refuses("0,0,a,s,0,2,5,5,9,0\n", 8, "duplicates: 5");
    refuses("0,0,a,s,0,2,1,1,0,2\n", 8, "is_member: 2");
    refuses("0,0,a,s,x,2,1,1,0,1\n", 8, "row 1, offset");
    refuses("0,0,a,s,0,4611686018427387904,1,1,0,1\n", 0, "0 bytes, but");
}

static void rows_read_back(void **state) {
    (void)state;
    static const uint8_t tokens[] = {0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0, 2, 0, 1, 0, 3, 0, 0, 0};
    dir_make(scratch("good"));
    scratch_write("good/probes.csv", HEADER "0,0,\"a,b\",s,7,2,5,4,9,1\n1,1,c,,0,2,0,0,9,0\n");
    assert_int_equal(file_write(scratch("good/probes.tokens"), tokens, sizeof tokens), 0);
    probe_set_t set;
    assert_int_equal(probes_read(scratch("good"), &set), 0);
    assert_int_equal(set.n, 2);
    assert_int_equal(set.length, 2);
    const probe_t *p = &set.probe[0];
    assert_string_equal(p->doc_id, "a,b");
    assert_string_equal(p->source, "s");
    assert_true(p->offset == 7 && p->duplicates == 5 && p->documents == 4 && p->bucket == 9 && p->is_member == 1);
    assert_true(p->tokens[0] == INT32_MAX && p->tokens[1] == 1);
    assert_true(set.probe[1].tokens[0] == 65538 && set.probe[1].tokens[1] == 3 && set.probe[1].sequence_id == 1);
    probes_free(&set);
    uint8_t bad[sizeof tokens];
    memcpy(bad, tokens, sizeof bad);
    bad[15] = 0x80;
    assert_int_equal(file_write(scratch("good/probes.tokens"), bad, sizeof bad), 0);
    assert_int_equal(probes_read(scratch("good"), &set), -1);
    assert_message("token 3 is no id of one");
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, 1, 0); // shortage of controls is wanted here
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_hold),
        cmocka_unit_test(twins_are_two_sequences),
        cmocka_unit_test(a_sample_is_never_silently_short),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(damaged_sets_are_refused),
        cmocka_unit_test(rows_read_back),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
