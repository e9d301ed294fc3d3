/* A scanner of JSON that goes through text at the speed of memory: nearly all bytes of a line are letters inside one
 * string, so runs of plain letters are passed over in blocks, and whatever is not a plain letter is looked at one by
 * one. See json_scan.h. */
#include "base/json_scan.h"
#include "base/err.h"
#include <endian.h>
#include <string.h>

typedef struct {
    const json_paths_t *paths;
    json_value_t *value;
    char *start, *at, *end;
    uint32_t seen[JSON_PATH_PARTS]; // bit p of [l]: key l of path p was there
    int32_t depth;
} scan_t;

static int fail(const scan_t *s, const char *at, const char *what) {
    return err_set("not a JSON object: column %zu: %s", (size_t)(at - s->start) + 1, what);
}

int json_paths_add(json_paths_t *paths, const char *text, size_t bytes) {
    if (paths->n == JSON_PATHS) return err_set("more than %d names of fields", JSON_PATHS);
    json_path_t *path = &paths->path[paths->n];
    *path = (json_path_t){0};
    for (size_t at = 0; at <= bytes; at++) {
        const char *dot = memchr(text + at, '.', bytes - at);
        size_t n = dot != NULL ? (size_t)(dot - text) - at : bytes - at;
        if (n == 0) return err_set("'%.*s' is no name of a field: a part of it is empty", (int)bytes, text);
        if (path->parts == JSON_PATH_PARTS)
            return err_set("'%.*s': more than %d names inside each other", (int)bytes, text, JSON_PATH_PARTS);
        path->part[path->parts] = text + at;
        path->bytes[path->parts++] = n;
        at += n;
    }
    paths->n++;
    return 0;
}

/* --- runs of plain letters: ASCII but for quote, backslash and control characters --------------------------------- */

static inline uint64_t load8(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

static inline void store8(char *to, uint64_t word) {
    word = htole64(word);
    memcpy(to, &word, sizeof word);
}

/* The high bit of the first byte (the lowest one) that is not plain is set, and none below it; 0: all are plain. Each
 * difference sets the high bit of a byte that it is to find, of one that has it set already, which is not ASCII, or of
 * one above such a byte, by a borrow. */
static inline uint64_t special8(uint64_t word) {
    const uint64_t ones = 0x0101010101010101u;
    uint64_t quote = (word ^ ones * '"') - ones, backslash = (word ^ ones * '\\') - ones, control = word - ones * ' ';
    return (quote | backslash | control | word) & ones * 0x80;
}

static inline size_t plain_bytes(uint64_t special) {
    return (size_t)__builtin_ctzll(special) / 8;
}

static inline int is_plain(char c) {
    return (signed char)c >= ' ' && c != '"' && c != '\\';
}

enum { BLOCK = 64 };

/* The compiler makes vectors of it. */
static inline int is_plain_block(const char *at) {
    unsigned char special = 0;
    for (int i = 0; i < BLOCK; i++) {
        special |= (unsigned char)(((signed char)at[i] < ' ') | (at[i] == '"') | (at[i] == '\\'));
    }
    return special == 0;
}

static inline char *skip_plain(char *at, const char *end) {
    while (end - at >= BLOCK && is_plain_block(at)) at += BLOCK;
    for (; end - at >= 8; at += 8) {
        uint64_t special = special8(load8(at));
        if (special != 0) return at + plain_bytes(special);
    }
    while (at < end && is_plain(*at)) at++;
    return at;
}

/* The same, moved to an earlier place. Behind `to` lies what is still to be read: of the last eight bytes only those
 * are stored that have been passed, beside what was there. */
static inline char *move_plain(char **to, char *at, const char *end) {
    for (; end - at >= 8; at += 8, *to += 8) {
        uint64_t word = load8(at), special = special8(word);
        if (special != 0) {
            size_t n = plain_bytes(special);
            uint64_t passed = ((uint64_t)1 << 8 * n) - 1;
            store8(*to, (word & passed) | (load8(*to) & ~passed));
            *to += n;
            return at + n;
        }
        store8(*to, word);
    }
    while (at < end && is_plain(*at)) *(*to)++ = *at++;
    return at;
}

/* --- strings ----------------------------------------------------------------------------------------------------- */

static inline int continues(unsigned char byte) {
    return (byte & 0xC0) == 0x80;
}

/* Bytes of the character beyond ASCII at p (Unicode, table 3-7), 0 when it is not one. */
static inline size_t character(const char *text, size_t left) {
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    if (p[0] < 0xE0) return left >= 2 && continues(p[1]) ? 2 : 0;
    if (p[0] < 0xF0) {
        if (left < 3 || !continues(p[1]) || !continues(p[2])) return 0;
        if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)) return 0;
        return 3;
    }
    if (left < 4 || !continues(p[1]) || !continues(p[2]) || !continues(p[3])) return 0;
    if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) return 0;
    return 4;
}

