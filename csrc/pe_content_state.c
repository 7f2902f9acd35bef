/* What pages hold, in a saved state.

     bytes    4096 of each page, one page after another
     tokens   packed, as many together as there are frames

   Both take the frames that they are told, in that order; which those are is not known
   here. As everywhere, only this room asks which of the two a host's pages are.

   Costs: a copy of each page, into the block that is written or out of the one that was read. */
#include "pe_content_state.h"

void pe_content_save(const pe_host *host, uint32_t n, const pe_frame *frames, pe_state_out *out)
{
    uint64_t tokens[PE_STATE_PART];
    pe_assert(n <= PE_STATE_PART);
    if (!host->config.tokens) {
        for (uint32_t i = 0; i < n; ++i)
            pe_state_put(out, pe_pool_page(&host->pool, frames[i]), PE_PAGE_BYTES);
        return;
    }
    for (uint32_t i = 0; i < n; ++i)
        tokens[i] = host->tokens[frames[i]];
    pe_state_put_many(out, tokens, sizeof tokens[0], n);
}

bool pe_content_load(pe_host *host, uint32_t n, const pe_frame *frames, pe_state_in *in)
{
    uint64_t tokens[PE_STATE_PART];
    pe_assert(n <= PE_STATE_PART);
    if (!host->config.tokens) {
        for (uint32_t i = 0; i < n; ++i)
            if (!pe_state_get(in, pe_pool_page_to_fill(&host->pool, frames[i]), PE_PAGE_BYTES))
                return false;
        return true;
    }
    if (!pe_state_get_many(in, tokens, sizeof tokens[0], n))
        return false;
    for (uint32_t i = 0; i < n; ++i)
        host->tokens[frames[i]] = tokens[i];
    return true;
}

void pe_content_lend(pe_host *host, pe_frame frame)
{
    if (!host->config.tokens)
        (void)pe_pool_page_to_fill(&host->pool, frame);
}

uint64_t pe_content_kind(const pe_host *host)
{
    return (uint64_t)host->config.tokens | (uint64_t)(host->zcache != NULL) << 1
         | (uint64_t)host->config.packing << 2 | (uint64_t)host->config.sharing << 8
         | (uint64_t)host->config.random_victims << 9;
}
