/* Text and figures inside HTML. What a study shows is foreign: training text, document names, model names. */
#include "report/html.h"
#include "base/err.h"
#include <stdint.h>
#include <string.h>

static void put(file_out_t *out, const char *text) {
    file_out_write(out, text, strlen(text));
}

/* Bytes of the UTF-8 character at s, 0: it is none (RFC 3629: no surrogates, nothing longer than needed). */
static size_t utf8_length(const unsigned char *s, size_t bytes) {
    if (s[0] < 0x80) return 1;
    size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || n > bytes) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF0 && s[1] < 0x90) ||
        (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return n;
}

/* What stands for a byte that may not stand for itself, NULL: it may. */
static const char *replacement(unsigned char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F ? "\xEF\xBF\xBD" : NULL;
    }
}

void html_text(file_out_t *out, const char *text, size_t bytes) {
    const unsigned char *s = (const unsigned char *)text;
    while (bytes > 0) {
        size_t n = utf8_length(s, bytes);
        const char *instead = n == 0 ? "\xEF\xBF\xBD" : replacement(*s);
        if (n == 0) n = 1;
        if (instead != NULL)
            put(out, instead);
        else
            file_out_write(out, s, n);
        s += n;
        bytes -= n;
    }
}

void html_string(file_out_t *out, const char *text) {
    html_text(out, text, strlen(text));
}

/* The next place after which an id is spelt: id="..., href="#... or url(#... . Returns the end of that opening. */
static const char *next_id(const char *at, const char *end) {
    static const char *const openings[] = {"id=\"", "id='", "href=\"#", "href='#", "url(#"};
    for (; at < end; at++)
        for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
            size_t n = strlen(openings[i]);
            if ((size_t)(end - at) > n && memcmp(at, openings[i], n) == 0) return at + n;
        }
    return end;
}

int html_svg(file_out_t *out, const char *path, const char *name) {
    file_map_t map;
    TRY(file_map(path, &map));
    const char *text = (const char *)map.data, *end = text + map.size;
    const char *start = map.size > 0 ? memmem(text, map.size, "<svg", 4) : NULL; // after the XML declaration
    int rc = start != NULL ? 0 : err_set("%s: is not an SVG file", path);
    while (rc == 0 && start < end) {
        const char *id = next_id(start, end);
        rc = file_out_write(out, start, (size_t)(id - start));
        if (rc == 0 && id < end) rc = file_out_print(out, "%s-", name);
        start = id;
    }
    file_unmap(&map);
    return rc;
}
