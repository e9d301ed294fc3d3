/* The protocols "uniform" and "file" of the probe sampler: which rows they give, in which order, and what is said of
 * each, against counts of the plainest kind. */
#include "scratch.h"

#include "base/csv.h"
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
    dir_remove(scratch("members"));
    dir_remove(scratch("controls"));
    check_ok(corpus_write(&members, scratch("members"), 2));
    check_ok(corpus_write(&controls, scratch("controls"), 1));
}

static int draw(const sample_t *spec, const char *dir) {
    return probes_sample(spec, scratch("members"), scratch("controls"), scratch(dir));
}

static void sample(const sample_t *spec, probe_set_t *set) {
    check_ok(draw(spec, "set"));
    check_ok(probes_read(scratch("set"), set));
}

static int64_t find_document(const corpus_t *c, const char *id) {
    for (int64_t d = 0; d < c->documents; d++)
        if (strcmp(c->name[d][0], id) == 0) return d;
    fail_msg("there is no document %s", id);
    return -1;
}

static int64_t position_of(const corpus_t *c, const probe_t *p) {
    int64_t d = find_document(c, p->doc_id);
    assert_string_equal(p->source, c->name[d][1]);
    return c->first[d] + p->offset;
}

/* A member is counted and stands where it says. */
static void check_member(const probe_set_t *set, const probe_t *p) {
    int64_t documents, count = plain_count(&members, p->tokens, set->length, &documents);
    assert_true(p->is_member && count > 0);
    assert_int_equal(p->duplicates, count);
    assert_int_equal(p->documents, documents);
    assert_int_equal(p->bucket, census_bucket(count));
    assert_memory_equal(p->tokens, members.token + position_of(&members, p), (size_t)set->length * sizeof(int32_t));
}

/* --- uniform ------------------------------------------------------------------------------------------------------ */

static int64_t count_members(const probe_set_t *set) {
    int64_t n = 0;
    for (int64_t i = 0; i < set->n; i++) n += set->probe[i].is_member;
    return n;
}

static void uniform_draws_every_place_once(void **state) {
    (void)state;
    enum { LENGTH = 5 };
    corpora_begin(32);
    corpus_add_random(&members, 1, 30, 60, 3, "m");
    corpus_add_random(&controls, 2, 10, 60, 25, "c");
    corpora_write();
    int64_t windows = 0;
    for (int64_t d = 0; d < members.documents; d++)
        windows += members.length[d] >= LENGTH ? members.length[d] - LENGTH + 1 : 0;
    sample_t spec = {.protocol = SAMPLE_UNIFORM, .length = LENGTH, .probes = 100000, .seed = 1, .memory = 1 << 20};
    probe_set_t set;
    sample(&spec, &set);
    assert_int_equal(count_members(&set), windows);
    static uint8_t seen[CORPUS_TOKENS];
    memset(seen, 0, sizeof seen);
    for (int64_t i = 0; i < windows; i++) {
        check_member(&set, &set.probe[i]);
        assert_int_equal(seen[position_of(&members, &set.probe[i])]++, 0);
        if (i > 0) assert_true(set.probe[i - 1].bucket <= set.probe[i].bucket);
    }
    for (int64_t i = windows; i < set.n; i++) {
        int64_t documents;
        assert_int_equal(set.probe[i].is_member, 0);
        assert_int_equal(plain_count(&members, set.probe[i].tokens, LENGTH, &documents), 0);
    }
    assert_true(set.n > windows);
    probes_free(&set);
    assert_true(file_exists(scratch("set/census.csv")));
}

/* Few are among many, controls and their buckets as well. */
static void uniform_grows_as_a_superset(void **state) {
    (void)state;
    probe_set_t few, many;
    sample_t spec = {.protocol = SAMPLE_UNIFORM, .length = 5, .probes = 40, .seed = 1, .memory = 1 << 20};
    sample(&spec, &few);
    spec.probes = 130;
    sample(&spec, &many);
    assert_int_equal(count_members(&few), 40);
    assert_int_equal(count_members(&many), 130);
    for (int64_t i = 0; i < few.n; i++) {
        int found = 0;
        for (int64_t k = 0; k < many.n; k++) {
            const probe_t *p = &few.probe[i], *q = &many.probe[k];
            found += p->is_member == q->is_member && p->bucket == q->bucket && p->offset == q->offset &&
                     strcmp(p->doc_id, q->doc_id) == 0;
        }
        assert_int_equal(found, 1);
    }
    probes_free(&few);
    probes_free(&many);
}

