/* The next-token distribution of rows of the last forward call, and greedy generation from it. Bare, the head never
 * stores logits; for an attachment that changes logits, a few rows of them exist at a time. Both ways give equal bits
 * when the attachment changes nothing. */
#include "base/err.h"
#include "model/session_private.h"
#include <math.h>
#include <string.h>

/* Rows select[0..n) of the hidden states, one after the other. */
static void gather(session_t *s, int64_t n, const int64_t *select) {
    int64_t width = s->model->spec.width;
    for (int64_t i = 0; i < n; i++) {
        memcpy(s->gathered + i * width, s->normed + select[i] * width, (size_t)width * sizeof(float));
        s->gathered_row[i] = s->row[select[i]];
    }
}

static int read_logits(session_t *s, int64_t n, const int64_t *select, const int32_t *target,
                       const attachment_t *attach, head_stat_t *stat) {
    const model_spec_t *spec = &s->model->spec;
    const tensor_ops_t *ops = s->model->ops;
    if (s->logits == NULL) s->logits = arena_new(s->arena, LOGIT_ROWS * spec->vocab, sizeof(float), "logits");
    if (s->logits == NULL) return -1;
    for (int64_t at = 0; at < n; at += LOGIT_ROWS) {
        int64_t rows = n - at < LOGIT_ROWS ? n - at : LOGIT_ROWS;
        ops->gemm(rows, spec->vocab, spec->width, s->gathered + at * spec->width, spec->width, 1, s->model->head, NULL,
                  0, s->logits, spec->vocab);
        TRY(attach->logits(attach->user, rows, select + at, s->gathered_row + at, s->logits));
        for (int64_t i = 0; i < rows; i++)
            ops->head_row(spec->vocab, s->logits + i * spec->vocab, target[at + i], &stat[at + i]);
    }
    return 0;
}

/* At most s->rows rows. */
static int head_block(session_t *s, int64_t n, const int64_t *select, const int32_t *target, const attachment_t *attach,
                      head_stat_t *stat) {
    const model_spec_t *spec = &s->model->spec;
    gather(s, n, select);
    if (attach != NULL && attach->logits != NULL)
        TRY(read_logits(s, n, select, target, attach, stat));
    else
        s->model->ops->head(n, spec->width, spec->vocab, s->gathered, spec->width, s->model->head, target, stat,
                            s->head_scratch);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(stat[i].lse)) return err_set("the model's logits hold a NaN or an infinity");
    return 0;
}

int session_head(session_t *s, int64_t n, const int64_t *select, const int32_t *target, const attachment_t *attach,
                 head_stat_t *stat) {
    for (int64_t i = 0; i < n; i++) {
        if (select[i] < 0 || select[i] >= s->filled)
            return err_set("row %lld is not one of the %lld of the last batch", (long long)select[i],
                           (long long)s->filled);
        if (target != NULL && (target[i] < -1 || target[i] >= s->model->spec.vocab))
            return err_set("target token %d is not below the model's vocabulary of %lld", target[i],
                           (long long)s->model->spec.vocab);
    }
    if (attach != NULL && attach->select != NULL) TRY(attach->select(attach->user, n, select));
    for (int64_t at = 0; at < n; at += s->rows) {
        int64_t rows = n - at < s->rows ? n - at : s->rows;
        if (head_block(s, rows, select + at, target != NULL ? target + at : s->no_target, attach, stat + at) != 0)
            return -1;
    }
    return 0;
}

int session_greedy(session_t *s, int32_t count, const int32_t *sequence, const int32_t *last, int64_t steps,
                   const attachment_t *attach, int32_t *out, head_stat_t *stat) {
    if (count < 0 || count > s->sequences || count > s->rows)
        return err_set("%d sequences to continue; the session has %d and %lld rows", count, s->sequences,
                       (long long)s->rows);
    memcpy(s->next, last, (size_t)count * sizeof *last);
    for (int64_t t = 0; t < steps; t++) {
        TRY(session_forward(s, count, sequence, s->ones, s->next, attach));
        TRY(session_head(s, count, s->count, NULL, attach, s->stat));
        for (int32_t i = 0; i < count; i++) {
            s->next[i] = out[i * steps + t] = s->stat[i].argmax;
            if (stat != NULL) stat[i * steps + t] = s->stat[i];
        }
    }
    return 0;
}
