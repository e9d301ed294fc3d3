/* manifest.json: what ran, where, when and how fast. Everything that may differ between two runs of one study lives
 * here, and nowhere else. A thin layer over jansson: the caller adds what it knows and writes. */
#ifndef MEMPROBE_MANIFEST_H
#define MEMPROBE_MANIFEST_H
#include <jansson.h>

/* A new object with version, build (compiler, flags, commit), host (name, kernel, CPU, cores), date, command line and
 * the environment that matters (OPENBLAS_*, OMP_*, SLURM_JOB_ID). The caller owns the reference. */
json_t *manifest_create(int argc, char **argv);
int manifest_write(const json_t *manifest, const char *path);

#endif
