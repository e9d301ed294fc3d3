/* Unicode normalization form C (composed characters), as tokenizers with the normalizer "NFC" want it. */
#ifndef MEMPROBE_NFC_H
#define MEMPROBE_NFC_H
#include <stddef.h>
#include <stdint.h>

/* A buffer that grows and is used again; zero it before the first use, nfc_free after the last. */
typedef struct {
    uint8_t *text;
    int64_t bytes, capacity;
    int32_t *code; // scratch: decomposed characters
    int64_t codes, codes_capacity;
} nfc_t;

/* *out becomes text itself when that is normalized already, else a copy in nfc; *out_bytes its length. Bytes that are
 * not valid UTF-8 are kept as they are and nothing is composed across them. Linear in time but for sorting long runs
 * of combining marks, which is O(n log n). */
int nfc_normalize(nfc_t *nfc, const uint8_t *text, size_t bytes, const uint8_t **out, size_t *out_bytes);
void nfc_free(nfc_t *nfc);

#endif