static int hex4(const char *at, const char *end, uint32_t *code) {
    if (end - at < 4) return 0;
    *code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i], lower = (char)(c | 0x20);
        int digit = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
        if (digit < 0) return 0;
        *code = *code << 4 | (uint32_t)digit;
    }
    return 1;
}

static char *put_character(char *to, uint32_t code) {
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; // bytes behind the first
    static const uint32_t lead[] = {0, 0xC0, 0xE0, 0xF0};
    *to++ = (char)(lead[more] | code >> 6 * more);
    while (more-- > 0) *to++ = (char)(0x80 | (code >> 6 * more & 0x3F));
    return to;
}

/* \uXXXX, or a pair of them. at stands behind the u. */
static int scan_code(const scan_t *s, char **at, char **to) {
    uint32_t code, low;
    const char *start = *at - 2;
    if (!hex4(*at, s->end, &code)) return fail(s, start, "\\u needs four hexadecimal digits");
    *at += 4;
    if (code >= 0xD800 && code <= 0xDFFF) {
        int pair = code < 0xDC00 && s->end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' &&
                   hex4(*at + 2, s->end, &low) && low >= 0xDC00 && low <= 0xDFFF;
        if (!pair) return fail(s, start, "half a surrogate pair is no character");
        *at += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *to = put_character(*to, code);
    return 0;
}

/* at stands on the backslash. */
static int scan_escape(const scan_t *s, char **at, char **to) {
    static const char meaning[256] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    if (s->end - *at < 2) return fail(s, *at, "the string has no end");
    char c = (*at)[1], means = meaning[(unsigned char)c];
    if (means == '\0' && c != 'u') return fail(s, *at, "an escape that JSON does not have");
    *at += 2;
    if (c == 'u') return scan_code(s, at, to);
    *(*to)++ = means;
    return 0;
}

/* s->at stands behind the opening quote, then behind the closing one. */
static int scan_string(scan_t *s, char **text, size_t *bytes) {
    char *at = s->at, *to = at, *const first = at;
    for (;;) {
        if (to == at)
            to = at = skip_plain(at, s->end);
        else
            at = move_plain(&to, at, s->end);
        if (at == s->end) return fail(s, at, "the string has no end");
        if (*at == '"') break;
        if (*at == '\\') {
            TRY(scan_escape(s, &at, &to));
        } else if ((unsigned char)*at < ' ') {
            return fail(s, at, "a control character in a string");
        }
        while (at < s->end && (unsigned char)*at >= 0x80) {
            size_t n = character(at, (size_t)(s->end - at));
            if (n == 0) return fail(s, at, "bytes that are not UTF-8");
            if (to != at) memmove(to, at, n);
            to += n;
            at += n;
        }
    }
    *text = first;
    *bytes = (size_t)(to - first);
    s->at = at + 1;
    return 0;
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static void skip_space(scan_t *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) s->at++;
}

/* Steps over c, if it comes next. */
static int take(scan_t *s, char c) {
    if (s->at == s->end || *s->at != c) return 0;
    s->at++;
    return 1;
}

static int take_digits(scan_t *s) {
    const char *first = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') s->at++;
    return s->at > first;
}

static int scan_number(scan_t *s, json_value_t *value) {
    char *first = s->at;
    take(s, '-');
    int ok = take(s, '0') || take_digits(s); // no digits behind a leading zero
    value->kind = JSON_IS_INTEGER;
    if (ok && take(s, '.')) {
        value->kind = JSON_IS_OTHER;
        ok = take_digits(s);
    }
    if (ok && (take(s, 'e') || take(s, 'E'))) {
        value->kind = JSON_IS_OTHER;
        if (!take(s, '-')) take(s, '+');
        ok = take_digits(s);
    }
    value->text = first;
    value->bytes = (size_t)(s->at - first);
    return ok ? 0 : fail(s, s->at, "a digit is missing");
}

static int scan_word(scan_t *s, const char *word, json_kind_t kind, json_value_t *value) {
    size_t n = strlen(word);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0) return fail(s, s->at, "no value of JSON");
    s->at += n;
    value->kind = kind;
    return 0;
}

static int scan_value(scan_t *s, uint32_t inside, int32_t level, json_value_t *value);

static int enter(scan_t *s) {
    if (++s->depth > JSON_DEPTH) return fail(s, s->at, "objects and arrays inside each other too deep");
    s->at++;
    skip_space(s);
    return 0;
}

