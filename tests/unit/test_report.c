/* Tables, figures, page and summary of a made-up study of three models, two arms, three contexts and three buckets. The
 * golden tables come from tests/golden/report.py, which counts the same study with other code. */
#include "base/csv.h"
#include "base/zio.h"
#include "par/par.h"
#include "report/curves.h"
#include "report/fits.h"
#include "report/report.h"
#include "scratch.h"
#include "text/tokenizer.h"
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODELS = 3, ARMS = 2, CONTEXTS = 3, BUCKETS = 3, MEMBERS = 12, CONTROLS = 8, SUFFIX = 8, LENGTH = 24 };
enum { PROBES = BUCKETS * (MEMBERS + CONTROLS), RECORDS = CONTEXTS * PROBES };

static const int64_t contexts[CONTEXTS] = {4, 8, 16};
static const int64_t duplicates[BUCKETS] = {1, 4, 32};
static const int buckets[BUCKETS] = {0, 8, 20};
static const char *model_names[MODELS] = {"small", "medium", "large"};
static const char *arm_names[ARMS] = {"bare", "knn:lambda=0.5"};
static report_cell_t cells[MODELS * ARMS];
static char records_paths[MODELS * ARMS][600];
static report_t report;

/* Probe i: bucket, number in its bucket, and kind. Members come first. */
static void place(int i, int *b, int *j, int *member) {
    *member = i < BUCKETS * MEMBERS;
    int per = *member ? MEMBERS : CONTROLS, k = *member ? i : i - BUCKETS * MEMBERS;
    *b = k / per;
    *j = k % per;
}

static int is_hit(int m, int a, int c, int i) {
    int b, j, member;
    place(i, &b, &j, &member);
    return member ? (j + b * 3) % 12 < 3 * b + m + c + 2 * a : j < a + (m + b + c) / 4;
}

static record_t make_record(int m, int a, int c, int i) {
    int b, j, member, hit = is_hit(m, a, c, i);
    place(i, &b, &j, &member);
    int mismatch = hit ? SUFFIX : j % SUFFIX, matched = hit ? SUFFIX : mismatch + (SUFFIX - 1 - mismatch) / 2;
    double logp = hit ? -0.25 : -0.5 * (SUFFIX - matched);
    return (record_t){.probe_id = i,
                      .context = (int32_t)contexts[c],
                      .exact = hit,
                      .first_mismatch = mismatch,
                      .matched = matched,
                      .memorization_score = matched / (double)SUFFIX,
                      .logp_suffix = logp,
                      .rank_max = hit ? 1 : 2 + j,
                      .margin_min = hit ? 0.5f : -0.5f,
                      .entropy_bits = (float)(-logp / SUFFIX / 0.6931471805599453)};
}

static void write_records(int m, int a) {
    record_t *record = mem_new(RECORDS, sizeof *record, "records");
    for (int c = 0; c < CONTEXTS; c++)
        for (int i = 0; i < PROBES; i++) record[c * PROBES + i] = make_record(m, a, c, i);
    assert_int_equal(file_write(records_paths[m * ARMS + a], record, RECORDS * sizeof *record), 0);
    mem_free(record);
}

static void write_tokenizer(void) {
    bpe_trainer_t *trainer = NULL;
    assert_int_equal(bpe_trainer_create(1 << 20, scratch_dir, &trainer), 0);
    assert_int_equal(bpe_trainer_add(trainer, "a", 1), 0);
    assert_int_equal(bpe_trainer_write(trainer, 257, scratch("tokenizer.json")), 0);
    bpe_trainer_free(trainer);
}

