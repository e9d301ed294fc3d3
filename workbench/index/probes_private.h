/* Writing of a probe set; for the sampler. */
#ifndef MEMPROBE_PROBES_PRIVATE_H
#define MEMPROBE_PROBES_PRIVATE_H
#include "index/probes.h"

/* Local: dir/probes.csv and dir/probes.tokens, each under its name only when whole. */
int probes_write(const char *dir, const probe_set_t *set);

#endif
