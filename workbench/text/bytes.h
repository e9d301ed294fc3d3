/* Little-endian integers at any address, on any machine; loops over them become vector instructions. Each put returns
 * the place behind what it wrote. */
#ifndef MEMPROBE_BYTES_H
#define MEMPROBE_BYTES_H
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint16_t bytes_order_u16(uint16_t v) {
    return v;
}
static inline uint32_t bytes_order_u32(uint32_t v) {
    return v;
}
static inline uint64_t bytes_order_u64(uint64_t v) {
    return v;
}
#else
static inline uint16_t bytes_order_u16(uint16_t v) {
    return __builtin_bswap16(v);
}
static inline uint32_t bytes_order_u32(uint32_t v) {
    return __builtin_bswap32(v);
}
static inline uint64_t bytes_order_u64(uint64_t v) {
    return __builtin_bswap64(v);
}
#endif

static inline uint8_t *bytes_put_u16(uint8_t *p, uint16_t v) {
    v = bytes_order_u16(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint8_t *bytes_put_u32(uint8_t *p, uint32_t v) {
    v = bytes_order_u32(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint8_t *bytes_put_u64(uint8_t *p, uint64_t v) {
    v = bytes_order_u64(v);
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static inline uint16_t bytes_get_u16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return bytes_order_u16(v);
}

static inline uint32_t bytes_get_u32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return bytes_order_u32(v);
}

static inline uint64_t bytes_get_u64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return bytes_order_u64(v);
}

#endif
