/* The byte-level alphabet of GPT-2: each byte is written in tokenizer.json as one printable character, so that any
 * bytes can be JSON keys. Printable Latin-1 stands for itself; the other 68 bytes are U+0100, U+0101, ... in order. */
#ifndef MEMPROBE_BYTELEVEL_H
#define MEMPROBE_BYTELEVEL_H
#include <stddef.h>
#include <stdint.h>

int32_t bytelevel_code(uint8_t byte); // the character that stands for a byte
int bytelevel_byte(int32_t code);     // the byte that a character stands for, -1 if none

/* The bytes in order of their characters: order[0] = '!', ... This is the order of ids in trained vocabularies. */
void bytelevel_order(uint8_t order[256]);

/* Bytes of a token from its written form; a token with a character outside the alphabet stands for its own UTF-8 (so
 * does the library). out holds at least `bytes` bytes; returns how many were written. */
size_t bytelevel_decode(const char *token, size_t bytes, uint8_t *out);
/* Written form of bytes: UTF-8, at most 2 bytes for each; returns how many were written. No NUL is added. */
size_t bytelevel_encode(const uint8_t *data, size_t bytes, char *out);

#endif
