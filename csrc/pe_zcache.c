/* The compression cache. Frames lent by the caller are cut into equal cells, and a blob takes one cell:

     frame record    | frame | class | used: a bit per cell | prev, next of the list of partly filled frames of its class |
     blob record     | owner | length | frame record, cell | prev, next of its group's ring | stamp | (token) |

   The packing decides the classes and nothing else: ESX has two, quarters (1024 bytes) and halves (2048); dense has one
   per number of cells that a frame can hold at 64-byte steps, as Linux's zsmalloc has. A blob goes to the first partly filled
   frame of its class, so frames fill up before another one is asked for; a frame whose last blob leaves goes back.

   Blobs of a group are a ring in order of storing (oldest first), and stamps rise with every store, so the oldest of all is the
   head with the lowest stamp. Records are arrays that double before anything changes; free records are chained.

     Z1  a used cell belongs to exactly one blob, and a blob's cell is used
     Z2  a lent frame is never empty; it is in its class's list exactly when it has a free cell
     Z3  a group's ring holds its blobs, each once, stamps rising
     Z4  the counts of the cache and of each group equal a recount
     Z5  no group and not the cache is above its limit, but where a limit was lowered

   Costs: 40 bytes per blob, 32 per frame; every operation but growth and oldest_of_all (a look at each group) is O(1). */
#include "pe_zcache_layout.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_RECORDS 64u

typedef pe_zcache_lent lent;
typedef pe_zcache_record record;
typedef pe_zcache_group group;

static void define_classes(pe_zcache *self)
{
    uint32_t const first = self->config.packing == PE_PACKING_ESX ? PE_PAGE_BYTES / 4
                                                                  : PE_ZCACHE_STEP;
    uint32_t const step = self->config.packing == PE_PACKING_ESX ? PE_PAGE_BYTES / 4
                                                                 : PE_ZCACHE_STEP;
    for (uint32_t size = first; size <= PE_ZCACHE_PAYLOAD_MAX; size += step) {
        uint32_t const cells = PE_PAGE_BYTES / size;
        if (self->classes > 0 && self->cells[self->classes - 1] == cells)
            self->size[self->classes - 1] =
                size; /* as many cells, more room: the smaller size is no use */
        else {
            self->cells[self->classes] = cells;
            self->size[self->classes] = size;
            self->partial[self->classes++] = PE_NONE;
        }
    }
    uint32_t cls = 0;
    for (uint32_t steps = 0; steps < PE_COUNT_OF(self->class_of); ++steps) {
        while (self->size[cls] < steps * PE_ZCACHE_STEP)
            ++cls;
        self->class_of[steps] = (uint8_t)cls;
    }
}

pe_status pe_zcache_new(pe_zcache **out, const pe_zcache_config *config)
{
    pe_zcache *self = pe_memory_zeroed(config->memory, 1, sizeof *self);
    if (!self)
        return PE_ERR_NO_MEMORY;
    self->config = *config;
    self->free_frame = self->free_blob = PE_NONE;
    define_classes(self);
    *out = self;
    return PE_OK;
}

void pe_zcache_delete(pe_zcache *self)
{
    if (!self)
        return;
    const pe_memory *memory = self->config.memory;
    pe_memory_freed(memory, self->frames);
    pe_memory_freed(memory, self->blobs);
    pe_memory_freed(memory, self->groups);
    pe_memory_freed(memory, self);
}

pe_status pe_zcache_groups(pe_zcache *self, uint32_t count)
{
    if (count <= self->group_count)
        return PE_OK;
    group *grown = pe_memory_resized(self->config.memory, self->groups, count * sizeof *grown);
    if (!grown)
        return PE_ERR_NO_MEMORY;
    self->groups = grown;
    for (uint32_t g = self->group_count; g < count; ++g)
        grown[g] = (group){PE_NONE, PE_NONE, PE_ZCACHE_NO_LIMIT, {0}};
    self->group_count = count;
    return PE_OK;
}

void pe_zcache_set_limit(pe_zcache *self, uint64_t limit_bytes)
{
    self->config.limit_bytes = limit_bytes;
}

void pe_zcache_set_group_limit(pe_zcache *self, uint32_t g, uint64_t limit_bytes)
{
    pe_assert(g < self->group_count);
    self->groups[g].limit = limit_bytes;
}

bool pe_zcache_needs_frame(const pe_zcache *self, size_t length)
{
    return self->partial[pe_zcache_class_for(self, length)] == PE_NONE;
}

