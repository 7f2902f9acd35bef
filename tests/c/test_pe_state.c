/* sources: csrc/*.c csrc/codec/*.c */
/* A state that comes back otherwise than it went, or that is believed where it lies, would change
   or crash whoever goes on from it. */
#include "check.h"
#include "pe_guest.h"
#include "pe_guest_state.h"
#include "pe_host_state.h"
#include "small_host.h"

enum { HEAD = 16, PAGES = 40 };

static uint8_t page[PE_PAGE_BYTES];

/* ---- the stream */

static void numbers_come_back_as_they_were(void)
{
    uint64_t wide[1100], wide_back[1100];
    uint32_t words[3] = {7, UINT32_MAX, 0}, words_back[3];
    uint8_t bytes[2] = {200, 201}, bytes_back[2];
    pe_state_out out;
    pe_state_in in;
    for (size_t i = 0; i < PE_COUNT_OF(wide); ++i)
        wide[i] = i % 512 == 0 ? UINT64_MAX - i : i << (i % 40);
    pe_state_out_begin(&out, -1, 0);
    pe_state_put64(&out, 42);
    pe_state_put_many(&out, wide, 8, PE_COUNT_OF(wide));
    pe_state_put_many(&out, words, 4, 3);
    pe_state_put_many(&out, bytes, 1, 2);
    CHECK(pe_state_out_end(&out) == PE_OK);
    pe_state_in_begin(&in, -1, out.bytes, 0, out.length);
    CHECK(pe_state_get64(&in) == 42);
    CHECK(pe_state_get_many(&in, wide_back, 8, PE_COUNT_OF(wide)));
    CHECK(pe_state_get_many(&in, words_back, 4, 3) && pe_state_get_many(&in, bytes_back, 1, 2));
    CHECK(pe_state_in_end(&in) == PE_OK);
    CHECK(memcmp(wide, wide_back, sizeof wide) == 0);
    CHECK(memcmp(words, words_back, sizeof words) == 0 && memcmp(bytes, bytes_back, 2) == 0);
    pe_state_in_fini(&in);
    pe_state_out_fini(&out);
}

static void blocks_are_long_and_many(void)
{
    enum { MANY = 700 };
    pe_state_out out;
    pe_state_in in;
    uint8_t back[PE_PAGE_BYTES];
    bool same = true;
    pe_state_out_begin(&out, -1, 0);
    for (uint64_t i = 0; i < MANY; ++i) {
        pe_state_put(&out, random_page(page, i), PE_PAGE_BYTES);
        pe_state_put64(&out, i);
    }
    CHECK(pe_state_out_end(&out) == PE_OK && out.blocks == 3);
    pe_state_in_begin(&in, -1, out.bytes, 0, out.length);
    for (uint64_t i = 0; i < MANY; ++i) {
        same &= pe_state_get(&in, back, PE_PAGE_BYTES) && pe_state_get64(&in) == i;
        same &= memcmp(back, random_page(page, i), PE_PAGE_BYTES) == 0;
    }
    CHECK(same && pe_state_in_end(&in) == PE_OK);
    pe_state_in_fini(&in);
    pe_state_out_fini(&out);
}

static void a_number_that_does_not_fit_is_refused(void)
{
    uint32_t wide = 300;
    uint8_t narrow = 9;
    pe_state_out out;
    pe_state_in in;
    pe_state_out_begin(&out, -1, 0);
    pe_state_put_many(&out, &wide, 4, 1);
    CHECK(pe_state_out_end(&out) == PE_OK);
    pe_state_in_begin(&in, -1, out.bytes, 0, out.length);
    CHECK(!pe_state_get_many(&in, &narrow, 1, 1) && narrow == 0);
    CHECK(in.status == PE_ERR_STATE && pe_state_in_end(&in) == PE_ERR_STATE);
    pe_state_in_fini(&in);
    pe_state_out_fini(&out);
}

/* ---- a host */

