/* Accesses in batches: the hot path. An access whose page has the permission bit is a hit: one
   load, one test, one store to the page's word. Everything else goes to pe_fault.

   The words of a batch are independent and spread over the map (8 bytes per 4 KiB of guest memory),
   so what limits hits is memory, and the loop asks for the words a few accesses ahead. Bounds are
   checked by the caller in a pass of its own (pe_first_bad_page), which keeps the check out of this
   loop and makes a bad batch fail before its first access. */
#include "pe_touch.h"

#include "pe_content.h"
#include "pe_fault.h"

#define AHEAD 24u /* accesses between the prefetch of a word and its use */
#define CONTENT_AHEAD 2u

size_t pe_first_bad_page(const pe_vm *vm, const int64_t *ppns, size_t n)
{
    uint64_t worst = 0; /* negative numbers become very large ones */
    for (size_t i = 0; i < n; ++i)
        worst = (uint64_t)ppns[i] > worst ? (uint64_t)ppns[i] : worst;
    if (worst < vm->pages)
        return n;
    size_t first = 0;
    while (first < n && (uint64_t)ppns[first] < vm->pages)
        ++first;
    return first;
}

static pe_status stop_if_blocked(pe_vm *vm, size_t n)
{
    if (!vm->blocked || n == 0)
        return PE_OK;
    vm->event[PE_EV_BLOCK_STOPS] += 1;
    return PE_BLOCKED;
}

pe_status pe_touch(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n, const uint8_t *write,
                   bool all_write, size_t *done)
{
    uint64_t *const map = vm->map;
    pe_status status = stop_if_blocked(vm, n);
    size_t i = 0;
    for (; status == PE_OK && i < n; ++i) {
        if (i + AHEAD < n)
            PE_PREFETCH_WRITE(&map[ppns[i + AHEAD]]);
        uint32_t const ppn = (uint32_t)ppns[i];
        bool const writes = write ? write[i] != 0 : all_write;
        uint64_t const word = map[ppn];
        if (PE_LIKELY(word & (writes ? PE_WRITABLE : PE_READABLE))) {
            map[ppn] = word | PE_ACCESSED | PE_YOUNG | (writes ? PE_DIRTY : 0);
            continue;
        }
        status = pe_fault(host, vm, ppn, writes ? PE_ACCESS_WRITE : PE_ACCESS_READ);
        if (PE_UNLIKELY(status != PE_OK))
            break;
    }
    *done = i;
    vm->event[PE_EV_ACCESSES] += i;
    return status;
}

static void fill(pe_host *host, pe_frame frame, const void *contents, size_t i)
{
    if (host->config.tokens)
        host->tokens[frame] = ((const uint64_t *)contents)[i];
    else
        memcpy(pe_pool_page_to_fill(&host->pool, frame),
               (const uint8_t *)contents + i * PE_PAGE_BYTES, PE_PAGE_BYTES);
}

pe_status pe_write(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n, const void *contents,
                   size_t *done)
{
    pe_status status = stop_if_blocked(vm, n);
    size_t i = 0;
    while (status == PE_OK && i < n) {
        status = pe_fault(host, vm, (uint32_t)ppns[i], PE_ACCESS_FILL);
        if (status == PE_OK) {
            fill(host, pe_payload_of(vm->map[ppns[i]]), contents, i);
            ++i;
        }
    }
    *done = i;
    vm->event[PE_EV_ACCESSES] += i;
    return status;
}

static void copy_out(const pe_host *host, pe_frame frame, void *contents, size_t i)
{
    if (host->config.tokens)
        ((uint64_t *)contents)[i] = host->tokens[frame];
    else
        memcpy((uint8_t *)contents + i * PE_PAGE_BYTES, pe_pool_page(&host->pool, frame),
               PE_PAGE_BYTES);
}

pe_status pe_read(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n, void *contents,
                  size_t *done)
{
    pe_status status = stop_if_blocked(vm, n);
    size_t i = 0;
    while (status == PE_OK && i < n) {
        if (i + CONTENT_AHEAD < n)
            PE_PREFETCH(&vm->map[ppns[i + CONTENT_AHEAD]]);
        status = pe_fault(host, vm, (uint32_t)ppns[i], PE_ACCESS_READ);
        if (status == PE_OK) {
            copy_out(host, pe_payload_of(vm->map[ppns[i]]), contents, i);
            ++i;
        }
    }
    *done = i;
    vm->event[PE_EV_ACCESSES] += i;
    return status;
}

static pe_status peek_far(pe_host *host, uint64_t word, void *contents, size_t i)
{
    size_t const size = host->config.tokens ? sizeof(uint64_t) : PE_PAGE_BYTES;
    uint8_t *page = (uint8_t *)contents + i * size;
    if (pe_place_of(word) == PE_SWAPPED) {
        if (!host->config.tokens)
            return pe_swap_read(&host->swap, pe_payload_of(word), page);
        ((uint64_t *)contents)[i] = pe_swap_read_token(&host->swap, pe_payload_of(word));
        return PE_OK;
    }
    size_t length;
    const void *payload = pe_zcache_payload(host->zcache, pe_payload_of(word), &length);
    if (host->config.tokens) {
        memcpy(page, payload, sizeof(uint64_t));
        return PE_OK;
    }
    const pe_codec *codec = host->config.codec;
    return codec->decompress(codec, payload, length, page, host->codec_work) ? PE_OK : PE_ERR_CODEC;
}

pe_status pe_peek(pe_host *host, const pe_vm *vm, const int64_t *ppns, size_t n, void *contents,
                  size_t *done)
{
    size_t const size = host->config.tokens ? sizeof(uint64_t) : PE_PAGE_BYTES;
    pe_status status = PE_OK;
    size_t i = 0;
    for (; status == PE_OK && i < n; ++i) {
        uint64_t const word = vm->map[ppns[i]];
        switch (pe_place_of(word)) {
        case PE_ABSENT:
        case PE_BALLOONED: memset((uint8_t *)contents + i * size, 0, size); break;
        case PE_PRIVATE:
        case PE_SHARED: copy_out(host, pe_payload_of(word), contents, i); break;
        case PE_COMPRESSED:
        case PE_SWAPPED: status = peek_far(host, word, contents, i); break;
        }
        if (status != PE_OK) {
            host->error_vm = vm->id;
            host->error_ppn = (uint32_t)ppns[i];
            break;
        }
    }
    *done = i;
    return status;
}
