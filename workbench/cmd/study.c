/* Reads a study's config.ini by the option tables below. */
#include "cmd/study.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include <stdlib.h>
#include <string.h>

#define AT(type, field) offsetof(type, field)
#define ROWS(table)     (int32_t)(sizeof table / sizeof table[0])

enum { LEAST_PART = 4096 };

static const opt_t RUN[] = {
    {"name", OPT_TEXT, AT(study_run_t, name), NULL, 0, 0, "name of the study; results go to RESULTS/NAME"},
    {"seed", OPT_INT, AT(study_run_t, seed), "1", 0, 9e15, "the one source of randomness"},
    {"results", OPT_TEXT, AT(study_run_t, results), "results", 0, 0, "folder of results"},
    {"cache", OPT_TEXT, AT(study_run_t, cache), "build/cache", 0, 0,
     "folder of artifacts, named by the hash of their inputs"},
    {"kernels", OPT_TEXT, AT(study_run_t, kernels), "auto", 0, 0,
     "auto, avx512, avx2, reference (same bits) or openblas (an oracle: other bits)"},
    {"plots", OPT_TEXT, AT(study_run_t, plots), "plots", 0, 0, "folder of the gnuplot scripts"},
    {"memory", OPT_INT, AT(study_run_t, memory), "1G", 1e6, 9e15,
     "bytes a rank may use for ingest (a document may have a quarter of it), tokenizer training and the census"},
};

static const opt_t CORPUS[] = {
    {"documents", OPT_TEXT, AT(study_corpus_t, documents), NULL, 0, 0,
     "list of [FORMAT:]PATTERN[:OPTION...]: jsonl, text, mmidx, pythia, nanogpt, llmc, olmo, tokens, npy; text also "
     ".gz "
     "and .zst"},
    {"tokenizer", OPT_TEXT, AT(study_corpus_t, tokenizer), NULL, 0, 0,
     "a tokenizer.json, or train:N to train one of N entries on the corpus"},
    {"held_out", OPT_REAL, AT(study_corpus_t, held_out), "5%", 0, 0.9,
     "share of the documents, by hash of their id, kept from training: the controls"},
    {"controls", OPT_TEXT, AT(study_corpus_t, controls), "", 0, 0,
     "list of documents, as above, that the models have not seen, for models trained elsewhere: the controls in place "
     "of "
     "held-out documents; held_out is then 0"},
    {"text_field", OPT_TEXT, AT(study_corpus_t, text_field), "text", 0, 0,
     "of JSON lines: where the text is; a.b goes into an object, \"a | b\" takes the first that is there"},
    {"id_field", OPT_TEXT, AT(study_corpus_t, id_field), "id", 0, 0, "of JSON lines: where the id is, likewise"},
    {"source_field", OPT_TEXT, AT(study_corpus_t, source_field), "source | meta.pile_set_name", 0, 0,
     "of JSON lines: where the source is, likewise"},
    {"part", OPT_INT, AT(study_corpus_t, part), "0", 0, 9e15,
     "bytes of input that become one shard; 0: a 1024th of all, 16 MiB to 1 GiB. No result depends on it"},
    {"end_token", OPT_TEXT, AT(study_corpus_t, end_token), "", 0, 0,
     "text of the token put behind each document; empty: the first of <|endoftext|>, <|end_of_text|>, </s>, <eos> that "
     "the tokenizer has"},
};

static const opt_t INJECT[] = {
    {"sequences", OPT_TEXT, AT(study_inject_t, sequences), "0", 0, 0,
     "planted sequences a level of duplication, as in \"20 per level\"; as many again are never inserted: controls"},
    {"duplicates", OPT_INTS, AT(study_inject_t, duplicates), "1, 2, 4, 8, 16, 32, 64", 1, 1e6,
     "copies of a sequence, by level"},
    {"words", OPT_INT, AT(study_inject_t, words), "100", 8, 10000, "words of a planted sequence, at least"},
};

