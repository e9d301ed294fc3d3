/* The C half of complete.py's look at drawing: which tokens are drawn from, and how likely each.
 *
 *     draw LOGITS VOCAB TEMPERATURE TOP_K TOP_P
 *
 * LOGITS is a file of rows of floats; of each row one line of "token:probability", in the order of the tokens. */
#include "model/draw.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include <stdio.h>
#include <string.h>

static int print_rows(const file_map_t *map, int64_t vocab, draw_t *draw) {
    float *logits = mem_new(vocab, sizeof *logits, "logits");
    int32_t *token = mem_new(vocab, sizeof *token, "tokens");
    double *p = mem_new(vocab, sizeof *p, "probabilities");
    const size_t row = (size_t)vocab * sizeof *logits;
    int rc = logits && token && p ? 0 : -1;
    for (size_t at = 0; rc == 0 && at + row <= map->size; at += row) {
        memcpy(logits, map->data + at, row);
        int64_t n = draw_kept(draw, logits, token, p);
        for (int64_t i = 0; i < n; i++) printf("%d:%.17g%c", token[i], p[i], i + 1 < n ? ' ' : '\n');
    }
    mem_free(logits);
    mem_free(token);
    mem_free(p);
    return rc;
}

static int run(char **argv) {
    int64_t vocab;
    draw_spec_t spec = {.seed = 0};
    draw_t *draw;
    file_map_t map;
    TRY(num_parse_i64(argv[2], &vocab));
    TRY(num_parse_f64(argv[3], &spec.temperature));
    TRY(num_parse_i64(argv[4], &spec.top_k));
    TRY(num_parse_f64(argv[5], &spec.top_p));
    TRY(draw_create(&spec, vocab, &draw));
    int rc = file_map(argv[1], &map);
    if (rc == 0) rc = print_rows(&map, vocab, draw);
    if (rc == 0) file_unmap(&map);
    draw_free(draw);
    return rc;
}

int main(int argc, char **argv) {
    if (argc != 6 || run(argv) != 0) {
        fprintf(stderr, "draw: %s\n", argc != 6 ? "usage: draw LOGITS VOCAB TEMPERATURE TOP_K TOP_P" : err_text());
        return 1;
    }
    return 0;
}
