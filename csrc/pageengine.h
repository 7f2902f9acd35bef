/* pageengine for programs in C and C++: a host that holds the memory of virtual machines. It keeps
   no time, calls nothing of yours, prints nothing, and starts no thread. docs/embedding_c.md has a
   whole simulator.

   Stable. What is declared here, and the names of numbers, codecs and techniques, keep their
   meaning and layout as long as PAGEENGINE_ABI stays what it is; functions and names may be added.
   A library of another ABI refuses to make a host (PAGEENGINE_ERR_ABI).
   Not stable. Symbols of the library that begin with pe_, the order of numbers, and how many pages
   a call merges, packs or picks: the same calls with the same seed give the same numbers with the
   same version of the library, on every computer, but not with every version.

   Statuses. A function that can fail returns one. PAGEENGINE_OK is 0, outcomes that a simulator
   meets every day are -1 to -19, errors -20 and below. Results are written through the last
   pointers, which may not be NULL, and stay as they were after an error, unless it is said.
   Pointers are trusted; VMs and page numbers are checked, before anything is done.

   Ownership. A host is yours from pageengine_host_new to pageengine_host_delete; VMs are numbers,
   and a number is never used again. Arrays are yours, and are read or written during the call only.
   Strings that are returned are constant and stay.

   Threads. One at a time per host, and nobody else writes to an array during a call. Hosts share
   nothing: a thread for each is fine.

   Units. Pages of 4096 bytes where the parameter says pages or frames, bytes elsewhere. A frame is
   a page of machine memory. */
#ifndef PAGEENGINE_H
#define PAGEENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAGEENGINE_ABI 1u
#define PAGEENGINE_PAGE_BYTES 4096u
#define PAGEENGINE_NO_LIMIT UINT64_MAX

#if defined(__GNUC__) || defined(__clang__)
#define PAGEENGINE_MUST_USE __attribute__((warn_unused_result))
#else
#define PAGEENGINE_MUST_USE
#endif

typedef enum pageengine_status {
    PAGEENGINE_OK = 0,
    PAGEENGINE_NO_FRAME = -1, /* free memory is down to the mark: reclaim, and try the rest */
    PAGEENGINE_NO_SLOT = -2,  /* swap space is full; pages that could not go stayed */
    PAGEENGINE_BLOCKED = -5,  /* the VM is blocked */
    PAGEENGINE_ERR_NO_MEMORY = -20,
    PAGEENGINE_ERR_ARGUMENT = -21,
    PAGEENGINE_ERR_NO_SUCH_VM = -22,
    PAGEENGINE_ERR_PAGE_RANGE = -23,    /* a page number is not one of the VM's */
    PAGEENGINE_ERR_BACKING = -30,       /* the swap file failed: pageengine_last_error */
    PAGEENGINE_ERR_SWAP_CORRUPT = -31,  /* a page in swap is not what was written there */
    PAGEENGINE_ERR_CODEC = -32,         /* a compressed page does not decode */
    PAGEENGINE_ERR_NO_DESCRIPTOR = -33, /* none left for the swap file */
    PAGEENGINE_ERR_CORRUPT = -40,       /* pageengine_check found a broken rule */
    PAGEENGINE_ERR_ABI = -50            /* this header and the library are of different versions */
} pageengine_status;

unsigned pageengine_abi_version(void); /* of the library */
/* The status as Python names it ("PE_NO_FRAME"), and in a sentence; never NULL. */
const char *pageengine_status_name(pageengine_status status);
const char *pageengine_status_text(pageengine_status status);

/* ---- a host and its virtual machines */

typedef struct pe_host pageengine_host; /* opaque */

/* What a host is made from. Begin with pageengine_defaults() and change what differs. */
typedef struct pageengine_options {
    unsigned abi;        /* of the header; leave it */
    uint32_t frames;     /* machine memory; no default */
    uint64_t seed;       /* 0; of every random choice */
    bool tokens;         /* false; contents are 8 bytes per page, not 4096: pageengine_token */
    bool sharing;        /* true; equal pages may be kept once */
    bool dense;          /* false; compressed pages take classes of 64 bytes, not half or quarter */
    bool random_victims; /* false; reclaim picks at random, as ESX does; else second chance */
    const char *codec;   /* "word"; NULL: no compression. "same", "lz", "dense" */
    uint64_t cache_limit_bytes; /* no limit; of the compression cache */
    uint32_t swap_pages;        /* 0; swap space, which grows by pageengine_grow_swap */
    /* -1; descriptor of a file for swapped pages, open for both, of which a duplicate is made. With
       tokens there is none, without them no swap space without one. */
    int swap_file;
} pageengine_options;

