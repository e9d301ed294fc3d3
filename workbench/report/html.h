/* Pieces of an HTML file; for this layer only. Failures are kept by the file and reported when it is committed. */
#ifndef MEMPROBE_HTML_H
#define MEMPROBE_HTML_H
#include "base/file.h"

/* Text as text: markup is escaped, bytes that are not UTF-8 and control characters become U+FFFD. */
void html_text(file_out_t *out, const char *text, size_t bytes);
void html_string(file_out_t *out, const char *text);
/* An SVG file inside the page. Its ids get `name` in front, since ids must be unique in a page. */
int html_svg(file_out_t *out, const char *path, const char *name);

#endif
