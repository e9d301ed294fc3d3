/* The probe sets that `memprobe audit` reads: a folder of probes.csv and probes.tokens, arrays of NumPy, a CSV table
 * with token ids. */
#ifndef MEMPROBE_AUDIT_INPUT_H
#define MEMPROBE_AUDIT_INPUT_H
#include "index/audit.h"
#include <stdint.h>

typedef struct {
    char **path; // (paths) one, or two arrays: contexts, suffixes
    int paths;
    const char *column; // of a CSV table: whole rows
    int64_t suffix;     // tokens of the suffix, 0: not given
    int64_t context;    // the last so many tokens of each context, 0: all. In a folder with windows of several lengths
                        // it chooses those drawn for that context
} audit_input_t;

typedef struct {
    audit_set_t set;
    int64_t shortest_suffix;
    void *hidden;
} audit_probes_t;

/* Local. */
int audit_probes_read(const audit_input_t *input, audit_probes_t *probes);
void audit_probes_free(audit_probes_t *probes);

#endif
