/* The sharing scan: hashes pages in the background and merges equal ones. */
#ifndef PE_SCAN_H
#define PE_SCAN_H

#include "pe_host.h"

typedef struct pe_scan_result {
    uint64_t visited;     /* pages looked at, in whatever place */
    uint64_t scanned;     /* of these, private pages that were hashed */
    uint64_t merged;      /* joined an equal page; a frame was won for each */
    uint64_t zero_merged; /* joined or became the zero page */
    uint64_t hinted;      /* noted as hints */
    uint64_t unstable;    /* of the scanned, those that the two-scan rule held back */
} pe_scan_result;

/* How to scan, or-ed together. */
#define PE_SCAN_RANDOM 1u    /* random pages, as ESX does; else the next, wrapping */
#define PE_SCAN_TWO_SCANS 2u /* KSM's rule: see pe_scan.c */

/* Looks at `pages` pages of one VM, from where its last scan ended. Adds to *result. Does
   nothing where sharing is off. PE_ERR_NO_MEMORY, and nothing done: the first scan of a VM by
   the two-scan rule found no room for its checksums. */
PE_MUST_USE pe_status pe_scan(pe_host *host, pe_vm *vm, uint64_t pages, unsigned how,
                              pe_scan_result *result);
/* KSM's checksum of a page, from a hash that is there in any case; never 0. */
static inline uint32_t pe_scan_checksum(uint64_t hash)
{
    uint32_t const checksum = (uint32_t)(hash >> 16);
    return checksum ? checksum : 1;
}

/* A pass over everything is over: see pe_sharing_new_generation. */
void pe_scan_end_pass(pe_host *host);

#endif