/* 400 seeds draw 10 of 50 places: each place about 80 times, with a standard deviation of 8, and a place and its
 * neighbour together about 16 times. Equal windows have no say in it: half of the places hold one and the same token.
 */
static void uniform_is_uniform(void **state) {
    (void)state;
    enum { PLACES = 50, SEEDS = 400, DRAWN = 10, SLACK = 48 };
    int32_t ids[PLACES];
    int64_t times[PLACES] = {0}, neighbours = 0;
    corpora_begin(100);
    for (int32_t i = 0; i < PLACES; i++) ids[i] = i < PLACES / 2 ? 7 : i;
    corpus_add(&members, "m", "s", "m", ids, PLACES);
    corpus_add(&controls, "empty", "", "empty", NULL, 0);
    corpora_write();
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        probe_set_t set;
        sample_t spec = {.protocol = SAMPLE_UNIFORM, .length = 1, .probes = DRAWN, .seed = seed, .memory = 1 << 20};
        sample(&spec, &set);
        uint8_t drawn[PLACES + 1] = {0};
        for (int64_t i = 0; i < set.n; i++) {
            times[set.probe[i].offset]++;
            drawn[set.probe[i].offset] = 1;
        }
        for (int i = 0; i < PLACES; i++) neighbours += drawn[i] && drawn[i + 1];
        probes_free(&set);
    }
    for (int i = 0; i < PLACES; i++) {
        int64_t expected = SEEDS * DRAWN / PLACES;
        assert_true(times[i] > expected - SLACK && times[i] < expected + SLACK);
    }
    assert_true(neighbours > 550 && neighbours < 900); // 400 x 49 x 10 x 9 / (50 x 49) = 720
}

/* --- several lengths -----------------------------------------------------------------------------------------------
 */

/* Each length has the sample that it has alone, in blocks one after the other, and its rows of every table. */
static void every_length_has_its_own_sample(void **state) {
    (void)state;
    static const int64_t lengths[] = {4, 7, 20};
    corpora_begin(32);
    corpus_add_random(&members, 1, 60, 80, 3, "m");
    corpus_add_random(&controls, 2, 40, 80, 3, "c");
    corpora_write();
    sample_t spec = {.n_lengths = 3, .lengths = lengths, .per_bucket = 5, .seed = 1, .memory = 1 << 20};
    for (int protocol = SAMPLE_DUPLICATES; protocol <= SAMPLE_UNIFORM; protocol++) {
        probe_set_t all;
        int64_t at = 0;
        spec.protocol = (sample_protocol_t)protocol;
        spec.probes = 30;
        sample(&spec, &all);
        assert_int_equal(all.length, 20);
        for (int i = 0; i < 3; i++) {
            probe_set_t one;
            sample_t alone = spec;
            alone.n_lengths = 0;
            alone.length = lengths[i];
            sample(&alone, &one);
            probe_range_t range = probes_at(&all, lengths[i]);
            assert_int_equal(range.first, at);
            assert_int_equal(range.n, one.n);
            for (int64_t k = 0; k < one.n; k++) {
                const probe_t *p = &all.probe[at + k], *q = &one.probe[k];
                assert_int_equal(p->probe_id, at + k);
                assert_int_equal(p->length, lengths[i]);
                assert_string_equal(p->doc_id, q->doc_id);
                assert_true(p->offset == q->offset && p->duplicates == q->duplicates && p->documents == q->documents);
                assert_true(p->bucket == q->bucket && p->is_member == q->is_member);
                assert_memory_equal(p->tokens, q->tokens, (size_t)p->length * sizeof *p->tokens);
                for (int64_t j = 0; j < at; j++) { // one text is one sequence, whatever the length
                    const probe_t *r = &all.probe[j];
                    int same = p->is_member == r->is_member && strcmp(p->doc_id, r->doc_id) == 0;
                    assert_int_equal(p->sequence_id == r->sequence_id, same);
                }
            }
            at += one.n;
            probes_free(&one);
        }
        assert_int_equal(at, all.n);
        assert_int_equal(probes_at(&all, 5).n, 0); // no probe of another set stands in for it
        assert_int_equal(probes_at(&all, 21).n, 0);
        probes_free(&all);
    }
    csv_t table;
    check_ok(draw(&spec, "set"));
    check_ok(csv_read(scratch("set/matching.csv"), &table));
    assert_string_equal(csv_at(&table, 0, 0), "4");
    assert_string_equal(csv_at(&table, table.rows - 1, 0), "20");
    csv_free(&table);
    check_ok(csv_read(scratch("set/census.csv"), &table));
    assert_string_equal(csv_at(&table, 0, 0), "4");
    assert_string_equal(csv_at(&table, table.rows - 1, 0), "20");
    csv_free(&table);
}