/* The text of probe i has LENGTH bytes, each a token, and markup and half a character among them. */
static void write_probes(void) {
    tokenizer_t *tokenizer;
    assert_int_equal(tokenizer_load(scratch("tokenizer.json"), &tokenizer), 0);
    file_out_t *csv, *tokens;
    assert_int_equal(file_out_open(scratch("probes/probes.csv"), &csv), 0);
    assert_int_equal(file_out_open(scratch("probes/probes.tokens"), &tokens), 0);
    file_out_print(csv, "probe_id,sequence_id,doc_id,source,offset,length,duplicates,documents,bucket,is_member\n");
    for (int i = 0; i < PROBES; i++) {
        int b, j, member;
        place(i, &b, &j, &member);
        int copies = member ? (int)duplicates[b] + (b == 2 ? j % 7 : 0) : 0;
        file_out_print(csv, "%d,%d,\"doc <%d>, \"\"x\"\"\",made,%d,%d,%d,%d,%d,%d\n", i, i / 2, i, 10 * i, LENGTH,
                       copies, copies, buckets[b], member);
        char text[40];
        snprintf(text, sizeof text, "%02d:<i>&\xC3\xA9 abcdefghijklmno", i % 100);
        int32_t *ids = NULL;
        int64_t n = 0, capacity = 0;
        assert_int_equal(tokenizer_encode(tokenizer, text, LENGTH, &ids, &n, &capacity), 0);
        assert_int_equal(n, LENGTH);
        file_out_write(tokens, ids, LENGTH * sizeof *ids);
        mem_free(ids);
    }
    assert_int_equal(file_out_commit(csv), 0);
    assert_int_equal(file_out_commit(tokens), 0);
    tokenizer_free(tokenizer);
}

static int make_study(void **state) {
    static char tokenizer[600], probes[600], dir[600], plots[600];
    if (scratch_make(state) != 0 || dir_make(scratch("probes")) != 0) return -1;
    for (int m = 0; m < MODELS; m++)
        for (int a = 0; a < ARMS; a++) {
            snprintf(records_paths[m * ARMS + a], sizeof records_paths[0], "%s/%d-%d.bin", scratch_dir, m, a);
            cells[m * ARMS + a] =
                (report_cell_t){model_names[m], INT64_C(1000) << (3 * m), arm_names[a], records_paths[m * ARMS + a]};
            write_records(m, a);
        }
    write_tokenizer();
    write_probes();
    strcpy(tokenizer, scratch("tokenizer.json"));
    strcpy(probes, scratch("probes"));
    strcpy(dir, scratch("results"));
    strcpy(plots, source_path("plots"));
    report = (report_t){.name = "a <study>",
                        .dir = dir,
                        .probes_dir = probes,
                        .tokenizer_path = tokenizer,
                        .n_context = CONTEXTS,
                        .context = contexts,
                        .suffix = SUFFIX,
                        .n_cells = MODELS * ARMS,
                        .cell = cells,
                        .alpha = 0.05,
                        .plots_dir = plots};
    return 0;
}

static void assert_same_file(const char *path, const char *expected) {
    file_map_t a, b;
    check_ok(file_map(path, &a));
    check_ok(file_map(expected, &b));
    if (a.size != b.size || (a.size > 0 && memcmp(a.data, b.data, a.size) != 0))
        fail_msg("%s differs from %s", path, expected);
    file_unmap(&a);
    file_unmap(&b);
}

static void test_tables(void **state) {
    (void)state;
    check_ok(report_tables(&report));
    assert_same_file(scratch("results/rates.csv"), source_path("tests/golden/report/rates.csv"));
    assert_same_file(scratch("results/fits.csv"), source_path("tests/golden/report/fits.csv"));
    assert_same_file(scratch("results/probes.csv"), scratch("probes/probes.csv"));

    zin_t *in;
    char *line;
    size_t bytes;
    check_ok(zin_open(scratch("results/records.csv.zst"), &in));
    static const char *const first[] = {
        ("model,arm,context,probe_id,exact,first_mismatch,matched,memorization_score,logp_suffix,rank_max,margin_min,"
         "entropy_bits"),
        "small,bare,4,0,0,0,3,0.375,-2.5,2,-0.5,0.4508422",
        "small,bare,4,1,0,1,4,0.5,-2,3,-0.5,0.36067376",
    };
    int lines = 0;
    for (; zin_line(in, &line, &bytes) == 1; lines++)
        if (lines < 3) assert_string_equal(line, first[lines]);
    assert_int_equal(lines, 1 + MODELS * ARMS * RECORDS);
    zin_close(in);
}

