/* The training loop of train.h: who makes which gradient, how they meet, the update, and what survives an interruption.
 *
 * Every rank goes through the same steps; those marked (local) may fail on one rank alone and end in par_agree:
 *     1. read the windows of its shards, forward and backward, push into the tree (local)
 *     2. the losses of all shards to all ranks; the tree's total to all ranks
 *     3. norm, clipping, AdamW: the same arithmetic everywhere
 *     4. rank 0 saves the state when it is time; its failure is reported with the next step (local) */
#include "model/train.h"

#include "base/clock.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/backward.h"
#include "model/train_state.h"
#include "model/train_windows.h"
#include "par/par.h"
#include "tensor/math.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SHARDS_MOST = 64,      // virtual shards of a batch
    SHARD_POSITIONS = 512, // a smaller shard would spend its time on adding gradients, not on making them
    MICRO_POSITIONS = 1024 // of a micro-batch: its activations should stay in the cache
};
static const double PI = 3.14159265358979323846;

typedef struct {
    const train_t *spec;
    model_t *model;
    const char *name;
    char *state_path, *loss_path;
    int64_t context, windows, steps; // windows: of the whole run
    int32_t shards;
    int64_t micro; // windows of a micro-batch
    train_windows_t *source;
    backward_t *backward;
    par_tree_t *tree;
    train_state_t state;
    float *gradient;           // (parameters)
    int32_t *tokens, *targets; // (micro, context)
    double saved;              // clock_wall() of the last saved state
} run_t;

// --- definitions ----------------------------------------------------------------------------------------------------

int32_t train_shards(int64_t batch, int64_t context) {
    int32_t shards = 1;
    while (shards < SHARDS_MOST && batch % (2 * shards) == 0 && batch / (2 * shards) * context >= SHARD_POSITIONS)
        shards *= 2;
    return shards;
}

/* Windows of the whole run. */
static int64_t run_windows(const train_t *spec, int64_t tokens, int64_t context) {
    const double windows = floor(spec->epochs * (double)train_windows_in(tokens, context) + 0.5);
    return windows < 1 ? 1 : (int64_t)windows;
}

int64_t train_steps(const train_t *spec, int64_t tokens, int64_t context) {
    return (run_windows(spec, tokens, context) + spec->batch - 1) / spec->batch;
}

static int check_spec(const train_t *spec, const char *name) {
    const struct {
        const char *what;
        double value, min, max;
    } field[] = {
        {"epochs", spec->epochs, 1e-6, 1e9},
        {"batch", (double)spec->batch, 1, 1e9},
        {"lr", spec->lr, 0, 1e3},
        {"lr_end", spec->lr_end, 0, 1e3},
        {"warmup", spec->warmup, 0, 1},
        {"beta1", spec->beta1, 0, 0.999999},
        {"beta2", spec->beta2, 0, 0.999999},
        {"eps", spec->eps, 1e-30, 1},
        {"decay", spec->decay, 0, 1e3},
        {"clip", spec->clip, 0, 1e30},
        {"save_every", spec->save_every, 0, 1e9},
    };
    for (size_t i = 0; i < sizeof field / sizeof *field; i++)
        if (!(field[i].value >= field[i].min && field[i].value <= field[i].max))
            return err_set("train %s: %s = %g is not in %g .. %g", name, field[i].what, field[i].value, field[i].min,
                           field[i].max);
    return 0;
}

/* Learning rate of step 0, 1, ... of `steps`. */
static double learning_rate(const train_t *spec, int64_t step, int64_t steps) {
    const int64_t rise = (int64_t)floor(spec->warmup * (double)steps + 0.5);
    if (step < rise) return spec->lr * (double)(step + 1) / (double)rise;
    if (steps - 1 <= rise) return spec->lr;
    const double share = (double)(step - rise) / (double)(steps - 1 - rise);
    return spec->lr_end + (spec->lr - spec->lr_end) * 0.5 * (1.0 + math_cos64(share * PI));
}

/* x to the power of n >= 0 by squaring: products only, so the same bits everywhere. */
static double whole_power(double x, int64_t n) {
    double result = 1;
    for (; n > 0; n /= 2, x *= x)
        if (n & 1) result *= x;
    return result;
}

