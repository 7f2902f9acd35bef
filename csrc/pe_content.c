/* What a page holds, as 4096 bytes or as a token of 8:

                 bytes                              tokens
     frame       pool: frame f at f * 4096          tokens[f]
     blob        what the codec made of the page    the token; its compressed size is in it
     slot        a page of the swap file            the slot's checksum is the token
     array       page i at i * 4096                 token i

   The stores below know the difference as far as they keep it: a compression cache without a pool
   and a swap space without a file are of tokens. Above them it is known here alone, and what a page
   holds moves by the functions here: nothing else compresses, decodes, or asks a slot for its page.

   A blob is decoded to where its page is wanted. Where others may write meanwhile, the caller's
   array, the page is made and verified here and then copied, as a codec or a checksum may read what
   it wrote.

   What faults and reclaim do for a page is in the header: with tokens it takes less than a call.
   */
#include "pe_content.h"

#define CODEC_ALIGNMENT 64u
#define LINE_BYTES 64u
#define PAGES_PER_THREAD 512u /* to copy 300 us, to hash 200; a thread costs 30 */

pe_status pe_content_init(pe_host *host)
{
    uint32_t const frames = host->config.frames;
    if (!host->config.tokens)
        return pe_pool_init_in(&host->pool, frames, host->config.memory);
    host->tokens = pe_memory_mapped(host->config.memory, (size_t)frames * sizeof *host->tokens,
                                    true);
    return host->tokens ? PE_OK : PE_ERR_NO_MEMORY;
}

pe_status pe_content_init_codec(pe_host *host)
{
    if (host->config.tokens)
        return PE_OK;
    const pe_memory *memory = host->config.memory;
    size_t const work_bytes = host->config.codec->work_bytes + CODEC_ALIGNMENT;
    host->codec_work = pe_memory_zeroed(memory, 1, work_bytes);
    host->blob_scratch = pe_memory_zeroed(memory, 1, PE_ZCACHE_PAYLOAD_MAX);
    host->page_scratch = pe_memory_zeroed(memory, 1, PE_PAGE_BYTES);
    return host->codec_work && host->blob_scratch && host->page_scratch ? PE_OK : PE_ERR_NO_MEMORY;
}

void pe_content_fini(pe_host *host)
{
    const pe_memory *memory = host->config.memory;
    pe_pool_fini(&host->pool);
    pe_memory_unmapped(memory, host->tokens, (size_t)host->config.frames * sizeof *host->tokens);
    pe_memory_freed(memory, host->codec_work);
    pe_memory_freed(memory, host->blob_scratch);
    pe_memory_freed(memory, host->page_scratch);
}

uint64_t pe_content_bytes(const pe_host *host)
{
    return host->config.tokens ? (uint64_t)host->config.frames * sizeof *host->tokens : 0;
}

bool pe_content_can_be_swapped(const pe_host *host)
{
    return host->config.tokens || host->config.swap_file >= 0;
}

/* Tokens are moved faster than a thread is started. */
uint32_t pe_content_threads(const pe_host *host, uint64_t pages)
{
    uint64_t const worth = host->config.tokens ? 0 : pages / PAGES_PER_THREAD;
    uint32_t const most = host->config.threads;
    return worth < 2 || most < 2 ? 1 : worth < most ? (uint32_t)worth : most;
}

uint64_t pe_content_zero_hash(const pe_host *host, const pe_group *group)
{
    static const uint64_t zero_page[PE_PAGE_BYTES / sizeof(uint64_t)];
    return host->config.tokens ? pe_hash_token(0, group->salt)
                               : pe_hash_page_keyed(&group->key, zero_page);
}

uint64_t pe_content_trim(pe_host *host)
{
    if (host->config.tokens)
        return 0;
    pe_frames_show_hand(&host->frames);
    uint64_t const frames = pe_pool_release(&host->pool, pe_frames_words(&host->frames));
    pe_frames_hide_hand(&host->frames);
    return frames;
}