static pe_host *of_tokens(void)
{
    pe_host_config const config = {.frames = 70,
                                   .seed = 5,
                                   .tokens = true,
                                   .sharing = true,
                                   .codec = pe_codec_find("word"),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT,
                                   .swap_file = -1};
    pe_host *host = NULL;
    CHECK(pe_host_new(&host, &config) == PE_OK);
    return host;
}

/* Pages in every place, hints that are stale, a VM that is gone, a sampling period that is open. */
static void fill_tokens(pe_host *host)
{
    int64_t ppns[PAGES];
    uint64_t tokens[PAGES], ids[3];
    size_t done;
    pe_scan_result scanned = {0};
    pe_reclaim_result won = {0};
    CHECK(pe_swap_grow(&host->swap, 60) == PE_OK);
    for (int v = 0; v < 3; ++v)
        CHECK(pe_host_add_vm(host, PAGES, v == 2, PE_ZCACHE_NO_LIMIT, &ids[v]) == PE_OK);
    for (int v = 0; v < 2; ++v) {
        for (int i = 0; i < PAGES; ++i) {
            ppns[i] = i;
            tokens[i] = i < 5 ? 0 : (uint64_t)(i % 3 ? i : i + 1000 * v) * 64 + (uint64_t)(i % 60);
        }
        CHECK(pe_write(host, pe_host_vm(host, ids[v]), ppns, 36, tokens, &done) == PE_OK);
        CHECK(pe_scan(host, pe_host_vm(host, ids[v]), PAGES, 0, &scanned) == PE_OK);
        CHECK(pe_scan(host, pe_host_vm(host, ids[v]), 20, PE_SCAN_TWO_SCANS, &scanned) == PE_OK);
    }
    for (int i = 0; i < 5; ++i)
        tokens[i] = (uint64_t)(5000 + i) * 64;
    CHECK(pe_write(host, pe_host_vm(host, ids[0]), ppns + 30, 5, tokens, &done) == PE_OK);
    pe_scan_end_pass(host);
    CHECK(pe_reclaim(host, pe_host_vm(host, ids[1]), 8, PE_STEP_COMPRESS, &won) == PE_OK);
    CHECK(pe_reclaim(host, pe_host_vm(host, ids[0]), 8, PE_STEP_SWAP, &won) == PE_OK);
    CHECK(pe_balloon_pages(host, pe_host_vm(host, ids[0]), ppns + 35, 4) == 4);
    pe_vm_sample_begin(pe_host_vm(host, ids[1]), 10);
    CHECK(pe_host_remove_vm(host, ids[2]) == PE_OK);
    CHECK(host->sharing.hints > 0 && pe_zcache_total(host->zcache).blobs > 0);
}

static pe_status load_into(pe_host *host, const pe_state_out *out, size_t length)
{
    const char *rule;
    pe_state_in in;
    pe_state_in_begin(&in, -1, out->bytes, 0, length);
    pe_status status = in.status == PE_OK ? pe_host_load(host, &in, &rule) : in.status;
    if (status == PE_OK)
        status = pe_state_in_end(&in);
    CHECK(status != PE_ERR_STATE || in.reason != NULL || rule != NULL);
    pe_state_in_fini(&in);
    return status;
}

static void save_to(pe_host *host, pe_state_out *out)
{
    pe_slot slot;
    pe_state_out_begin(out, -1, 0);
    CHECK(pe_host_save(host, out, &slot) == PE_OK);
}

