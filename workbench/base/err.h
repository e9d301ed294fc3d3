/* Errors. A function that can fail returns 0 or -1 (or NULL) and leaves one message here, which says
 * what went wrong, where, and what to do. Only cmd/ prints the message and chooses the exit status.
 *
 *     if (n > limit) return err_set("%s: %lld rows, more than %lld", path, n, limit);
 *     TRY(file_map(path, &map));
 *
 * The message is kept per thread of execution; a later err_set replaces it, err_context puts words in front. */
#ifndef MEMPROBE_ERR_H
#define MEMPROBE_ERR_H

/* Sets the message and returns -1. */
int err_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Puts "words: " in front of the present message and returns -1. For a caller who knows what was being done. */
int err_context(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The present message, "" if none. Valid until the next err_ call. */
const char *err_text(void);
void err_clear(void);

/* Passes a failure on: returns -1 from the enclosing function, message untouched. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        if ((call) != 0) return -1;                                                                                    \
    } while (0)

/* Like TRY for functions with things to free: sets rc to -1 and jumps to the label. */
#define TRY_GOTO(call, label)                                                                                          \
    do {                                                                                                               \
        if ((call) != 0) {                                                                                             \
            rc = -1;                                                                                                   \
            goto label;                                                                                                \
        }                                                                                                              \
    } while (0)

#endif
