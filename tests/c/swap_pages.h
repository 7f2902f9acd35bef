/* What tests of swap space write from and to. */
#ifndef SWAP_PAGES_H
#define SWAP_PAGES_H

#include "pe_swap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A descriptor of a file without a name; the caller closes it. */
static inline int open_file(void)
{
    FILE *file = tmpfile();
    int descriptor = file == NULL ? -1 : dup(fileno(file));
    if (file != NULL) {
        (void)fclose(file);
    }
    return descriptor;
}

/* Pages that are all different; the caller frees them. */
static inline uint8_t *new_pages(uint32_t n)
{
    uint8_t *pages = malloc((size_t)n * PE_PAGE_BYTES);
    for (uint32_t i = 0; pages != NULL && i < n; i++) {
        memset(pages + (size_t)i * PE_PAGE_BYTES, (int)(i % 251), PE_PAGE_BYTES);
        memcpy(pages + (size_t)i * PE_PAGE_BYTES + 17, &i, sizeof i);
    }
    return pages;
}

#endif
