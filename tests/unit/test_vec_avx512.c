/* The vector type of AVX-512. */
#include "tensor/vec_avx512.h"
#include "vec_check.h"

int main(void) {
    return vec_check();
}