/* What the weights will depend on. */
static int hash_run(const run_t *run, tokens_t *corpus, hash_t *hash) {
    const train_t *t = run->spec;
    const model_spec_t *m = model_spec(run->model);
    hash_t text;
    TRY(train_windows_hash(run->source, &text));
    hasher_t *h = hasher_create();
    if (!h) return -1;
    const double reals[] = {t->epochs, t->lr,    t->lr_end, t->warmup,      t->beta1,           t->beta2,
                            t->eps,    t->decay, t->clip,   m->rotary_base, (double)m->norm_eps};
    const int64_t whole[] = {t->batch,
                             (int64_t)t->seed,
                             m->vocab,
                             m->layers,
                             m->width,
                             m->heads,
                             m->head_size,
                             m->ffn,
                             m->context,
                             m->rotary_dims,
                             m->parallel_residual,
                             m->tied_head,
                             run->shards,
                             run->micro,
                             tokens_count(corpus)};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) hasher_add_f64(h, reals[i]);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) hasher_add_i64(h, whole[i]);
    hasher_add(h, &text, sizeof text);
    hasher_add(h, run->state.weights, (size_t)run->state.parameters * sizeof(float));
    *hash = hasher_finish(h);
    return 0;
}

// --- a run's memory -------------------------------------------------------------------------------------------------

static int open_local(run_t *run, tokens_t *corpus, const char *dir) {
    const model_spec_t *m = model_spec(run->model);
    train_state_t *s = &run->state;
    TRY(check_spec(run->spec, run->name));
    if (tokens_vocab(corpus) > m->vocab)
        return err_set("train %s: the corpus has %d different tokens, the model knows %lld", run->name,
                       (int)tokens_vocab(corpus), (long long)m->vocab);
    TRY(train_windows_open(corpus, m->context, run->spec->seed, &run->source));
    run->context = m->context;
    run->windows = run_windows(run->spec, tokens_count(corpus), m->context);
    run->steps = train_steps(run->spec, tokens_count(corpus), m->context);
    run->shards = train_shards(run->spec->batch, m->context);
    run->micro = MICRO_POSITIONS / m->context;
    if (run->micro > run->spec->batch / run->shards) run->micro = run->spec->batch / run->shards;
    if (run->micro < 1) run->micro = 1;
    TRY(backward_create(run->model, run->micro, m->context, &run->backward));
    run->tokens = mem_new(run->micro * m->context, sizeof(int32_t), "a micro-batch");
    run->targets = mem_new(run->micro * m->context, sizeof(int32_t), "a micro-batch");

    s->weights = model_parameters(run->model, &s->parameters);
    s->capacity = run->steps;
    run->gradient = mem_new(s->parameters, sizeof(float), "the gradient");
    s->mean = mem_new(s->parameters, sizeof(float), "first moments");
    s->square = mem_new(s->parameters, sizeof(float), "second moments");
    s->row = mem_new(run->steps, sizeof *s->row, "the table of losses");
    run->state_path = mem_printf("%s/state.bin", dir);
    run->loss_path = mem_printf("%s/loss.csv", dir);
    if (!run->tokens || !run->targets || !run->gradient || !s->mean || !s->square || !s->row || !run->state_path ||
        !run->loss_path)
        return -1;
    return hash_run(run, corpus, &s->run);
}

static void close_run(run_t *run) {
    par_tree_free(run->tree);
    backward_free(run->backward);
    train_windows_close(run->source);
    mem_free(run->tokens);
    mem_free(run->targets);
    mem_free(run->gradient);
    mem_free(run->state.mean);
    mem_free(run->state.square);
    mem_free(run->state.row);
    mem_free(run->state_path);
    mem_free(run->loss_path);
}

/* Collective: all ranks must have begun with the same weights and settings, else they would train apart unnoticed. */
static int check_equal(const run_t *run) {
    hash_t first = run->state.run;
    par_broadcast(&first, sizeof first, 0);
    int rc = 0;
    if (hash_compare(first, run->state.run) != 0)
        rc = err_set("train %s: weights or settings differ from those of rank 0", run->name);
    return par_agree(rc);
}

/* Collective: rank 0 reads the state, if there is one, and all get it. */
static int resume(run_t *run) {
    train_state_t *s = &run->state;
    const size_t block = (size_t)s->parameters * sizeof(float);
    int rc = par_rank() == 0 ? train_state_load(s, run->state_path) : 0;
    TRY(par_agree(rc));
    par_broadcast(&s->step, sizeof s->step, 0);
    if (s->step == 0) return 0;
    par_broadcast(&s->tokens, sizeof s->tokens, 0);
    par_broadcast(s->weights, block, 0);
    par_broadcast(s->mean, block, 0);
    par_broadcast(s->square, block, 0);
    par_broadcast(s->row, (size_t)s->step * sizeof *s->row, 0);
    log_info("train %s: goes on after step %lld of %lld", run->name, (long long)s->step, (long long)run->steps);
    return 0;
}