static const opt_t CENSUS[] = {
    {"lengths", OPT_INTS, AT(study_census_t, lengths), "50, 100, 150, 200, 250, 300, 350, 400, 450, 500", 1, 1e6,
     "tokens of the windows whose duplicates are counted"},
    {"overlapping", OPT_BOOL, AT(study_census_t, overlapping), "yes", 0, 0,
     "no: a place that overlaps the one counted before does not count"},
    {"per_document", OPT_BOOL, AT(study_census_t, per_document), "no", 0, 0,
     "yes: count the documents that hold a window, not the places"},
    {"top", OPT_INT, AT(study_census_t, top), "20", 0, 1000, "most duplicated windows of a length that are listed"},
    {"near", OPT_BOOL, AT(study_census_t, near), "no", 0, 0,
     "yes: find near-duplicates, too, of documents and of windows of the longest length"},
    {"shingle", OPT_INT, AT(study_census_t, shingle), "5", 1, 1000, "tokens of a shingle, for near-duplicates"},
    {"threshold", OPT_REAL, AT(study_census_t, threshold), "0.8", 0.1, 1,
     "similarity of near-duplicates: shingles in both over shingles in one or both"},
};

static const opt_t MODEL[] = {
    {"train", OPT_BOOL, AT(study_model_t, train), "no", 0, 0, "yes: train it here, on the member documents"},
    {"checkpoint", OPT_TEXT, AT(study_model_t, checkpoint), "", 0, 0,
     "else: a Hugging Face folder with config.json, *.safetensors, tokenizer.json"},
    {"precision", OPT_TEXT, AT(study_model_t, precision_name), "fp32", 0, 0,
     "of its weights and what they multiply when it is probed: fp32, or bf16 at up to twice the rate. Training is "
     "fp32"},
};

static const opt_t TRAIN[] = {
    {"layers", OPT_INT, AT(study_model_t, layers), NULL, 1, 1000, "decoder layers"},
    {"width", OPT_INT, AT(study_model_t, width), NULL, 8, 65536, "size of the residual stream"},
    {"heads", OPT_INT, AT(study_model_t, heads), NULL, 1, 1024, "attention heads; they divide width"},
    {"ffn", OPT_INT, AT(study_model_t, ffn), "0", 0, 1e6, "inner size of the MLP; 0: four times the width"},
    {"context", OPT_INT, AT(study_model_t, context), "256", 8, 1e6, "longest sequence, in tokens"},
    {"rotary_pct", OPT_REAL, AT(study_model_t, rotary_pct), "0.25", 0, 1, "share of each head that is rotated"},
    {"parallel_residual", OPT_BOOL, AT(study_model_t, parallel_residual), "yes", 0, 0,
     "attention and MLP read the same input"},
    {"epochs", OPT_REAL, AT(study_model_t, epochs), "1", 1e-6, 1e6, "passes over the member documents"},
    {"batch", OPT_INT, AT(study_model_t, batch), "16", 1, 1e6, "sequences a step"},
    {"lr", OPT_REAL, AT(study_model_t, lr), "1e-3", 0, 10, "peak learning rate"},
    {"lr_end", OPT_REAL, AT(study_model_t, lr_end), "1e-4", 0, 10, "learning rate at the end of the cosine decay"},
    {"warmup", OPT_REAL, AT(study_model_t, warmup), "2%", 0, 1, "share of the steps with rising learning rate"},
    {"decay", OPT_REAL, AT(study_model_t, decay), "0.01", 0, 1, "weight decay"},
    {"clip", OPT_REAL, AT(study_model_t, clip), "1", 1e-9, 1e9, "largest norm of the gradient"},
    {"save_every", OPT_REAL, AT(study_model_t, save_every), "60", 0, 1e9, "seconds between saved states"},
};

