/* What the compression cache is made of: for pe_zcache.c and the test that breaks it on purpose. */
#ifndef PE_ZCACHE_LAYOUT_H
#define PE_ZCACHE_LAYOUT_H

#include "pe_zcache.h"

#define PE_ZCACHE_STEP 64u
#define PE_ZCACHE_CLASSES 40u

typedef struct pe_zcache_lent {
    uint64_t used; /* bit c: cell c holds a blob */
    pe_frame frame;
    uint32_t prev, next; /* list of partly filled frames, or of free records (next) */
    uint32_t cls;
} pe_zcache_lent;

typedef struct pe_zcache_record {
    uint64_t owner;
    uint64_t token;
    uint32_t prev, next; /* ring of the group, or of free records (next) */
    uint32_t lent;       /* PE_NONE: a free record */
    uint16_t length;
    uint16_t cell;
    uint64_t stamp;
} pe_zcache_record;

typedef struct pe_zcache_group {
    uint32_t oldest, newest;
    uint64_t limit;
    pe_zcache_stats stats;
} pe_zcache_group;

struct pe_zcache {
    pe_zcache_config config;
    uint32_t classes;
    uint32_t cells[PE_ZCACHE_CLASSES];   /* cells per frame of a class */
    uint32_t size[PE_ZCACHE_CLASSES];    /* bytes per cell */
    uint32_t partial[PE_ZCACHE_CLASSES]; /* head of the list of partly filled frames */
    uint8_t
        class_of[PE_ZCACHE_PAYLOAD_MAX / PE_ZCACHE_STEP + 1]; /* by length in steps, rounded up */
    pe_zcache_lent *frames;
    pe_zcache_record *blobs;
    pe_zcache_group *groups;
    uint32_t frame_records, blob_records, group_count;
    uint32_t free_frame, free_blob; /* heads of the chains of free records */
    uint64_t stamp;
    pe_zcache_stats total;
};

#endif