/* Writes the file of a cell with each record changed and then one; NULL: no change. */
static void change_records(int cell, void (*each)(record_t *record), void (*one)(record_t *record)) {
    write_records(cell / ARMS, cell % ARMS);
    file_map_t map;
    check_ok(file_map(records_paths[cell], &map));
    record_t *record = mem_new(RECORDS, sizeof *record, "records");
    memcpy(record, map.data, map.size);
    file_unmap(&map);
    for (int i = 0; each && i < RECORDS; i++) each(&record[i]);
    if (one) one(&record[17]);
    check_ok(file_write(records_paths[cell], record, RECORDS * sizeof *record));
    mem_free(record);
}

/* Changes one record of the file of small, bare. */
static void change_record(void (*change)(record_t *record)) {
    change_records(0, NULL, change);
}

/* A record that is made wrong is refused; the message must name the file and say why. */
static void damage(void (*spoil)(record_t *record), const char *message) {
    change_record(spoil);
    unlink(scratch("results/rates.csv"));
    assert_int_equal(report_tables(&report), -1);
    assert_message("0-0.bin: record 17 ");
    assert_message(message);
    assert_int_equal(file_exists(scratch("results/rates.csv")), 0);
    write_records(0, 0);
}

static void spoil_id(record_t *r) {
    r->probe_id = 3;
}
static void spoil_context(record_t *r) {
    r->context = 8;
}
static void spoil_verdict(record_t *r) {
    r->exact = 2;
}
static void spoil_hit(record_t *r) {
    r->exact = !r->exact;
}
static void spoil_mismatch(record_t *r) {
    r->first_mismatch = SUFFIX + 1;
}
static void spoil_matched(record_t *r) {
    r->matched = -1;
}
static void spoil_logp(record_t *r) {
    r->logp_suffix = (double)INFINITY;
}
static void spoil_margin(record_t *r) {
    r->margin_min = NAN;
}

static void make_impossible(record_t *r) {
    r->logp_suffix = (double)-INFINITY;
    r->margin_min = -INFINITY;
    r->entropy_bits = INFINITY;
}

/* Under a memory with lambda 1 a suffix can have probability 0: a result like any other. */
static void test_impossible_suffix(void **state) {
    (void)state;
    change_record(make_impossible);
    check_ok(report_tables(&report));
    assert_same_file(scratch("results/rates.csv"), source_path("tests/golden/report/rates.csv"));
    zin_t *in;
    char *line;
    size_t bytes;
    check_ok(zin_open(scratch("results/records.csv.zst"), &in));
    for (int i = 0; i < 19; i++) assert_int_equal(zin_line(in, &line, &bytes), 1);
    assert_non_null(strstr(line, ",-inf,"));
    zin_close(in);
    write_records(0, 0);
}

static void test_damaged_records(void **state) {
    (void)state;
    damage(spoil_id, "another probe");
    damage(spoil_context, "another context");
    damage(spoil_verdict, "neither 0 nor 1");
    damage(spoil_hit, "contradicts");
    damage(spoil_mismatch, "outside of the suffix");
    damage(spoil_matched, "impossible count");
    damage(spoil_logp, "log-probability");
    damage(spoil_margin, "NaN");
    check_ok(file_write(records_paths[0], "short", 5));
    assert_int_equal(report_tables(&report), -1);
    assert_message("0-0.bin: 5 bytes, but 60 probes at 3 context lengths take 10080");
    unlink(records_paths[0]);
    assert_int_equal(report_tables(&report), -1);
    assert_message("0-0.bin");
    write_records(0, 0);
    check_ok(report_tables(&report));
}

static void keep(const char *name) {
    char from[100], to[100];
    snprintf(from, sizeof from, "results/%s", name);
    snprintf(to, sizeof to, "kept.%s", strrchr(name, '.') + 1);
    check_ok(file_copy(scratch(from), scratch(to)));
}

