/* A simulator in C: three VMs of 16 MiB on a host of 24 MiB, for 2.5 seconds of simulated time.
   Its clock is a number, its policy a function, its pages are tokens.

       export PKG_CONFIG_PATH=$(python -c "import pageengine as pe; print(pe.get_pkgconfig_dir())")
       cc embed_c.c $(pkg-config --cflags --libs pageengine) && ./a.out

   embed_cython.pyx and embed_python.py are the same, and print the same. */
#include <inttypes.h>
#include <pageengine.h>
#include <stdio.h>
#include <stdlib.h>

enum { VMS = 3, PAGES = 4096, FRAMES = 6144, SWAP = 12288, BATCH = 64, SCAN = 512 };
enum { LOW = 128, HIGH = 256 }; /* frames that are kept free */
/* nanoseconds: a step of the clock, an access, a page decompressed, a page read from swap */
enum { STEP = 100000000, STEPS = 25, HIT = 20000, UNZIP = 10000, READ = 200000 };

typedef struct vm {
    uint64_t id, random;         /* its number on the host; the state of its draws */
    uint64_t time, waited, done; /* nanoseconds that it lived and that it waited; accesses */
} vm;

static void must(pageengine_status status)
{
    if (status != PAGEENGINE_OK) {
        fprintf(stderr, "%s\n", pageengine_status_text(status));
        exit(EXIT_FAILURE);
    }
}

static uint64_t number(const pageengine_host *host, uint64_t vm, const char *name)
{
    uint64_t values[64];
    must(pageengine_vm_numbers(host, vm, values, 64));
    return values[pageengine_vm_number_index(name)];
}

/* The policy: the VM that holds most gives way, down the ladder, until HIGH frames are free. */
static void make_room(pageengine_host *host, const vm *vms)
{
    pageengine_reclaimed won = {.frames = 1};
    while (pageengine_idle(host) < HIGH && won.frames > 0) {
        const vm *most = vms;
        for (const vm *each = vms; each < vms + VMS; ++each)
            if (number(host, each->id, "consumed") > number(host, most->id, "consumed"))
                most = each;
        must(pageengine_reclaim(host, most->id, 64, "ladder", &won));
    }
}

static uint32_t draw(vm *self, uint32_t below) /* Knuth's linear congruential generator */
{
    self->random = self->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((self->random >> 33) % below);
}

/* Four of five accesses go to a quarter of the pages, every second batch writes. A page in eight
   holds what it holds in every VM; pages compress to 504, 1008 ... 4032 bytes. */
static void run_batch(pageengine_host *host, vm *self, const vm *vms)
{
    int64_t ppns[BATCH];
    uint64_t tokens[BATCH], before[2];
    bool const writes = draw(self, 2) == 0;
    for (int i = 0; i < BATCH; ++i) {
        uint32_t const ppn = draw(self, draw(self, 5) > 0 ? PAGES / 4 : PAGES);
        uint64_t const whose = ppn % 8 == 0 ? 0 : self->id + 1;
        ppns[i] = ppn;
        tokens[i] = pageengine_token(whose << 32 | (ppn + 1), 504 * (1 + ppn / 8 % 8));
    }
    before[0] = number(host, self->id, "decompressions");
    before[1] = number(host, self->id, "swap_in");
    for (size_t first = 0, done; first < BATCH; first += done) {
        size_t const n = BATCH - first;
        pageengine_status const status = writes ? pageengine_write(host, self->id, ppns + first, n,
                                                                   tokens + first, &done)
                                                : pageengine_touch(host, self->id, ppns + first, n,
                                                                   false, &done);
        if (status == PAGEENGINE_NO_FRAME)
            make_room(host, vms);
        else
            must(status);
    }
    uint64_t const waits = UNZIP * (number(host, self->id, "decompressions") - before[0])
                         + READ * (number(host, self->id, "swap_in") - before[1]);
    self->done += BATCH;
    self->waited += waits;
    self->time += waits + HIT * BATCH;
}

static void report(const pageengine_host *host, const vm *vms)
{
    uint64_t values[64];
    for (int i = 0; i < VMS; ++i) {
        printf("vm %d done %" PRIu64 " waited %" PRIu64, i, vms[i].done, vms[i].waited);
        must(pageengine_vm_numbers(host, vms[i].id, values, 64));
        for (size_t k = 0; k < pageengine_vm_number_count(); ++k)
            printf(" %s %" PRIu64, pageengine_vm_number_name(k), values[k]);
        printf("\n");
    }
    pageengine_host_numbers(host, values, 64);
    printf("host");
    for (size_t k = 0; k < pageengine_host_number_count(); ++k)
        printf(" %s %" PRIu64, pageengine_host_number_name(k), values[k]);
    printf("\n");
}

int main(void)
{
    pageengine_host *host;
    pageengine_options options = pageengine_defaults();
    options.frames = FRAMES, options.swap_pages = SWAP, options.tokens = true;
    must(pageengine_host_new(&options, &host));
    pageengine_set_mark(host, LOW);
    vm vms[VMS] = {{.random = 1}, {.random = 2}, {.random = 3}};
    for (int i = 0; i < VMS; ++i)
        must(pageengine_add_vm(host, PAGES, 0, PAGES * 4096 / 10, &vms[i].id));
    for (uint64_t now = STEP; now <= (uint64_t)STEP * STEPS; now += STEP)
        for (int i = 0; i < VMS; ++i) {
            pageengine_scanned scanned;
            while (vms[i].time < now)
                run_batch(host, &vms[i], vms);
            must(pageengine_scan(host, vms[i].id, SCAN, 0, &scanned));
        }
    report(host, vms);
    const char *reason = NULL;
    must(pageengine_check(host, true, &reason));
    pageengine_host_delete(host);
    return 0;
}