static int scan_array(scan_t *s) {
    json_value_t unused;
    TRY(enter(s));
    int more = !take(s, ']');
    while (more) {
        TRY(scan_value(s, 0, 0, &unused));
        skip_space(s);
        more = take(s, ',');
        if (!more && !take(s, ']')) return fail(s, s->at, "a comma or ] is missing");
        if (more) skip_space(s);
    }
    s->depth--;
    return 0;
}

/* Of the paths `inside`, those whose name at this level is the key. */
static uint32_t match(const scan_t *s, uint32_t inside, int32_t level, const char *key, size_t bytes) {
    uint32_t matched = 0;
    for (int32_t p = 0; p < s->paths->n; p++) {
        const json_path_t *path = &s->paths->path[p];
        if ((inside >> p & 1) == 0 || path->bytes[level] != bytes) continue;
        if (memcmp(path->part[level], key, bytes) == 0) matched |= (uint32_t)1 << p;
    }
    return matched;
}

/* The value of a key that begins paths: of some the wanted one, of others the object that it is in. */
static int scan_wanted(scan_t *s, uint32_t matched, int32_t level, json_value_t *value) {
    uint32_t deeper = 0;
    for (int32_t p = 0; p < s->paths->n; p++) {
        if ((matched >> p & 1) != 0 && s->paths->path[p].parts > level + 1) deeper |= (uint32_t)1 << p;
    }
    TRY(scan_value(s, deeper, level + 1, value));
    for (int32_t p = 0; p < s->paths->n; p++) {
        if (((matched & ~deeper) >> p & 1) != 0) s->value[p] = *value;
    }
    return 0;
}

static int scan_member(scan_t *s, uint32_t inside, int32_t level) {
    char *at = s->at, *key;
    size_t bytes;
    json_value_t value;
    if (!take(s, '"')) return fail(s, at, "a key in quotes is missing");
    TRY(scan_string(s, &key, &bytes));
    skip_space(s);
    if (!take(s, ':')) return fail(s, s->at, "a colon is missing");
    skip_space(s);
    uint32_t matched = inside != 0 ? match(s, inside, level, key, bytes) : 0;
    if (matched == 0) return scan_value(s, 0, 0, &value);
    if ((s->seen[level] & matched) != 0) return fail(s, at, "a duplicate of a key that is wanted");
    s->seen[level] |= matched;
    return scan_wanted(s, matched, level, &value);
}

static int scan_object(scan_t *s, uint32_t inside, int32_t level) {
    TRY(enter(s));
    int more = !take(s, '}');
    while (more) {
        TRY(scan_member(s, inside, level));
        skip_space(s);
        more = take(s, ',');
        if (!more && !take(s, '}')) return fail(s, s->at, "a comma or } is missing");
        if (more) skip_space(s);
    }
    s->depth--;
    return 0;
}

/* inside: the paths that go on into this value, with their name at `level`. */
static int scan_value(scan_t *s, uint32_t inside, int32_t level, json_value_t *value) {
    *value = (json_value_t){.kind = JSON_IS_OTHER};
    switch (s->at < s->end ? *s->at : '\0') {
    case '"':
        s->at++;
        value->kind = JSON_IS_TEXT;
        return scan_string(s, &value->text, &value->bytes);
    case '{':
        return scan_object(s, inside, level);
    case '[':
        return scan_array(s);
    case 't':
        return scan_word(s, "true", JSON_IS_OTHER, value);
    case 'f':
        return scan_word(s, "false", JSON_IS_OTHER, value);
    case 'n':
        return scan_word(s, "null", JSON_IS_NULL, value);
    case '-':
        return scan_number(s, value);
    default:
        break;
    }
    if (s->at < s->end && *s->at >= '0' && *s->at <= '9') return scan_number(s, value);
    return fail(s, s->at, s->at < s->end ? "no value of JSON" : "the line ends too soon");
}

int json_scan(const json_paths_t *paths, char *text, size_t bytes, json_value_t *value) {
    scan_t s = {.paths = paths, .value = value, .start = text, .at = text, .end = text + bytes};
    memset(value, 0, (size_t)paths->n * sizeof *value);
    skip_space(&s);
    if (s.at == s.end) return fail(&s, s.at, "the line is empty");
    if (*s.at == '[') return fail(&s, s.at, "an array stands where an object belongs (jq -c '.[]' makes lines of it)");
    if (*s.at != '{') return fail(&s, s.at, "a { is missing");
    uint32_t all = paths->n < 32 ? ((uint32_t)1 << paths->n) - 1 : UINT32_MAX;
    TRY(scan_object(&s, all, 0));
    skip_space(&s);
    if (s.at < s.end) return fail(&s, s.at, "text behind the object");
    /* Only now: the \0 behind a number stands where a comma was. */
    for (int32_t p = 0; p < paths->n; p++) {
        if (value[p].text != NULL) value[p].text[value[p].bytes] = '\0';
    }
    return 0;
}