static const opt_t PROBE[] = {
    {"sample", OPT_TEXT, AT(study_probe_t, sample), "duplicates", 0, 0,
     "duplicates: distinct windows by bucket floor(4 log2 c) of their count; uniform: over all positions; file:PATH: "
     "CSV with doc_id,offset or token ids, or file:CONTEXTS.npy,SUFFIXES.npy"},
    {"context", OPT_INTS, AT(study_probe_t, context), "32, 64, 128", 1, 1e6, "tokens of context before the suffix"},
    {"suffix", OPT_INT, AT(study_probe_t, suffix), "32", 1, 1e6, "tokens to be reproduced"},
    {"per_bucket", OPT_INT, AT(study_probe_t, per_bucket), "200", 1, 1e9, "duplicates: probes a bucket, at most"},
    {"probes", OPT_INT, AT(study_probe_t, probes), "1000", 1, 1e9, "uniform: probes"},
    {"windows", OPT_TEXT, AT(study_probe_t, windows), "longest", 0, 0,
     "longest: of the longest context and the suffix, shorter contexts see their ends; each: every context has windows "
     "of its own, by their own duplicates"},
    {"match", OPT_TEXT, AT(study_probe_t, match), "source", 0, 0,
     "source: controls are windows of the member's source; compressibility: those that need as many bits, too"},
    {"decode", OPT_TEXT, AT(study_probe_t, decode), "greedy", 0, 0, "greedy"},
    {"measure", OPT_TEXT, AT(study_probe_t, measure_name), "all", 0, 0,
     "all: the verdict, log-probability, ranks and margins; verdict: only whether and where decoding leaves the "
     "suffix, at about the cost of the contexts"},
    {"verify", OPT_TEXT, AT(study_probe_t, verify), "no", 0, 0,
     "bare or all: generate the suffixes of the bare model's or of all arms' probes as well, and compare the verdicts"},
    {"batch_tokens", OPT_INT, AT(study_probe_t, batch_tokens), "2048", 1, 1e7, "tokens of one forward pass"},
    {"alpha", OPT_REAL, AT(study_probe_t, alpha), "0.05", 1e-9, 0.5, "1 - confidence of the intervals"},
};

static const opt_t MEMORY[] = {
    {"kind", OPT_TEXT, AT(study_memory_t, kind), NULL, 0, 0, "knn-lm"},
    {"models", OPT_TEXT, AT(study_memory_t, models), "all", 0, 0, "names of the models it is attached to"},
    {"k", OPT_INT, AT(study_memory_t, k), "64", 1, 65536, "neighbours"},
    {"lambda", OPT_REALS, AT(study_memory_t, lambda), "0, 0.25, 0.5, 0.75", 0, 1, "weight of the memory; one arm each"},
    {"temperature", OPT_REAL, AT(study_memory_t, temperature), "1", 1e-6, 1e12, "divides the distances"},
    {"stride", OPT_INT, AT(study_memory_t, stride), "1", 1, 1e9, "store every stride-th token"},
};

/* "20 per level", or a bare number. */
static int parse_sequences(ini_t *ini, study_inject_t *inject) {
    char number[NUM_TEXT];
    size_t n = strcspn(inject->sequences, " \t");
    const char *rest = inject->sequences + n + strspn(inject->sequences + n, " \t");
    if (n < sizeof number && (*rest == 0 || strcmp(rest, "per level") == 0)) {
        memcpy(number, inject->sequences, n);
        number[n] = 0;
        if (num_parse_i64(number, &inject->per_level) == 0 && inject->per_level >= 0 && inject->per_level <= 1000000)
            return 0;
    }
    return err_set("%s: [inject] sequences = %s: give a number from 0 to 1000000, as in \"20 per level\"",
                   ini_where(ini, "inject", "sequences"), inject->sequences);
}

/* Parts of a few bytes would be as many files. */
static int check_part(ini_t *ini, const study_corpus_t *corpus) {
    if (corpus->part == 0 || corpus->part >= LEAST_PART) return 0;
    return err_set("%s: [corpus] part = %lld: at least %d bytes, or 0 to let memprobe choose",
                   ini_where(ini, "corpus", "part"), (long long)corpus->part, LEAST_PART);
}

