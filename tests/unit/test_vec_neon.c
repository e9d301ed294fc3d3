/* The vector type of NEON. */
#include "tensor/vec_neon.h"
#include "vec_check.h"

int main(void) {
    return vec_check();
}
