/* The measured peak: what one core can do in fused multiply-adds when nothing has to come from memory. */
#include "base/clock.h"
#include "tensor/tensor.h"

double tensor_peak(const tensor_ops_t *ops) {
    enum { TRIES = 8 };
    const double shortest = 0.004; // seconds: long enough for the clock, short enough to find a quiet moment
    float sink[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    double best = 0;
    int64_t rounds = 1000;
    for (int32_t i = 0; i < TRIES;) {
        double start = clock_cpu(); // not wall time: other programs may want the core
        double flop = (double)ops->fma_loop(rounds, sink), seconds = clock_cpu() - start;
        if (seconds < shortest) {
            rounds *= 2;
            continue;
        }
        if (flop / seconds > best) best = flop / seconds;
        i++;
    }
    return best;
}
