/* Megatron / GPT-NeoX indexed data sets. A document is the sequences between two entries of the document index, joined.
 * What the index says is checked document by document as they are read: each sequence must begin where the one before
 * it ended, the last one at the end of PREFIX.bin. So all ranks together check all of it, and none reads the gigabytes
 * of an index before it starts. */
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "text/bytes.h"
#include "text/mmidx.h"
#include "text/token_readers.h"
#include <string.h>

enum { HEAD = 34 };
static const char magic[9] = "MMIDIDX\0", old_magic[8] = "TNTIDX\0";

static int64_t get_i64(const uint8_t *list, int64_t i) {
    return (int64_t)bytes_get_u64(list + 8 * i);
}

static int set_type(const char *path, int code, mmidx_t *index) {
    static const char *const types[] = {[1] = "u8", [2] = "i8", [3] = "i16", [4] = "i32", [5] = "i64", [8] = "u16"};
    if (code == 6 || code == 7)
        return err_set("%s: its tokens are of type %d: floating point (32 or 64 bits; GPT-NeoX and Megatron-LM give 6 "
                       "and 7 opposite meanings); tokens are integers",
                       path, code);
    if (code < 1 || code > 8)
        return err_set("%s: its tokens are of type %d; known are 1 (u8), 2 (i8), 3 (i16), 4 (i32), 5 (i64), 8 (u16)",
                       path, code);
    const token_type_t *type = token_type_named(types[code]);
    index->width = type->width;
    index->is_signed = type->is_signed;
    return 0;
}

/* Finds the three lists; the file must be exactly as long as they are. */
static int set_lists(const char *path, const uint8_t *data, size_t bytes, mmidx_t *index) {
    uint64_t n = bytes_get_u64(data + 18), d = bytes_get_u64(data + 26), room = bytes - HEAD;
    if (n > room / 12 || d > room / 8 || 12 * n + 8 * d > room)
        return err_set("%s: %zu bytes, too few for %llu sequences and %llu entries of documents: the file is cut off",
                       path, bytes, (unsigned long long)n, (unsigned long long)d);
    if (12 * n + 8 * d + n == room && n > 0)
        return err_set("%s: holds a mode for each sequence: the index of a multimodal data set, not all of whose "
                       "tokens are text",
                       path);
    if (12 * n + 8 * d != room)
        return err_set("%s: %llu bytes behind %llu sequences and %llu entries of documents: the file is damaged", path,
                       (unsigned long long)(room - 12 * n - 8 * d), (unsigned long long)n, (unsigned long long)d);
    index->sequences = (int64_t)n;
    index->documents = (int64_t)d - 1;
    index->lengths = data + HEAD;
    index->pointers = index->lengths + 4 * n;
    index->starts = index->pointers + 8 * n;
    return 0;
}

static int check_ends(const char *path, const mmidx_t *index) {
    int64_t n = index->sequences, d = index->documents;
    if (d < 0) return err_set("%s: its list of documents is empty; it begins with 0 and ends with the sequences", path);
    if (get_i64(index->starts, 0) != 0)
        return err_set("%s: its first document begins with sequence %lld, not 0", path,
                       (long long)get_i64(index->starts, 0));
    if (get_i64(index->starts, d) != n)
        return err_set("%s: its last document ends with sequence %lld of %lld", path,
                       (long long)get_i64(index->starts, d), (long long)n);
    if (n > 0 && get_i64(index->pointers, 0) != 0)
        return err_set("%s: its first sequence begins at byte %lld of the .bin file, not 0", path,
                       (long long)get_i64(index->pointers, 0));
    int64_t last_bytes = n > 0 ? (int64_t)(int32_t)bytes_get_u32(index->lengths + 4 * (n - 1)) * index->width : 0, end;
    if (__builtin_add_overflow(n > 0 ? get_i64(index->pointers, n - 1) : 0, last_bytes, &end) ||
        end != index->bin_bytes)
        return err_set("%s: its last sequence of %lld bytes begins at byte %lld, but the .bin file has %lld bytes: it "
                       "is cut off, or of another data set",
                       path, (long long)last_bytes, (long long)(n > 0 ? get_i64(index->pointers, n - 1) : 0),
                       (long long)index->bin_bytes);
    return 0;
}

int mmidx_parse(const char *path, const uint8_t *data, size_t bytes, int64_t bin_bytes, mmidx_t *index) {
    *index = (mmidx_t){.bin_bytes = bin_bytes};
    if (bytes >= sizeof old_magic && memcmp(data, old_magic, sizeof old_magic) == 0)
        return err_set("%s: an index of the old kind (TNTIDX: not mapped, \"lazy\" or \"cached\"); write the data set "
                       "anew as a mapped one (--dataset-impl mmap)",
                       path);
    if (bytes < sizeof magic || memcmp(data, magic, sizeof magic) != 0)
        return err_set("%s: does not begin with MMIDIDX: not the index of a Megatron or GPT-NeoX data set", path);
    if (bytes < HEAD) return err_set("%s: cut off inside its head", path);
    if (bytes_get_u64(data + 9) != 1)
        return err_set("%s: version %llu of the index; known is 1", path, (unsigned long long)bytes_get_u64(data + 9));
    TRY(set_type(path, data[17], index));
    TRY(set_lists(path, data, bytes, index));
    return check_ends(path, index);
}