// --- a step ---------------------------------------------------------------------------------------------------------

/* First window of shard `shard` of the present step, in the order of the run, and how many it has. */
static int64_t shard_windows(const run_t *run, int32_t shard, int64_t *first) {
    const int64_t each = run->spec->batch / run->shards;
    *first = run->state.step * run->spec->batch + shard * each;
    const int64_t left = run->windows - *first;
    return left < 0 ? 0 : left < each ? left : each;
}

/* Tokens that the present step predicts: known to every rank without asking the others. */
static int64_t step_tokens(const run_t *run) {
    int64_t tokens = 0, first = run->state.step * run->spec->batch;
    for (int64_t i = first; i < first + run->spec->batch && i < run->windows; i++)
        tokens += train_windows_length(run->source, train_windows_at(run->source, i));
    return tokens;
}

/* Gradient and loss of one shard. */
static int shard_gradient(run_t *run, int32_t shard, float scale, float *gradient, double *loss) {
    int64_t first;
    const int64_t count = shard_windows(run, shard, &first);
    *loss = 0;
    for (int64_t begin = 0; begin < count; begin += run->micro) {
        const int64_t n = count - begin < run->micro ? count - begin : run->micro;
        double part;
        for (int64_t i = 0; i < n; i++)
            TRY(train_windows_read(run->source, train_windows_at(run->source, first + begin + i),
                                   run->tokens + i * run->context, run->targets + i * run->context));
        TRY(backward_run(run->backward, n, run->tokens, run->targets, scale, gradient, &part));
        *loss += part;
    }
    if (!isfinite(*loss))
        return err_set("train %s: the loss of step %lld is not finite (shard %d, rank %d); lower lr, or raise warmup",
                       run->name, (long long)run->state.step + 1, (int)shard, par_rank());
    return 0;
}

/* Local: the gradients of this rank's shards, pushed into the tree; losses of these shards. Pushes even after a
 * failure, so that the tree stays whole. */
static int local_gradients(run_t *run, float scale, double *losses) {
    int rc = backward_pack(run->backward);
    for (int32_t shard = par_tree_first(run->tree); shard < par_tree_last(run->tree); shard++) {
        float *gradient = par_tree_leaf(run->tree);
        if (rc == 0) rc = shard_gradient(run, shard, scale, gradient, losses++);
        par_tree_push(run->tree);
    }
    return rc;
}

/* Collective: *sum of the shards' losses, in order of shard. */
static int sum_losses(const run_t *run, const double *mine, double *sum) {
    void *all;
    int64_t n;
    TRY(par_gather_all(mine, par_tree_last(run->tree) - par_tree_first(run->tree), sizeof *mine, &all, &n));
    *sum = 0;
    for (int64_t i = 0; i < n; i++) *sum += ((double *)all)[i];
    mem_free(all);
    return 0;
}

/* AdamW on every tensor. Matrices decay, vectors (biases and norms) do not. */
static void update_weights(run_t *run, double norm) {
    const train_t *t = run->spec;
    const tensor_ops_t *ops = model_ops(run->model);
    train_state_t *s = &run->state;
    const float clip = t->clip > 0 && norm > t->clip ? (float)(t->clip / norm) : 1;
    const float lr = (float)learning_rate(t, s->step, run->steps);
    const float c1 = (float)(1 - whole_power(t->beta1, s->step + 1));
    const float c2 = (float)(1 - whole_power(t->beta2, s->step + 1));
    int32_t count;
    const model_tensor_t *tensor = model_tensors(run->model, &count);
    for (int32_t i = 0; i < count; i++) {
        const int64_t at = tensor[i].offset, n = tensor[i].rows * (tensor[i].columns > 0 ? tensor[i].columns : 1);
        const float decay = tensor[i].columns > 0 ? (float)t->decay : 0;
        ops->adamw(n, s->weights + at, run->gradient + at, s->mean + at, s->square + at, clip, lr, (float)t->beta1,
                   (float)t->beta2, (float)t->eps, decay, c1, c2);
    }
}