/* Numbers of frames and blobs aside: what VMs have, and how the table stands. */
static bool alike(const pe_host *a, const pe_host *b)
{
    bool same = a->vm_count == b->vm_count && a->sharing.hints == b->sharing.hints
             && pe_frames_idle(&a->frames) == pe_frames_idle(&b->frames);
    for (uint32_t i = 0; same && i < a->vm_count; ++i) {
        const pe_vm *x = a->vms[i], *y = b->vms[i];
        same = !x == !y;
        if (!x || !same)
            continue;
        same = x->id == y->id && x->base == y->base && x->scan_hand == y->scan_hand
            && x->rng.counter == y->rng.counter && x->sample_draws == y->sample_draws
            && memcmp(x->event, y->event, sizeof x->event) == 0
            && memcmp(x->in_place, y->in_place, sizeof x->in_place) == 0;
        for (uint32_t ppn = 0; same && ppn < x->pages; ++ppn)
            same = ((x->map[ppn] ^ y->map[ppn]) & ((UINT64_C(1) << PE_PAYLOAD_SHIFT) - 1)) == 0
                && (!x->checksums || x->checksums[ppn] == y->checksums[ppn]);
    }
    for (uint64_t s = 0; same && s < a->sharing.buckets * 8; ++s)
        same = a->sharing.slots[s] >> 36 == b->sharing.slots[s] >> 36;
    return same;
}

static void a_host_comes_back_as_it_was(void)
{
    pe_host *host = of_tokens(), *other = of_tokens();
    pe_state_out out;
    fill_tokens(host);
    save_to(host, &out);
    CHECK(pe_state_out_end(&out) == PE_OK);
    CHECK(load_into(other, &out, out.length) == PE_OK);
    CHECK(alike(host, other) && sound(other) && sound(host));
    pe_state_out_fini(&out);
    pe_host_delete(host);
    pe_host_delete(other);
}

static void a_state_that_is_cut_short_is_refused_at_every_byte(void)
{
    pe_host *host = of_tokens(), *other = of_tokens();
    pe_state_out out;
    bool refused = true;
    fill_tokens(host);
    save_to(host, &out);
    CHECK(pe_state_out_end(&out) == PE_OK && out.blocks == 1); /* so the host stays untouched */
    for (size_t n = 0; n < out.length; ++n) {
        refused &= load_into(other, &out, n) == PE_ERR_STATE;
    }
    CHECK(refused);
    pe_state_out_fini(&out);
    pe_host_delete(host);
    pe_host_delete(other);
}

static void a_bit_that_flipped_is_seen_at_every_byte(void)
{
    pe_host *host = of_tokens(), *other = of_tokens();
    pe_state_out out;
    bool refused = true;
    fill_tokens(host);
    save_to(host, &out);
    CHECK(pe_state_out_end(&out) == PE_OK && out.blocks == 1); /* so the host stays untouched */
    for (size_t n = 0; n < out.length; ++n) {
        out.bytes[n] ^= (uint8_t)(1u << n % 8);
        refused &= load_into(other, &out, out.length) == PE_ERR_STATE;
        out.bytes[n] ^= (uint8_t)(1u << n % 8);
    }
    CHECK(refused);
    pe_state_out_fini(&out);
    pe_host_delete(host);
    pe_host_delete(other);
}

/* What a host does with whatever it was given. */
static void use(pe_host *host)
{
    pe_scan_result scanned = {0};
    pe_reclaim_result won = {0};
    uint32_t size, touched;
    for (uint32_t i = 0; i < host->vm_count; ++i) {
        pe_vm *vm = host->vms[i];
        if (!vm)
            continue;
        pe_vm_sample_end(vm, &size, &touched);
        (void)!pe_scan(host, vm, vm->pages, PE_SCAN_TWO_SCANS, &scanned);
        (void)!pe_reclaim(host, vm, 20, PE_STEP_SHARE | PE_STEP_COMPRESS | PE_STEP_SWAP, &won);
        for (uint32_t ppn = 0; ppn < vm->pages && ppn < 100; ++ppn)
            (void)!touch_page(host, vm->id, ppn, ppn % 2 == 0);
        pe_scan_end_pass(host);
    }
    for (uint32_t i = 0; i < host->vm_count; ++i)
        if (host->vms[i])
            (void)!pe_host_remove_vm(host, host->vms[i]->id);
}

