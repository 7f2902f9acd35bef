/* The compression cache in a saved state, and back.

     limit of each group
     frames   class, cells in use; partly filled ones in the order of their lists, then the full
     blobs    by group, in order of storing: owner, frame, cell, length, stamp; then the payloads

   What decides which frame the next blob goes to, and which blob is the oldest, comes back as it
   was. The numbers of frames, frame records and blobs are new: nothing goes by them. */
#include "pe_zcache_state.h"

#include "pe_zcache_layout.h"

#include <string.h>

static const char bad_frame[] = "its compression cache has a frame that cannot be";
static const char bad_blob[] = "its compression cache has a blob that cannot be";

/* ---- out */

typedef struct order { /* frame records as they are written */
    uint32_t *number;  /* of each record */
    uint64_t used[PE_STATE_PART];
    uint8_t cls[PE_STATE_PART];
    uint32_t n, done;
} order;

static void put_frames(order *self, pe_state_out *out)
{
    pe_state_put_many(out, self->cls, sizeof self->cls[0], self->n);
    pe_state_put_many(out, self->used, sizeof self->used[0], self->n);
    self->n = 0;
}

static void add_frame(order *self, const pe_zcache *cache, uint32_t f, pe_state_out *out)
{
    self->number[f] = self->done++;
    self->used[self->n] = cache->frames[f].used;
    self->cls[self->n] = (uint8_t)cache->frames[f].cls;
    if (++self->n == PE_STATE_PART)
        put_frames(self, out);
}

static void save_frames(const pe_zcache *self, order *frames, pe_state_out *out)
{
    pe_state_put64(out, self->total.frames);
    pe_state_put64(out, self->total.blobs);
    for (uint32_t c = 0; c < self->classes; ++c)
        for (uint32_t f = self->partial[c]; f != PE_NONE; f = self->frames[f].next)
            add_frame(frames, self, f, out);
    for (uint32_t f = 0; f < self->frame_records; ++f) {
        const pe_zcache_lent *frame = &self->frames[f];
        if (frame->frame != PE_NONE && frame->used == pe_zcache_all_cells(self, frame->cls))
            add_frame(frames, self, f, out);
    }
    put_frames(frames, out);
}

typedef struct blobs { /* some of a group's, side by side */
    uint64_t owner[PE_STATE_PART], stamp[PE_STATE_PART], token[PE_STATE_PART];
    uint32_t frame[PE_STATE_PART];
    uint16_t length[PE_STATE_PART];
    uint8_t cell[PE_STATE_PART];
    size_t n;
} blobs;

static void put_blobs(const blobs *self, bool tokens, pe_state_out *out)
{
    pe_state_put_many(out, self->owner, sizeof self->owner[0], self->n);
    pe_state_put_many(out, self->stamp, sizeof self->stamp[0], self->n);
    pe_state_put_many(out, self->frame, sizeof self->frame[0], self->n);
    pe_state_put_many(out, self->length, sizeof self->length[0], self->n);
    pe_state_put_many(out, self->cell, sizeof self->cell[0], self->n);
    if (tokens)
        pe_state_put_many(out, self->token, sizeof self->token[0], self->n);
}

static void save_group(const pe_zcache *self, const pe_zcache_group *group, const order *frames,
                       pe_state_out *out)
{
    bool const tokens = self->config.pool == NULL;
    blobs some;
    pe_state_put64(out, group->stats.blobs);
    for (pe_blob b = group->oldest; b != PE_NONE;) {
        pe_blob const first = b;
        for (some.n = 0; b != PE_NONE && some.n < PE_STATE_PART; b = self->blobs[b].next) {
            const pe_zcache_record *blob = &self->blobs[b];
            some.owner[some.n] = blob->owner;
            some.stamp[some.n] = blob->stamp;
            some.token[some.n] = blob->token;
            some.frame[some.n] = frames->number[blob->lent];
            some.length[some.n] = blob->length;
            some.cell[some.n++] = (uint8_t)blob->cell;
        }
        put_blobs(&some, tokens, out);
        for (pe_blob p = first; !tokens && p != b; p = self->blobs[p].next)
            pe_state_put(out, pe_zcache_cell_bytes(self, &self->blobs[p]), self->blobs[p].length);
    }
}