/* Makes sure that there is a free blob record and a free frame record. */
static bool reserve_records(pe_zcache *self)
{
    if (self->free_blob == PE_NONE) {
        uint32_t const n = self->blob_records ? self->blob_records * 2 : FIRST_RECORDS;
        record *grown = pe_memory_resized(self->config.memory, self->blobs, n * sizeof *grown);
        if (!grown)
            return false;
        self->blobs = grown;
        for (uint32_t i = n; i-- > self->blob_records; self->free_blob = i)
            grown[i] = (record){.lent = PE_NONE, .next = self->free_blob};
        self->blob_records = n;
    }
    if (self->free_frame == PE_NONE) {
        uint32_t const n = self->frame_records ? self->frame_records * 2 : FIRST_RECORDS;
        lent *grown = pe_memory_resized(self->config.memory, self->frames, n * sizeof *grown);
        if (!grown)
            return false;
        self->frames = grown;
        for (uint32_t i = n; i-- > self->frame_records; self->free_frame = i)
            grown[i] = (lent){.frame = PE_NONE, .next = self->free_frame};
        self->frame_records = n;
    }
    return true;
}

static void list_remove(pe_zcache *self, uint32_t f)
{
    const lent *frame = &self->frames[f];
    if (frame->prev != PE_NONE)
        self->frames[frame->prev].next = frame->next;
    else
        self->partial[frame->cls] = frame->next;
    if (frame->next != PE_NONE)
        self->frames[frame->next].prev = frame->prev;
}

static uint32_t lowest_clear(uint64_t bits)
{
    uint32_t i = 0;
    while (bits >> i & 1)
        ++i;
    return i;
}

/* Takes a cell of the class, in the spare frame if there is no other; the frame record and the cell. */
static uint32_t take_cell(pe_zcache *self, uint32_t cls, pe_frame spare, bool *used_spare,
                          uint16_t *cell)
{
    uint32_t f = self->partial[cls];
    *used_spare = f == PE_NONE;
    if (*used_spare) {
        f = self->free_frame;
        self->free_frame = self->frames[f].next;
        self->frames[f] = (lent){.frame = spare, .cls = cls};
        self->total.frames += 1;
        pe_zcache_list_add(self, f);
    }
    lent *frame = &self->frames[f];
    *cell = (uint16_t)lowest_clear(frame->used);
    frame->used |= UINT64_C(1) << *cell;
    if (frame->used == pe_zcache_all_cells(self, cls))
        list_remove(self, f);
    return f;
}

pe_status pe_zcache_store(pe_zcache *self, uint32_t g, uint64_t owner, const void *payload,
                          size_t length, pe_frame spare, bool *used_spare, pe_blob *out)
{
    uint32_t const cls = pe_zcache_class_for(self, length);
    pe_assert(g < self->group_count);
    group *own = &self->groups[g];
    uint32_t const room = self->size[cls];
    if (own->stats.slot_bytes + room > own->limit
        || self->total.slot_bytes + room > self->config.limit_bytes)
        return PE_NO_ROOM;
    if (self->partial[cls] == PE_NONE && spare == PE_NONE)
        return PE_NO_FRAME;
    if (!reserve_records(self))
        return PE_ERR_NO_MEMORY;
    pe_blob const b = self->free_blob;
    record *blob = &self->blobs[b];
    self->free_blob = blob->next;
    *blob = (record){.owner = owner, .length = (uint16_t)length, .stamp = ++self->stamp};
    blob->lent = take_cell(self, cls, spare, used_spare, &blob->cell);
    pe_zcache_ring_append(self, own, b);
    pe_zcache_count(&own->stats, (uint32_t)length, room, true);
    pe_zcache_count(&self->total, (uint32_t)length, room, true);
    if (self->config.pool)
        memcpy(pe_zcache_cell_bytes(self, blob), payload, length);
    else
        memcpy(&blob->token, payload, sizeof blob->token);
    *out = b;
    return PE_OK;
}

const void *pe_zcache_payload(const pe_zcache *self, pe_blob b, size_t *length)
{
    const record *blob = &self->blobs[b];
    pe_assert(b < self->blob_records && blob->lent != PE_NONE);
    *length = blob->length;
    return self->config.pool ? (const void *)pe_zcache_cell_bytes(self, blob) : &blob->token;
}

uint64_t pe_zcache_owner(const pe_zcache *self, pe_blob b)
{
    bool const held = b < self->blob_records && self->blobs[b].lent != PE_NONE;
    return held ? self->blobs[b].owner : UINT64_MAX;
}

/* Gives the blob's cell back; the frame that became empty, or PE_NONE. */
static pe_frame give_cell(pe_zcache *self, const record *blob)
{
    uint32_t const f = blob->lent;
    lent *frame = &self->frames[f];
    pe_assert(frame->used >> blob->cell & 1);
    if (frame->used == pe_zcache_all_cells(self, frame->cls))
        pe_zcache_list_add(self, f);
    frame->used &= ~(UINT64_C(1) << blob->cell);
    if (frame->used)
        return PE_NONE;
    list_remove(self, f);
    pe_frame const emptied = frame->frame;
    *frame = (lent){.frame = PE_NONE, .next = self->free_frame};
    self->free_frame = f;
    self->total.frames -= 1;
    return emptied;
}

