/* Fuzzer of config.json: any bytes are refused with a message, or give a shape that can be counted and that is read
 * back from what is written of it. */
#include "inputs_check.h"
#include "model/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char path[64];
    model_spec_t spec, back;
    fuzz_path(path, "config", ".json");
    fuzz_write(path, bytes, size);
    err_clear();
    if (spec_read(path, &spec) != 0) {
        if (err_text()[0] == '\0') abort();
        remove(path);
        return 0;
    }
    if (spec_check(&spec) != 0 || spec_parameters(&spec, 0) < 0) abort();
    if (!(spec_flop_per_token(&spec, spec.context) > 0)) abort();
    if (spec_write(&spec, path) != 0 || spec_read(path, &back) != 0) abort();
    if (spec_parameters(&spec, 1) != spec_parameters(&back, 1) || spec.family != back.family ||
        spec.rotary_dims != back.rotary_dims || spec.norm_eps != back.norm_eps || spec.act != back.act ||
        spec.clip_qkv != back.clip_qkv || spec.rotary_scaling.factor != back.rotary_scaling.factor ||
        memcmp(spec.local, back.local, sizeof spec.local) != 0 || spec.window != back.window)
        abort();
    remove(path);
    return 0;
}
