/* A host: the stores, the virtual machines, and nothing computed. Rooms of floor 2 work on it; it
   is created, filled and emptied here. One thread at a time per host. */
#ifndef PE_HOST_H
#define PE_HOST_H

#include "codec/pe_codec.h"
#include "pe_frames.h"
#include "pe_hash.h"
#include "pe_memory.h"
#include "pe_pool.h"
#include "pe_sharing.h"
#include "pe_swap.h"
#include "pe_vm.h"
#include "pe_zcache.h"

/* Host-wide page numbers are handed out in chunks of 16 MiB of guest memory. */
#define PE_CHUNK_SHIFT 12
#define PE_SCAN_BATCH 64u /* pages that a scan has in flight */
#define PE_WINDOW 4096u   /* pages that several threads work on at once */

typedef struct pe_host_config {
    uint32_t frames; /* machine memory */
    uint64_t seed;
    bool tokens;  /* contents are 64-bit tokens, not bytes */
    bool sharing; /* is there page sharing */
    /* NULL: no compression cache; borrowed for the host's life. Token mode: any non-NULL */
    const pe_codec *codec;
    pe_packing packing;
    uint64_t cache_limit_bytes;
    int swap_file;           /* descriptor to duplicate, or -1: token mode or no swap */
    bool random_victims;     /* reclaim picks at random, as ESX does; else second chance */
    const pe_memory *memory; /* NULL, NULL: the system; borrowed for the host's life */
    const pe_file_calls *calls;
    /* that one call may use, PE_THREADS_MAX at most; 0 and 1: the caller's alone. No result depends
       on it */
    uint32_t threads;
} pe_host_config;

/* Virtual machines whose equal pages may be shared. */
typedef struct pe_group {
    uint64_t salt;
    pe_hash_key key;     /* of the salt; bytes mode */
    uint64_t zero_hash;  /* hash of the zero page under the salt */
    pe_frame zero_frame; /* PE_NONE while no page maps it */
    uint32_t vms;
} pe_group;

/* What a call has found out about pages that it will come to: scratch, of the call that runs. */
typedef struct pe_window {
    uint32_t n;
    uint32_t ppn[PE_WINDOW];
    pe_frame frame[PE_WINDOW];
    uint64_t hash[PE_WINDOW];
    pe_frame equal[PE_WINDOW]; /* another frame that holds the same, or PE_NONE */
} pe_window;

typedef struct pe_host {
    pe_host_config config;
    pe_frames frames;
    pe_pool pool;     /* pe_content's: of each frame, its bytes */
    uint64_t *tokens; /* or its token */
    pe_sharing sharing;
    uint32_t *group_of; /* per frame: salt group of a shared frame */
    pe_zcache *zcache;  /* NULL without compression */
    pe_swap swap;
    pe_vm **vms;           /* by index; NULL where one was removed */
    uint32_t *lives;       /* by index: VMs that had it before */
    uint32_t vm_count;     /* length of vms and of lives */
    uint32_t *vm_of_chunk; /* index by host-wide page number >> PE_CHUNK_SHIFT; PE_NONE: no one's */
    uint32_t chunk_count;
    pe_group *groups;
    uint32_t group_count;
    pe_hash_variant hashing; /* the way that is fastest on this CPU */
    uint32_t mark;    /* accesses stop rather than let the idle frames fall below this number */
    void *codec_work; /* pe_content's as well, and the next two */
    uint8_t *blob_scratch; /* PE_ZCACHE_PAYLOAD_MAX bytes */
    uint8_t *page_scratch; /* one page */
    uint64_t error_vm;     /* id and page of the last error, for the message */
    uint32_t error_ppn;    /* PE_NONE: pages on their way out, not one that was asked for */
    pe_window windows[2];
} pe_host;

/* Chunks that hold the numbers of so many pages. */
static inline uint64_t pe_host_chunks_of(uint64_t pages)
{
    return (pages + (1u << PE_CHUNK_SHIFT) - 1) >> PE_CHUNK_SHIFT;
}

PE_MUST_USE pe_status pe_host_new(pe_host **out, const pe_host_config *config);
void pe_host_delete(pe_host *self); /* NULL is fine; closes its duplicate of the swap file */

/* A group of this salt, without VMs and without a zero page. */
void pe_host_group_init(const pe_host *self, pe_group *group, uint64_t salt);
/* Adds a VM; its id to *id. cache_limit_bytes bounds its slots in the compression cache. */
PE_MUST_USE pe_status pe_host_add_vm(pe_host *self, uint32_t pages, uint64_t salt,
                                     uint64_t cache_limit_bytes, uint64_t *id);
/* Gives back everything it holds; its id is never used again. PE_ERR_NO_SUCH_VM. */
PE_MUST_USE pe_status pe_host_remove_vm(pe_host *self, uint64_t id);
pe_vm *pe_host_vm(const pe_host *self, uint64_t id); /* NULL when there is none */

/* The page that a host-wide number names; false when no VM has it (any more). */
bool pe_host_page(const pe_host *self, uint64_t number, pe_vm **vm, uint32_t *ppn);

/* Memory of all bookkeeping in bytes: everything but the frames' bytes. Tokens count as
   bookkeeping. */
uint64_t pe_host_metadata_bytes(const pe_host *self);

#endif