static void one_length_serves_shorter_ones(void **state) {
    (void)state;
    probe_t probe[3] = {{.length = 9}, {.length = 9}, {.length = 9}};
    probe_set_t set = {.n = 3, .length = 9, .probe = probe};
    for (int64_t length = 1; length <= 9; length++) assert_int_equal(probes_at(&set, length).n, 3);
    assert_int_equal(probes_at(&set, 10).n, 0);
    probe[0].length = 5;
    assert_int_equal(probes_at(&set, 5).n, 1);
    assert_int_equal(probes_at(&set, 9).first, 1);
    assert_int_equal(probes_at(&set, 9).n, 2);
    assert_int_equal(probes_at(&set, 4).n, 0);
    set.n = 0;
    assert_int_equal(probes_at(&set, 9).n, 0);
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static void list_corpora(void) {
    corpora_begin(50);
    corpus_add(&members, "a", "s1", "a", (int32_t[]){1, 2, 3, 4, 5, 6, 7, 8}, 8);
    corpus_add(&members, "b", "s2", "b", (int32_t[]){9, 1, 2, 3, 4, 5, 9, 9}, 8);
    corpus_add(&members, "twice", "s2", "twice", (int32_t[]){20, 21, 22, 23, 24}, 5);
    corpus_add(&members, "twice", "s2", "twice", (int32_t[]){20, 21, 22, 23, 25}, 5);
    corpus_add(&controls, "x", "s1", "x", (int32_t[]){30, 31, 32, 33, 34, 35, 36, 37}, 8);
    corpus_add(&controls, "y", "s2", "y", (int32_t[]){40, 1, 2, 3, 4, 41, 42, 43}, 8);
    corpora_write();
}

static sample_t list_of(const char *name, const char *text) {
    return (sample_t){.protocol = SAMPLE_FILE,
                      .length = 4,
                      .suffix = 2,
                      .path = {(char *)(uintptr_t)scratch_write(name, text), NULL},
                      .paths = 1,
                      .seed = 1,
                      .memory = 1 << 20};
}

static void check_place(const probe_t *p, const char *id, int64_t offset, int32_t first, int is_member) {
    assert_string_equal(p->doc_id, id);
    assert_int_equal(p->offset, offset);
    assert_int_equal(p->tokens[0], first);
    assert_int_equal(p->is_member, is_member);
}

/* Documents and offsets: rows stay in their order, the end of a longer window counts, and a window of a held-out
 * document that stands in the members is one. */
static void lists_of_places(void **state) {
    (void)state;
    probe_set_t set;
    list_corpora();
    sample_t spec = list_of("list.csv", "note,offset,doc_id\nq,2,b\nq,0,x\nq,1,y\nq,0,a\nq,4,x\n");
    sample(&spec, &set);
    assert_int_equal(set.n, 5);
    check_place(&set.probe[0], "b", 2, 2, 1);
    assert_int_equal(set.probe[0].duplicates, 2); // 2 3 4 5, in a and in b
    assert_int_equal(set.probe[0].documents, 2);
    check_place(&set.probe[1], "x", 0, 30, 0);
    check_place(&set.probe[2], "a", 0, 1, 1); // listed from y, and 1 2 3 4 stands first in a
    check_place(&set.probe[3], "a", 0, 1, 1);
    check_place(&set.probe[4], "x", 4, 34, 0);
    for (int64_t i = 0; i < set.n; i++)
        if (set.probe[i].is_member) check_member(&set, &set.probe[i]);
    assert_int_equal(set.probe[1].bucket, 4); // of the members in turn
    assert_int_equal(set.probe[1].sequence_id, set.probe[4].sequence_id);
    assert_int_equal(set.probe[2].sequence_id, set.probe[3].sequence_id);
    assert_int_not_equal(set.probe[0].sequence_id, set.probe[1].sequence_id);
    probes_free(&set);

    /* Members only: controls are drawn, and stand behind. */
    spec = list_of("list.csv", "doc_id,offset,length\nb,0,8\na,0,6\n");
    sample(&spec, &set);
    assert_int_equal(set.n, 4);
    check_place(&set.probe[0], "b", 4, 4, 1);
    check_place(&set.probe[1], "a", 2, 3, 1);
    for (int64_t i = 2; i < 4; i++) {
        assert_int_equal(set.probe[i].is_member, 0);
        assert_string_equal(set.probe[i].doc_id, strcmp(set.probe[i].source, "s1") == 0 ? "x" : "y");
    }
    probes_free(&set);

    /* A probe set of another sample is a list, where ids are ids. */
    snprintf(members.name[3][0], CORPUS_NAME, "once");
    corpora_write();
    sample_t drawn = {.length = 5, .per_bucket = 3, .seed = 1, .memory = 1 << 20};
    check_ok(draw(&drawn, "drawn"));
    spec.path[0] = scratch("drawn/probes.csv");
    spec.length = 5;
    probe_set_t before;
    sample(&spec, &set);
    check_ok(probes_read(scratch("drawn"), &before));
    assert_int_equal(set.n, before.n);
    for (int64_t i = 0; i < set.n; i++) {
        check_place(&set.probe[i], before.probe[i].doc_id, before.probe[i].offset, before.probe[i].tokens[0],
                    before.probe[i].is_member);
        assert_int_equal(set.probe[i].duplicates, before.probe[i].duplicates);
    }
    probes_free(&set);
    probes_free(&before);
}

static void lists_of_tokens(void **state) {
    (void)state;
    probe_set_t set;
    list_corpora();
    sample_t spec = list_of("list.csv", "tokens\n2 3 4 5\n\"[7, 7, 20, 21, 22, 23]\"\n5 5 5 5\n30 31 32 33\n");
    sample(&spec, &set);
    assert_int_equal(set.n, 4);
    check_place(&set.probe[0], "a", 1, 2, 1); // where it stands first
    check_place(&set.probe[1], "twice", 0, 20, 1);
    assert_int_equal(set.probe[1].duplicates, 2);
    check_place(&set.probe[2], "file/2", 0, 5, 0);
    assert_string_equal(set.probe[2].source, "file");
    check_place(&set.probe[3], "file/3", 0, 30, 0);
    assert_int_not_equal(set.probe[2].sequence_id, set.probe[3].sequence_id);
    probes_free(&set);

    spec = list_of("list.csv", "tokens\n5 5 5 5\n2 3 4 5\n30 31 32 33\n5 5 5 5\n"); // equal rows are one sequence
    sample(&spec, &set);
    check_place(&set.probe[3], "file/3", 0, 5, 0);
    assert_int_equal(set.probe[3].sequence_id, set.probe[0].sequence_id);
    assert_int_not_equal(set.probe[3].sequence_id, set.probe[2].sequence_id);
    probes_free(&set);

    spec = list_of("list.csv", "suffix,context\n4 5,2 3\n");
    sample(&spec, &set);
    check_place(&set.probe[0], "a", 1, 2, 1);
    probes_free(&set);

    static const uint8_t contexts[] = {9, 9, 1, 9, 9, 9}, suffixes[] = {2, 3, 6, 6};
    char npy[2][200];
    for (int k = 0; k < 2; k++) {
        int columns = k == 0 ? 3 : 2;
        memset(npy[k], ' ', 128);
        memcpy(npy[k], "\x93NUMPY\x01\x00\x76\x00", 10);
        int n = snprintf(npy[k] + 10, 118, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, %d), }", columns);
        npy[k][10 + n] = ' ';
        npy[k][127] = '\n';
        memcpy(npy[k] + 128, k == 0 ? contexts : suffixes, (size_t)(2 * columns));
        check_ok(file_write(scratch(k == 0 ? "c.npy" : "s.npy"), npy[k], 128 + (size_t)(2 * columns)));
    }
    spec.path[0] = scratch("c.npy");
    spec.path[1] = scratch("s.npy");
    spec.paths = 2;
    sample(&spec, &set);
    assert_int_equal(set.n, 2);
    check_place(&set.probe[0], "b", 0, 9, 1);
    check_place(&set.probe[1], "file/1", 0, 9, 0);
    probes_free(&set);
    spec.suffix = 3;
    check_fails(draw(&spec, "none"), "suffix of 2 tokens, [probe] suffix says 3");
}

