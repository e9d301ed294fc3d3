/* The one message of the last failure. A fixed buffer: reporting that memory ran out must not need memory. */
#include "base/err.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 4096 };
static _Thread_local char message[MESSAGE_BYTES];

/* The arguments may point into the present message (err_set("...: %s", err_text())), so the text is made aside. */
int err_set(const char *format, ...) {
    char text[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, strlen(text) + 1);
    return -1;
}

int err_context(const char *format, ...) {
    char text[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int words = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* What does not fit is cut off at the end; the words in front say more. */
    if (words >= 0 && words < MESSAGE_BYTES - 3 && message[0] != '\0') {
        size_t used = (size_t)words, kept = strnlen(message, sizeof text - used - 3);
        memcpy(text + used, ": ", 2);
        memcpy(text + used + 2, message, kept);
        text[used + 2 + kept] = '\0';
    }
    memcpy(message, text, strlen(text) + 1);
    return -1;
}

const char *err_text(void) {
    return message;
}

void err_clear(void) {
    message[0] = '\0';
}