static inline pageengine_options pageengine_defaults(void)
{
    pageengine_options options;
    options.abi = PAGEENGINE_ABI;
    options.frames = options.swap_pages = 0;
    options.seed = 0;
    options.tokens = options.dense = options.random_victims = false;
    options.sharing = true;
    options.codec = "word";
    options.cache_limit_bytes = PAGEENGINE_NO_LIMIT;
    options.swap_file = -1;
    return options;
}

/* ERR_ABI, ERR_ARGUMENT (no frames, a codec there is not, a swap file too much or too little),
   ERR_NO_MEMORY, ERR_NO_DESCRIPTOR. */
PAGEENGINE_MUST_USE pageengine_status pageengine_host_new(const pageengine_options *options,
                                                          pageengine_host **host);
void pageengine_host_delete(pageengine_host *host); /* NULL is fine */
PAGEENGINE_MUST_USE pageengine_status pageengine_grow_swap(pageengine_host *host, uint32_t pages);

/* A VM whose pages are all absent. VMs of one salt may share pages. cache_limit_bytes: most that
   its pages may take of the compression cache. */
PAGEENGINE_MUST_USE pageengine_status pageengine_add_vm(pageengine_host *host, uint32_t pages,
                                                        uint64_t salt, uint64_t cache_limit_bytes,
                                                        uint64_t *vm);
/* Its random draws are of this stream from now on: the same wherever and whenever it is added. */
PAGEENGINE_MUST_USE pageengine_status pageengine_draw_from(pageengine_host *host, uint64_t vm,
                                                           uint64_t stream);
PAGEENGINE_MUST_USE pageengine_status pageengine_remove_vm(pageengine_host *host, uint64_t vm);

/* ---- accesses, in order, up to the first that cannot be made: *done of n were made, and the
   status says why no more. ERR_PAGE_RANGE, ERR_NO_SUCH_VM: none was. */

PAGEENGINE_MUST_USE pageengine_status pageengine_touch(pageengine_host *host, uint64_t vm,
                                                       const int64_t *ppns, size_t n, bool write,
                                                       size_t *done);
/* n pages one after the other: 4096 bytes each, or a token each, as uint64_t. */
PAGEENGINE_MUST_USE pageengine_status pageengine_write(pageengine_host *host, uint64_t vm,
                                                       const int64_t *ppns, size_t n,
                                                       const void *contents, size_t *done);
PAGEENGINE_MUST_USE pageengine_status pageengine_read(pageengine_host *host, uint64_t vm,
                                                      const int64_t *ppns, size_t n, void *contents,
                                                      size_t *done);
/* Like read, but no access: nothing moves, nothing is counted. */
PAGEENGINE_MUST_USE pageengine_status pageengine_peek(pageengine_host *host, uint64_t vm,
                                                      const int64_t *ppns, size_t n, void *contents,
                                                      size_t *done);

/* A page's content as one number: equal tokens are equal pages. identity: below 2^58, and 0 of 8
   bytes is the zero page; compressed_bytes: 1 to 4032, above 2048 it does not fit half a page. */
static inline uint64_t pageengine_token(uint64_t identity, unsigned compressed_bytes)
{
    return identity << 6 | (compressed_bytes <= 8 ? 0 : (compressed_bytes + 63) / 64);
}

/* Accesses stop with NO_FRAME rather than let the idle frames fall below this; 0 at first. */
void pageengine_set_mark(pageengine_host *host, uint32_t frames);
uint32_t pageengine_idle(const pageengine_host *host); /* idle frames */
/* A blocked VM makes no access. */
PAGEENGINE_MUST_USE pageengine_status pageengine_block(pageengine_host *host, uint64_t vm,
                                                       bool blocked);

/* ---- winning frames */

enum { PAGEENGINE_SCAN_RANDOM = 1, PAGEENGINE_SCAN_TWO_SCANS = 2 }; /* or-ed together */

typedef struct pageengine_scanned {
    uint64_t visited, scanned, merged, zero_merged, hinted, unstable; /* pages */
} pageengine_scanned;

/* Looks for equal pages at the next `pages` pages of the VM (or random ones), and merges them; by
   KSM's rule with TWO_SCANS. */
PAGEENGINE_MUST_USE pageengine_status pageengine_scan(pageengine_host *host, uint64_t vm,
                                                      uint64_t pages, unsigned how,
                                                      pageengine_scanned *result);
void pageengine_end_scan_pass(pageengine_host *host); /* once per pass over all: old hints expire */

typedef struct pageengine_reclaimed {
    uint64_t frames; /* won: idle frames now, less before */
    uint64_t merged, zero_merged, compressed, swapped, evicted, incompressible; /* pages */
} pageengine_reclaimed;

/* Wins up to so many frames by a technique: "sharing", "compression", "swap" or "ladder". NO_SLOT,
   ERR_BACKING: *result is right, and pages that could not go are where they were. */