static int has_gnuplot(void) {
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

static void mark(record_t *r) {
    r->verdict_only = 1;
}
static void unmark(record_t *r) {
    r->verdict_only = 0;
}
static void mark_wrongly(record_t *r) {
    r->verdict_only = 2;
}
static void strip(record_t *r) {
    *r = (record_t){.probe_id = r->probe_id,
                    .context = r->context,
                    .exact = r->exact,
                    .first_mismatch = r->first_mismatch,
                    .verdict_only = 1};
}
static void add_logp(record_t *r) {
    r->logp_suffix = -1;
}
static void add_margin(record_t *r) {
    r->margin_min = -0.5f;
}
static void add_matched(record_t *r) {
    r->matched = 1;
}
static void add_rank(record_t *r) {
    r->rank_max = 3;
}
static void add_score(record_t *r) {
    r->memorization_score = 0.5;
}
static void add_entropy(record_t *r) {
    r->entropy_bits = 2;
}

static void refuse_verdict(void (*spoil)(record_t *record), const char *message) {
    change_records(0, strip, spoil);
    assert_int_equal(report_tables(&report), -1);
    assert_message("0-0.bin: record 17 ");
    assert_message(message);
}

/* Verdicts alone make the same rates and fits; what was not measured is empty; and neither kind passes for the other.
 */
static void test_verdicts(void **state) {
    (void)state;
    damage(mark, "holds a verdict alone");
    for (int i = 0; i < MODELS * ARMS; i++) change_records(i, strip, NULL);
    report.measure = MEASURE_VERDICT;
    check_ok(report_tables(&report));
    assert_same_file(scratch("results/rates.csv"), source_path("tests/golden/report/rates.csv"));
    assert_same_file(scratch("results/fits.csv"), source_path("tests/golden/report/fits.csv"));
    csv_t records;
    check_ok(csv_read(scratch("results/records.csv.zst"), &records));
    assert_int_equal(records.rows, MODELS * ARMS * RECORDS);
    for (int64_t row = 0; row < records.rows; row++)
        for (int32_t c = 0; c < records.columns; c++)
            assert_int_equal(*csv_at(&records, row, c) == 0, c >= 6); // from "matched" on
    csv_free(&records);
    if (has_gnuplot()) {
        check_ok(report_figures(&report));
        check_ok(report_page(&report));
    }
    refuse_verdict(unmark, "holds more than a verdict");
    refuse_verdict(mark_wrongly, "holds more than a verdict");
    refuse_verdict(spoil_hit, "contradicts its first mismatch");
    void (*const measures[])(record_t *) = {add_matched, add_rank, add_score, add_logp, add_margin, add_entropy};
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++)
        refuse_verdict(measures[i], "holds measures beside a verdict alone");
    report.measure = MEASURE_ALL;
    for (int i = 0; i < MODELS * ARMS; i++) write_records(i / ARMS, i % ARMS);
    check_ok(report_tables(&report));
}

static void test_figures(void **state) {
    (void)state;
    if (!has_gnuplot()) skip();
    static const char *const names[] = {"duplicates", "parameters", "context"};
    static const char *const formats[] = {"svg", "pdf", "png"};
    check_ok(report_figures(&report));
    for (int i = 0; i < 3; i++)
        for (int f = 0; f < 3; f++) {
            char path[100];
            snprintf(path, sizeof path, "results/figures/%s.%s", names[i], formats[f]);
            assert_int_equal(file_exists(scratch(path)), 1);
            snprintf(path, sizeof path, "results/figures/%s.raw.%s", names[i], formats[f]);
            assert_int_equal(file_exists(scratch(path)), 0);
        }
    /* A single lambda makes no curve. */
    assert_int_equal(file_exists(scratch("results/figures/lambda.svg")), 0);
    csv_t points;
    check_ok(csv_read(scratch("results/figures/parameters.csv"), &points));
    assert_int_equal(points.rows, 9); // three models in three classes of duplicates
    assert_string_equal(csv_at(&points, 2, 1), "64000");
    assert_string_equal(csv_at(&points, 2, 10), "1 copy");
    csv_free(&points);
    /* A bucket's point stands at the mean of its members' duplicates, not at the middle of the bucket. */
    check_ok(csv_read(scratch("results/figures/duplicates.csv"), &points));
    assert_int_equal(points.rows, 9); // three models in three buckets
    assert_string_equal(csv_at(&points, 1, 1), "4");
    assert_string_equal(csv_at(&points, 2, 1), "34.5343278");
    csv_free(&points);

    /* Twice the same bytes. */
    for (int f = 0; f < 3; f++) {
        char name[60], path[100], kept[100];
        snprintf(name, sizeof name, "figures/duplicates.%s", formats[f]);
        keep(name);
        snprintf(path, sizeof path, "results/%s", name);
        snprintf(kept, sizeof kept, "kept.%s", formats[f]);
        unlink(scratch(path));
        if (f == 0) sleep(1); // a date in the file would show
        check_ok(report_figures(&report));
        assert_same_file(scratch(path), scratch(kept));
    }
}