void pe_zcache_save(const pe_zcache *self, pe_state_out *out)
{
    order frames = {.n = 0, .done = 0};
    frames.number = pe_memory_zeroed(self->config.memory, self->frame_records + 1,
                                     sizeof *frames.number);
    if (!frames.number) {
        pe_state_fail(out, PE_ERR_NO_MEMORY);
        return;
    }
    pe_state_put64(out, self->stamp);
    pe_state_put64(out, self->group_count);
    for (uint32_t g = 0; g < self->group_count; ++g)
        pe_state_put64(out, self->groups[g].limit);
    save_frames(self, &frames, out);
    for (uint32_t g = 0; g < self->group_count; ++g)
        save_group(self, &self->groups[g], &frames, out);
    pe_memory_freed(self->config.memory, frames.number);
}

/* ---- in */

static bool load_frames(pe_zcache *self, const pe_zcache_keeper *keeper, uint32_t n,
                        pe_state_in *in)
{
    uint64_t used[PE_STATE_PART];
    uint8_t cls[PE_STATE_PART];
    for (uint32_t first = 0; first < n; first += PE_STATE_PART) {
        uint32_t const here = n - first < PE_STATE_PART ? n - first : PE_STATE_PART;
        if (!pe_state_get_many(in, cls, sizeof cls[0], here)
            || !pe_state_get_many(in, used, sizeof used[0], here))
            return false;
        for (uint32_t i = 0; i < here; ++i) {
            if (cls[i] >= self->classes || used[i] == 0
                || (used[i] & ~pe_zcache_all_cells(self, cls[i])) != 0)
                return pe_state_refuse(in, bad_frame);
            pe_frame const lent = keeper->lend(keeper->context);
            if (lent == PE_NONE)
                return pe_state_refuse(in, bad_frame);
            self->frames[first + i] = (pe_zcache_lent){
                .used = used[i], .frame = lent, .prev = PE_NONE, .next = PE_NONE, .cls = cls[i]};
            self->total.frames += 1;
        }
    }
    for (uint32_t f = n; f-- > 0;) /* a list begins with what was added last */
        if (self->frames[f].used != pe_zcache_all_cells(self, self->frames[f].cls))
            pe_zcache_list_add(self, f);
    return true;
}

/* Cells whose blobs are still to come are those of `open`. */
static bool add_blob(pe_zcache *self, uint32_t g, pe_zcache_record blob, uint64_t *open)
{
    pe_zcache_group *own = &self->groups[g];
    pe_blob const b = self->free_blob;
    if (b == PE_NONE || blob.lent >= self->frame_records || blob.length < 1
        || blob.length > PE_ZCACHE_PAYLOAD_MAX || blob.cell >= 64
        || self->frames[blob.lent].cls != pe_zcache_class_for(self, blob.length)
        || !(open[blob.lent] >> blob.cell & 1) || blob.stamp > self->stamp
        || (own->newest != PE_NONE && self->blobs[own->newest].stamp >= blob.stamp))
        return false;
    open[blob.lent] &= ~(UINT64_C(1) << blob.cell);
    self->free_blob = self->blobs[b].next;
    self->blobs[b] = blob;
    pe_zcache_ring_append(self, own, b);
    uint32_t const room = self->size[self->frames[blob.lent].cls];
    pe_zcache_count(&own->stats, blob.length, room, true);
    pe_zcache_count(&self->total, blob.length, room, true);
    return true;
}

static bool get_blobs(blobs *some, bool tokens, pe_state_in *in)
{
    return pe_state_get_many(in, some->owner, sizeof some->owner[0], some->n)
        && pe_state_get_many(in, some->stamp, sizeof some->stamp[0], some->n)
        && pe_state_get_many(in, some->frame, sizeof some->frame[0], some->n)
        && pe_state_get_many(in, some->length, sizeof some->length[0], some->n)
        && pe_state_get_many(in, some->cell, sizeof some->cell[0], some->n)
        && (!tokens || pe_state_get_many(in, some->token, sizeof some->token[0], some->n));
}

