/* A plan of faults: which operation of a host fails, and how. It stands behind the host's tables of
   memory and file calls (pe_memory.h, pe_file.h), carries out what does not fail, and knows which
   slots of the file it damaged. */
#ifndef PE_INJECT_H
#define PE_INJECT_H

#include "pe_file.h"
#include "pe_memory.h"

typedef enum pe_operation { PE_OP_WRITE, PE_OP_READ, PE_OP_MEMORY, PE_OPERATIONS } pe_operation;

typedef enum pe_harm {
    PE_HARM_SHORT,       /* write, read: a part is done, and that is said */
    PE_HARM_NO_SPACE,    /* write: a part at most is written, ENOSPC */
    PE_HARM_IO_ERROR,    /* write, read: EIO */
    PE_HARM_INTERRUPTED, /* write, read: nothing is done, EINTR */
    PE_HARM_TORN,        /* write: only the first sectors of a page are written; success is said */
    PE_HARM_FLIPPED,     /* write, read: one bit is another; success is said */
    PE_HARM_STALE,       /* write: one page is not written; success is said */
    PE_HARM_EXCHANGED,   /* write, read: two pages have each other's place; success is said */
    PE_HARM_END,         /* read: the file ends here */
    PE_HARM_NO_MEMORY,   /* memory: there is none */
    PE_HARMS             /* none of them */
} pe_harm;

typedef struct pe_inject_rule {
    pe_operation operation;
    pe_harm harm;
    uint64_t number; /* of the operation that fails, the first being 1; 0: by share */
    bool onwards;    /* and all that follow it */
    uint64_t below;  /* by share: fails when a draw of 64 bits is below this */
} pe_inject_rule;

/* What was done. Slots are pages of the file; UINT64_MAX where none is meant. */
typedef struct pe_injected {
    pe_operation operation;
    pe_harm harm;
    uint64_t number;
    uint64_t slot, other;
} pe_injected;

#define PE_INJECT_RULES_MAX 32u
#define PE_INJECT_LOG 1024u /* entries that are kept, a power of two */

typedef struct pe_inject {
    pe_memory memory; /* the tables for a host: they point here, so this must not move */
    pe_file_calls calls;
    uint64_t seed;
    uint64_t count[PE_OPERATIONS]; /* operations so far */
    uint64_t done[PE_HARMS];       /* faults so far */
    uint64_t held;                 /* pieces of memory that were given out and not freed */
    pe_inject_rule rules[PE_INJECT_RULES_MAX];
    uint32_t rule_count;
    uint64_t *damaged; /* a bit per slot: the file holds something else than was last written */
    uint64_t damaged_slots;         /* that there are bits for */
    uint64_t last;                  /* slot that was written last */
    pe_injected log[PE_INJECT_LOG]; /* entry i at i % PE_INJECT_LOG */
    uint64_t logged;
} pe_inject;

void pe_inject_init(pe_inject *self, uint64_t seed);
void pe_inject_fini(pe_inject *self); /* after every host that has its tables */
/* Can this operation fail so? */
bool pe_inject_can(pe_operation operation, pe_harm harm);
/* PE_ERR_ARGUMENT: it cannot; PE_NO_ROOM: too many rules. The first rule that fits is obeyed. */
PE_MUST_USE pe_status pe_inject_add(pe_inject *self, const pe_inject_rule *rule);
void pe_inject_clear(pe_inject *self); /* no rules; what is damaged stays so */
bool pe_inject_is_damaged(const pe_inject *self, uint64_t slot);

const char *pe_operation_name(size_t operation); /* NULL at PE_OPERATIONS and beyond */
const char *pe_harm_name(size_t harm);           /* NULL at PE_HARMS and beyond */

#endif
