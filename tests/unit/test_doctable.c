/* The document table of a shard: what is written is what is found, also when its texts outgrow the buffer; a row that
 * leads out of the file is refused. */
#include "scratch.h"
#include "text/bytes.h"
#include "text/doctable.h"

/* A table on disk, mapped and parsed. */
typedef struct {
    file_map_t map;
    doctable_t table;
} opened_t;

static opened_t reopen(doctable_out_t *out, const char *path, int64_t tokens) {
    opened_t o = {0};
    check_ok(doctable_commit(out, tokens));
    check_ok(file_map(path, &o.map));
    check_ok(doctable_parse(path, o.map.data, o.map.size, &o.table));
    return o;
}

static void check_row(const doctable_t *t, int64_t i, int64_t first, const char *id, const char *source,
                      const char *family) {
    assert_int_equal(doctable_first(t, i), first);
    assert_string_equal(doctable_id(t, i), id);
    assert_string_equal(doctable_source(t, i), source);
    assert_string_equal(doctable_family(t, i), family);
}

static void rows_are_found(void **state) {
    (void)state;
    doctable_out_t *out = NULL;
    const char *path = scratch("rows.docs");
    check_ok(doctable_create(path, &out));
    check_ok(doctable_add(out, 0, "first", "web", "first"));
    check_ok(doctable_add(out, 1, "", "books", "planted/0/1"));
    check_ok(doctable_add(out, 9, "third", "web", ""));
    opened_t o = reopen(out, path, 12);
    assert_int_equal(o.table.documents, 3);
    assert_int_equal(o.table.tokens, 12);
    check_row(&o.table, 0, 0, "first", "web", "first");
    check_row(&o.table, 1, 1, "", "books", "planted/0/1");
    check_row(&o.table, 2, 9, "third", "web", "");
    assert_int_equal(doctable_first(&o.table, 3), 12);
    static const int64_t holds[] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2};
    for (int64_t i = 0; i < 12; i++) assert_int_equal(doctable_find(&o.table, i), holds[i]);
    assert_ptr_equal(doctable_source(&o.table, 0), doctable_source(&o.table, 2));
    assert_ptr_equal(doctable_id(&o.table, 0), doctable_family(&o.table, 0));
    size_t texts = sizeof "first" + sizeof "web" + 1 + sizeof "books" + sizeof "planted/0/1" + sizeof "third" + 1;
    assert_int_equal(o.map.size, 16 + 3 * 32 + (texts + 7) / 8 * 8 + 24);
    file_unmap(&o.map);
}

static void no_documents_make_a_table(void **state) {
    (void)state;
    doctable_out_t *out = NULL;
    const char *path = scratch("none.docs");
    check_ok(doctable_create(path, &out));
    opened_t o = reopen(out, path, 0);
    assert_int_equal(o.table.documents, 0);
    assert_int_equal(o.map.size, 16 + 24);
    file_unmap(&o.map);
}

enum { MANY = 60000 };

/* Row i of a table whose texts do not fit the buffer, with more sources than are remembered and one longer than any
 * that is. */
static void made_up(int64_t i, char id[64], char *source, char family[64]) {
    snprintf(id, 64, "a document of the number %lld", (long long)i);
    snprintf(source, 3000, "source %lld%*s", (long long)(i % 7 ? i % 7 : i), i % 1000 ? 0 : 2000, "");
    snprintf(family, 64, i % 3 ? "%s" : "a family %.20s", id);
}

static void texts_outgrow_the_buffer(void **state) {
    (void)state;
    static char id[64], source[3000], family[64];
    doctable_out_t *out = NULL;
    const char *path = scratch("many.docs");
    check_ok(doctable_create(path, &out));
    for (int64_t i = 0; i < MANY; i++) {
        made_up(i, id, source, family);
        check_ok(doctable_add(out, 3 * i, id, source, family));
    }
    char *huge = mem_new(3 << 20, 1, "test"); // larger than the buffer by itself
    memset(huge, 'x', (3 << 20) - 1);
    check_ok(doctable_add(out, 3 * MANY, huge, huge, "last"));
    opened_t o = reopen(out, path, 3 * MANY + 1);
    assert_int_equal(o.table.documents, MANY + 1);
    for (int64_t i = 0; i < MANY; i++) {
        made_up(i, id, source, family);
        check_row(&o.table, i, 3 * i, id, source, family);
        assert_int_equal(doctable_find(&o.table, 3 * i + 2), i);
    }
    check_row(&o.table, MANY, 3 * MANY, huge, huge, "last");
    for (int64_t i = 8; i < MANY; i += 7) { // the few are stored once, whatever came between
        if (i % 1000 != 0) assert_ptr_equal(doctable_source(&o.table, i), doctable_source(&o.table, 1));
    }
    mem_free(huge);
    file_unmap(&o.map);
    file_list_t left;
    check_ok(file_glob(scratch("many.docs*"), &left)); // nothing beside it
    assert_int_equal(left.count, 1);
    file_list_free(&left);
}