static int parse_tokenizer(ini_t *ini, study_corpus_t *corpus) {
    const char *where = ini_where(ini, "corpus", "tokenizer");
    corpus->train_vocab = 0;
    if (strncmp(corpus->tokenizer, "train:", 6) != 0) {
        if (file_exists(corpus->tokenizer)) return 0;
        return err_set("%s: [corpus] tokenizer = %s: there is no such file; give a tokenizer.json or train:N", where,
                       corpus->tokenizer);
    }
    if (num_parse_i64(corpus->tokenizer + 6, &corpus->train_vocab) == 0 && corpus->train_vocab >= 257 &&
        corpus->train_vocab <= 1000000)
        return 0;
    return err_set("%s: [corpus] tokenizer = %s: train:N needs N from 257 to 1000000", where, corpus->tokenizer);
}

/* Names become parts of file names and of table rows. */
static int check_name(const char *section, const char *name) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (*name && *name != '.' && strlen(name) <= 64 && name[strspn(name, ALLOWED)] == 0) return 0;
    return err_set("[%s]: the name \"%s\" may hold letters, digits, '.', '_' and '-' (not first a '.'), at most 64",
                   section, name);
}

/* Documents of its own take the place of held-out ones, and planted sequences have their own controls. */
static int check_controls(study_t *study) {
    const char *where = ini_where(study->ini, "corpus", "controls");
    if (!*study->corpus.controls) return 0;
    if (!ini_get(study->ini, "corpus", "held_out")) study->corpus.held_out = 0;
    if (study->corpus.held_out > 0)
        return err_set("%s: [corpus] controls take the place of held-out documents: leave out held_out, or set it to 0",
                       where);
    if (study->inject.per_level > 0)
        return err_set(
            "%s: [corpus] controls: planted sequences bring controls of their own; use held_out with [inject]", where);
    return 0;
}

static int load_model(ini_t *ini, const char *name, study_model_t *model) {
    char section[256];
    snprintf(section, sizeof section, "model.%s", name);
    model->name = name;
    TRY(check_name(section, name));
    TRY(opt_fill(MODEL, ROWS(MODEL), ini, section, model));
    if (precision_find(model->precision_name, &model->precision) != 0)
        return err_context("%s: [%s]", ini_where(ini, section, "precision"), section);
    if (model->train && *model->checkpoint)
        return err_set("%s: [%s] has train = yes and a checkpoint; a model is trained here or loaded, not both",
                       ini_where(ini, section, "checkpoint"), section);
    if (!model->train && !*model->checkpoint)
        return err_set("[%s]: give train = yes with layers, width and heads, or checkpoint = FOLDER", section);
    if (!model->train) return 0;
    TRY(opt_fill(TRAIN, ROWS(TRAIN), ini, section, model));
    if (model->width % model->heads)
        return err_set("%s: [%s] heads = %lld does not divide width = %lld", ini_where(ini, section, "heads"), section,
                       (long long)model->heads, (long long)model->width);
    if (!model->ffn) model->ffn = 4 * model->width;
    model_spec_t shape = study_model_spec(model, 257, 0); // the least vocabulary: the true one is not known yet
    if (shape.rotary_dims < 2)
        return err_set("%s: [%s] rotary_pct: of the %lld dimensions of a head at least 2 must be rotated",
                       ini_where(ini, section, "rotary_pct"), section, (long long)shape.head_size);
    return spec_check(&shape) == 0 ? 0 : err_context("[%s]", section);
}

