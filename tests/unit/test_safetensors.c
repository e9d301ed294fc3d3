/* The safetensors reader against forged files, and the writer against the published layout. Every file here is built
 * from its JSON header, so a test shows exactly the byte that is wrong. */
#include "model/safetensors.h"
#include "scratch.h"

enum { LIMIT = 4096 };

/* length, header, `data` bytes 0, 1, 2, ...; returns the size. The header's length is written as `claimed`. */
static size_t forge(uint8_t bytes[LIMIT], const char *header, uint64_t claimed, size_t data) {
    size_t n = strlen(header);
    memcpy(bytes, &claimed, 8);
    memcpy(bytes + 8, header, n);
    for (size_t i = 0; i < data; i++) bytes[8 + n + i] = (uint8_t)i;
    return 8 + n + data;
}

/* A copy that ends where its allocation ends and begins at an odd address: the sanitizers see a read past the end. */
static int parse(const uint8_t *bytes, size_t size, safetensors_t **file, uint8_t **copy) {
    *copy = malloc(size + 1);
    assert_non_null(*copy);
    memcpy(*copy + 1, bytes, size);
    return safetensors_parse(*copy + 1, size, "forged", file);
}

static void refuse(const char *header, uint64_t claimed, size_t data, const char *message) {
    uint8_t bytes[LIMIT], *copy;
    safetensors_t *file;
    size_t size = forge(bytes, header, claimed, data);
    int rc = parse(bytes, size, &file, &copy);
    if (rc == 0 || strstr(err_text(), message) == NULL)
        print_error("%s\nmust be refused with \"%s\", got \"%s\"\n", header, message, rc ? err_text() : "success");
    assert_int_equal(rc, -1);
    assert_non_null(strstr(err_text(), message));
    free(copy);
}

/* The file that the reference library writes for one F32 tensor of shape (2, 2). */
static void test_golden_file(void **state) {
    (void)state;
    const char *header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}       ";
    const float data[4] = {1, -2, 0.5f, 3};
    const char *path = scratch("golden.safetensors");
    safetensors_entry_t entry = {.name = "a", .rank = 2, .shape = {2, 2}};
    safetensors_out_t *out;
    assert_int_equal(safetensors_create(path, NULL, 1, &entry, &out), 0);
    assert_int_equal(safetensors_write(out, data, 4), 0);
    assert_int_equal(safetensors_commit(out), 0);

    file_map_t map;
    assert_int_equal(file_map(path, &map), 0);
    assert_int_equal(map.size, 88);
    assert_memory_equal(map.data, "\x40\0\0\0\0\0\0\0", 8);
    assert_memory_equal(map.data + 8, header, 64);
    assert_memory_equal(map.data + 72, data, 16);
    file_unmap(&map);

    safetensors_t *file;
    float back[4];
    assert_int_equal(safetensors_open(path, &file), 0);
    assert_int_equal(safetensors_count(file), 1);
    const safetensors_entry_t *a = safetensors_find(file, "a");
    assert_non_null(a);
    assert_int_equal(a->rank, 2);
    assert_int_equal(a->elements, 4);
    assert_int_equal(safetensors_read(file, a, 0, 4, back), 0);
    assert_memory_equal(back, data, sizeof data);
    assert_int_equal(safetensors_read(file, a, 2, 3, back), -1);
    assert_null(safetensors_find(file, "b"));
    safetensors_close(file);
}

static void test_writer_checks_amount(void **state) {
    (void)state;
    const float data[4] = {0};
    const char *path = scratch("short.safetensors");
    safetensors_entry_t entry = {.name = "a", .rank = 1, .shape = {4}};
    safetensors_out_t *out;
    assert_int_equal(safetensors_create(path, "pt", 1, &entry, &out), 0);
    assert_int_equal(safetensors_write(out, data, 3), 0);
    assert_int_equal(safetensors_write(out, data, 2), -1);
    assert_int_equal(safetensors_commit(out), -1);
    assert_false(file_exists(path));
}

static void test_header_length(void **state) {
    (void)state;
    uint8_t bytes[LIMIT] = {0}, *copy;
    safetensors_t *file;
    for (size_t size = 0; size < 8; size++) {
        assert_int_equal(parse(bytes, size, &file, &copy), -1);
        free(copy);
    }
    refuse("{}", 0, 0, "does not begin with {");
    refuse("{}", 3, 0, "does not fit");
    refuse("{}", 100000001, 0, "does not fit");
    refuse("{}", UINT64_MAX, 0, "does not fit");
    refuse("{}", UINT64_MAX - 7, 0, "does not fit");
    refuse("{}", (uint64_t)1 << 63, 0, "does not fit");
    refuse(" {}", 3, 0, "does not begin with {");
    refuse("[]", 2, 0, "does not begin with {");
    refuse("{}", 1, 0, "header, byte");
}

