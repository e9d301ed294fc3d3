/* CSV tables: quoting, the way back, and what is refused. */
#include "base/csv.h"
#include "base/num.h"
#include "base/zio.h"
#include "scratch.h"
#include <math.h>
#include <unistd.h>

static void test_write(void **state) {
    (void)state;
    csv_out_t *out;
    const char *path = scratch("a.csv");
    assert_int_equal(csv_open(path, "name,n,x,f,s", &out), 0);
    csv_text(out, "plain");
    csv_i64(out, INT64_MIN);
    csv_f64(out, 0.1);
    csv_f32(out, 0.1f);
    csv_stat(out, 1.0 / 3);
    csv_end(out);
    csv_text(out, "a \"b\", c\nd");
    csv_i64(out, 0);
    csv_f64(out, (double)NAN);
    csv_f32(out, NAN);
    csv_stat(out, (double)NAN);
    csv_end(out);
    assert_int_equal(csv_commit(out), 0);
    assert_file(path, "name,n,x,f,s\n"
                      "plain,-9223372036854775808,0.1,0.1,0.333333333\n"
                      "\"a \"\"b\"\", c\nd\",0,,,\n");
}

static void test_errors_are_kept(void **state) {
    (void)state;
    csv_out_t *out;
    const char *path = scratch("bad.csv");
    assert_int_equal(csv_open(path, "a,b", &out), 0);
    csv_i64(out, 1);
    csv_end(out);
    csv_i64(out, 1);
    csv_i64(out, 2);
    csv_end(out);
    err_set("another message in between");
    assert_int_equal(csv_commit(out), -1);
    assert_message("bad.csv: row 1 was given 1 fields, the header has 2");
    assert_int_equal(file_exists(path), 0);
    assert_int_equal(csv_open(path, "a", &out), 0);
    csv_i64(out, 1);
    assert_int_equal(csv_commit(out), -1);
    assert_message("not ended");
    assert_int_equal(csv_open(path, "a", &out), 0);
    csv_abort(out);
    csv_abort(NULL);
    assert_int_equal(file_exists(scratch("bad.csv.part")), 0);
    assert_int_equal(csv_open(scratch("no/folder.csv"), "a", &out), -1);
}

static void test_full_disk(void **state) {
    (void)state;
    if (!file_exists("/dev/full")) skip();
    assert_int_equal(symlink("/dev/full", scratch("full.csv.part")), 0);
    csv_out_t *out;
    assert_int_equal(csv_open(scratch("full.csv"), "a", &out), 0);
    for (int i = 0; i < 200000; i++) {
        csv_i64(out, i);
        csv_end(out);
    }
    assert_int_equal(csv_commit(out), -1);
    assert_message("full.csv: cannot write: No space left");
    assert_int_equal(file_exists(scratch("full.csv")), 0);
}

/* Fields made of every awkward piece survive, plain and compressed. */
static void round_trip(const char *path) {
    static const char *const pieces[] = {"", "\"", ",", "\n", "\r", "\r\n", "x", " ", "\"\"", "é"};
    enum { N = 10 };
    csv_out_t *out;
    assert_int_equal(csv_open(path, "a,b,c", &out), 0);
    for (int i = 0; i < N * N * N; i++) {
        char field[32];
        snprintf(field, sizeof field, "%s%s%s", pieces[i / N / N], pieces[i / N % N], pieces[i % N]);
        csv_text(out, field);
        csv_i64(out, i);
        csv_text(out, field);
        csv_end(out);
    }
    assert_int_equal(csv_commit(out), 0);
    csv_t table;
    assert_int_equal(csv_read(path, &table), 0);
    assert_int_equal(table.rows, N * N * N);
    assert_int_equal(table.columns, 3);
    for (int i = 0; i < N * N * N; i++) {
        char field[32];
        int64_t n;
        snprintf(field, sizeof field, "%s%s%s", pieces[i / N / N], pieces[i / N % N], pieces[i % N]);
        assert_string_equal(csv_at(&table, i, 0), field);
        assert_int_equal(num_parse_i64(csv_at(&table, i, 1), &n), 0);
        assert_int_equal(n, i);
        assert_string_equal(csv_at(&table, i, 2), field);
    }
    csv_free(&table);
}

static void test_round_trip(void **state) {
    (void)state;
    round_trip(scratch("trip.csv"));
    round_trip(scratch("trip.csv.zst"));
    file_map_t map;
    assert_int_equal(file_map(scratch("trip.csv.zst"), &map), 0);
    assert_int_equal(map.data[0], 0x28); // really zstd
    file_unmap(&map);
}

static void test_foreign_files(void **state) {
    (void)state;
    csv_t table;
    int32_t column;
    assert_int_equal(csv_read(scratch_write("w", "\xEF\xBB\xBF"
                                                 "a,b\r\n1,\"x\"\r\n,\r\n2,y"),
                              &table),
                     0);
    assert_int_equal(table.rows, 3);
    assert_int_equal(csv_column(&table, "b", &column), 0);
    assert_int_equal(column, 1);
    assert_string_equal(table.name[0], "a");
    assert_string_equal(csv_at(&table, 0, 1), "x");
    assert_string_equal(csv_at(&table, 1, 0), "");
    assert_string_equal(csv_at(&table, 1, 1), "");
    assert_string_equal(csv_at(&table, 2, 1), "y");
    assert_int_equal(csv_column(&table, "c", &column), -1);
    assert_message("\"c\"");
    csv_free(&table);
    assert_int_equal(csv_read(scratch_write("h", "a,b\n"), &table), 0);
    assert_int_equal(table.rows, 0);
    csv_free(&table);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {{"", "empty"},
               {"a,b\n1,2\n3\n", "bad:3: 1 fields where the header has 2"},
               {"a,b\n1,2,3\n", "bad:2: 3 fields"},
               {"a,b\n\"1\n2\",3\n4\n", "bad:4: 1 fields"}, // lines are counted inside quotes
               {"a,b\n\n", "bad:2"},
               {"a,b\n1,\"2\n", "bad:2: a quote is opened and not closed"},
               {"a,b\n1,\"2\"x\n", "bad:2: text after a closing quote"},
               {"a,b\n1,2\"x\"\n", "bad:2: a quote inside"},
               {"a,a\n", "\"a\" is there twice"}};
    csv_t table;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(csv_read(scratch_write("bad", bad[i].text), &table), -1);
        assert_message(bad[i].message);
        assert_message("bad");
        assert_int_equal(table.rows, 0);
        csv_free(&table);
    }
    assert_int_equal(file_write(scratch("zero"), "a\n\0\n", 4), 0);
    assert_int_equal(csv_read(scratch("zero"), &table), -1);
    assert_message("zero:2: a zero byte");
    assert_int_equal(csv_read(scratch("absent"), &table), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),      cmocka_unit_test(test_errors_are_kept), cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_foreign_files),   cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