pe_frame pe_zcache_erase(pe_zcache *self, uint32_t g, pe_blob b)
{
    pe_assert(g < self->group_count && b < self->blob_records);
    group *own = &self->groups[g];
    record *blob = &self->blobs[b];
    pe_assert(blob->lent != PE_NONE);
    uint32_t const room = self->size[self->frames[blob->lent].cls];
    *(blob->prev != PE_NONE ? &self->blobs[blob->prev].next : &own->oldest) = blob->next;
    *(blob->next != PE_NONE ? &self->blobs[blob->next].prev : &own->newest) = blob->prev;
    pe_zcache_count(&own->stats, blob->length, room, false);
    pe_zcache_count(&self->total, blob->length, room, false);
    pe_frame const emptied = give_cell(self, blob);
    *blob = (record){.lent = PE_NONE, .next = self->free_blob};
    self->free_blob = b;
    return emptied;
}

pe_blob pe_zcache_oldest(const pe_zcache *self, uint32_t g)
{
    return g < self->group_count ? self->groups[g].oldest : PE_NONE;
}

pe_blob pe_zcache_oldest_of_all(const pe_zcache *self, uint32_t *g)
{
    pe_blob oldest = PE_NONE;
    for (uint32_t i = 0; i < self->group_count; ++i) {
        pe_blob const b = self->groups[i].oldest;
        if (b != PE_NONE
            && (oldest == PE_NONE || self->blobs[b].stamp < self->blobs[oldest].stamp)) {
            oldest = b;
            *g = i;
        }
    }
    return oldest;
}

pe_zcache_stats pe_zcache_total(const pe_zcache *self)
{
    return self->total;
}

pe_zcache_stats pe_zcache_of_group(const pe_zcache *self, uint32_t g)
{
    return g < self->group_count ? self->groups[g].stats : (pe_zcache_stats){0};
}

void pe_zcache_each_frame(const pe_zcache *self, void (*visit)(void *context, pe_frame frame),
                          void *context)
{
    for (uint32_t f = 0; f < self->frame_records; ++f)
        if (self->frames[f].frame != PE_NONE)
            visit(context, self->frames[f].frame);
}

size_t pe_zcache_bytes(const pe_zcache *self)
{
    return sizeof *self + self->frame_records * sizeof *self->frames
         + self->blob_records * sizeof *self->blobs + self->group_count * sizeof *self->groups;
}

static bool check_ring(const pe_zcache *self, const group *own, uint64_t *seen, const char **reason)
{
    pe_zcache_stats recount = {0};
    pe_blob last = PE_NONE;
    for (pe_blob b = own->oldest; b != PE_NONE; last = b, b = self->blobs[b].next) {
        *reason = "Z3: a group's ring is not closed, or not in order of storing";
        if (b >= self->blob_records || ++*seen > self->blob_records || self->blobs[b].prev != last)
            return false;
        const record *blob = &self->blobs[b];
        if (last != PE_NONE && self->blobs[last].stamp >= blob->stamp)
            return false;
        *reason = "Z1: a blob's cell is not marked as used";
        if (blob->lent >= self->frame_records || self->frames[blob->lent].frame == PE_NONE
            || !(self->frames[blob->lent].used >> blob->cell & 1))
            return false;
        pe_zcache_count(&recount, blob->length, self->size[self->frames[blob->lent].cls], true);
    }
    *reason = "Z3: a group's newest blob is not the end of its ring";
    if (own->newest != last)
        return false;
    *reason = "Z4: a group's counts differ from a recount";
    return memcmp(&recount, &own->stats, sizeof recount) == 0;
}

bool pe_zcache_check(const pe_zcache *self, const char **reason)
{
    uint64_t blobs = 0, cells = 0, frames = 0, partial = 0, listed = 0;
    for (uint32_t g = 0; g < self->group_count; ++g)
        if (!check_ring(self, &self->groups[g], &blobs, reason))
            return false;
    for (uint32_t f = 0; f < self->frame_records; ++f) {
        const lent *frame = &self->frames[f];
        if (frame->frame == PE_NONE)
            continue;
        *reason = "Z2: a lent frame is empty";
        if (!frame->used)
            return false;
        frames += 1;
        partial += frame->used != pe_zcache_all_cells(self, frame->cls);
        for (uint64_t bits = frame->used; bits; bits &= bits - 1)
            cells += 1;
    }
    *reason = "Z2: the lists of partly filled frames differ from a recount";
    for (uint32_t c = 0; c < self->classes; ++c)
        for (uint32_t f = self->partial[c]; f != PE_NONE; f = self->frames[f].next)
            if (f >= self->frame_records || self->frames[f].cls != c || ++listed > frames)
                return false;
    if (listed != partial)
        return false;
    *reason = "Z1: a used cell belongs to no blob";
    if (cells != blobs)
        return false;
    *reason = "Z4: the cache's counts differ from a recount";
    return self->total.blobs == blobs && self->total.frames == frames;
}
