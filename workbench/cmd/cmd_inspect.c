/* `memprobe inspect PATH`: explains a file or folder that memprobe can read. What it is, is decided by what it holds,
 * never by what it is called; everything that the reader of that format would refuse is refused here too. */
#include "base/csv.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/verbs.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "text/explain.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void print_usage(FILE *out) {
    fprintf(out, "usage: memprobe inspect PATH\n"
                 "       memprobe inspect FORMAT:PATTERN[:OPTION ...]\n"
                 "       memprobe inspect --documents FOLDER\n"
                 "Explains a checkpoint folder, a folder of token shards, a tokenizer.json, a .safetensors file,\n"
                 "a stage's folder, or a file of a corpus: JSON lines, text, tokens of Megatron (.idx), llm.c, NumPy.\n"
                 "Weights are not read, only checked for names, shapes and types. Tokens that do not say what they\n"
                 "are need a format, written as in [corpus] documents: pythia:PATH, nanogpt:PATH,\n"
                 "olmo:PATH:u16:end=50279, tokens:PATH:u32:end=0, npy:PREFIXES:with=SUFFIXES.\n"
                 "--documents lists the documents of a folder of token shards as CSV: first,length,id,source,family,\n"
                 "where first is the position of the first token in the corpus.\n");
}

/* How a layer's input is normed, what its ffn computes, where positions come from: what sets families apart. */
static void print_architecture(const model_spec_t *spec) {
    static const char *const norm[] = {"layer norm", "layer norm without gain and bias", "RMS norm"};
    static const char *const place[] = {"before", "after"};
    static const char *const act[] = {"gelu", "gelu (tanh form)", "silu"};
    static const char *const bias[] = {"all biases", "a bias of the output only", "no biases"};
    char text[NUM_TEXT], more[NUM_TEXT];
    printf("  layers %lld, width %lld, heads %lld of %lld", (long long)spec->layers, (long long)spec->width,
           (long long)spec->heads, (long long)spec->head_size);
    if (spec_kv_heads(spec) != spec->heads) printf(" (keys and values: %lld heads)", (long long)spec_kv_heads(spec));
    printf(", ffn %lld, %s residual\n", (long long)spec->ffn, spec->parallel_residual ? "parallel" : "serial");
    printf("  %s %s attention and ffn, eps %s; ffn %s%s; attention has %s, ffn %s\n", norm[spec->norm],
           place[spec->norm_place], num_print_f32(text, spec->norm_eps), spec->gated_ffn ? "gated by " : "with ",
           act[spec->act], bias[spec->attention_bias], bias[spec->ffn_bias]);
    if (spec->qk_norm) printf("  queries and keys are normed\n");
    if (spec->clip_qkv > 0)
        printf("  queries, keys and values are clipped to %s\n", num_print_f32(text, spec->clip_qkv));
    if (spec->unscaled_attention) printf("  scores are not scaled\n");
    int64_t local = 0;
    for (int64_t l = 0; l < spec->layers; l++) local += spec_is_local(spec, l);
    if (local > 0)
        printf("  %lld of the layers see the last %lld positions only\n", (long long)local, (long long)spec->window);
    if (spec->learned_positions)
        printf("  positions are learned\n");
    else
        printf("  rotary: %lld of %lld dimensions, base %s\n", (long long)spec->rotary_dims, (long long)spec->head_size,
               num_print_f64(text, spec->rotary_base));
    if (spec->rotary_scaling.factor != 0)
        printf("  rotary embedding stretched as in Llama 3: factor %s, from a context of %s\n",
               num_print_f64(text, spec->rotary_scaling.factor), num_print_f64(more, spec->rotary_scaling.original));
}

static void print_memory(const model_folder_t *folder) {
    const model_spec_t *spec = &folder->spec;
    const model_held_t *fp32 = &folder->held[PRECISION_FP32], *bf16 = &folder->held[PRECISION_BF16];
    char bytes[NUM_TEXT], more[NUM_TEXT];
    printf("  memory of a node, once for all its ranks: %s in precision fp32, held as %s; ",
           num_print_bytes(bytes, (double)fp32->bytes), fp32->types);
    printf("%s in bf16, as %s\n", num_print_bytes(more, (double)bf16->bytes), bf16->types);
    printf("  memory of a rank: keys and values %s a position of a text",
           num_print_bytes(bytes, 8.0 * (double)(spec->layers * spec_kv_width(spec))));
    if (!spec->learned_positions)
        printf("; rotary table %s", num_print_bytes(more, 4.0 * (double)(spec->context * spec->rotary_dims)));
    putchar('\n');
}

