/* Which kernels this CPU can run, and the table of the reference. The tables of the vector kernels are in
 * kernels_avx2.c and kernels_avx512.c, which are compiled with those instructions, nothing of which may run before the
 * CPU was asked here, and in kernels_neon.c. */
#include "tensor/kernels.h"
#include "base/err.h"
#include <stdio.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

static const tensor_ops_t reference = {
    .name = "reference",
    .gemm = ref_gemm,
    .exp = ref_exp,
    .gelu = ref_gelu,
    .gelu_grad = ref_gelu_grad,
    .gelu_tanh = ref_gelu_tanh,
    .silu = ref_silu,
    .multiply = ref_multiply,
    .clip = ref_clip,
    .add = ref_add,
    .scale = ref_scale,
    .layernorm = ref_layernorm,
    .rmsnorm = ref_rmsnorm,
    .layernorm_grad = ref_layernorm_grad,
    .rotary = ref_rotary,
    .attention = ref_attention,
    .attention_grad = ref_attention_grad,
    .head = ref_head,
    .head_row = ref_head_row,
    .xent_grad = ref_xent_grad,
    .adamw = ref_adamw,
    .sum_squares = ref_sum_squares,
    .distance = ref_distance,
    .find_above = ref_find_above,
    .fma_loop = ref_fma_loop,
};

static int cpu_has_avx2(void) {
#ifdef __x86_64__
    unsigned eax, ebx, ecx = 0, edx;
    int f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C); // clang's builtin does not know its name
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && f16c;
#else
    return 0;
#endif
}

static int cpu_has_avx512(void) {
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}

static int cpu_has_bf16(void) {
#ifdef __x86_64__
    return cpu_has_avx512() && __builtin_cpu_supports("avx512bf16");
#else
    return 0;
#endif
}

tensor_gemm_t *dot_bf16_chosen(void) {
    static int holds = -1; // asked once
    if (holds < 0) holds = dot_bf16_native && cpu_has_bf16() && dot_bf16_holds(dot_bf16_native);
    return holds ? dot_bf16_native : NULL;
}

int tensor_has_bf16(const tensor_ops_t *ops) {
    return strcmp(ops->name, "avx512") == 0 && dot_bf16_chosen() != NULL;
}

/* Fastest first; the reference is always there. */
enum { TABLES = 5 };
static int32_t list_tables(const tensor_ops_t *table[TABLES]) {
    int32_t n = 0;
    if (kernels_avx512 && cpu_has_avx512()) table[n++] = kernels_avx512;
    if (kernels_avx2 && cpu_has_avx2()) table[n++] = kernels_avx2;
    if (kernels_neon) table[n++] = kernels_neon;
    table[n++] = &reference;
    table[n] = openblas_kernels(table[0]);
    return n + 1;
}

const char *tensor_available(void) {
    static char text[80];
    const tensor_ops_t *table[TABLES];
    int32_t n = list_tables(table);
    text[0] = '\0';
    for (int32_t i = 0; i < n; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "", table[i]->name);
    }
    return text;
}

const tensor_ops_t *tensor_kernels(const char *name) {
    const tensor_ops_t *table[TABLES];
    int32_t n = list_tables(table);
    if (strcmp(name, "auto") == 0) return table[0];
    for (int32_t i = 0; i < n; i++)
        if (strcmp(name, table[i]->name) == 0) return table[i];
    err_set("no kernels \"%s\" on this CPU or in this build; choose auto or one of: %s", name, tensor_available());
    return NULL;
}