int mmidx_document(const mmidx_t *index, const char *path, int64_t k, int64_t most, int64_t *first, int64_t *n) {
    int64_t from = get_i64(index->starts, k), to = get_i64(index->starts, k + 1);
    if (from < 0 || to < from || to > index->sequences)
        return err_set("%s: document %lld is sequences %lld .. %lld of %lld: the list of documents is not in order",
                       path, (long long)k, (long long)from, (long long)to, (long long)index->sequences);
    int64_t start = from < index->sequences ? get_i64(index->pointers, from) : index->bin_bytes, at = start;
    if (start < 0 || start > index->bin_bytes || start % index->width != 0)
        return err_set("%s: sequence %lld begins at byte %lld of the .bin file's %lld, which is no place of a %s token",
                       path, (long long)from, (long long)start, (long long)index->bin_bytes,
                       token_type_name(index->width, index->is_signed));
    *first = start / index->width;
    for (int64_t i = from; i < to && (at - start) / index->width <= most; i++) {
        int64_t length = (int32_t)bytes_get_u32(index->lengths + 4 * i), here = get_i64(index->pointers, i);
        if (length < 0) return err_set("%s: sequence %lld has %lld tokens", path, (long long)i, (long long)length);
        if (here != at)
            return err_set("%s: sequence %lld begins at byte %lld of the .bin file, but the one before it ends at %lld",
                           path, (long long)i, (long long)here, (long long)at);
        if (length > (index->bin_bytes - at) / index->width)
            return err_set("%s: sequence %lld of %lld tokens from byte %lld on ends behind the %lld bytes of the .bin "
                           "file",
                           path, (long long)i, (long long)length, (long long)at, (long long)index->bin_bytes);
        at += length * index->width;
    }
    *n = (at - start) / index->width;
    int64_t behind = to < index->sequences ? get_i64(index->pointers, to) : index->bin_bytes;
    if (*n <= most && behind != at)
        return err_set("%s: sequence %lld begins at byte %lld of the .bin file, but the one before it ends at %lld",
                       path, (long long)to, (long long)behind, (long long)at);
    return 0;
}

/* --- the format --------------------------------------------------------------------------------------------------- */

static int sniff(const char *path, const uint8_t *head, size_t bytes) {
    (void)path;
    return (bytes >= sizeof magic && memcmp(head, magic, sizeof magic) == 0) ||
           (bytes >= sizeof old_magic && memcmp(head, old_magic, sizeof old_magic) == 0);
}

static int check(input_t *input) {
    file_map_t map;
    mmidx_t index;
    int64_t bytes;
    TRY(file_size(input->path, &bytes));
    TRY(file_map(input->second, &map));
    int rc = mmidx_parse(input->second, map.data, map.size, bytes, &index);
    file_unmap(&map);
    if (rc != 0) return -1;
    input->width = index.width;
    input->is_signed = index.is_signed;
    input->size = index.documents;
    input->unit_bytes = index.documents > 0 ? bytes / index.documents : 0;
    if (input->unit_bytes < 1) input->unit_bytes = 1;
    return token_check_end(input);
}

typedef struct {
    const input_t *input;
    file_map_t map;
    mmidx_t index;
    token_file_t file;
} mmidx_reader_t;

static int load(void *own, units_t *units, int64_t unit) {
    mmidx_reader_t *r = own;
    int64_t first, n;
    int32_t *tokens;
    TRY(mmidx_document(&r->index, r->input->second, unit, token_most(r->input), &first, &n));
    TRY(units_room(units, unit, n, &tokens));
    return token_file_read(&r->file, first, n, tokens);
}

static void release(void *own) {
    mmidx_reader_t *r = own;
    token_file_close(&r->file);
    file_unmap(&r->map);
    mem_free(r);
}

static int open_reader(const input_t *input, void **reader) {
    mmidx_reader_t *r = mem_new(1, sizeof *r, "reader of an indexed data set");
    if (!r) return -1;
    r->input = input;
    r->file.fd = -1;
    if (token_file_open(input->path, 0, input->width, input->is_signed, &r->file) != 0 ||
        file_map(input->second, &r->map) != 0 ||
        mmidx_parse(input->second, r->map.data, r->map.size, r->file.n * r->file.width, &r->index) != 0) {
        release(r);
        return -1;
    }
    return units_open(input, r->index.documents, load, r, release, reader);
}

static int explain(const input_t *input, FILE *out) {
    file_map_t map;
    mmidx_t index;
    int64_t bytes;
    TRY(file_size(input->path, &bytes));
    TRY(file_map(input->second, &map));
    int rc = mmidx_parse(input->second, map.data, map.size, bytes, &index);
    if (rc == 0)
        fprintf(out,
                "a Megatron / GPT-NeoX data set\n  index %s: version 1, %lld sequences in %lld documents; %lld tokens "
                "of type %s\n",
                input->second, (long long)index.sequences, (long long)index.documents, (long long)(bytes / index.width),
                token_type_name(index.width, index.is_signed));
    file_unmap(&map);
    return rc;
}

const format_t format_mmidx = {
    .name = "mmidx",
    .unit = "documents",
    .ending = ".bin",
    .second_ending = ".idx",
    .help = "end=N",
    .sniff = sniff,
    .option = token_option_end,
    .check = check,
    .open = open_reader,
    .range = token_range,
    .next = token_next,
    .close = token_close,
    .explain = explain,
};
