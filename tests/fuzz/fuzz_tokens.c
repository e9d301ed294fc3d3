/* Raw tokens as foreign bytes: the first byte says as which of the formats without an index. */
#include "inputs_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static const char *const lists[] = {"nanogpt:%s",          "llmc:%s",
                                        "olmo:%s:u32:end=0",   "pythia:%s:record=3",
                                        "tokens:%s:u8:end=0",  "tokens:%s:i8:end=1",
                                        "tokens:%s:i16:end=0", "tokens:%s:i32:end=0",
                                        "tokens:%s:u64:end=0", "tokens:%s:i64:record=2",
                                        "tokens:%s:u16:end=0"};
    char path[64], list[128];
    if (bytes < 1) return 0;
    fuzz_path(path, "tokens", "");
    fuzz_write(path, data + 1, bytes - 1);
    snprintf(list, sizeof list, lists[data[0] % (sizeof lists / sizeof *lists)], path);
    fuzz_list(list);
    remove(path);
    return 0;
}
