/* What a frame holds, the same words for bytes and for tokens. A token's low six bits are its
   compressed size in units of 64 bytes (0: a same-filled page, 8 bytes; above 32: incompressible);
   token 0 is the zero page. */
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

static inline uint64_t pe_content_hash(const pe_host *host, pe_frame frame, const pe_group *group)
{
    return host->config.tokens
             ? pe_hash_token(host->tokens[frame], group->salt)
             : pe_hash_page_keyed(&group->key, pe_pool_page(&host->pool, frame));
}

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

#endif