static void refuses(const char *list, const char *words) {
    sample_t spec = list_of("bad.csv", list);
    check_fails(draw(&spec, "none"), words);
    assert_message("bad.csv");
    assert_false(file_exists(scratch("none/probes.csv")));
}

static void bad_lists_are_refused(void **state) {
    (void)state;
    list_corpora();
    refuses("doc_id,offset\n", "holds no probe");
    refuses("doc_id,offset\na,0\nnobody,0\n", "row 2: the corpus has no document \"nobody\"");
    refuses("doc_id,offset\na,5\n", "row 1: document \"a\" has 8 tokens: no window of 4 begins at 5");
    refuses("doc_id,offset\na,-1\n", "row 1, offset");
    refuses("doc_id,offset\na,9223372036854775807\n", "no window of 4 begins at");
    refuses("doc_id,offset,length\na,9223372036854775807,9\n", "an offset beyond all documents");
    refuses("doc_id,offset,length\na,0,3\n",
            "probe 0 has 3 tokens, the longest context and the suffix together need 4");
    refuses("doc_id,offset\ntwice,0\n", "2 documents have the id \"twice\"");
    refuses("tokens\n1 2 3\n", "probe 0 has 3 tokens");
    refuses("tokens\n1 2 3 50\n", "holds token 50, the corpus has a vocabulary of 50");
    refuses("tokens\n9 9 8 8\n", "none of its 1 windows of 4 tokens stands in the member corpus");
    refuses("context,suffix\n1 2 3,4\n", "suffix of 1 tokens, [probe] suffix says 2");
    refuses("words\n1 2 3\n", "no columns doc_id and offset");
    sample_t spec = list_of("bad.csv", "tokens\n1 2 3 4\n");
    spec.path[0] = scratch("nowhere.csv");
    check_fails(draw(&spec, "none"), "nowhere.csv");
    spec = (sample_t){.protocol = SAMPLE_UNIFORM, .length = 4, .memory = 1 << 20};
    check_fails(draw(&spec, "none"), "0 probes");
    static const int64_t falling[] = {5, 4};
    spec = list_of("bad.csv", "tokens\n1 2 3 4\n");
    spec.n_lengths = 2;
    spec.lengths = falling;
    check_fails(draw(&spec, "none"), "a list of probes has one length");
    spec.protocol = SAMPLE_UNIFORM;
    spec.probes = 1;
    check_fails(draw(&spec, "none"), "or not in this order");
    spec = (sample_t){.protocol = SAMPLE_UNIFORM, .length = 40, .probes = 1, .memory = 1 << 20};
    check_fails(draw(&spec, "none"), "no document of the corpus holds a window of 40");
}

int main(int argc, char **argv) {
    if (par_init(&argc, &argv) != 0) return 1;
    log_init(LOG_QUIET, 1, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_draws_every_place_once),
        cmocka_unit_test(uniform_grows_as_a_superset),
        cmocka_unit_test(uniform_is_uniform),
        cmocka_unit_test(every_length_has_its_own_sample),
        cmocka_unit_test(one_length_serves_shorter_ones),
        cmocka_unit_test(lists_of_places),
        cmocka_unit_test(lists_of_tokens),
        cmocka_unit_test(bad_lists_are_refused),
    };
    int rc = cmocka_run_group_tests(tests, scratch_make, scratch_remove);
    par_finalize();
    return rc;
}
