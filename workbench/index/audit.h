/* The audit of a probe set: what in the set itself makes an extraction rate mean less than it seems to. Copies and near
 * copies among the probes (rows are not independent), suffixes that nobody needs to have memorized, contexts that do
 * not decide their suffix, members among the controls, and rows of a test split that stand in the rest.
 *
 * All checks compare tokens, none samples, and the answers depend on nothing but the set: time and memory grow with its
 * tokens, whatever they are.
 *
 * Near probes: two that share a run of `near` tokens, unless the run is one block three times or more (blanks, rules).
 * What is connected so, or equal, is a cluster; its probes succeed and fail together, so the clusters are what an
 * interval should count. */
#ifndef MEMPROBE_AUDIT_H
#define MEMPROBE_AUDIT_H
#include "index/suffix.h"
#include "text/tokenizer.h"
#include "text/tokens.h"
#include <stdint.h>

typedef struct {
    int64_t first;           // of its tokens in the set's; rows in order, they do not overlap
    int64_t context, suffix; // tokens, at least 1 each
    int32_t is_member;       // 1, 0, or -1: not known
    const char *doc_id;      // NULL: not known
    int64_t offset;          // in the document, when that is known
} audit_row_t;

typedef struct {
    int64_t n;
    const audit_row_t *row;
    const int32_t *token;
    int64_t first_id; // the number that flags give row 0; not 0 where this is part of a set
} audit_set_t;

typedef struct {
    int64_t near;                 // tokens of a shared run, at least 1
    int64_t split;                // the last `split` rows are compared with the others; 0: no split
    int32_t end;                  // token that ends documents, -1: not known
    const tokenizer_t *tokenizer; // to read numbers in suffixes; NULL: ids are looked at instead
} audit_spec_t;

enum { AUDIT_NONE = -1 }; // of a number in a line: does not apply

typedef struct {
    const char *check;
    int64_t value;           // what the check was told or counts by: the multiplicity, the split, the run
    int64_t probes, of;      // rows it found, of so many
    int64_t groups, largest; // groups that these form, and the rows of the largest
} audit_line_t;

typedef struct {
    int64_t id; // of the row: first_id and its index
    const char *check;
    const char *format; // of a and b, both long long; rows in them are ids as well
    int64_t a, b;
} audit_flag_t;

typedef struct {
    int64_t n_lines, n_flags;
    audit_line_t *line;
    audit_flag_t *flag; // by check, then row
    int64_t n, first_id;
    int64_t *same, *same_context, *same_suffix, *cluster; // (n) the lowest row that is equal, or in the cluster
    int64_t line_room, flag_room;
} audit_t;

/* Local. Everything that can be seen in the set. */
int audit_make(const audit_set_t *set, const audit_spec_t *spec, audit_t *audit);
/* Collective: adds what a corpus says; audit is NULL on all ranks but those that want the answer. */
int audit_ask_corpus(const audit_set_t *set, suffix_t *index, tokens_t *corpus, audit_t *audit);
void audit_free(audit_t *audit);
/* n over the mean number of rows that a row's cluster has: what n probes are worth if a cluster's all agree. */
double audit_effective(const audit_t *audit);

#endif
