/* sources: csrc/pe_swap.c csrc/pe_swap_many.c csrc/pe_frames*.c csrc/pe_hash.c csrc/pe_cpu.c
   csrc/pe_file.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: a file of somebody else's. Swap space has a descriptor of its own for its file, and
   closes that one, once. */
#include "check.h"
#include "swap_pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_descriptor_is_its_own(void)
{
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(4), *back = new_pages(4);
    pe_slot slots[4];
    uint32_t done = 0;
    struct stat seen;
    CHECK(pe_swap_init(&swap, 10, file) == PE_OK && swap.file != file);
    CHECK((fcntl(swap.file, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(close(file) == 0);
    int spare = open_file(), other = dup2(spare, file); /* takes the number */
    CHECK(pe_swap_write_many(&swap, 4, pages, slots, &done) == PE_OK && done == 4);
    CHECK(pe_swap_read_many(&swap, 4, slots, back, &done) == PE_OK);
    CHECK(memcmp(pages, back, 4 * PE_PAGE_BYTES) == 0);
    CHECK(fstat(other, &seen) == 0 && seen.st_size == 0);
    int own = swap.file;
    pe_swap_fini(&swap);
    CHECK(fcntl(own, F_GETFD) == -1);
    int again = fcntl(other, F_DUPFD, own); /* and this takes its own */
    CHECK(again == own);
    pe_swap_fini(&swap);
    CHECK(fcntl(again, F_GETFD) != -1);
    (void)close(again);
    (void)close(other);
    (void)close(spare);
    free(pages);
    free(back);
}

static void a_file_without_a_descriptor_leaves_nothing_behind(void)
{
    pe_swap swap, zero;
    struct rlimit before, none;
    int file = open_file();
    memset(&zero, 0, sizeof zero);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = 3; /* where the search for a free number begins */
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(pe_swap_init(&swap, 10, file) == PE_ERR_NO_DESCRIPTOR);
    CHECK(memcmp(&swap, &zero, sizeof zero) == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    pe_swap_fini(&swap); /* zeroed: closes no file, 0 least of all */
    CHECK(pe_swap_init(&swap, 10, 9999) == PE_ERR_NO_DESCRIPTOR);
    (void)close(file);
}

int main(void)
{
    RUN(the_descriptor_is_its_own);
    RUN(a_file_without_a_descriptor_leaves_nothing_behind);
    return check_result();
}
