/* The kernels for NEON, which every AArch64 CPU has. */
#include "tensor/kernels.h"
#ifdef __aarch64__
#include "tensor/vec_neon.h"

#include "tensor/simd_table.h"
const tensor_ops_t *const kernels_neon = &simd_table;
#else
const tensor_ops_t *const kernels_neon = NULL;
#endif
