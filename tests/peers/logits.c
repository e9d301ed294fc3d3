/* The C half of families.py: loads a checkpoint, or makes one of GPT-NeoX, and writes its logits for the given tokens.
 *
 *     logits load|parallel|serial|tied|again:FROM DIR OUT.csv TOKEN...
 *
 * load reads DIR; again reads FROM and saves what it has read in DIR; the other words make a model of random weights of
 * that kind and save it in DIR. */
#include "base/csv.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    csv_out_t *csv;
    int64_t vocab;
    const int32_t *tokens;
} print_t;

static int print_logits(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    const print_t *print = user;
    (void)rows;
    for (int64_t i = 0; i < n; i++) {
        csv_i64(print->csv, print->tokens[select[i]]);
        for (int64_t v = 0; v < print->vocab; v++) csv_f32(print->csv, logits[i * print->vocab + v]);
        csv_end(print->csv);
    }
    return 0;
}

static int get_model(const char *kind, const char *dir, model_t **model) {
    const tensor_ops_t *ops = tensor_kernels("auto");
    if (strcmp(kind, "load") == 0) return model_load(dir, ops, model);
    if (strncmp(kind, "again:", strlen("again:")) == 0) {
        TRY(model_load(kind + strlen("again:"), ops, model));
        return model_save(*model, dir, NULL);
    }
    const model_spec_t spec = {.family = "gpt_neox",
                               .vocab = 96,
                               .layers = 3,
                               .width = 64,
                               .heads = 2,
                               .head_size = 32,
                               .ffn = 200,
                               .context = 64,
                               .rotary_dims = 12,
                               .rotary_base = 10000,
                               .norm_eps = 1e-5f,
                               .parallel_residual = strcmp(kind, "serial") != 0,
                               .tied_head = strcmp(kind, "tied") == 0,
                               .ends = {1, {0}}};
    TRY(model_create(&spec, ops, 3, model));
    int64_t n;
    float *p = model_parameters(*model, &n), *noise = mem_new(n, sizeof *noise, "noise");
    if (noise == NULL) return -1;
    tensor_fill_normal(4, 0, n, 0.1f, noise);
    for (int64_t i = 0; i < n; i++) p[i] += noise[i]; // biases and gains too
    mem_free(noise);
    TRY(model_pack(*model));
    return model_save(*model, dir, NULL);
}

static int write_logits(const model_t *model, const char *path, int64_t n, const int32_t *tokens) {
    session_t *session;
    int32_t sequence = 0;
    int64_t *select = mem_new(n, sizeof *select, "rows");
    head_stat_t *stat = mem_new(n, sizeof *stat, "statistics");
    print_t print = {.vocab = model_spec(model)->vocab, .tokens = tokens};
    const attachment_t attach = {.user = &print, .logits = print_logits};
    char header[1 << 16] = "token";
    size_t used = strlen(header);
    for (int64_t v = 0; v < print.vocab; v++)
        used += (size_t)snprintf(header + used, sizeof header - used, ",l%lld", (long long)v);
    for (int64_t i = 0; i < n; i++) select[i] = i;
    TRY(csv_open(path, header, &print.csv));
    TRY(session_create(model, 1, n, n, &session));
    TRY(session_forward(session, 1, &sequence, &n, tokens, NULL));
    TRY(session_head(session, n, select, NULL, &attach, stat));
    session_free(session);
    mem_free(select);
    mem_free(stat);
    return csv_commit(print.csv);
}

int main(int argc, char **argv) {
    int32_t tokens[4096];
    int64_t n = argc - 4;
    model_t *model;
    if (n < 1 || n > 4096)
        return fputs("logits load|parallel|serial|tied|again:FROM DIR OUT.csv TOKEN...\n", stderr), 2;
    for (int64_t i = 0; i < n; i++) tokens[i] = (int32_t)strtol(argv[4 + i], NULL, 10);
    if (get_model(argv[1], argv[2], &model) != 0 || write_logits(model, argv[3], n, tokens) != 0)
        return fprintf(stderr, "logits: %s\n", err_text()), 1;
    model_free(model);
    return 0;
}
