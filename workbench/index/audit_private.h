/* Pieces of the audit; see audit.h. */
#ifndef MEMPROBE_AUDIT_PRIVATE_H
#define MEMPROBE_AUDIT_PRIVATE_H
#include "index/audit.h"

static inline const int32_t *audit_context(const audit_set_t *set, int64_t i) {
    return set->token + set->row[i].first;
}
static inline const int32_t *audit_suffix(const audit_set_t *set, int64_t i) {
    return audit_context(set, i) + set->row[i].context;
}
static inline int64_t audit_length(const audit_set_t *set, int64_t i) {
    return set->row[i].context + set->row[i].suffix;
}

int audit_add_line(audit_t *audit, const char *check, int64_t value, int64_t probes, int64_t of, int64_t groups,
                   int64_t largest);
int audit_add_flag(audit_t *audit, int64_t row, const char *check, const char *format, int64_t a, int64_t b);

/* group (n): the lowest row whose whole / context / suffix is the same. */
typedef enum { AUDIT_WHOLE, AUDIT_CONTEXT, AUDIT_SUFFIX } audit_part_t;
int audit_group_equal(const audit_set_t *set, audit_part_t part, int64_t *group);
/* group (n): the lowest row of the cluster. same: from audit_group_equal. */
int audit_group_near(const audit_set_t *set, int64_t near, const int64_t *same, int64_t *group);

/* What makes a suffix trivial. room (n): work space. */
enum { AUDIT_REPEATS = 3 }; // times that a block, or a step, must stand there

/* Tokens of the block that the n are made of, the last one perhaps cut off; 0: none stands AUDIT_REPEATS times. */
int64_t audit_period(const int32_t *token, int64_t n, int64_t *room);
/* The step by which ids rise: every q-th by a constant of its own, for some q. 0: they do not. */
int64_t audit_counts_ids(const int32_t *token, int64_t n, int64_t *room);
/* The same for the numbers in a text, where what stands between them comes back too. How many numbers rise, 0: they do
 * not, or -1. Numbers, and words, may be cut off at both ends of the text. */
int64_t audit_counts_text(const char *text, size_t bytes, int64_t *step);

#endif
