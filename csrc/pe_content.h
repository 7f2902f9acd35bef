/* What a page holds, wherever it is kept: in a frame, a blob, a slot or the caller's array. The
   words are the same for bytes and for tokens: which of the two a host's pages are is asked here
   and nowhere else on this floor. A token's low six bits are its compressed size in units of 64
   bytes (0: a same-filled page, 8 bytes; above 32: incompressible); token 0 is the zero page. */
#ifndef PE_CONTENT_H
#define PE_CONTENT_H

#include "pe_host.h"

#include <string.h>

#define PE_TOKEN_SIZE_UNIT 64u
#define PE_TOKEN_SIZE_MASK UINT64_C(63)

static inline uint32_t pe_token_size(uint64_t token)
{
    uint32_t const units = (uint32_t)(token & PE_TOKEN_SIZE_MASK);
    return units == 0 ? 8 : units * PE_TOKEN_SIZE_UNIT;
}

/* ---- of a new host, and of its salt groups */
/* Room for what the frames hold. PE_ERR_NO_MEMORY: pe_content_fini frees what is there. */
PE_MUST_USE pe_status pe_content_init(pe_host *host);
/* What its codec works with. PE_ERR_NO_MEMORY: likewise. */
PE_MUST_USE pe_status pe_content_init_codec(pe_host *host);
void pe_content_fini(pe_host *host);            /* legal whether or not there was an init */
uint64_t pe_content_bytes(const pe_host *host); /* of the bookkeeping: tokens count, pages do not */
bool pe_content_can_be_swapped(const pe_host *host); /* pages of bytes need a file */
uint64_t pe_content_zero_hash(const pe_host *host, const pe_group *group); /* of the zero page */
uint32_t pe_content_threads(const pe_host *host, uint64_t pages); /* worth it for so many */
/* Returns the memory of idle frames to the operating system; of how many frames. */
uint64_t pe_content_trim(pe_host *host);

/* ---- in frames */
static inline uint64_t pe_content_hash(const pe_host *host, pe_frame frame, const pe_group *group)
{
    return host->config.tokens ? pe_hash_token(host->tokens[frame], group->salt)
                               : pe_hash_page_keyed(&group->key, pe_pool_page(&host->pool, frame));
}

/* The same of up to PE_SCAN_BATCH frames; the next one is fetched while one is hashed. */
void pe_content_hash_many(const pe_host *host, uint32_t n, const pe_frame *frames,
                          const pe_group *group, uint64_t *out);

static inline bool pe_content_is_zero(const pe_host *host, pe_frame frame)
{
    return host->config.tokens ? host->tokens[frame] == 0
                               : pe_page_is_zero(pe_pool_page(&host->pool, frame));
}

static inline bool pe_content_equal(const pe_host *host, pe_frame a, pe_frame b)
{
    return host->config.tokens
             ? host->tokens[a] == host->tokens[b]
             : pe_page_equal(pe_pool_page(&host->pool, a), pe_pool_page(&host->pool, b));
}

static inline void pe_content_zero(pe_host *host, pe_frame frame)
{
    if (host->config.tokens)
        host->tokens[frame] = 0;
    else
        (void)pe_pool_page_zeroed(&host->pool, frame);
}

static inline void pe_content_copy(pe_host *host, pe_frame to, pe_frame from)
{
    if (host->config.tokens)
        host->tokens[to] = host->tokens[from];
    else
        memcpy(pe_pool_page_to_fill(&host->pool, to), pe_pool_page(&host->pool, from),
               PE_PAGE_BYTES);
}

/* Asks for all of it: it is about to be compared. */
void pe_content_prefetch(const pe_host *host, pe_frame frame);

/* ---- to and from the caller's array: its page i */
static inline void pe_content_write(pe_host *host, pe_frame frame, const void *contents, size_t i)
{
    if (host->config.tokens)
        host->tokens[frame] = ((const uint64_t *)contents)[i];
    else
        memcpy(pe_pool_page_to_fill(&host->pool, frame),
               (const uint8_t *)contents + i * PE_PAGE_BYTES, PE_PAGE_BYTES);
}

