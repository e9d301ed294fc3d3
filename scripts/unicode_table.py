#!/usr/bin/env python3
"""Writes workbench/text/unicode_table.h. Run by hand, and only on purpose: a new table means other tokens for text with the
newest characters. The classes are asked of the library `tokenizers` (pip install tokenizers), whose pre-tokenizer the
table must agree with; the characters that NFC may change come from libutf8proc."""
import ctypes
import os

from tokenizers import pre_tokenizers

proc = ctypes.CDLL("libutf8proc.so.2")


class Property(ctypes.Structure):
    _fields_ = [("category", ctypes.c_int16), ("combining_class", ctypes.c_int16)]


proc.utf8proc_get_property.restype = ctypes.POINTER(Property)
proc.utf8proc_decompose_char.restype = ctypes.c_ssize_t
proc.utf8proc_normalize_utf32.restype = ctypes.c_ssize_t
DECOMPOSE, COMPOSE = 1 << 4, 1 << 1 | 1 << 3

# Characters that join the one before though their combining class is 0 (NFC_Quick_Check=Maybe).
SECONDS = {0x09BE, 0x09D7, 0x0B3E, 0x0B56, 0x0B57, 0x0BBE, 0x0BD7, 0x0CC2, 0x0CD5, 0x0CD6, 0x0D3E, 0x0D57, 0x0DCF, 0x0DDF,
           0x102E, 0x1B35, 0x11127, 0x1133E, 0x11357, 0x114B0, 0x114BA, 0x114BD, 0x115AF, *range(0x1161, 0x1176),
           *range(0x11A8, 0x11C3)}
# Combining characters younger than Unicode 9, whose tables the library's normalizer has: it leaves them where they are.
YOUNG = [(0x7FD, 0x7FD), (0x898, 0x89F), (0x8CA, 0x8D3), (0x9FE, 0x9FE), (0xC3C, 0xC3C), (0xD3B, 0xD3C), (0xEBA, 0xEBA),
         (0x1715, 0x1715), (0x1ABF, 0x1ACE), (0x1DF6, 0x1DFA), (0xA82C, 0xA82C), (0x10D24, 0x10D27), (0x10EAB, 0x10EAC),
         (0x10EFD, 0x10EFF), (0x10F46, 0x10F50), (0x10F82, 0x10F85), (0x11070, 0x11070), (0x1133B, 0x1133B),
         (0x1145E, 0x1145E), (0x11839, 0x1183A), (0x11930, 0x11943), (0x119E0, 0x119E0), (0x11A34, 0x11A34),
         (0x11A47, 0x11A47), (0x11A99, 0x11A99), (0x11D42, 0x11D45), (0x11D97, 0x11D97), (0x11F41, 0x11F42),
         (0x16FF0, 0x16FF1), (0x1E08F, 0x1E08F), (0x1E130, 0x1E136), (0x1E2AE, 0x1E2AE), (0x1E2EC, 0x1E2EF),
         (0x1E4EC, 0x1E4EF)]


split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str


def letter_number_space(code):
    """By the pieces into which the character cuts a letter, a digit and a mark beside it."""
    ends = [end for _, (_, end) in split(f"a{chr(code)}1{chr(code)}.")]
    return {(2, 3, 4, 5): "L", (1, 4, 5): "N", (1, 2, 3, 4, 5): "s", (1, 2, 3, 5): None}[tuple(ends)]


def is_second(code):
    return proc.utf8proc_get_property(code).contents.combining_class != 0 or code in SECONDS


def may_change(code):
    """In NFC, alone or by what stands before it. Hangul syllables stand for themselves."""
    if code < 0x300 or 0xAC00 <= code <= 0xD7A3 or any(a <= code <= b for a, b in YOUNG):
        return None
    parts, boundary = (ctypes.c_int32 * 18)(), ctypes.c_int(0)
    n = proc.utf8proc_decompose_char(code, parts, ctypes.c_ssize_t(18), DECOMPOSE, ctypes.byref(boundary))
    if is_second(code) or is_second(parts[0]):
        return "x"
    n = proc.utf8proc_normalize_utf32(parts, ctypes.c_ssize_t(n), COMPOSE)
    return "x" if n != 1 or parts[0] != code else None


BLOCK = 256  # characters


def blocks(value, names):
    """Each block of Unicode as one number, with as many bits a character as tell the names apart, lowest first."""
    bits, found = (len(names) - 1).bit_length(), []
    for first in range(0, 0x110000, BLOCK):
        valid = [c for c in range(first, first + BLOCK) if c >= 0x80 and not 0xD800 <= c <= 0xDFFF]
        found.append(sum(names.index(value(c) or ".") << c % BLOCK * bits for c in valid))
    return found, BLOCK * bits // 64


def rows(items, per_line):
    lines = [", ".join(items[i:i + per_line]) for i in range(0, len(items), per_line)]
    return ",\n    ".join(lines)


def table(name, found, words, used):
    kinds = sorted(set(found))
    assert len(kinds) <= 256
    number = [str(kinds.index(block)) for block in found[:used]]
    bits = [f"0x{kind >> 64 * i & (1 << 64) - 1:X}" for kind in kinds for i in range(words)]
    return (f"const uint8_t unicode_{name}_block[UNICODE_BLOCKS] = {{\n    {rows(number, 22)}}};\n\n"
            f"const uint64_t unicode_{name}_bits[] = {{ // {words} a row\n    {rows(bits, 5)}}};\n")


path = os.path.join(os.path.dirname(__file__), "../workbench/text/unicode_table.h")
with open(path, "w") as out:
    classes, changes = blocks(letter_number_space, ".LNs"), blocks(may_change, ".x")
    used = max(i + 1 for i in range(0x110000 // BLOCK) if classes[0][i] or changes[0][i])
    print(f"UNICODE_BLOCKS of workbench/text/unicode.h is {used}")
    out.write("/* Made by scripts/unicode_table.py; not to be edited. For each block of 256 characters which of the rows of bits\n"
              " * below is its own; what is behind the last block is of no class and does not change. */\n"
              "#ifndef MEMPROBE_UNICODE_TABLE_H\n#define MEMPROBE_UNICODE_TABLE_H\n#include \"text/unicode.h\"\n\n"
              "// clang-format off\n"
              "/* Unicode 16.0: 1 letters, 2 numbers, 3 white space. */\n"
              f"{table('class', *classes, used)}\n"
              "/* Characters that NFC of Unicode 9.0 may change, move or join to others. */\n"
              f"{table('change', *changes, used)}// clang-format on\n\n#endif\n")
