/* Inputs: the foreign files of a corpus, what they are, and how they are cut into parts that ranks work on by
 * themselves.
 *
 * The list in [corpus] documents is separated by commas; each entry is
 *
 *     [FORMAT:]PATTERN[:OPTION ...]
 *
 * where PATTERN is a shell pattern and FORMAT a row of the table in text/format.h. Without FORMAT the file's name and
 * first bytes decide: .jsonl, .json and .ndjson are JSON lines, .txt and .text are text (each also .gz and .zst), .idx
 * of a MMIDIDX pair, .npy with the magic of NumPy, the magics of llm.c; anything else has to be named. A comma, colon
 * or backslash that belongs to a pattern or a value has a backslash before it, and so has a shell's * ? [ that means
 * itself. A word before the first colon is a format: a file that is called so is written ./word. A file may be matched
 * by one entry only.
 *
 *     jsonl:  JSON lines, a document a line
 *     text:   text, a document a file                        split=line: a document a line
 *     mmidx:  PREFIX of a Megatron / GPT-NeoX pair PREFIX.bin, PREFIX.idx               end=N
 *     pythia: Pythia's pre-shuffled records of u16 tokens, a document a record         record=N (2049), end=N
 *     nanogpt: u16 tokens, a mark behind each document (50256, GPT-2's)                end=N
 *     llmc:   llm.c's header and tokens, a mark before each (50256 or 128000)          end=N
 *     olmo:   OLMo's raw .npy, a mark behind each                                      u16 or u32, end=N
 *     tokens: raw tokens                                                               u8 .. i64, end=N or record=N
 *     npy:    NumPy array of integers, a document a row (of one dimension: a stream)   end=N, with=FILE: rows of
 *                                                                                      another, which continue these
 *
 * end=N names the token that ends a document. It is no part of one: memprobe puts an end token of its own behind each,
 * and a second one would be wrong. It counts wherever it stands, also inside of a record, row or document of an index.
 * end=none: there is none. Nothing else is taken off, changed or left out; empty documents stay.
 *
 * Every format takes source=NAME for documents that carry none themselves. */
#ifndef MEMPROBE_INPUT_H
#define MEMPROBE_INPUT_H
#include <stddef.h>
#include <stdint.h>

typedef struct format format_t;

/* How JSON lines are understood, and how large a document may be. */
typedef struct {
    const char *text_field, *id_field, *source_field; // "meta.pile_set_name" goes into an object; "a | b": the first
                                                      // that is there
    int64_t document_limit;                           // most bytes of one line or text, 4 a token; part of [run] memory
} input_rules_t;
input_rules_t input_rules_default(void); // "text", "id", "source | meta.pile_set_name", 1 GiB

typedef struct {
    const format_t *format;
    const char *path;   // of the file; of mmidx: PREFIX.bin
    const char *second; // mmidx: PREFIX.idx; npy: the array of with=; else NULL
    const char *name;   // path without the folder that all inputs share (one input: its last part): documents without
                        // an id are NAME@WHERE
    const char *source; // of documents without one; "" if none was given
    int64_t bytes;      // on disk, both files
    int64_t size;       // in units of the format (bytes of unpacked text, tokens, records, rows; files, of text that is
                        // not cut into lines); -1: a compressed file that was not measured yet
    int64_t unit_bytes; // about how many bytes a unit is
    int32_t width;      // bytes a token in the file: 1, 2, 4 or 8
    int32_t is_signed;
    int64_t data;      // byte where tokens begin
    int64_t end;       // mark between documents, -1: none
    int32_t end_given; // 1: an option says what end is
    int64_t record;    // tokens of a record or row
    int32_t by_line;
    int32_t packing; // PACKED_NOT, PACKED_ZSTD, PACKED_GZIP
    const input_rules_t *rules;
} input_t;

typedef struct {
    int64_t count;
    input_t *input;      // in order of the list, then of the files' names in byte order
    input_rules_t rules; // a copy
    void *texts;         // owns the texts (an arena)
} inputs_t;

/* Local. Expands the list, tells the formats, reads and checks heads and sizes; contents are read later. where: for
 * messages, as "config.ini:7: [corpus] documents". An entry that matches no file is an error. */
int inputs_open(const char *list, const input_rules_t *rules, const char *where, inputs_t *inputs);
/* The same for one file whose path is taken as it is; format NULL: told by name and first bytes. */
int inputs_open_file(const char *path, const char *format, const input_rules_t *rules, inputs_t *inputs);
/* The same for a file that is taken for text when neither its name nor its first bytes tell another format; by_line: a
 * document a line, if it is text. */
int inputs_open_texts(const char *path, int by_line, const input_rules_t *rules, inputs_t *inputs);
void inputs_free(inputs_t *inputs);             // accepts a zeroed one
const char *input_format(const input_t *input); // name of its format

/* Local: the size of a compressed file, by unpacking it once (~1 GB/s zstd, ~0.3 GB/s gzip); others know it. */
int input_measure(const input_t *input, int64_t *size);

/* A part: a slice of one input, or a run of whole small ones. Parts follow each other and cover everything; a document
 * belongs to the part in which it starts. They depend on the inputs and part_bytes only. */
typedef struct {
    int64_t input, inputs; // first of them, and how many; more than one: all of each
    int64_t first, last;   // of a single one: units [first, last)
} part_t;
/* All sizes must be known. part_bytes 0: total / 1024, but at least 16 MiB and at most 1 GiB. *parts: mem_free. */
int inputs_cut(const inputs_t *inputs, int64_t part_bytes, part_t **parts, int64_t *n);

#endif