static bool load_group(pe_zcache *self, const pe_zcache_keeper *keeper, uint32_t g, uint64_t *open,
                       pe_state_in *in)
{
    bool const tokens = self->config.pool == NULL;
    uint64_t left = pe_state_get_most(in, self->blob_records, bad_blob);
    blobs some;
    while (left > 0) {
        some.n = left < PE_STATE_PART ? (size_t)left : PE_STATE_PART;
        if (!get_blobs(&some, tokens, in))
            return false;
        for (size_t i = 0; i < some.n; ++i) {
            pe_blob const b = self->free_blob;
            pe_zcache_record const blob = {.owner = some.owner[i],
                                           .token = tokens ? some.token[i] : 0,
                                           .lent = some.frame[i],
                                           .length = some.length[i],
                                           .cell = some.cell[i],
                                           .stamp = some.stamp[i]};
            if (!add_blob(self, g, blob, open) || !keeper->holds(keeper->context, g, blob.owner, b))
                return pe_state_refuse(in, bad_blob);
            if (!tokens
                && !pe_state_get(in, pe_zcache_cell_bytes(self, &self->blobs[b]), blob.length))
                return false;
        }
        left -= some.n;
    }
    return pe_state_is_well(in);
}

/* Records for n frames and so many blobs; all of them free. */
static bool make_records(pe_zcache *self, uint32_t n, uint32_t held)
{
    const pe_memory *memory = self->config.memory;
    pe_assert(self->frame_records == 0 && self->blob_records == 0);
    self->frames = pe_memory_zeroed(memory, n + 1, sizeof *self->frames);
    self->blobs = pe_memory_zeroed(memory, (size_t)held + 1, sizeof *self->blobs);
    if (!self->frames || !self->blobs)
        return false;
    for (uint32_t f = 0; f < n; ++f)
        self->frames[f].frame = PE_NONE;
    self->frame_records = n;
    for (uint32_t b = held; b-- > 0; self->free_blob = b)
        self->blobs[b] = (pe_zcache_record){.lent = PE_NONE, .next = self->free_blob};
    self->blob_records = held;
    return true;
}

static bool load(pe_zcache *self, const pe_zcache_keeper *keeper, uint64_t *open, uint32_t n,
                 pe_state_in *in)
{
    if (!load_frames(self, keeper, n, in))
        return false;
    for (uint32_t f = 0; f < n; ++f)
        open[f] = self->frames[f].used;
    for (uint32_t g = 0; g < self->group_count; ++g)
        if (!load_group(self, keeper, g, open, in))
            return false;
    for (uint32_t f = 0; f < n; ++f)
        if (open[f] != 0)
            return pe_state_refuse(in, bad_frame);
    return true;
}

pe_status pe_zcache_load(pe_zcache *self, const pe_zcache_keeper *keeper, pe_state_in *in)
{
    const pe_memory *memory = self->config.memory;
    self->stamp = pe_state_get64(in);
    uint64_t const groups = pe_state_get_most(in, self->group_count, bad_blob);
    if (pe_state_is_well(in) && groups != self->group_count)
        (void)pe_state_refuse(in, bad_blob);
    for (uint32_t g = 0; g < self->group_count; ++g)
        self->groups[g].limit = pe_state_get64(in);
    uint64_t const n = pe_state_get64(in), held = pe_state_get64(in);
    if (n >= PE_NONE || held >= PE_NONE || held < n || !pe_state_may_hold(in, n + held)) {
        (void)pe_state_refuse(in, bad_frame);
        return in->status;
    }
    uint64_t *open = pe_memory_zeroed(memory, (size_t)n + 1, sizeof *open);
    bool const made = open && make_records(self, (uint32_t)n, (uint32_t)held);
    if (made)
        (void)load(self, keeper, open, (uint32_t)n, in);
    pe_memory_freed(memory, open);
    return made ? in->status : PE_ERR_NO_MEMORY;
}
