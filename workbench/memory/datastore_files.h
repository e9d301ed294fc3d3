/* The files of a datastore, little-endian, entry i at i times the size of a record; meta.json says how many. Private
 * to memory/. */
#ifndef MEMPROBE_DATASTORE_FILES_H
#define MEMPROBE_DATASTORE_FILES_H

#define DATASTORE_KEYS      "keys.f32"
#define DATASTORE_VALUES    "values.u32"
#define DATASTORE_POSITIONS "positions.i64"
#define DATASTORE_META      "meta.json"
enum { DATASTORE_FORMAT = 1 };

#endif