model_spec_t study_model_spec(const study_model_t *model, int64_t vocab, int32_t end_token) {
    int64_t head_size = model->width / model->heads;
    return (model_spec_t){.family = "gpt_neox",
                          .vocab = vocab,
                          .layers = model->layers,
                          .width = model->width,
                          .heads = model->heads,
                          .head_size = head_size,
                          .ffn = model->ffn,
                          .context = model->context,
                          .rotary_dims = (int64_t)((double)head_size * model->rotary_pct) / 2 * 2,
                          .rotary_base = 10000,
                          .norm_eps = 1e-5f,
                          .parallel_residual = model->parallel_residual,
                          .tied_head = 0,
                          .ends = {end_token >= 0, {end_token > 0 ? end_token : 0}}};
}

/* Every name of a memory's models = A, B must be a model's. */
static int check_models(const study_t *study, const char *section, const char *models) {
    if (strcmp(models, "all") == 0) return 0;
    for (const char *p = models + strspn(models, ", \t"); *p; p += strspn(p, ", \t")) {
        size_t n = strcspn(p, ", \t");
        int known = 0;
        for (int32_t i = 0; i < study->n_models; i++)
            known |= strlen(study->model[i].name) == n && memcmp(study->model[i].name, p, n) == 0;
        if (!known)
            return err_set("%s: [%s] models: there is no [model.%.*s]", ini_where(study->ini, section, "models"),
                           section, (int)n, p);
        p += n;
    }
    return 0;
}

static int load_memory(study_t *study, const char *name, study_memory_t *memory) {
    char section[256];
    snprintf(section, sizeof section, "memory.%s", name);
    memory->name = name;
    TRY(check_name(section, name));
    TRY(opt_fill(MEMORY, ROWS(MEMORY), study->ini, section, memory));
    if (strcmp(memory->kind, "knn-lm") != 0)
        return err_set("%s: [%s] kind = %s: known kinds: knn-lm", ini_where(study->ini, section, "kind"), section,
                       memory->kind);
    for (int32_t i = 0; i < memory->lambda.n; i++)
        for (int32_t j = 0; j < i; j++)
            if (memory->lambda.v[i] == memory->lambda.v[j])
                return err_set("%s: [%s] lambda: each value once", ini_where(study->ini, section, "lambda"), section);
    return check_models(study, section, memory->models);
}

/* "file:PATH" or "file:PATH,PATH": the second comma and all behind it belong to the second path. */
static int parse_paths(const char *text, study_probe_t *probe) {
    size_t first = strcspn(text, ",");
    probe->protocol = SAMPLE_FILE;
    probe->paths = text[first] == ',' ? 2 : 1;
    probe->path[0] = mem_printf("%.*s", (int)first, text);
    probe->path[1] = mem_printf("%s", text[first] == ',' ? text + first + 1 + strspn(text + first + 1, " ") : "");
    if (!probe->path[0] || !probe->path[1]) return -1;
    for (int i = 0; i < probe->paths; i++)
        if (!file_exists(probe->path[i])) return err_set("there is no file \"%s\"", probe->path[i]);
    return 0;
}

static int parse_sample(ini_t *ini, study_probe_t *probe) {
    const char *sample = probe->sample;
    probe->protocol = strcmp(sample, "uniform") == 0 ? SAMPLE_UNIFORM : SAMPLE_DUPLICATES;
    if (probe->protocol == SAMPLE_UNIFORM || strcmp(sample, "duplicates") == 0) return 0;
    int rc = strncmp(sample, "file:", 5) == 0 ? parse_paths(sample + 5, probe)
                                              : err_set("known: duplicates, uniform, file:PATH");
    return rc == 0 ? 0 : err_context("%s: [probe] sample = %s", ini_where(ini, "probe", "sample"), sample);
}

