/* Time and memory of this process. For logs and manifests only: no result may depend on them. */
#ifndef MEMPROBE_CLOCK_H
#define MEMPROBE_CLOCK_H
#include <stdint.h>

double clock_wall(void);         // seconds, monotonic
double clock_cpu(void);          // user + system seconds of this process
int64_t clock_peak_memory(void); // bytes, peak resident size

#endif
