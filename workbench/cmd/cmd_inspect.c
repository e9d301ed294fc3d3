/* `memprobe inspect PATH`: explains a file or folder that memprobe can read. What it is, is decided by what it holds,
 * never by what it is called; everything that the reader of that format would refuse is refused here too. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "cmd/verbs.h"
#include "model/model.h"
#include "model/safetensors.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void print_usage(FILE *out) {
    fprintf(out, "usage: memprobe inspect PATH\n"
                 "Explains a checkpoint folder, a folder of token shards, a tokenizer.json, a .safetensors file,\n"
                 "or a stage's folder. Weights are not read, only checked for names, shapes and types.\n");
}

static int inspect_checkpoint(const char *path) {
    model_folder_t folder;
    char bytes[NUM_TEXT], loaded[NUM_TEXT], cache[NUM_TEXT], text[NUM_TEXT];
    TRY(model_inspect(path, &folder));
    const model_spec_t *spec = &folder.spec;
    int64_t all = spec_parameters(spec, 1), inner = spec_parameters(spec, 0);
    int64_t linear = inner + spec->vocab * spec->width; // about what is held a second time, packed for the kernels
    printf("%s: a checkpoint of the family %s\n", path, spec->family);
    printf("  layers %lld, width %lld, heads %lld of %lld, ffn %lld, %s residual\n", (long long)spec->layers,
           (long long)spec->width, (long long)spec->heads, (long long)spec->head_size, (long long)spec->ffn,
           spec->parallel_residual ? "parallel" : "serial");
    printf("  vocabulary %lld, context %lld, head %s, end token %d\n", (long long)spec->vocab, (long long)spec->context,
           spec->tied_head ? "tied to the embedding" : "of its own", spec->end_token);
    printf("  rotary: %lld of %lld dimensions, base %s; norm eps %s\n", (long long)spec->rotary_dims,
           (long long)spec->head_size, num_print_f64(text, spec->rotary_base), num_print_f32(loaded, spec->norm_eps));
    printf("  parameters %lld, without embeddings %lld\n", (long long)all, (long long)inner);
    printf("  files %lld with %lld tensors in %s, %s\n", (long long)folder.files, (long long)folder.tensors,
           folder.dtypes, num_print_bytes(bytes, (double)folder.bytes));
    printf("  memory when loaded %s; keys and values %s a position\n",
           num_print_bytes(loaded, 4.0 * (double)(all + linear)),
           num_print_bytes(cache, 8.0 * (double)(spec->layers * spec->width)));
    printf("  forward %.4g MFLOP a token, mean over a full context\n", spec_flop_per_token(spec, spec->context) / 1e6);
    return 0;
}

static int inspect_tokens(const char *path) {
    tokens_t *tokens;
    TRY(tokens_open(path, &tokens));
    int64_t documents = tokens_documents(tokens), longest = 0, positions = tokens_count(tokens);
    for (int64_t i = 0; i < documents; i++) {
        int64_t length = tokens_document(tokens, i)->length;
        longest = length > longest ? length : longest;
    }
    printf("%s: a tokenized corpus\n", path);
    printf("  documents %lld, tokens %lld (%lld positions with the end tokens)\n", (long long)documents,
           (long long)(positions - documents), (long long)positions);
    printf("  vocabulary %d, end token %d, longest document %lld tokens\n", tokens_vocab(tokens), tokens_end(tokens),
           (long long)longest);
    if (documents > 0) {
        const token_document_t *first = tokens_document(tokens, 0);
        printf("  first document %s, source %s, %lld tokens\n", first->id, first->source, (long long)first->length);
    }
    tokens_close(tokens);
    return 0;
}

static int inspect_tokenizer(const char *path) {
    tokenizer_t *tokenizer;
    TRY(tokenizer_load(path, &tokenizer));
    printf("%s: a byte-level BPE tokenizer\n", path);
    printf("  vocabulary %d, end token %d\n", tokenizer_vocab(tokenizer), tokenizer_end(tokenizer));
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
        "(stage)",
        path);
}

static int inspect_file(const char *path) {
    file_map_t map;
    TRY(file_map(path, &map));
    size_t start = 0;
    while (start < map.size && strchr(" \t\r\n", map.data[start]) != NULL) start++;
    int is_object = start < map.size && map.data[start] == '{', is_safetensors = map.size > 8 && map.data[8] == '{';
    file_unmap(&map);
    if (is_object) return inspect_tokenizer(path);
    if (is_safetensors) return inspect_safetensors(path);
    return err_set("%s: not a file that memprobe knows: neither a tokenizer.json nor safetensors", path);
}

static int inspect(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) return err_set("%s: there is no such file or folder", path);
    return S_ISDIR(info.st_mode) ? inspect_folder(path) : inspect_file(path);
}

int cmd_inspect(int argc, char **argv) {
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_usage(stdout);
        return 0;
    }
    if (argc != 2 || argv[1][0] == '-') {
        print_usage(stderr);
        return EXIT_MISUSE;
    }
    if (inspect(argv[1]) != 0) {
        fprintf(stderr, "memprobe: error: %s\n", err_text());
        return EXIT_FAILED;
    }
    return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}