static void an_aborted_table_leaves_nothing(void **state) {
    (void)state;
    doctable_out_t *out = NULL;
    check_ok(doctable_create(scratch("aborted.docs"), &out));
    check_ok(doctable_add(out, 0, "id", "source", "id"));
    doctable_abort(out);
    doctable_abort(NULL);
    file_list_t left;
    check_ok(file_glob(scratch("aborted*"), &left));
    assert_int_equal(left.count, 0);
    file_list_free(&left);
}

/* Two documents of 4 and 2 tokens, pool "id\0src\0\0"; laid out by hand from doctable.h. */
enum { HEAD = 16, ROW = 32, POOL = HEAD + 2 * ROW, FOOT = POOL + 8, SIZE = FOOT + 24 };
static void lay_out(uint8_t file[SIZE]) {
    memcpy(file, "memprobedocs", 12);
    bytes_put_u32(file + 12, 1);
    for (int i = 0; i < 2; i++) {
        uint8_t *row = file + HEAD + ROW * i;
        bytes_put_u64(row, i ? 4 : 0);
        bytes_put_u64(row + 8, 0);
        bytes_put_u64(row + 16, 3);
        bytes_put_u64(row + 24, 7);
    }
    memcpy(file + POOL, "id\0src\0", 8);
    bytes_put_u64(file + FOOT, 2);
    bytes_put_u64(file + FOOT + 8, 6);
    bytes_put_u64(file + FOOT + 16, 8);
}

static void the_layout_is_what_the_header_says(void **state) {
    (void)state;
    uint8_t file[SIZE];
    doctable_t table;
    lay_out(file);
    check_ok(doctable_parse("x.docs", file, SIZE, &table));
    check_row(&table, 0, 0, "id", "src", "");
    check_row(&table, 1, 4, "id", "src", "");
}

static void rows_that_lead_astray_are_refused(void **state) {
    (void)state;
    static const struct {
        int at;
        uint64_t value;
    } bad[] = {
        {HEAD, 1},                   // does not start at 0
        {HEAD + ROW, 0},             // not after the first
        {HEAD + ROW, 6},             // behind the last token
        {HEAD + ROW, UINT64_MAX},    //
        {HEAD + 8, 8},               // id behind the pool
        {HEAD + 16, UINT64_MAX},     // source far behind
        {HEAD + ROW + 24, 1 << 30},  // family
        {FOOT, 1},                   // documents: sizes do not add up
        {FOOT, UINT64_MAX},          //
        {FOOT, UINT64_MAX / 32 + 1}, // 32 times it wraps to 0
        {FOOT + 8, 4},               // tokens: the last document has none
        {FOOT + 8, 0},               //
        {FOOT + 8, UINT64_MAX},      //
        {FOOT + 16, 0},              // pool
        {FOOT + 16, 16},             //
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t file[SIZE];
        doctable_t table;
        lay_out(file);
        bytes_put_u64(file + bad[i].at, bad[i].value);
        err_clear();
        if (doctable_parse("x.docs", file, SIZE, &table) == 0) fail_msg("change %zu was not found", i);
        assert_message("x.docs");
    }
    uint8_t file[SIZE];
    doctable_t table;
    lay_out(file);
    file[FOOT - 1] = 'x'; // the pool does not end
    check_fails(doctable_parse("x.docs", file, SIZE, &table), "no end");
    for (size_t bytes = 0; bytes < SIZE; bytes++) {
        lay_out(file);
        if (doctable_parse("x.docs", file, bytes, &table) == 0) fail_msg("a cut to %zu bytes was not found", bytes);
    }
    bytes_put_u32(file + 12, 2);
    check_fails(doctable_parse("x.docs", file, SIZE, &table), "version 2, but this memprobe reads version 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found),
        cmocka_unit_test(no_documents_make_a_table),
        cmocka_unit_test(texts_outgrow_the_buffer),
        cmocka_unit_test(an_aborted_table_leaves_nothing),
        cmocka_unit_test(the_layout_is_what_the_header_says),
        cmocka_unit_test(rows_that_lead_astray_are_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
