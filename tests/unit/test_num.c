/* Numbers as text: what is accepted, what is refused, and the way back. */
#include "base/num.h"
#include "base/rng.h"
#include "scratch.h"
#include <math.h>

static void test_read_whole_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-7", -7},
                {"+12", 12},
                {"64k", 64000},
                {"64K", 64000},
                {"2M", 2000000},
                {"3G", 3000000000},
                {"1T", 1000000000000},
                {"1Ki", 1024},
                {"2Mi", 2097152},
                {"1Gi", 1073741824},
                {"007", 7},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value = 42;
        assert_int_equal(num_parse_i64(good[i].text, &value), 0);
        assert_int_equal(value, good[i].value);
    }
    static const char *const bad[] = {"",
                                      " ",
                                      "-",
                                      "+",
                                      "k",
                                      "1 ",
                                      " 1",
                                      "1.5",
                                      "0x10",
                                      "1kk",
                                      "1kib",
                                      "1e6",
                                      "--1",
                                      "1\n",
                                      "1,2",
                                      "\xFF",
                                      "9223372036854775808",
                                      "10000000000G",
                                      "9e9",
                                      "nan",
                                      "1Kii",
                                      "1 k",
                                      "١",
                                      "-9223372036854775809"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 42;
        err_clear();
        assert_int_equal(num_parse_i64(bad[i], &value), -1);
        assert_int_equal(value, 42);
        assert_true(strlen(err_text()) > 0);
    }
}

static void test_read_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0.25", 0.25}, {"1e-3", 1e-3},   {"5%", 0.05},    {"0.1%", 0.001}, {"-2.5E+2", -250}, {".5", 0.5},
                {"5.", 5},      {"64k", 64000},   {"1.5M", 1.5e6}, {"2Ki", 2048},   {"1e-400", 0},     {"100%", 1},
                {"1e1%", 0.1},  {"33.3%", 0.333}, {"0", 0},        {"-0", -0.0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 42;
        assert_int_equal(num_parse_f64(good[i].text, &value), 0);
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",    ".",    "-",     "e5",   "1e",  "1e+",   "nan",   "inf", "-inf",
                                      "0x1", "1 ",   " 1",    "1..2", "1,5", "5%%",   "1e999", "1%k", "1e99999999999",
                                      "%",   "1.k.", "1e5.5", "1f",   "+-1", "1e400k"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 42;
        assert_int_equal(num_parse_f64(bad[i], &value), -1);
        assert_true(value == 42);
    }
    char many[2000];
    memset(many, '1', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    double value;
    assert_int_equal(num_parse_f64(many, &value), -1);
    assert_true(strlen(err_text()) < 200);
}

static void test_read_truth(void **state) {
    (void)state;
    int value;
    assert_int_equal(num_parse_bool("Yes", &value), 0);
    assert_int_equal(value, 1);
    assert_int_equal(num_parse_bool("off", &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(num_parse_bool("maybe", &value), -1);
    assert_int_equal(num_parse_bool("", &value), -1);
}

/* Expected texts are Python's repr() and numpy's str(float32), up to the form of the exponent. */
static void test_write_shortest(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } f64[] = {{0.1, "0.1"},
               {1.0 / 3, "0.3333333333333333"},
               {0.1 + 0.2, "0.30000000000000004"},
               {123456789, "123456789"},
               {1e22, "1e+22"},
               {8.03, "8.03"}, // 16 digits would show 8.029999999999999
               {5e-324, "5e-324"},
               {2.2250738585072014e-308, "2.2250738585072014e-308"},
               {1.7976931348623157e308, "1.7976931348623157e+308"},
               {-1.5, "-1.5"},
               {0, "0"},
               {100, "100"},
               {1e-5, "1e-05"}};
    char text[NUM_TEXT];
    for (size_t i = 0; i < sizeof f64 / sizeof *f64; i++)
        assert_string_equal(num_print_f64(text, f64[i].value), f64[i].text);
    assert_string_equal(num_print_f32(text, 0.1f), "0.1");
    assert_string_equal(num_print_f32(text, 1.0f / 3), "0.33333334");
    assert_string_equal(num_print_f32(text, 16777216.0f), "16777216");
    assert_string_equal(num_print_f32(text, 1e-45f), "1e-45");
    assert_string_equal(num_print_f32(text, 3.4028235e38f), "3.4028235e+38");
    assert_string_equal(num_print_f64(text, (double)NAN), "nan");
    assert_string_equal(num_print_f64(text, (double)-INFINITY), "-inf");
    assert_string_equal(num_print_f32(text, INFINITY), "inf");
}

static void test_written_numbers_read_back(void **state) {
    (void)state;
    char text[NUM_TEXT];
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(1, RNG_TEST, i);
        double d, back;
        memcpy(&d, &bits, sizeof d);
        if (isfinite(d)) {
            num_print_f64(text, d);
            assert_int_equal(num_parse_f64(text, &back), 0);
            assert_memory_equal(&d, &back, sizeof d);
        }
        uint32_t low = (uint32_t)bits;
        float f, f_back;
        memcpy(&f, &low, sizeof f);
        if (!isfinite(f)) continue;
        f_back = strtof(num_print_f32(text, f), NULL);
        assert_memory_equal(&f, &f_back, sizeof f);
    }
}

static void test_round(void **state) {
    (void)state;
    assert_true(num_round(1.0 / 3, 3) == 0.333);
    assert_true(num_round(-123456, 2) == -120000);
    assert_true(num_round(0, 5) == 0);
    assert_true(isnan(num_round((double)NAN, 5)));
    /* What rounding is for: two results that differ in the last bits. */
    assert_true(num_round(0.1 + 0.2, NUM_STAT_DIGITS) == num_round(0.3, NUM_STAT_DIGITS));
}

static void test_for_people(void **state) {
    (void)state;
    char text[NUM_TEXT];
    assert_string_equal(num_print_bytes(text, 999), "999 bytes");
    assert_string_equal(num_print_bytes(text, 12345678), "12.3 MB");
    assert_string_equal(num_print_bytes(text, 999950), "1.0 MB");
    assert_string_equal(num_print_bytes(text, 4e30), "4000000000000.0 EB");
    assert_string_equal(num_print_seconds(text, 0.04), "0.0s");
    assert_string_equal(num_print_seconds(text, 59.94), "59.9s");
    assert_string_equal(num_print_seconds(text, 59.96), "1m 00s");
    assert_string_equal(num_print_seconds(text, 83), "1m 23s");
    assert_string_equal(num_print_seconds(text, 7500), "2h 05m");
    assert_string_equal(num_print_seconds(text, 200000), "2d 07h");
    assert_string_equal(num_print_seconds(text, (double)NAN), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_whole_numbers),
        cmocka_unit_test(test_read_numbers),
        cmocka_unit_test(test_read_truth),
        cmocka_unit_test(test_write_shortest),
        cmocka_unit_test(test_written_numbers_read_back),
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
