/* What pages hold, in a saved state. */
#ifndef PE_CONTENT_STATE_H
#define PE_CONTENT_STATE_H

#include "pe_content.h"
#include "pe_state.h"

/* What n frames hold, one after another; n is at most PE_STATE_PART. */
void pe_content_save(const pe_host *host, uint32_t n, const pe_frame *frames, pe_state_out *out);
bool pe_content_load(pe_host *host, uint32_t n, const pe_frame *frames, pe_state_in *in);
/* The frame is about to be filled with blobs. */
void pe_content_lend(pe_host *host, pe_frame frame);
/* Whether two hosts can have one saved state: what pages are, and how they are compressed. */
uint64_t pe_content_kind(const pe_host *host);

#endif