static int inspect_checkpoint(const char *path) {
    model_folder_t folder;
    char bytes[NUM_TEXT];
    TRY(model_inspect(path, &folder));
    const model_spec_t *spec = &folder.spec;
    int64_t all = spec_parameters(spec, 1), inner = spec_parameters(spec, 0);
    printf("%s: a checkpoint of the family %s\n", path, spec->family);
    print_architecture(spec);
    printf("  vocabulary %lld, context %lld, head %s, ", (long long)spec->vocab, (long long)spec->context,
           spec->tied_head ? "tied to the embedding" : "of its own");
    printf("%s", spec->ends.n == 0 ? "no end token" : spec->ends.n == 1 ? "end token" : "end tokens");
    for (int32_t i = 0; i < spec->ends.n; i++) printf(" %d", spec->ends.token[i]);
    printf("\n");
    printf("  parameters %lld, without embeddings %lld\n", (long long)all, (long long)inner);
    printf("  files %lld with %lld tensors in %s, %s\n", (long long)folder.files, (long long)folder.tensors,
           folder.dtypes, num_print_bytes(bytes, (double)folder.bytes));
    print_memory(&folder);
    printf("  forward %.4g MFLOP a token, mean over a full context\n", spec_flop_per_token(spec, spec->context) / 1e6);
    return 0;
}

static int inspect_tokens(const char *path) {
    tokens_t *tokens;
    TRY(tokens_open(path, &tokens));
    int64_t documents = tokens_documents(tokens), longest = 0, positions = tokens_count(tokens);
    for (int64_t i = 0; i < documents; i++) {
        int64_t length = tokens_document(tokens, i).length;
        longest = length > longest ? length : longest;
    }
    printf("%s: a tokenized corpus\n", path);
    printf("  documents %lld, tokens %lld (%lld positions with the end tokens)\n", (long long)documents,
           (long long)(positions - documents), (long long)positions);
    printf("  vocabulary %d, end token %d, longest document %lld tokens\n", tokens_vocab(tokens), tokens_end(tokens),
           (long long)longest);
    if (documents > 0) {
        const token_document_t first = tokens_document(tokens, 0);
        printf("  first document %s, source %s, %lld tokens\n", first.id, first.source, (long long)first.length);
    }
    tokens_close(tokens);
    return 0;
}

static int list_documents(const char *path) {
    tokens_t *tokens;
    csv_out_t *table;
    TRY(tokens_open(path, &tokens));
    int rc = csv_open_stream(stdout, "standard output", "first,length,id,source,family", &table);
    for (int64_t i = 0; rc == 0 && i < tokens_documents(tokens); i++) {
        const token_document_t document = tokens_document(tokens, i);
        csv_i64(table, document.first);
        csv_i64(table, document.length);
        csv_text(table, document.id);
        csv_text(table, document.source);
        csv_text(table, document.family);
        csv_end(table);
    }
    if (rc == 0) rc = csv_commit(table);
    tokens_close(tokens);
    return rc;
}

static int inspect_tokenizer(const char *path) {
    tokenizer_t *tokenizer;
    TRY(tokenizer_load(path, &tokenizer));
    printf("%s: ", path);
    tokenizer_explain(tokenizer, stdout);
    tokenizer_free(tokenizer);
    return 0;
}

static int inspect_safetensors(const char *path) {
    safetensors_t *file;
    char shape[SAFETENSORS_SHAPE_TEXT];
    TRY(safetensors_open(path, &file));
    printf("%s: %d tensors\n", path, safetensors_count(file));
    for (int32_t i = 0; i < safetensors_count(file); i++) {
        const safetensors_entry_t *entry = safetensors_at(file, i);
        printf("  %-64s %s\n", entry->name, safetensors_print_shape(shape, entry->dtype, entry->rank, entry->shape));
    }
    safetensors_close(file);
    return 0;
}

/* A folder with DONE that is nothing else we know: what the marker says. */
static int inspect_stage(const char *path) {
    char *done = mem_printf("%s/DONE", path);
    file_map_t map;
    int rc = done != NULL ? file_map(done, &map) : -1;
    if (rc == 0) {
        int line = 0;
        while ((size_t)line < map.size && map.data[line] != '\n') line++;
        printf("%s: the finished folder of a stage: %.*s\n", path, line, (const char *)map.data);
        file_unmap(&map);
    }
    mem_free(done);
    return rc;
}