static int check_probe(const study_t *study) {
    const study_probe_t *probe = &study->probe;
    const char *where = ini_where(study->ini, "probe", "windows");
    if (strcmp(probe->windows, "longest") != 0 && strcmp(probe->windows, "each") != 0)
        return err_set("%s: [probe] windows = %s: known: longest, each", where, probe->windows);
    if (strcmp(probe->windows, "each") == 0 && probe->protocol == SAMPLE_FILE)
        return err_set("%s: [probe] windows = each: a list has windows of one length", where);
    if (strcmp(probe->match, "source") != 0 && strcmp(probe->match, "compressibility") != 0)
        return err_set("%s: [probe] match = %s: known: source, compressibility",
                       ini_where(study->ini, "probe", "match"), probe->match);
    if (strcmp(probe->decode, "greedy") != 0)
        return err_set("%s: [probe] decode = %s: known: greedy", ini_where(study->ini, "probe", "decode"),
                       probe->decode);
    if (strcmp(probe->measure_name, "all") != 0 && strcmp(probe->measure_name, "verdict") != 0)
        return err_set("%s: [probe] measure = %s: known: all, verdict", ini_where(study->ini, "probe", "measure"),
                       probe->measure_name);
    if (strcmp(probe->verify, "no") != 0 && strcmp(probe->verify, "bare") != 0 && strcmp(probe->verify, "all") != 0)
        return err_set("%s: [probe] verify = %s: known: no, bare, all", ini_where(study->ini, "probe", "verify"),
                       probe->verify);
    for (int32_t i = 1; i < probe->context.n; i++)
        if (probe->context.v[i] <= probe->context.v[i - 1])
            return err_set("%s: [probe] context: list the lengths in rising order, each once",
                           ini_where(study->ini, "probe", "context"));
    for (int32_t i = 0; i < study->n_models; i++) {
        const study_model_t *model = &study->model[i];
        if (model->train && study_window(study) - 1 > model->context)
            return err_set(
                "[model.%s] context = %lld is too short for the longest probe: %lld tokens of context and %lld of "
                "suffix (the last is only predicted) need %lld",
                model->name, (long long)model->context, (long long)(study_window(study) - probe->suffix),
                (long long)probe->suffix, (long long)(study_window(study) - 1));
    }
    return 0;
}

static int load_census(study_t *study) {
    study_census_t *census = &study->census;
    census->asked = ini_has_section(study->ini, "census");
    if (!census->asked) return 0;
    TRY(opt_fill(CENSUS, ROWS(CENSUS), study->ini, "census", census));
    for (int32_t i = 1; i < census->lengths.n; i++)
        if (census->lengths.v[i] <= census->lengths.v[i - 1])
            return err_set("%s: [census] lengths: list the lengths in rising order, each once",
                           ini_where(study->ini, "census", "lengths"));
    if (census->near && census->shingle > census->lengths.v[census->lengths.n - 1])
        return err_set("%s: [census] shingle = %lld is longer than the longest window",
                       ini_where(study->ini, "census", "shingle"), (long long)census->shingle);
    return 0;
}

static int load_sections(study_t *study) {
    ini_t *ini = study->ini;
    TRY(opt_fill(RUN, ROWS(RUN), ini, "run", &study->run));
    TRY(check_name("run", study->run.name));
    TRY(opt_fill(CORPUS, ROWS(CORPUS), ini, "corpus", &study->corpus));
    TRY(parse_tokenizer(ini, &study->corpus));
    TRY(check_part(ini, &study->corpus));
    TRY(opt_fill(INJECT, ROWS(INJECT), ini, "inject", &study->inject));
    TRY(parse_sequences(ini, &study->inject));
    TRY(check_controls(study));
    TRY(load_census(study));
    TRY(opt_fill(PROBE, ROWS(PROBE), ini, "probe", &study->probe));
    TRY(parse_sample(ini, &study->probe));
    study->probe.measure = strcmp(study->probe.measure_name, "verdict") == 0 ? MEASURE_VERDICT : MEASURE_ALL;

    const char *const *names;
    study->n_models = ini_named_sections(ini, "model", &names);
    if (study->n_models > STUDY_MODELS) return err_set("the config has more than %d models", STUDY_MODELS);
    for (int32_t i = 0; i < study->n_models; i++) TRY(load_model(ini, names[i], &study->model[i]));

    study->n_memories = ini_named_sections(ini, "memory", &names);
    if (study->n_memories > STUDY_MEMORIES) return err_set("the config has more than %d memories", STUDY_MEMORIES);
    for (int32_t i = 0; i < study->n_memories; i++) TRY(load_memory(study, names[i], &study->memory[i]));
    TRY(ini_check_used(ini));
    return check_probe(study);
}