/* The y axis ends above the rates, or at the least that the figure asks for. */
static void test_axis(void **state) {
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        curves_t curves = {.least_top = whole};
        double top = 0;
        int32_t widest = 0;
        check_ok(curves_begin(&curves, "one"));
        check_ok(curves_add(&curves, 1, (counts_t){.n = 1000, .hits = 20}));
        check_ok(curves_write(&curves, 0.05, scratch("axis.csv"), &top, &widest));
        curves_free(&curves);
        assert_true(whole ? top == 1 : top > 0.02 && top < 0.05);
        assert_int_equal(widest, 3);
    }
}

static void test_gnuplot_fails(void **state) {
    (void)state;
    report_t broken = report;
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    assert_int_equal(report_figures(&report), -1);
    setenv("PATH", path, 1);
    free(path);
    assert_message("gnuplot cannot be started");
    assert_message("gnuplot-nox");

    check_ok(dir_make(scratch("plots")));
    broken.plots_dir = scratch("plots");
    assert_int_equal(report_figures(&broken), -1);
    assert_message("plots/duplicates.gp: missing");
    if (!has_gnuplot()) skip();
    scratch_write("plots/duplicates.gp", "plot nonsense(\n");
    assert_int_equal(report_figures(&broken), -1);
    assert_message("plots/duplicates.gp failed (1): ");
    assert_message("nonsense");
    assert_int_equal(file_exists(scratch("results/figures/duplicates.svg")), 0);
    scratch_write("plots/duplicates.gp",
                  "do for [e in 'svg pdf png'] { set print ARG3.'.'.e; print 'half a figure' }\n");
    assert_int_equal(report_figures(&broken), -1);
    assert_message("half a figure: is the disk full?");
    check_ok(report_figures(&report));
}

static int count(const char *text, const char *word) {
    int n = 0;
    for (; (text = strstr(text, word)) != NULL; text++) n++;
    return n;
}

static void test_page(void **state) {
    (void)state;
    check_ok(report_page(&report));
    keep("report.html");
    check_ok(report_page(&report));
    assert_same_file(scratch("results/report.html"), scratch("kept.html"));
    file_map_t map;
    check_ok(file_map(scratch("results/report.html"), &map));
    char *page = mem_printf("%.*s", (int)map.size, (const char *)map.data);
    file_unmap(&map);
    assert_int_equal(strncmp(page, "<!DOCTYPE html>", 15), 0);
    assert_non_null(strstr(page, "<h1>a &lt;study&gt;</h1>"));
    assert_null(strstr(page, "<study>"));
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "http-equiv"));
    assert_int_equal(count(page, "<div class=\"probe\">"), 7);
    assert_int_equal(count(page, "probe 0, "), 1);
    assert_non_null(strstr(page, "probe 0, doc &lt;0&gt;, &quot;x&quot;: 1 copy in 1 document, <b>extracted</b>"));
    assert_non_null(strstr(page, "00:&lt;i&gt;&amp;\xC3\xA9 abcdef<span class=\"hit\">ghijklmn</span>"));
    assert_non_null(strstr(page, ": control, never trained on, <b>extracted</b>"));
    assert_null(strstr(page, "doc <"));
    if (has_gnuplot()) {
        assert_int_equal(count(page, "<svg"), 3);
        assert_int_equal(count(page, "id=\"duplicates-gnuplot_canvas\""), 1);
        assert_int_equal(count(page, "id=\"gnuplot_canvas\""), 0);
    }
    mem_free(page);
}

