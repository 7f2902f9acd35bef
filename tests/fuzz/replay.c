/* Runs a fuzz target without a fuzzer: every file that is named, then so many seeded changes of
   them. For compilers that have no libFuzzer, and for the tests.

       program CHANGES SEED FILE...

   The same arguments give the same inputs. An input that breaks a rule is written to the file that
   PAGEENGINE_FUZZ_KEEP names, before it is tried. */
#include "fuzz.h"

#include "pe_rng.h"

#define LONGEST (1u << 16)

typedef struct input {
    uint8_t *bytes;
    size_t size;
} input;

static uint64_t below(pe_rng *rng, uint64_t n)
{
    return pe_rng_next(rng) % n;
}

static input read_file(const char *path)
{
    input read = {fuzz_room(LONGEST), 0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    read.size = fread(read.bytes, 1, LONGEST, file);
    fclose(file);
    return read;
}

/* One small change; the size that is left. */
static size_t change(pe_rng *rng, uint8_t *bytes, size_t size, const input *other)
{
    static const uint8_t telling[] = {0, 1, 7, 8, 15, 16, 31, 64, 127, 128, 254, 255};
    size_t const at = (size_t)below(rng, size ? size : 1);
    switch (below(rng, 7)) {
    case 0: bytes[at] = (uint8_t)pe_rng_next(rng); break;
    case 1: bytes[at] ^= (uint8_t)(1u << below(rng, 8)); break;
    case 2: bytes[at] = telling[below(rng, sizeof telling)]; break;
    case 3: return at; /* cut */
    case 4: {          /* a part of another input over this one */
        if (other->size == 0)
            break;
        size_t const from = (size_t)below(rng, other->size);
        size_t n = (size_t)below(rng, other->size - from) + 1;
        n = n < LONGEST - at ? n : LONGEST - at;
        memcpy(bytes + at, other->bytes + from, n);
        return at + n > size ? at + n : size;
    }
    case 5: { /* a part again, behind itself */
        size_t n = (size_t)below(rng, 64) + 1;
        n = n < size - at ? n : size - at;
        if (size + n > LONGEST)
            break;
        memmove(bytes + at + n, bytes + at, size - at);
        return size + n;
    }
    default: { /* a part gone */
        size_t n = (size_t)below(rng, 32) + 1;
        n = n < size - at ? n : size - at;
        memmove(bytes + at, bytes + at + n, size - at - n);
        return size - n;
    }
    }
    return size ? size : 1;
}

static void try_input(const uint8_t *bytes, size_t size)
{
    const char *keep = getenv("PAGEENGINE_FUZZ_KEEP");
    FILE *file = keep ? fopen(keep, "wb") : NULL;
    if (file) {
        (void)!fwrite(bytes, 1, size, file);
        fclose(file);
    }
    uint8_t *exact = fuzz_room(size);
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "usage: %s CHANGES SEED FILE...\n", arguments[0]);
        return 2;
    }
    unsigned long const changes = strtoul(arguments[1], NULL, 10);
    pe_rng rng = pe_rng_make(strtoull(arguments[2], NULL, 10), 0);
    size_t const n = (size_t)count - 3;
    input *inputs = fuzz_room(n * sizeof *inputs);
    uint8_t *changed = fuzz_room(LONGEST);
    for (size_t i = 0; i < n; ++i) {
        inputs[i] = read_file(arguments[i + 3]);
        try_input(inputs[i].bytes, inputs[i].size);
    }
    for (unsigned long turn = 0; turn < changes; ++turn) {
        const input *from = &inputs[below(&rng, n)];
        size_t size = from->size;
        memcpy(changed, from->bytes, size);
        for (uint64_t steps = 1 + below(&rng, 6); steps > 0; --steps)
            size = change(&rng, changed, size, &inputs[below(&rng, n)]);
        try_input(changed, size);
    }
    printf("%zu files, %lu changes\n", n, changes);
    for (size_t i = 0; i < n; ++i)
        free(inputs[i].bytes);
    free(inputs);
    free(changed);
    return 0;
}