/* The checksums are right: somebody made them so. */
static void lies_are_refused_or_harmless(void)
{
    static const uint8_t lies[] = {0x01, 0x80, 0xff, 0x07, 0x10};
    pe_host *host = of_tokens();
    pe_state_out out;
    size_t length = 1;
    uint32_t accepted = 0, refused = 0;
    fill_tokens(host);
    for (size_t n = 0; n < length; ++n) {
        pe_host *other = of_tokens();
        save_to(host, &out);
        length = out.used;
        out.block[HEAD + n] ^= lies[n % PE_COUNT_OF(lies)];
        CHECK(pe_state_out_end(&out) == PE_OK);
        pe_status const status = load_into(other, &out, out.length);
        CHECK(status == PE_OK || status == PE_ERR_STATE || status == PE_ERR_NO_MEMORY);
        if (status == PE_OK)
            use(other);
        accepted += status == PE_OK;
        refused += status == PE_ERR_STATE;
        pe_state_out_fini(&out);
        pe_host_delete(other);
    }
    CHECK(accepted > 0 && refused > 0);
    pe_host_delete(host);
}

static void memory_that_runs_out_is_no_harm(void)
{
    pe_host *host = of_tokens();
    pe_state_out out;
    bool done = false;
    fill_tokens(host);
    save_to(host, &out);
    CHECK(pe_state_out_end(&out) == PE_OK);
    for (unsigned n = 0; !done && n < 100; ++n) {
        pe_host *other = of_tokens();
        oom_fail_after(n);
        pe_status const status = load_into(other, &out, out.length);
        oom_off();
        done = status == PE_OK;
        CHECK(done || status == PE_ERR_NO_MEMORY);
        pe_host_delete(other);
    }
    CHECK(done);
    pe_state_out_fini(&out);
    pe_host_delete(host);
}

static void bytes_come_back_from_every_place(void)
{
    FILE *first = tmpfile(), *second = tmpfile();
    pe_host *host = NULL, *other = NULL;
    pe_state_out out;
    CHECK(small_host(&host, first, 16) == PE_OK && small_host_fill(host) == PE_OK);
    pe_host_config config = host->config;
    config.swap_file = fileno(second);
    CHECK(pe_host_new(&other, &config) == PE_OK);
    save_to(host, &out);
    CHECK(pe_state_out_end(&out) == PE_OK);
    CHECK(load_into(other, &out, out.length) == PE_OK);
    CHECK(alike(host, other) && sound(other));
    for (uint32_t vm = 0; vm < 2; ++vm)
        for (uint32_t ppn = 0; ppn < SMALL_PAGES; ++ppn) {
            uint8_t back[PE_PAGE_BYTES];
            CHECK(read_page(host, vm, ppn, page) == PE_OK);
            CHECK(read_page(other, vm, ppn, back) == PE_OK);
            CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
        }
    CHECK(sound(other));
    pe_state_out_fini(&out);
    pe_host_delete(host);
    pe_host_delete(other);
    fclose(first);
    fclose(second);
}

/* ---- a guest */

static pe_guest *guest_of(size_t replacement)
{
    pe_guest *guest = NULL;
    CHECK(pe_guest_new(&guest, 100, 50, 10, replacement) == PE_OK);
    return guest;
}

static void fill_guest(pe_guest *guest)
{
    int64_t ids[300], ppns[20];
    uint32_t got;
    static int64_t op_ppns[1000];
    static uint8_t op_flags[1000];
    pe_guest_made made;
    for (int i = 0; i < 300; ++i)
        ids[i] = i * 7 % 115;
    pe_guest_touches touches = {PE_GUEST_MEMORY, true, NULL, ids, sizeof ids[0], 115};
    CHECK(pe_guest_touch(guest, &touches, NULL, &made) == PE_OK);
    touches.kind = PE_GUEST_FILE;
    CHECK(pe_guest_touch(guest, &touches, NULL, &made) == PE_OK);
    pe_guest_ops ops = {op_ppns, op_flags, 0, 1000};
    CHECK(pe_guest_inflate(guest, 10, true, ppns, &ops, &got) == PE_OK && got == 10);
    pe_guest_release(guest, PE_GUEST_MEMORY, ids, 40);
}