static int holds(const char *dir, const char *name) {
    char *path = mem_printf("%s/%s", dir, name);
    int found = path != NULL && file_exists(path);
    mem_free(path);
    return found;
}

static int inspect_folder(const char *path) {
    if (holds(path, "config.json")) return inspect_checkpoint(path);
    if (holds(path, "shards.csv")) return inspect_tokens(path);
    if (artifact_is_done(path)) return inspect_stage(path);
    return err_set(
        "%s: not a folder that memprobe knows: no config.json (checkpoint), shards.csv (token shards) or DONE "
        "(stage); of a corpus, name the files, as in '%s/*.jsonl.zst'",
        path, path);
}

/* A file of a corpus. Many of them: the heads of all were checked, the first is looked into. */
static int inspect_inputs(inputs_t *inputs) {
    int64_t bytes = 0;
    char text[NUM_TEXT];
    for (int64_t i = 0; i < inputs->count; i++) bytes += inputs->input[i].bytes;
    if (inputs->count > 1)
        printf("%lld files, %s together; the heads of all are right, and this is the first:\n",
               (long long)inputs->count, num_print_bytes(text, (double)bytes));
    int rc = input_explain(&inputs->input[0], stdout);
    inputs_free(inputs);
    return rc;
}

static int inspect_input(const char *path, const char *format) {
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    TRY(inputs_open_file(path, format, &rules, &inputs));
    return inspect_inputs(&inputs);
}

static int inspect_list(const char *list) {
    input_rules_t rules = input_rules_default();
    inputs_t inputs;
    TRY(inputs_open(list, &rules, "inspect", &inputs));
    return inspect_inputs(&inputs);
}

/* JSON lines begin as a tokenizer.json does; but their first line is a whole object, and no tokenizer. What is called
 * JSON lines is read as such, damaged or not. */
static int is_json_lines(const char *path, const file_map_t *map, size_t start) {
    enum { MOST = 64 << 20 };
    const char *dot = strrchr(path, '.');
    if (dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".ndjson") == 0)) return 1;
    size_t room = map->size - start, most = room < MOST ? room : MOST;
    const uint8_t *end = memchr(map->data + start, '\n', most);
    if (end == NULL && room > MOST) return 1; // a tokenizer.json of so long a line is a file of one line
    size_t bytes = end ? (size_t)(end - map->data) - start : room;
    json_t *line = json_loadb((const char *)map->data + start, bytes, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    int is_line = json_is_object(line) && !json_is_object(json_object_get(line, "model"));
    json_decref(line);
    return is_line;
}

/* A file of a corpus of tokens means nothing without the others: its folder is told. */
static int is_shard(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (strcmp(dot, ".zst") != 0 && strcmp(dot, ".docs") != 0 && strcmp(dot, ".json") != 0)) return 0;
    char *list = mem_printf("%.*sshards.csv", slash ? (int)(slash + 1 - path) : 0, path);
    int is_beside = list && file_exists(list);
    mem_free(list);
    return is_beside;
}

static int inspect_file(const char *path) {
    file_map_t map;
    if (is_shard(path)) return err_set("%s: belongs to a shard of a tokenized corpus; inspect the folder", path);
    TRY(file_map(path, &map));
    size_t start = 0;
    while (start < map.size && map.data[start] != 0 && strchr(" \t\r\n", map.data[start]) != NULL) start++;
    int is_object = start < map.size && map.data[start] == '{', is_safetensors = map.size > 8 && map.data[8] == '{';
    int is_lines = is_object && is_json_lines(path, &map, start);
    file_unmap(&map);
    if (is_lines) return inspect_input(path, "jsonl");
    if (is_object) return inspect_tokenizer(path);
    if (is_safetensors) return inspect_safetensors(path);
    return inspect_input(path, NULL);
}

static int inspect(const char *path) {
    struct stat info;
    if (stat(path, &info) == 0) return S_ISDIR(info.st_mode) ? inspect_folder(path) : inspect_file(path);
    if (strpbrk(path, ":*?[,") != NULL) return inspect_list(path); // as it stands in [corpus] documents
    return err_set("%s: there is no such file or folder", path);
}

int cmd_inspect(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_usage(stdout);
        return verb_end(0);
    }
    int documents = argc == 3 && strcmp(argv[1], "--documents") == 0;
    if (argc != 2 + documents || argv[argc - 1][0] == '-') {
        print_usage(stderr);
        return EXIT_MISUSE;
    }
    return verb_end(documents ? list_documents(argv[2]) : inspect(argv[1]));
}