static void test_summary(void **state) {
    (void)state;
    fflush(stdout);
    int old = dup(1), fd = open(scratch("out"), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(fd, 1);
    close(fd);
    int rc = report_print(&(report_t){.name = "s", .dir = report.dir, .alpha = 0.05});
    fflush(stdout);
    dup2(old, 1);
    close(old);
    check_ok(rc);
    char *expected = mem_printf(
        "\ns: exact-match extraction in percent [95 %% interval], 16 tokens of context, 8 of suffix\n\n"
        "model   arm             1 copy              2–7 copies          32–127 copies       controls\n"
        "small   bare             16.7 [4.7, 44.8]    41.7 [19.3, 68.0]   66.7 [39.1, 86.2]    4.2 [0.7, 20.2]\n"
        "small   knn:lambda=0.5   33.3 [13.8, 60.9]   58.3 [32.0, 80.7]   83.3 [55.2, 95.3]   16.7 [6.7, 35.9]\n"
        "medium  bare             25.0 [8.9, 53.2]    50.0 [25.4, 74.6]   75.0 [46.8, 91.1]    8.3 [2.3, 25.8]\n"
        "medium  knn:lambda=0.5   41.7 [19.3, 68.0]   66.7 [39.1, 86.2]   91.7 [64.6, 98.5]   20.8 [9.2, 40.5]\n"
        "large   bare             33.3 [13.8, 60.9]   58.3 [32.0, 80.7]   83.3 [55.2, 95.3]   12.5 [4.3, 31.0]\n"
        "large   knn:lambda=0.5   50.0 [25.4, 74.6]   75.0 [46.8, 91.1]  100.0 [75.8, 100.0]  25.0 [12.0, 44.9]\n"
        "probes                     12                  12                  12                  24\n"
        "\nreport   %s/report.html\nfigures  %s/figures/\ntables   %s/rates.csv fits.csv probes.csv records.csv.zst\n",
        report.dir, report.dir, report.dir);
    file_map_t map;
    check_ok(file_map(scratch("out"), &map));
    char *text = mem_printf("%.*s", (int)map.size, (const char *)map.data);
    file_unmap(&map);
    assert_string_equal(text, expected);
    mem_free(text);
    mem_free(expected);
}

static void assert_no_fit_of_parameters(int64_t rows) {
    csv_t fits;
    check_ok(csv_read(scratch("results/fits.csv"), &fits));
    for (int64_t i = 0; i < fits.rows; i++) assert_string_not_equal(csv_at(&fits, i, 2), "parameters");
    assert_int_equal(fits.rows, rows);
    csv_free(&fits);
}

/* Two models make no line, one model no figure; and a name of a model may hold anything. */
static void test_small_study(void **state) {
    (void)state;
    report_t one = report;
    one.n_cells = 2 * ARMS;
    check_ok(report_tables(&one));
    assert_no_fit_of_parameters(8);
    report_cell_t cell = cells[0];
    cell.model = "a \"b\", <c> & d_e^f";
    one.n_cells = 1;
    one.cell = &cell;
    check_ok(report_tables(&one));
    csv_t rates;
    check_ok(csv_read(scratch("results/rates.csv"), &rates));
    assert_int_equal(rates.rows, CONTEXTS * BUCKETS);
    assert_string_equal(csv_at(&rates, 0, 0), cell.model);
    csv_free(&rates);
    assert_no_fit_of_parameters(4);
    if (!has_gnuplot()) skip();
    check_ok(report_figures(&one));
    assert_int_equal(file_exists(scratch("results/figures/parameters.svg")), 0);
    assert_int_equal(file_exists(scratch("results/figures/parameters.csv")), 0);
    assert_int_equal(file_exists(scratch("results/figures/context.svg")), 1);
    file_map_t map;
    check_ok(file_map(scratch("results/figures/duplicates.svg"), &map));
    assert_non_null(memmem(map.data, map.size, "&lt;c> &amp; d_e^f", 18));
    file_unmap(&map);
    check_ok(report_page(&one));
}

/* No scatter, no claim: rates on a line, and net rates that differ by a rounding error alone. */
static void test_fit_without_scatter(void **state) {
    (void)state;
    report_t flat = report;
    flat.dir = scratch("flat");
    check_ok(dir_make(flat.dir));
    scratch_write("flat/rates.csv", "model,params,arm,context,suffix,bucket,n,hits,control_n,control_hits,dup_mean\n"
                                    "m,100,bare,4,8,4,3,1,3,0,2\n"
                                    "m,100,bare,8,8,4,3,2,3,1,2\n"
                                    "m,100,bare,16,8,4,3,3,3,2,2\n");
    check_ok(fits_write(&flat));
    csv_t fits;
    check_ok(csv_read(scratch("flat/fits.csv"), &fits));
    static const char *const expected[2][11] = {
        {"bare", "rate", "context", "3", "-0.333333333", "1.10730936", "", "", "", "1", ""},
        {"bare", "net", "context", "3", "0.333333333", "0", "", "", "", "", ""}};
    assert_int_equal(fits.rows, 2);
    for (int r = 0; r < 2; r++)
        for (int c = 0; c < 11; c++) assert_string_equal(csv_at(&fits, r, c), expected[r][c]);
    csv_free(&fits);
}

/* The members alone: net and the rate of the controls are empty, and nothing is fitted to net. */
static void test_without_controls(void **state) {
    (void)state;
    enum { N = BUCKETS * MEMBERS };
    file_map_t map;
    check_ok(dir_make(scratch("members")));
    check_ok(file_map(scratch("probes/probes.csv"), &map));
    const char *control = memmem(map.data, map.size, "\n36,", 4);
    check_ok(file_write(scratch("members/probes.csv"), map.data, (size_t)(control + 1 - (const char *)map.data)));
    file_unmap(&map);
    check_ok(file_map(scratch("probes/probes.tokens"), &map));
    check_ok(file_write(scratch("members/probes.tokens"), map.data, N * LENGTH * sizeof(int32_t)));
    file_unmap(&map);
    record_t record[CONTEXTS * N];
    for (int c = 0; c < CONTEXTS; c++)
        for (int i = 0; i < N; i++) record[c * N + i] = make_record(0, 0, c, i);
    report_t members = report;
    report_cell_t cell = {"small", 1000, "bare", scratch("members/records.bin")};
    check_ok(file_write(cell.records_path, record, sizeof record));
    members.probes_dir = scratch("members");
    members.n_cells = 1;
    members.cell = &cell;
    check_ok(report_tables(&members));
    csv_t rates, fits;
    check_ok(csv_read(scratch("results/rates.csv"), &rates));
    static const char *const empty[] = {"control_rate", "net", "net_lo", "net_hi"};
    for (int i = 0; i < 4; i++) {
        int32_t column;
        check_ok(csv_column(&rates, empty[i], &column));
        assert_string_equal(csv_at(&rates, 1, column), "");
    }
    csv_free(&rates);
    check_ok(csv_read(scratch("results/fits.csv"), &fits));
    assert_int_equal(fits.rows, 2);
    for (int64_t i = 0; i < fits.rows; i++) assert_string_equal(csv_at(&fits, i, 1), "rate");
    csv_free(&fits);
    if (!has_gnuplot()) skip();
    check_ok(report_figures(&members));
    check_ok(report_page(&members));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),           cmocka_unit_test(test_impossible_suffix),
        cmocka_unit_test(test_damaged_records),  cmocka_unit_test(test_figures),
        cmocka_unit_test(test_gnuplot_fails),    cmocka_unit_test(test_page),
        cmocka_unit_test(test_summary),          cmocka_unit_test(test_axis),
        cmocka_unit_test(test_small_study),      cmocka_unit_test(test_fit_without_scatter),
        cmocka_unit_test(test_without_controls), cmocka_unit_test(test_verdicts),
    };
    par_init(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, make_study, scratch_remove);
    par_finalize();
    return failed;
}