static pe_status load_guest(pe_guest *guest, const pe_state_out *out, size_t length)
{
    const char *rule;
    pe_state_in in;
    pe_state_in_begin(&in, -1, out->bytes, 0, length);
    pe_status status = in.status == PE_OK ? pe_guest_load(guest, &in, &rule) : in.status;
    if (status == PE_OK)
        status = pe_state_in_end(&in);
    pe_state_in_fini(&in);
    return status;
}

/* Both do the same from here on. */
static bool go_on_alike(pe_guest *a, pe_guest *b)
{
    int64_t ids[200];
    uint64_t x[PE_GUEST_NUMBERS], y[PE_GUEST_NUMBERS];
    static int64_t p[2][600];
    static uint8_t f[2][600];
    pe_guest_ops first = {p[0], f[0], 0, 600}, second = {p[1], f[1], 0, 600};
    pe_guest_made made;
    for (int i = 0; i < 200; ++i)
        ids[i] = i * 11 % 130;
    pe_guest_touches const touches = {PE_GUEST_MEMORY, false, NULL, ids, sizeof ids[0], 200};
    bool same = pe_guest_touch(a, &touches, &first, &made) == PE_OK
             && pe_guest_touch(b, &touches, &second, &made) == PE_OK && first.n == second.n;
    pe_guest_numbers(a, x);
    pe_guest_numbers(b, y);
    return same && memcmp(p[0], p[1], first.n * sizeof p[0][0]) == 0
        && memcmp(f[0], f[1], first.n) == 0 && memcmp(x, y, sizeof x) == 0;
}

static void a_guest_comes_back_under_every_replacement(void)
{
    for (size_t r = 0; pe_guest_replacement_name(r); ++r) {
        pe_guest *guest = guest_of(r), *other = guest_of(r);
        pe_state_out out;
        const char *reason;
        fill_guest(guest);
        pe_state_out_begin(&out, -1, 0);
        pe_guest_save(guest, &out);
        CHECK(pe_state_out_end(&out) == PE_OK);
        CHECK(load_guest(other, &out, out.length) == PE_OK);
        CHECK(go_on_alike(guest, other) && pe_guest_check(other, &reason));
        pe_state_out_fini(&out);
        pe_guest_delete(guest);
        pe_guest_delete(other);
    }
}

static void lies_about_a_guest_are_refused_or_harmless(void)
{
    for (size_t r = 0; pe_guest_replacement_name(r); ++r) {
        pe_guest *guest = guest_of(r);
        pe_state_out out;
        size_t length = 1;
        uint32_t refused = 0;
        fill_guest(guest);
        for (size_t n = 0; n < length; ++n) {
            pe_guest *other = guest_of(r);
            pe_state_out_begin(&out, -1, 0);
            pe_guest_save(guest, &out);
            length = out.used;
            out.block[HEAD + n] ^= (uint8_t)(n % 3 ? 0xff : 1u << n % 8);
            CHECK(pe_state_out_end(&out) == PE_OK);
            pe_status const status = load_guest(other, &out, out.length);
            CHECK(status == PE_OK || status == PE_ERR_STATE || status == PE_ERR_NO_MEMORY);
            if (status == PE_OK)
                (void)go_on_alike(other, other);
            refused += status == PE_ERR_STATE;
            pe_state_out_fini(&out);
            pe_guest_delete(other);
        }
        CHECK(refused > 0);
        pe_guest_delete(guest);
    }
}

int main(void)
{
    RUN(numbers_come_back_as_they_were);
    RUN(blocks_are_long_and_many);
    RUN(a_number_that_does_not_fit_is_refused);
    RUN(a_host_comes_back_as_it_was);
    RUN(a_state_that_is_cut_short_is_refused_at_every_byte);
    RUN(a_bit_that_flipped_is_seen_at_every_byte);
    RUN(lies_are_refused_or_harmless);
    RUN(memory_that_runs_out_is_no_harm);
    RUN(bytes_come_back_from_every_place);
    RUN(a_guest_comes_back_under_every_replacement);
    RUN(lies_about_a_guest_are_refused_or_harmless);
    return check_result();
}
