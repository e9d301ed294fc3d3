/* Beam search over the KV caches of a session. A beam owns a sequence of the session; the first child of a beam takes
 * over its sequence, its other children get copies in the sequences of beams that have no child, so no more sequences
 * than beams are needed and a beam that stays alone is never copied. */
#include "model/beam.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/draw.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t parent, token; // of an open beam, 0 .. open-1
    double log_p;
} candidate_t;

typedef struct {
    int32_t sequence;
    double log_p;
    int32_t *token; // (steps)
} open_t;

struct beam {
    const model_t *model;
    session_t *session;
    arena_t *arena;      // owns everything below
    int32_t beams, look; // continuations of a beam, and of all, that a step looks at
    spec_ends_t ends;
    int64_t prompt, steps;

    int32_t open;
    open_t *beam, *child; // (beams)
    int32_t done;
    beam_text_t *text; // (beams + 1) finished, best first; one more to be inserted

    /* What a step reads of the model, by sequence, and the batch that feeds it. */
    int32_t *token; // (beams, look)
    float *logit;   // (beams, look)
    int64_t *found; // (beams)
    head_stat_t *stat;
    candidate_t *candidate; // (beams * look)
    int32_t *sequence, *last;
    int64_t *ones, *rows;
};

static int make_texts(beam_t *b) {
    int32_t *block = arena_new(b->arena, (3 * (int64_t)b->beams + 1) * b->steps, sizeof *block, "tokens of beams");
    if (block == NULL) return -1;
    for (int32_t i = 0; i < b->beams; i++, block += 2 * b->steps) {
        b->beam[i].token = block;
        b->child[i].token = block + b->steps;
    }
    for (int32_t i = 0; i <= b->beams; i++, block += b->steps) b->text[i].token = block;
    return 0;
}

static int make_scratch(beam_t *b) {
    int64_t n = b->beams;
    b->beam = arena_new(b->arena, n, sizeof *b->beam, "beams");
    b->child = arena_new(b->arena, n, sizeof *b->child, "beams");
    b->text = arena_new(b->arena, n + 1, sizeof *b->text, "finished texts");
    b->token = arena_new(b->arena, n * b->look, sizeof *b->token, "candidates");
    b->logit = arena_new(b->arena, n * b->look, sizeof *b->logit, "candidates");
    b->found = arena_new(b->arena, n, sizeof *b->found, "candidates");
    b->stat = arena_new(b->arena, n, sizeof *b->stat, "statistics");
    b->candidate = arena_new(b->arena, n * b->look, sizeof *b->candidate, "candidates");
    b->sequence = arena_new(b->arena, n, sizeof *b->sequence, "batch");
    b->last = arena_new(b->arena, n, sizeof *b->last, "batch");
    b->ones = arena_new(b->arena, n, sizeof *b->ones, "batch");
    b->rows = arena_new(b->arena, n, sizeof *b->rows, "batch");
    if (!b->beam || !b->child || !b->text || !b->token || !b->logit || !b->found || !b->stat || !b->candidate ||
        !b->sequence || !b->last || !b->ones || !b->rows)
        return -1;
    for (int32_t i = 0; i < b->beams; i++) b->ones[i] = 1, b->rows[i] = i;
    return make_texts(b);
}

int beam_create(const model_t *model, int32_t beams, int64_t prompt, int64_t steps, const spec_ends_t *ends,
                beam_t **out) {
    if (beams < 1 || beams > 1024 || prompt < 1 || steps < 1 || steps > (int64_t)1 << 24)
        return err_set(
            "a search of %d beams over %lld tokens after %lld: beams must be 1 to 1024, both others 1 or more", beams,
            (long long)steps, (long long)prompt);
    const int64_t rows = prompt < SESSION_PROMPT ? prompt : SESSION_PROMPT;
    beam_t *b = mem_new(1, sizeof *b, "beam search");
    if (b == NULL) return -1;
    *b = (beam_t){.model = model,
                  .arena = arena_create(1 << 16),
                  .beams = beams,
                  .look = (1 + (ends->n > 1 ? ends->n : 1)) * beams, // enough of them end nothing
                  .ends = *ends,
                  .prompt = prompt,
                  .steps = steps};
    if (b->arena == NULL || make_scratch(b) != 0 ||
        session_create(model, beams, prompt + steps, rows > beams ? rows : beams, &b->session) != 0) {
        beam_free(b);
        return -1;
    }
    *out = b;
    return 0;
}

void beam_free(beam_t *b) {
    if (b == NULL) return;
    session_free(b->session);
    arena_free(b->arena);
    mem_free(b);
}

/* Of a beam's continuations only as many of its first can be among the first of all that are looked at. */
static int read_row(void *user, int64_t n, const int64_t *select, const row_t *rows, float *logits) {
    beam_t *b = user;
    const int64_t vocab = model_spec(b->model)->vocab;
    (void)select;
    for (int64_t i = 0; i < n; i++) {
        int64_t first = (int64_t)rows[i].sequence * b->look;
        b->found[rows[i].sequence] = draw_first(vocab, logits + i * vocab, b->look, b->token + first, b->logit + first);
    }
    return 0;
}

