/* The vector type of AVX2. */
#include "tensor/vec_avx2.h"
#include "vec_check.h"

int main(void) {
    return vec_check();
}
