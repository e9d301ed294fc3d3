/* The layout of a document table, for its reader and its writer. See doctable.h. */
#ifndef MEMPROBE_DOCTABLE_FILE_H
#define MEMPROBE_DOCTABLE_FILE_H

#define DOCTABLE_MAGIC "memprobedocs"
enum {
    DOCTABLE_VERSION = 1,
    DOCTABLE_MAGIC_BYTES = 12,
    DOCTABLE_HEAD = 16,
    DOCTABLE_ROW = 32,
    DOCTABLE_FOOT = 24,
    /* places in a row */
    DOCTABLE_FIRST = 0,
    DOCTABLE_ID = 8,
    DOCTABLE_SOURCE = 16,
    DOCTABLE_FAMILY = 24,
};

#endif