static inline void pe_content_read(const pe_host *host, pe_frame frame, void *contents, size_t i)
{
    if (host->config.tokens)
        ((uint64_t *)contents)[i] = host->tokens[frame];
    else
        memcpy((uint8_t *)contents + i * PE_PAGE_BYTES, pe_pool_page(&host->pool, frame),
               PE_PAGE_BYTES);
}

void pe_content_read_zero(const pe_host *host, void *contents, size_t i);
/* PE_ERR_CODEC; PE_ERR_BACKING or PE_ERR_SWAP_CORRUPT. The array is as it was then. */
PE_MUST_USE pe_status pe_content_read_blob(pe_host *host, pe_blob blob, void *contents, size_t i);
PE_MUST_USE pe_status pe_content_read_slot(pe_host *host, pe_slot slot, void *contents, size_t i);

/* ---- to and from blobs and slots, which stay what they were */
/* What of a blob's content there is in one of the two modes: its page, decoded, or its token.
   PE_ERR_CODEC: the page is undefined. */
PE_MUST_USE pe_status pe_content_decode(pe_host *host, pe_blob blob, uint8_t *page);
static inline uint64_t pe_content_token_of_blob(const pe_host *host, pe_blob blob)
{
    size_t length;
    uint64_t token;
    memcpy(&token, pe_zcache_payload(host->zcache, blob, &length), sizeof token);
    return token;
}

/* The compressed content at *payload, its length; 0 when it does not fit half a page. It is there
   until the frame's content changes or another frame is compressed. */
static inline size_t pe_content_compress(pe_host *host, pe_frame frame, const void **payload)
{
    if (host->config.tokens) {
        *payload = &host->tokens[frame];
        uint32_t const size = pe_token_size(host->tokens[frame]);
        return size <= PE_ZCACHE_PAYLOAD_MAX ? size : 0;
    }
    const pe_codec *codec = host->config.codec;
    *payload = host->blob_scratch;
    return codec->compress(codec, pe_pool_page(&host->pool, frame), host->blob_scratch,
                           PE_ZCACHE_PAYLOAD_MAX, host->codec_work);
}

/* PE_ERR_CODEC: the frame's content is undefined. */
PE_MUST_USE static inline pe_status pe_content_from_blob(pe_host *host, pe_frame frame,
                                                         pe_blob blob)
{
    if (!host->config.tokens)
        return pe_content_decode(host, blob, pe_pool_page_to_fill(&host->pool, frame));
    host->tokens[frame] = pe_content_token_of_blob(host, blob);
    return PE_OK;
}

/* PE_ERR_BACKING, PE_ERR_SWAP_CORRUPT: likewise. */
PE_MUST_USE static inline pe_status pe_content_from_slot(pe_host *host, pe_frame frame,
                                                         pe_slot slot)
{
    if (!host->config.tokens)
        return pe_swap_read(&host->swap, slot, pe_pool_page_to_fill(&host->pool, frame));
    host->tokens[frame] = pe_swap_read_token(&host->swap, slot);
    return PE_OK;
}

/* Up to PE_SWAP_CLUSTER_MAX frames to the taken slots first..first+n-1. PE_ERR_BACKING: what the
   slots hold is undefined. */
PE_MUST_USE pe_status pe_content_to_slots(pe_host *host, uint32_t n, const pe_frame *frames,
                                          pe_slot first);
/* A blob to a taken slot, decoded. PE_ERR_CODEC, PE_ERR_BACKING: likewise. */
PE_MUST_USE pe_status pe_content_blob_to_slot(pe_host *host, pe_blob blob, pe_slot slot);

/* Can they be read? For check: nothing but the swap's count of reads changes. */
bool pe_content_blob_is_sound(pe_host *host, pe_blob blob);
bool pe_content_slot_is_sound(pe_host *host, pe_slot slot);

#endif