void pe_content_hash_many(const pe_host *host, uint32_t n, const pe_frame *frames,
                          const pe_group *group, uint64_t *out)
{
    const uint8_t *pages[PE_SCAN_BATCH];
    pe_assert(n <= PE_SCAN_BATCH);
    if (host->config.tokens) {
        for (uint32_t i = 0; i < n; ++i)
            out[i] = pe_hash_token(host->tokens[frames[i]], group->salt);
        return;
    }
    for (uint32_t i = 0; i < n; ++i)
        pages[i] = pe_pool_page(&host->pool, frames[i]);
    pe_hash_pages_keyed(&group->key, pages, n, out);
}

void pe_content_prefetch(const pe_host *host, pe_frame frame)
{
    if (host->config.tokens) {
        PE_PREFETCH(&host->tokens[frame]);
        return;
    }
    const uint8_t *page = pe_pool_page(&host->pool, frame);
    for (size_t i = 0; i < PE_PAGE_BYTES; i += LINE_BYTES)
        PE_PREFETCH(page + i);
}

pe_status pe_content_decode(pe_host *host, pe_blob blob, uint8_t *page)
{
    size_t length;
    const void *payload = pe_zcache_payload(host->zcache, blob, &length);
    const pe_codec *codec = host->config.codec;
    return codec->decompress(codec, payload, length, page, host->codec_work) ? PE_OK : PE_ERR_CODEC;
}

void pe_content_read_zero(const pe_host *host, void *contents, size_t i)
{
    size_t const size = host->config.tokens ? sizeof(uint64_t) : PE_PAGE_BYTES;
    memset((uint8_t *)contents + i * size, 0, size);
}

pe_status pe_content_read_blob(pe_host *host, pe_blob blob, void *contents, size_t i)
{
    if (host->config.tokens) {
        ((uint64_t *)contents)[i] = pe_content_token_of_blob(host, blob);
        return PE_OK;
    }
    _Alignas(64) uint8_t page[PE_PAGE_BYTES];
    pe_status const status = pe_content_decode(host, blob, page);
    if (status == PE_OK)
        memcpy((uint8_t *)contents + i * PE_PAGE_BYTES, page, PE_PAGE_BYTES);
    return status;
}

pe_status pe_content_read_slot(pe_host *host, pe_slot slot, void *contents, size_t i)
{
    if (host->config.tokens) {
        ((uint64_t *)contents)[i] = pe_swap_read_token(&host->swap, slot);
        return PE_OK;
    }
    _Alignas(64) uint8_t page[PE_PAGE_BYTES];
    pe_status const status = pe_swap_read(&host->swap, slot, page);
    if (status == PE_OK)
        memcpy((uint8_t *)contents + i * PE_PAGE_BYTES, page, PE_PAGE_BYTES);
    return status;
}

pe_status pe_content_to_slots(pe_host *host, uint32_t n, const pe_frame *frames, pe_slot first)
{
    const uint8_t *pages[PE_SWAP_CLUSTER_MAX];
    pe_assert(n <= PE_SWAP_CLUSTER_MAX);
    if (host->config.tokens) {
        for (uint32_t i = 0; i < n; ++i)
            pe_swap_write_token(&host->swap, first + i, host->tokens[frames[i]]);
        return PE_OK;
    }
    for (uint32_t i = 0; i < n; ++i)
        pages[i] = pe_pool_page(&host->pool, frames[i]);
    return pe_swap_write(&host->swap, first, n, pages);
}

pe_status pe_content_blob_to_slot(pe_host *host, pe_blob blob, pe_slot slot)
{
    if (host->config.tokens) {
        pe_swap_write_token(&host->swap, slot, pe_content_token_of_blob(host, blob));
        return PE_OK;
    }
    pe_status const status = pe_content_decode(host, blob, host->page_scratch);
    const uint8_t *page = host->page_scratch;
    return status == PE_OK ? pe_swap_write(&host->swap, slot, 1, &page) : status;
}

bool pe_content_blob_is_sound(pe_host *host, pe_blob blob)
{
    return host->config.tokens || pe_content_decode(host, blob, host->page_scratch) == PE_OK;
}

bool pe_content_slot_is_sound(pe_host *host, pe_slot slot)
{
    uint8_t page[PE_PAGE_BYTES];
    return host->config.tokens || pe_swap_read(&host->swap, slot, page) == PE_OK;
}
