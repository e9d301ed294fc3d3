/* The C half of speed.py: the probe engine on a list of windows, on one rank.
 *
 *     speed DIR WINDOWS CONTEXT SUFFIX RUNS MEASURE PRECISION OUT.csv
 *
 * DIR is a Hugging Face folder, WINDOWS a file of int32 tokens, row after row of CONTEXT + SUFFIX; MEASURE is all or
 * verdict, PRECISION fp32 or bf16. Prints the CPU seconds of each run after one that warms up, without loading; OUT.csv
 * takes what was found of every probe. */
#include "base/clock.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "par/par.h"
#include "probe/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int write_records(const char *dir, int64_t n, const char *path) {
    file_map_t map;
    csv_out_t *csv;
    char *records = mem_printf("%s/records.bare.bin", dir);
    if (records == NULL || file_map(records, &map) != 0) return -1;
    const record_t *record = (const record_t *)(const void *)map.data;
    if (map.size != (size_t)n * sizeof *record) return err_set("%s: a bad size", records);
    TRY(csv_open(path, "probe,first_mismatch,matched,logp", &csv));
    for (int64_t i = 0; i < n; i++) {
        csv_i64(csv, record[i].probe_id);
        csv_i64(csv, record[i].first_mismatch);
        csv_i64(csv, record[i].matched);
        csv_f64(csv, record[i].logp_suffix);
        csv_end(csv);
    }
    file_unmap(&map);
    mem_free(records);
    return csv_commit(csv);
}

static int run(char **argv, const char *scratch) {
    const char *model_dir = argv[1], *windows = argv[2], *out = argv[8];
    const int64_t context = atoi(argv[3]), suffix = atoi(argv[4]), length = context + suffix;
    const measure_t measure = strcmp(argv[6], "verdict") == 0 ? MEASURE_VERDICT : MEASURE_ALL;
    const int runs = atoi(argv[5]);
    precision_t precision;
    file_map_t map;
    const model_t *model;
    TRY(precision_find(argv[7], &precision));
    TRY(file_map(windows, &map));
    const int32_t *tokens = (const int32_t *)(const void *)map.data;
    const int64_t n = (int64_t)(map.size / sizeof *tokens) / length;
    probe_set_t set = {.n = n, .length = length, .probe = mem_new(n, sizeof(probe_t), "probes")};
    if (set.probe == NULL) return -1;
    for (int64_t i = 0; i < n; i++)
        set.probe[i] = (probe_t){.probe_id = i, .length = length, .tokens = tokens + i * length};
    const engine_t spec = {1, &context, suffix, 2048, measure};
    const arm_t bare = {.name = "bare"};
    TRY(model_open(precision, model_dir, tensor_kernels("auto"), &model));
    for (int i = -1; i < runs; i++) {
        double start = clock_cpu();
        TRY(engine_run(&spec, model, &set, &bare, 1, model_dir, scratch, NULL));
        if (i >= 0) printf("%.6f\n", clock_cpu() - start);
    }
    TRY(write_records(scratch, n, out));
    model_free(model);
    mem_free(set.probe);
    file_unmap(&map);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 9) return fputs("speed DIR WINDOWS CONTEXT SUFFIX RUNS all|verdict fp32|bf16 OUT.csv\n", stderr), 2;
    char dir[] = "/tmp/speed.XXXXXX";
    par_init(&argc, &argv);
    int rc = mkdtemp(dir) != NULL ? 0 : err_set("%s: cannot be made", dir);
    if (rc == 0) rc = run(argv, dir);
    if (rc != 0) fprintf(stderr, "speed: %s\n", err_text());
    dir_remove(dir);
    par_finalize();
    return rc != 0;
}