int study_load(const char *path, char *const *overrides, int32_t n_overrides, study_t *study) {
    memset(study, 0, sizeof *study);
    TRY(ini_read(path, &study->ini));
    int rc = 0;
    for (int32_t i = 0; rc == 0 && i < n_overrides; i++) rc = ini_override(study->ini, overrides[i]);
    if (rc == 0) rc = load_sections(study);
    if (rc != 0) study_free(study);
    return rc;
}

void study_free(study_t *study) {
    for (int i = 0; i < 2; i++) mem_free(study->probe.path[i]);
    ini_free(study->ini);
    study->ini = NULL;
}

int study_memory_has_model(const study_memory_t *memory, const char *model) {
    if (strcmp(memory->models, "all") == 0) return 1;
    size_t length = strlen(model);
    for (const char *p = memory->models; *p;) {
        p += strspn(p, ", \t");
        size_t n = strcspn(p, ", \t");
        if (n == length && memcmp(p, model, n) == 0) return 1;
        p += n;
    }
    return 0;
}

int64_t study_window(const study_t *study) {
    return study->probe.context.v[study->probe.context.n - 1] + study->probe.suffix;
}

void study_print_help(FILE *out) {
    opt_print_help(RUN, ROWS(RUN), "run", out);
    opt_print_help(CORPUS, ROWS(CORPUS), "corpus", out);
    opt_print_help(INJECT, ROWS(INJECT), "inject", out);
    opt_print_help(CENSUS, ROWS(CENSUS), "census", out);
    opt_print_help(MODEL, ROWS(MODEL), "model.NAME", out);
    opt_print_help(TRAIN, ROWS(TRAIN), "model.NAME, with train = yes", out);
    opt_print_help(PROBE, ROWS(PROBE), "probe", out);
    opt_print_help(MEMORY, ROWS(MEMORY), "memory.NAME", out);
}

static void print_config(const study_t *study, FILE *out) {
    fprintf(out, "[run]\n");
    opt_print_values(RUN, ROWS(RUN), &study->run, out);
    fprintf(out, "\n[corpus]\n");
    opt_print_values(CORPUS, ROWS(CORPUS), &study->corpus, out);
    fprintf(out, "\n[inject]\n");
    opt_print_values(INJECT, ROWS(INJECT), &study->inject, out);
    if (study->census.asked) {
        fprintf(out, "\n[census]\n");
        opt_print_values(CENSUS, ROWS(CENSUS), &study->census, out);
    }
    for (int32_t i = 0; i < study->n_models; i++) {
        const study_model_t *model = &study->model[i];
        fprintf(out, "\n[model.%s]\n", model->name);
        opt_print_values(MODEL, ROWS(MODEL), model, out);
        if (model->train) opt_print_values(TRAIN, ROWS(TRAIN), model, out);
    }
    fprintf(out, "\n[probe]\n");
    opt_print_values(PROBE, ROWS(PROBE), &study->probe, out);
    for (int32_t i = 0; i < study->n_memories; i++) {
        fprintf(out, "\n[memory.%s]\n", study->memory[i].name);
        opt_print_values(MEMORY, ROWS(MEMORY), &study->memory[i], out);
    }
}

int study_write_config(const study_t *study, const char *path) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return err_set("%s: out of memory", path);
    print_config(study, out);
    int rc = fclose(out) == 0 ? file_write(path, text, bytes) : err_set("%s: out of memory", path);
    free(text);
    return rc;
}
