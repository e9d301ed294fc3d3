/* NumPy arrays as foreign bytes: alone, cut at a mark, and joined with themselves. */
#include "inputs_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char path[64], list[256];
    fuzz_path(path, "npy", ".npy");
    fuzz_write(path, data, bytes);
    snprintf(list, sizeof list, "npy:%s:end=0", path);
    fuzz_list(list);
    snprintf(list, sizeof list, "npy:%s:with=%s", path, path);
    fuzz_list(list);
    remove(path);
    return 0;
}
