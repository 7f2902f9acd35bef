/* Makes one allocation fail: malloc, calloc, realloc and pe_os_map are counted together. */
#ifndef OOM_H
#define OOM_H

#include <stddef.h>

void oom_fail_after(unsigned n); /* the n-th allocation from now fails, 0 being the next; once */
void oom_off(void);
unsigned oom_count(void); /* allocations since the last of the two calls above */
size_t oom_mapped(void);  /* bytes that pe_os_map gave and pe_os_unmap has not taken back */

#endif
