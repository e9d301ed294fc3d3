/* The seal of an artifact: the checksum of each of its files, so that a later stage does not take a damaged one at its
 * word. The file `sums` in the folder has a line a file, "XXH3-128 in hex, two spaces, name", as `xxhsum -H2` prints
 * and checks them. */
#ifndef MEMPROBE_SEAL_H
#define MEMPROBE_SEAL_H

int seal_write(const char *dir); // local: of all files in dir, but not in its folders
int seal_check(const char *dir); // local: -1 with the name of the file that differs or is gone

#endif