/* Collective: one step. pending: this rank's failure since the last step. */
static int train_step(run_t *run, int pending) {
    train_state_t *s = &run->state;
    double losses[SHARDS_MOST], loss;
    const int64_t tokens = step_tokens(run);
    int rc = pending;
    if (rc == 0) rc = local_gradients(run, (float)(1.0 / (double)tokens), losses);
    TRY(par_agree(rc));
    TRY(sum_losses(run, losses, &loss));
    par_tree_finish(run->tree, run->gradient);
    const double norm = sqrt(model_ops(run->model)->sum_squares(s->parameters, run->gradient));
    if (!isfinite(norm))
        return err_set("train %s: the gradient of step %lld is not finite; lower lr, or raise warmup", run->name,
                       (long long)s->step + 1);
    update_weights(run, norm);
    s->tokens += tokens;
    s->row[s->step] = (train_row_t){s->tokens, loss / (double)tokens, norm};
    s->step++;
    return 0;
}

// --- the loop -------------------------------------------------------------------------------------------------------

/* The whole table anew: its rows are part of the state, so a resumed run leaves the same bytes. */
static int write_losses(const run_t *run) {
    csv_out_t *out;
    TRY(csv_open(run->loss_path, "step,tokens,lr,loss,grad_norm", &out));
    for (int64_t step = 0; step < run->state.step; step++) {
        csv_i64(out, step + 1);
        csv_i64(out, run->state.row[step].tokens);
        csv_f64(out, learning_rate(run->spec, step, run->steps));
        csv_f64(out, run->state.row[step].loss);
        csv_f64(out, run->state.row[step].norm);
        csv_end(out);
    }
    return csv_commit(out);
}

/* Local to rank 0; nothing on the others. */
static int save(run_t *run) {
    if (par_rank() != 0) return 0;
    run->saved = clock_wall();
    return train_state_save(&run->state, run->state_path);
}

static int is_time_to_save(const run_t *run) {
    return par_rank() == 0 && run->spec->save_every > 0 && run->state.step < run->steps &&
           clock_wall() - run->saved >= run->spec->save_every;
}

/* Collective. */
static int loop(run_t *run) {
    const int64_t first_step = run->state.step, first_tokens = run->state.tokens;
    const double started = clock_wall();
    char stage[128];
    progress_t progress;
    int pending = 0;
    snprintf(stage, sizeof stage, "train %s", run->name);
    progress_start(&progress, stage, run->windows * run->context, "tokens");
    progress_skip(&progress, first_tokens);
    run->saved = started;
    while (run->state.step < run->steps) {
        TRY(train_step(run, pending));
        progress_update(&progress, run->state.tokens);
        if (run->state.step < run->steps && par_interrupted()) {
            TRY(par_agree(save(run)));
            log_info("train %s: interrupted after step %lld of %lld; the state is saved", run->name,
                     (long long)run->state.step, (long long)run->steps);
            return 1;
        }
        if (is_time_to_save(run)) pending = save(run);
    }
    progress_end(&progress);
    const double rate = (double)(run->state.tokens - first_tokens) / (clock_wall() - started);
    const double flop = rate * backward_flop_per_token(model_spec(run->model), run->context) / par_size();
    if (run->state.step > first_step)
        log_info("train %s: %.0f tokens/s, %.1f GFLOP/s a rank, %.0f %% of the measured peak", run->name, rate,
                 flop * 1e-9, 100 * flop / tensor_peak(model_ops(run->model)));
    return 0;
}

/* Collective: what a finished run leaves. */
static int finish(run_t *run) {
    int rc = model_pack(run->model);
    if (rc == 0 && par_rank() == 0) {
        rc = write_losses(run);
        if (rc == 0 && file_exists(run->state_path) && unlink(run->state_path) != 0)
            rc = err_set("%s: cannot be removed", run->state_path);
    }
    return par_agree(rc);
}

int train_run(const train_t *spec, model_t *model, tokens_t *corpus, const char *name, const char *dir) {
    run_t run = {.spec = spec, .model = model, .name = name};
    int rc = par_agree(open_local(&run, corpus, dir));
    if (rc == 0) rc = check_equal(&run);
    if (rc == 0) rc = par_tree_create(run.state.parameters, run.shards, &run.tree);
    if (rc == 0) rc = resume(&run);
    if (rc == 0) rc = loop(&run);
    if (rc == 0) rc = finish(&run);
    close_run(&run);
    return rc;
}
