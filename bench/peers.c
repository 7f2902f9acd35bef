/* What the limit of the computer is: independent read-modify-writes of 8 bytes, asked ahead; and
   reading all words of a memory. */
#include <stdint.h>

uint64_t read_words(const uint64_t *words, int64_t n)
{
    uint64_t seen = 0;
    for (int64_t i = 0; i < n; i++)
        seen |= words[i];
    return seen;
}

void touch_words(uint64_t *words, const int64_t *at, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        __builtin_prefetch(&words[at[i + 24 < n ? i + 24 : i]], 1);
        words[at[i]] |= 1;
    }
}
