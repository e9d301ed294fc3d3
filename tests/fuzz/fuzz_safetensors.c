/* Fuzzer of the safetensors reader: any bytes are refused or give tensors all of whose elements can be read. */
#include "base/mem.h"
#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    safetensors_t *file;
    float piece[64];
    char text[SAFETENSORS_SHAPE_TEXT];
    if (safetensors_parse(bytes, size, "fuzz", &file) != 0) return 0;
    for (int32_t i = 0; i < safetensors_count(file); i++) {
        const safetensors_entry_t *entry = safetensors_at(file, i);
        if (safetensors_find(file, entry->name) != entry) __builtin_trap();
        safetensors_print_shape(text, entry->dtype, entry->rank, entry->shape);
        for (int64_t at = 0; at < entry->elements; at += 64) {
            int64_t n = entry->elements - at < 64 ? entry->elements - at : 64;
            if (safetensors_read(file, entry, at, n, piece) != 0) break;
        }
    }
    safetensors_close(file);
    return 0;
}