PAGEENGINE_MUST_USE pageengine_status pageengine_reclaim(pageengine_host *host, uint64_t vm,
                                                         uint64_t frames, const char *technique,
                                                         pageengine_reclaimed *result);

/* The guest gives up these pages, whose contents are gone; or n pages that it never touched.
   *pages: how many more are in the balloon now. */
PAGEENGINE_MUST_USE pageengine_status pageengine_balloon(pageengine_host *host, uint64_t vm,
                                                         const int64_t *ppns, size_t n,
                                                         uint64_t *pages);
PAGEENGINE_MUST_USE pageengine_status pageengine_balloon_absent(pageengine_host *host, uint64_t vm,
                                                                uint64_t n, uint64_t *pages);
/* It takes up to n back, lowest first; they are absent then. *pages: how many. */
PAGEENGINE_MUST_USE pageengine_status pageengine_deflate(pageengine_host *host, uint64_t vm,
                                                         uint64_t n, uint64_t *pages);
/* Free page reporting: it does not use these now. *pages: how many held something. */
PAGEENGINE_MUST_USE pageengine_status pageengine_report_free(pageengine_host *host, uint64_t vm,
                                                             const int64_t *ppns, size_t n,
                                                             uint64_t *pages);
/* Pinned pages are neither scanned nor reclaimed. */
PAGEENGINE_MUST_USE pageengine_status pageengine_pin(pageengine_host *host, uint64_t vm,
                                                     const int64_t *ppns, size_t n, bool pinned);
uint64_t pageengine_trim(pageengine_host *host); /* memory of idle frames to the system; frames */

/* ---- working sets */

/* Marks up to n random pages; ends an open period. Then: pages accessed since, pages marked. */
PAGEENGINE_MUST_USE pageengine_status pageengine_start_sample(pageengine_host *host, uint64_t vm,
                                                              uint32_t n);
PAGEENGINE_MUST_USE pageengine_status pageengine_end_sample(pageengine_host *host, uint64_t vm,
                                                            uint32_t *touched, uint32_t *marked);
/* Advances the idle ages; *touched: pages accessed since the last call. */
PAGEENGINE_MUST_USE pageengine_status pageengine_age(pageengine_host *host, uint64_t vm,
                                                     uint32_t *touched);
/* Pages by idle age, 255: that old or older. */
PAGEENGINE_MUST_USE pageengine_status pageengine_idle_ages(const pageengine_host *host, uint64_t vm,
                                                           uint64_t histogram[256]);

/* ---- what is there */

enum {
    PAGEENGINE_ABSENT,
    PAGEENGINE_PRIVATE,
    PAGEENGINE_SHARED,
    PAGEENGINE_COMPRESSED,
    PAGEENGINE_SWAPPED,
    PAGEENGINE_BALLOONED
};

/* Where each of these pages is. */
PAGEENGINE_MUST_USE pageengine_status pageengine_places(const pageengine_host *host, uint64_t vm,
                                                        const int64_t *ppns, size_t n,
                                                        uint8_t *places);

/* Numbers of a VM ("consumed", "swapped" in bytes; "swap_in", "cow_breaks" in pages since it was
   added) and of the host, by the names that VM.stats and Host.stats have in Python. A program that
   reads one often asks for its index once. Indices: below the count, PAGEENGINE_NONE where there is
   no such name; names beyond the last are NULL. All: the first `room` of them, or as many as there
   are. */
#define PAGEENGINE_NONE SIZE_MAX
size_t pageengine_vm_number_count(void);
size_t pageengine_vm_number_index(const char *name);
const char *pageengine_vm_number_name(size_t index);
PAGEENGINE_MUST_USE pageengine_status pageengine_vm_numbers(const pageengine_host *host,
                                                            uint64_t vm, uint64_t *values,
                                                            size_t room);
size_t pageengine_host_number_count(void);
size_t pageengine_host_number_index(const char *name);
const char *pageengine_host_number_name(size_t index);
void pageengine_host_numbers(const pageengine_host *host, uint64_t *values, size_t room);

/* Walks every structure; ERR_CORRUPT and the first rule that does not hold in *reason. deep: reads
   every swapped page and decodes every compressed one as well. ERR_NO_MEMORY: it was not done. */
PAGEENGINE_MUST_USE pageengine_status pageengine_check(pageengine_host *host, bool deep,
                                                       const char **reason);
/* Of the last ERR_BACKING, ERR_SWAP_CORRUPT or ERR_CODEC: the VM, its page (UINT32_MAX: pages on
   their way out), and the errno value, 0 where the file ended too early. */
void pageengine_last_error(const pageengine_host *host, uint64_t *vm, uint32_t *ppn, int *error);

#ifdef __cplusplus
}
#endif

#endif
