/* Frames as the core takes and gives them back, one call each, against a stack of free numbers with
   calls of the same kind: bursts of `burst` frames given back and as many taken, over and over, on
   a host 99.9 % full. What is given back lies anywhere. Built with csrc/pe_frames*.c, hidden as in
   the package, so that no call takes a detour. */
#include "pe_frames.h"

#include <stdlib.h>

typedef struct stack {
    uint32_t *numbers, top;
} stack;

#define CALL __attribute__((noinline)) /* as pe_frames_take is */
#define SEEN __attribute__((visibility("default")))

CALL static uint32_t stack_take(stack *self)
{
    return self->top == 0 ? PE_NONE : self->numbers[--self->top];
}

CALL static void stack_give_back(stack *self, uint32_t number)
{
    self->numbers[self->top++] = number;
}

typedef struct bench {
    pe_frames frames;
    stack stack;
    uint32_t *taken, count, at;
} bench;

/* `taken`: the frames that are taken, all others are idle. */
SEEN void *frames_new(uint32_t count, const uint32_t *taken, uint32_t n)
{
    bench *self = calloc(1, sizeof *self);
    self->taken = malloc(n * sizeof *taken);
    self->count = n;
    self->stack.numbers = malloc(count * sizeof *taken);
    uint8_t *is_taken = calloc(count, 1);
    if (pe_frames_init_with_hand_in(&self->frames, count, NULL) != PE_OK)
        abort();
    while (pe_frames_take(&self->frames) != PE_NONE) {
    }
    for (uint32_t i = 0; i < n; i++)
        is_taken[self->taken[i] = taken[i]] = 1;
    for (uint32_t f = 0; f < count; f++) {
        if (!is_taken[f]) {
            pe_frames_give_back(&self->frames, f);
            self->stack.numbers[self->stack.top++] = f;
        }
    }
    free(is_taken);
    return self;
}

SEEN void frames_delete(void *made)
{
    bench *self = made;
    pe_frames_fini(&self->frames);
    free(self->stack.numbers);
    free(self->taken);
    free(self);
}

static uint32_t *next_part(bench *self, uint32_t burst)
{
    if (self->at + burst > self->count)
        self->at = 0;
    self->at += burst;
    return self->taken + self->at - burst;
}

SEEN void frames_run(void *made, uint32_t bursts, uint32_t burst)
{
    bench *self = made;
    for (; bursts > 0; bursts--) {
        uint32_t *part = next_part(self, burst);
        for (uint32_t i = 0; i < burst; i++)
            pe_frames_give_back(&self->frames, part[i]);
        for (uint32_t i = 0; i < burst; i++)
            part[i] = pe_frames_take(&self->frames);
    }
}

SEEN void stack_run(void *made, uint32_t bursts, uint32_t burst)
{
    bench *self = made;
    for (; bursts > 0; bursts--) {
        uint32_t *part = next_part(self, burst);
        for (uint32_t i = 0; i < burst; i++)
            stack_give_back(&self->stack, part[i]);
        for (uint32_t i = 0; i < burst; i++)
            part[i] = stack_take(&self->stack);
    }
}

SEEN double frames_part_of_a_stack(const void *made)
{
    const bench *self = made;
    return (double)pe_frames_bytes(&self->frames) / (4.0 * self->frames.count);
}