static void test_header_json(void **state) {
    (void)state;
    const char *bad[] = {"{\"a\":", "{\"a\":1}}", "{\"\xff\":{}}", "{\"a\":{},}", "{\"a\\u0000b\":{}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refuse(bad[i], strlen(bad[i]), 0, "header, byte");
    const char *twice = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                        "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    refuse(twice, strlen(twice), 1, "duplicate");
    char deep[3000];
    memset(deep, '[', sizeof deep);
    deep[0] = '{', deep[1] = '"', deep[2] = '"', deep[3] = ':', deep[sizeof deep - 1] = '\0';
    refuse(deep, strlen(deep), 0, "header, byte");
}

/* One tensor of header entry `entry` with `data` bytes behind it. */
static void refuse_entry(const char *entry, size_t data, const char *message) {
    char header[1000];
    snprintf(header, sizeof header, "{\"a\":%s}", entry);
    refuse(header, strlen(header), data, message);
}

static void test_entries(void **state) {
    (void)state;
    refuse_entry("7", 0, "not an object");
    refuse_entry("{\"shape\":[1],\"data_offsets\":[0,4]}", 4, "no dtype");
    refuse_entry("{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}", 4, "no dtype");
    refuse_entry("{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}", 4, "unknown dtype \"F31\"");
    refuse_entry("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}", 4, "no shape");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}", 4, "not a size");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}", 4, "not a size");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}", 4, "9 dimensions");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}", 4, "overflows");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}", 0, "do not fit");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]}", 4, "header, byte");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}", 4, "do not fit F32 [2]");
    refuse_entry("{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,4]}", 4, "do not fit F16 []");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[1]}", 4, "data_offsets");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}", 4, "data_offsets");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}", 4, "data_offsets");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}", 4, "data_offsets");
}

static void test_tiling(void **state) {
    (void)state;
    const char *one = "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";
    refuse_entry(one, 3, "truncated");
    refuse_entry(one, 5, "too long");
    refuse_entry("{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}", 8, "a gap");
    const char *gap = "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                      "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[3,5]}}";
    refuse(gap, strlen(gap), 5, "a gap");
    const char *overlap = "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
                          "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    refuse(overlap, strlen(overlap), 3, "an overlap");
    refuse("{}", 2, 1, "too long");
}

/* Values of each type at odd addresses; the half-precision patterns come from an independent program. */
static void test_values(void **state) {
    (void)state;
    const char *header = "{\"__metadata__\":{\"format\":\"pt\"},"
                         "\"byte\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                         "\"none\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[1,1]},"
                         "\"h\":{\"dtype\":\"F16\",\"shape\":[7],\"data_offsets\":[1,15]},"
                         "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[15,19]},"
                         "\"f\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[19,23]}} ";
    const uint16_t half[7] = {0x3C00, 0x0001, 0xFC00, 0x7BFF, 0x8000, 0x83FF, 0x0400}, brain[2] = {0x3F80, 0x4049};
    const float half_values[7] = {1, 0x1p-24f, -__builtin_inff(), 65504, -0.0f, -1023 * 0x1p-24f, 0x1p-14f};
    const float brain_values[2] = {1, 3.140625f}, single = -12345.678f;
    uint8_t bytes[LIMIT], *copy;
    safetensors_t *file;
    float out[7];
    size_t size = forge(bytes, header, strlen(header), 23);
    uint8_t *data = bytes + 8 + strlen(header);
    memcpy(data + 1, half, sizeof half);
    memcpy(data + 15, brain, sizeof brain);
    memcpy(data + 19, &single, sizeof single);
    assert_int_equal(parse(bytes, size, &file, &copy), 0);
    assert_int_equal(safetensors_count(file), 5);
    assert_int_equal(safetensors_read(file, safetensors_find(file, "h"), 0, 7, out), 0);
    assert_memory_equal(out, half_values, sizeof half_values);
    assert_int_equal(safetensors_read(file, safetensors_find(file, "b"), 0, 2, out), 0);
    assert_memory_equal(out, brain_values, sizeof brain_values);
    assert_int_equal(safetensors_read(file, safetensors_find(file, "f"), 0, 1, out), 0);
    assert_memory_equal(out, &single, sizeof single);
    assert_int_equal(safetensors_read(file, safetensors_find(file, "none"), 0, 0, out), 0);
    assert_int_equal(safetensors_read(file, safetensors_find(file, "byte"), 0, 1, out), -1);
    assert_non_null(strstr(err_text(), "dtype U8"));
    safetensors_close(file);
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_file),   cmocka_unit_test(test_writer_checks_amount),
        cmocka_unit_test(test_header_length), cmocka_unit_test(test_header_json),
        cmocka_unit_test(test_entries),       cmocka_unit_test(test_tiling),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