static int compare(const void *left, const void *right) {
    const candidate_t *a = left, *b = right;
    if (a->log_p != b->log_p) return a->log_p > b->log_p ? -1 : 1;
    if (a->parent != b->parent) return a->parent < b->parent ? -1 : 1;
    return a->token < b->token ? -1 : a->token > b->token;
}

/* The first continuations by one token, in their order; returns how many there are. */
static int64_t rank_candidates(beam_t *b) {
    int64_t n = 0;
    for (int32_t i = 0; i < b->open; i++) {
        const open_t *beam = &b->beam[i];
        for (int64_t j = 0, first = (int64_t)beam->sequence * b->look; j < b->found[beam->sequence]; j++)
            b->candidate[n++] = (candidate_t){i, b->token[first + j],
                                              beam->log_p + ((double)b->logit[first + j] - (double)b->stat[i].lse)};
    }
    qsort(b->candidate, (size_t)n, sizeof *b->candidate, compare);
    return n < b->look ? n : b->look;
}

/* Inserts a finished text behind those of the same score. */
static void finish(beam_t *b, const candidate_t *c, int64_t step) {
    beam_text_t text = b->text[b->done];
    text.length = step + 1;
    text.log_p = c->log_p;
    text.score = c->log_p / (double)text.length;
    memcpy(text.token, b->beam[c->parent].token, (size_t)step * sizeof *text.token);
    text.token[step] = c->token;
    int32_t place = b->done;
    for (; place > 0 && b->text[place - 1].score < text.score; place--) b->text[place] = b->text[place - 1];
    b->text[place] = text;
    b->done += b->done < b->beams;
}

/* Gives the children sequences; parent[i] is that of child i. */
static void place_children(beam_t *b, int32_t children, const int32_t *parent) {
    int32_t spare = 0;
    for (int32_t i = 0; i < b->beams; i++) b->sequence[i] = 0; // is the sequence taken over?
    for (int32_t i = 0; i < children; i++) {
        int32_t own = b->beam[parent[i]].sequence;
        b->child[i].sequence = b->sequence[own] ? -1 : own;
        b->sequence[own] = 1;
    }
    for (int32_t i = 0; i < children; i++) {
        if (b->child[i].sequence >= 0) continue;
        while (b->sequence[spare]) spare++;
        b->sequence[spare] = 1;
        b->child[i].sequence = spare;
        session_copy(b->session, b->beam[parent[i]].sequence, spare);
    }
}

/* Sorts the candidates into finished texts and the open beams of the next step. */
static void advance(beam_t *b, int64_t step) {
    int64_t n = rank_candidates(b);
    int32_t children = 0, *parent = b->last;
    for (int64_t i = 0; i < n; i++) {
        const candidate_t *c = &b->candidate[i];
        if (spec_is_end(&b->ends, c->token) || step + 1 == b->steps) {
            if (i < b->beams) finish(b, c, step);
            continue;
        }
        if (children == b->beams) continue;
        open_t *child = &b->child[children];
        memcpy(child->token, b->beam[c->parent].token, (size_t)step * sizeof *child->token);
        child->token[step] = c->token;
        child->log_p = c->log_p;
        parent[children++] = c->parent;
    }
    place_children(b, children, parent);
    open_t *old = b->beam;
    b->beam = b->child;
    b->child = old;
    b->open = children;
}

/* Can an open beam still displace a finished text? */
static int may_improve(const beam_t *b, int64_t step) {
    if (b->open == 0) return 0;
    return b->done < b->beams || b->beam[0].log_p / (double)(step + 1) > b->text[b->beams - 1].score;
}

int32_t beam_search(beam_t *b, int64_t n, const int32_t *prompt, const beam_text_t **text) {
    const attachment_t attach = {.user = b, .logits = read_row};
    const int64_t first = 0;
    if (n < 1 || n > b->prompt)
        return err_set("a prompt of %lld tokens for a search made for %lld", (long long)n, (long long)b->prompt);
    for (int32_t i = 0; i < b->beams; i++) session_reset(b->session, i);
    b->open = 1;
    b->done = 0;
    b->beam[0].sequence = 0;
    b->beam[0].log_p = 0;
    TRY(session_prompt(b->session, b->beam[0].sequence, n, prompt, 1));
    TRY(session_head(b->session, 1, &first, NULL, &attach, b->stat));
    advance(b, 0);
    for (int64_t step = 1; step < b->steps && may_improve(b, step - 1); step++) {
        for (int32_t i = 0; i < b->open; i++) {
            b->sequence[i] = b->beam[i].sequence;
            b->last[i] = b->beam[i].token[step - 1];
        }
        TRY(session_forward(b->session, b->open, b->sequence, b->ones, b->last, NULL));
        TRY(session_head(b->session, b->open, b->rows, NULL, &attach, b->stat));
        advance(b, step);
    }
    *text = b->text;
    return b->done;
}
