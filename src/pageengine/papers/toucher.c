/* A program for small guests: it is told on the serial console what memory to fill, and whether all
   of it is as it was written. One command a line, one answer a line:

     fill MIB SEED   writes that much more memory; equal seeds make equal pages in every guest
     again SEED      writes all of it anew
     touch           reads a word of each page
     check           compares every word: "ok PAGES", or "bad PAGE"
     drop            gives all of it back
     hello           nothing */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, BLOCKS_MAX = 64 };

static struct block {
    uint64_t *words;
    uint64_t pages, seed;
} blocks[BLOCKS_MAX];
static unsigned count;

static uint64_t mixed(uint64_t seed, uint64_t page, uint64_t word)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + page * 0xbf58476d1ce4e5b9u + word;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static void fill(struct block *b, uint64_t seed)
{
    b->seed = seed;
    for (uint64_t page = 0; page < b->pages; page++)
        for (uint64_t word = 0; word < WORDS; word++)
            b->words[page * WORDS + word] = mixed(seed, page, word);
}

static void answer(char const *word, uint64_t number)
{
    printf("%s %llu\n", word, (unsigned long long)number);
    fflush(stdout);
}

static void check(void)
{
    uint64_t good = 0;
    for (unsigned i = 0; i < count; i++)
        for (uint64_t page = 0; page < blocks[i].pages; page++, good++)
            for (uint64_t word = 0; word < WORDS; word++)
                if (blocks[i].words[page * WORDS + word] != mixed(blocks[i].seed, page, word)) {
                    answer("bad", page);
                    return;
                }
    answer("ok", good);
}

static void touch(void)
{
    uint64_t volatile sum = 0;
    uint64_t pages = 0;
    for (unsigned i = 0; i < count; i++)
        for (uint64_t page = 0; page < blocks[i].pages; page++, pages++)
            sum += blocks[i].words[page * WORDS];
    answer("ok", pages);
}

static void obey(char const *line)
{
    unsigned long long number = 0, seed = 0;
    if (sscanf(line, "fill %llu %llu", &number, &seed) == 2 && count < BLOCKS_MAX) {
        struct block *b = &blocks[count];
        b->pages = (number << 20) / PAGE;
        int const own = MAP_PRIVATE | MAP_ANONYMOUS;
        b->words = mmap(0, number << 20, PROT_READ | PROT_WRITE, own, -1, 0);
        if (b->words == MAP_FAILED) {
            answer("bad", number);
            return;
        }
        fill(b, seed);
        count++;
        answer("ok", b->pages);
    } else if (sscanf(line, "again %llu", &seed) == 1) {
        for (unsigned i = 0; i < count; i++)
            fill(&blocks[i], seed);
        answer("ok", count);
    } else if (!strncmp(line, "touch", 5)) {
        touch();
    } else if (!strncmp(line, "check", 5)) {
        check();
    } else if (!strncmp(line, "drop", 4)) {
        while (count > 0) {
            count--;
            munmap(blocks[count].words, blocks[count].pages * PAGE);
        }
        answer("ok", 0);
    } else {
        answer("hello", 0);
    }
}

int main(int argc, char **argv)
{
    char line[256];
    struct termios way;
    if (argc > 1) {
        int const console = open(argv[1], O_RDWR);
        if (console < 0 || tcgetattr(console, &way))
            return 1;
        cfmakeraw(&way);
        tcsetattr(console, TCSANOW, &way);
        dup2(console, 0);
        dup2(console, 1);
    }
    answer("hello", 0);
    while (fgets(line, sizeof line, stdin))
        obey(line);
    return 0;
}
