/* Random numbers, hashes, the manifest. The Philox vectors are those of Random123 (kat_vectors, philox4x32 10); the
 * other golden values come from a second implementation of the formulas in Python integers. */
#include "base/hash.h"
#include "base/manifest.h"
#include "base/rng.h"
#include "scratch.h"

static void expect_philox(const uint32_t counter[4], const uint32_t key[2], const uint32_t expected[4]) {
    uint32_t out[4];
    rng_philox(counter, key, out);
    for (int i = 0; i < 4; i++) assert_int_equal(out[i], expected[i]);
}

static void test_philox_known_answers(void **state) {
    (void)state;
    expect_philox((uint32_t[]){0, 0, 0, 0}, (uint32_t[]){0, 0},
                  (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    expect_philox((uint32_t[]){0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, (uint32_t[]){0xffffffff, 0xffffffff},
                  (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    expect_philox((uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, (uint32_t[]){0xa4093822, 0x299f31d0},
                  (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void test_layout(void **state) {
    (void)state;
    assert_true(rng_u64(0, 0, 0) == 0xe169c58d6627e8d5);
    assert_true(rng_u64(0x123456789abcdef0, 6, 0xfedcba9876543210) == 0x1b80e1fd8af67ecf);
    assert_true(rng_u64(1, 2, 3) != rng_u64(1, 3, 2));
}

static void test_unit(void **state) {
    (void)state;
    double sum = 0, least = 1, most = 0;
    for (uint64_t i = 0; i < 100000; i++) {
        double u = rng_unit(3, RNG_TEST, i);
        assert_true(u >= 0 && u < 1);
        sum += u;
        if (u < least) least = u;
        if (u > most) most = u;
    }
    assert_true(sum > 49500 && sum < 50500); // 5.5 standard errors
    assert_true(least < 1e-3 && most > 1 - 1e-3);
}

static void test_below(void **state) {
    (void)state;
    /* A bound near 0.4 x 2^64 refuses a quarter of the draws: elements 0 and 4 are from a second attempt. */
    static const int64_t expected[] = {5977518900044284362, 138740357949035526, 4985883074755631951,
                                       5229350773619647764, 569999494272468943, 4271603506598819774};
    int64_t bound = (INT64_C(1) << 62) + (INT64_C(1) << 61) + 1;
    for (uint64_t i = 0; i < 6; i++) assert_true(rng_below(5, RNG_TEST, i, bound) == expected[i]);
    int64_t count[7] = {0};
    for (uint64_t i = 0; i < 70000; i++) count[rng_below(9, RNG_TEST, i, 7)]++;
    double chi2 = 0;
    for (int i = 0; i < 7; i++) chi2 += (double)((count[i] - 10000) * (count[i] - 10000)) / 10000;
    assert_true(chi2 < 22.5); // 99.9 % of chi-square with 6 degrees of freedom
    assert_int_equal(rng_below(1, 1, 1, 1), 0);
    assert_true(rng_below(1, 1, 1, INT64_MAX) >= 0);
}

static void test_permute(void **state) {
    (void)state;
    static const int64_t expected[] = {0, 4, 9, 2, 3, 8, 5, 6, 1, 7};
    int64_t order[10], other[10], seen = 0;
    rng_permute(7, RNG_ORDER, 3, 10, order);
    assert_memory_equal(order, expected, sizeof expected);
    rng_permute(7, RNG_ORDER, 4, 10, other);
    assert_memory_not_equal(order, other, sizeof order);
    for (int i = 0; i < 10; i++) seen |= INT64_C(1) << other[i];
    assert_int_equal(seen, 1023);
    /* Each of the 6 orders of 3 is as likely as another. */
    int64_t count[27] = {0}, kinds = 0;
    for (uint64_t salt = 0; salt < 6000; salt++) {
        rng_permute(1, RNG_TEST, salt, 3, order);
        count[order[0] * 9 + order[1] * 3 + order[2]]++;
    }
    for (int i = 0; i < 27; i++) {
        kinds += count[i] > 0;
        if (count[i] > 0) assert_in_range(count[i], 880, 1120);
    }
    assert_int_equal(kinds, 6);
    rng_permute(1, 1, 1, 0, NULL);
}

/* The first value is XXH3-128 of nothing, from the xxHash test suite. */
static void test_hash(void **state) {
    (void)state;
    char text[HASH_TEXT];
    assert_string_equal(hash_print(text, hash_bytes("", 0, 0)), "99aa06d3014798d86001c324468d497f");
    assert_int_equal(hash_compare(hash_text("abc"), hash_bytes("abc", 3, 0)), 0);
    assert_int_not_equal(hash_compare(hash_text("abc"), hash_bytes("abc", 3, 1)), 0);
    hash_t low = {1, UINT64_MAX}, high = {2, 0};
    assert_true(hash_compare(low, high) < 0 && hash_compare(high, low) > 0);
    assert_true(hash_compare((hash_t){1, 1}, (hash_t){1, 2}) < 0);
    hash_t of_file;
    assert_int_equal(hash_file(scratch_write("abc", "abc"), &of_file), 0);
    assert_int_equal(hash_compare(of_file, hash_text("abc")), 0);
    assert_int_equal(hash_file(scratch("absent"), &of_file), -1);
}

static hash_t of_two(const char *a, const char *b) {
    hasher_t *h = hasher_create();
    hasher_add_text(h, a);
    hasher_add_text(h, b);
    return hasher_finish(h);
}

static void test_hasher(void **state) {
    (void)state;
    assert_int_equal(hash_compare(of_two("ab", "c"), of_two("ab", "c")), 0);
    assert_int_not_equal(hash_compare(of_two("ab", "c"), of_two("a", "bc")), 0);
    assert_int_not_equal(hash_compare(of_two("", "a"), of_two("a", "")), 0);
    hasher_t *a = hasher_create(), *b = hasher_create();
    hasher_add_i64(a, -3);
    hasher_add_f64(a, 0.5);
    hasher_add_i64(b, -3);
    hasher_add_f64(b, 0.25);
    assert_int_not_equal(hash_compare(hasher_finish(a), hasher_finish(b)), 0);
}

static void test_manifest(void **state) {
    (void)state;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("A_SECRET", "not for the manifest", 1);
    char *argv[] = {"memprobe", "run", "a \"quoted\" config.ini"};
    json_t *manifest = manifest_create(3, argv), *back;
    assert_int_equal(manifest_write(manifest, scratch("manifest.json")), 0);
    assert_int_equal(manifest_write(manifest, scratch("no/manifest.json")), -1);
    json_decref(manifest);
    back = json_load_file(scratch("manifest.json"), 0, NULL);
    assert_non_null(back);
    json_t *command = json_object_get(back, "command"), *environment = json_object_get(back, "environment");
    assert_string_equal(json_string_value(json_array_get(command, 2)), argv[2]);
    assert_string_equal(json_string_value(json_object_get(environment, "OPENBLAS_NUM_THREADS")), "1");
    assert_null(json_object_get(environment, "A_SECRET"));
    assert_string_equal(json_string_value(json_object_get(back, "version")), MEMPROBE_VERSION);
    assert_non_null(strstr(json_string_value(json_object_get(json_object_get(back, "build"), "flags")), "-std=c17"));
    assert_true(json_integer_value(json_object_get(json_object_get(back, "host"), "cores")) > 0);
    json_decref(back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_known_answers),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_permute),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_hasher),
        cmocka_unit_test(test_manifest),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
