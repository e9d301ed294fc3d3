/* Megatron / GPT-NeoX data sets as foreign bytes: two bytes say how many of the last ones are PREFIX.bin, the others
 * are PREFIX.idx. */
#include "inputs_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char bin[64], idx[64], list[128];
    if (bytes < 2) return 0;
    size_t tokens = (size_t)(data[0] | data[1] << 8);
    if (tokens > bytes - 2) return 0;
    fuzz_path(bin, "mmidx", ".bin");
    fuzz_path(idx, "mmidx", ".idx");
    fuzz_write(idx, data + 2, bytes - 2 - tokens);
    fuzz_write(bin, data + bytes - tokens, tokens);
    snprintf(list, sizeof list, "mmidx:%s", idx);
    fuzz_list(list);
    snprintf(list, sizeof list, "mmidx:%s:end=0", idx);
    fuzz_list(list);
    remove(bin);
    remove(idx);
    return 0;
}
