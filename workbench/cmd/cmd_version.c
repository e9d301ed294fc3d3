/* `memprobe version`: what this build is and what it found on this machine. */
#include "cmd/verbs.h"
#include "tensor/tensor.h"
#include <stdio.h>
#include <zstd.h>

int cmd_version(int argc, char **argv) {
    (void)argc, (void)argv;
    printf("memprobe %s\n", MEMPROBE_VERSION);
    printf("compiler  %s\n", __VERSION__);
    printf("kernels   %s (auto: %s)\n", tensor_available(), tensor_kernels("auto")->name);
    printf("bf16      by %s\n", tensor_has_bf16(tensor_kernels("auto")) ? "this CPU's instruction" : "multiply-adds");
    printf("zstd      %s\n", ZSTD_versionString());
    return verb_end(0);
}
