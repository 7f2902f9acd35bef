/* A host: creation, destruction, its VMs, and the two numberings that tie the stores together.

   Owners. The stores know no virtual machine; what names a page in them is a host-wide page number,
   vm->base + PPN. Bases are handed out in chunks of 2^12 pages, and vm_of_chunk leads back: two
   loads from a number to its VM. A removed VM's chunks may be handed out again; a number
   kept in a stale hint then names another page, which costs a comparison and no more.

   Ids. A VM's index in the list is used again after it, its id never: the upper half counts
   the VMs that had the index before, and an index that has had 2^32 - 1 of them is given up.
   Whoever kept the id of a removed VM finds none, and not the next one.

   Salt groups. VMs of equal salt are one group and may share pages; a group is found by its
   salt, lives while it has VMs, and knows its zero page. group_of names the group of every
   shared frame, so that no hash, however unlucky, joins two groups.

   Memory. Everything sized by the host's frames is mapped at creation and resident only where it is
   used; adding a VM, its checksums, and growing the compression cache are the only later
   allocations, and they come before any change.

     H1  chunks of a VM name its index, and no other chunk does
     H2  vms[index]->index == index, and its id is made of the index and of how many VMs had
         it before
     H3  a group's vms == VMs that name it
     H4  a group's zero page is a shared frame of that group, of zeroes, or there is none */
#include "pe_content.h"
#include "pe_crew.h"
#include "pe_page.h"

static pe_status init_contents(pe_host *self)
{
    uint32_t const frames = self->config.frames;
    self->group_of = pe_memory_mapped(self->config.memory, (size_t)frames * sizeof *self->group_of,
                                      false);
    if (!self->group_of)
        return PE_ERR_NO_MEMORY;
    return pe_content_init(self);
}

static pe_status init_cache(pe_host *self)
{
    if (!self->config.codec)
        return PE_OK;
    pe_zcache_config const config = {self->config.packing, self->pool.bytes,
                                     self->config.cache_limit_bytes, self->config.memory};
    pe_status const status = pe_zcache_new(&self->zcache, &config);
    return status == PE_OK ? pe_content_init_codec(self) : status;
}

static pe_status init(pe_host *self)
{
    pe_status status = pe_frames_init_with_hand_in(&self->frames, self->config.frames,
                                                   self->config.memory);
    if (status == PE_OK)
        status = init_contents(self);
    if (status == PE_OK)
        status = pe_sharing_init_in(&self->sharing, self->config.frames, self->config.memory);
    if (status == PE_OK)
        status = init_cache(self);
    if (status == PE_OK)
        status = pe_swap_init_in(&self->swap, 0, self->config.swap_file, self->config.memory,
                                 self->config.calls);
    return status;
}

pe_status pe_host_new(pe_host **out, const pe_host_config *config)
{
    if (config->frames == 0 || config->frames >= UINT32_MAX - 64
        || config->threads > PE_THREADS_MAX)
        return PE_ERR_ARGUMENT;
    pe_host *self = pe_memory_zeroed(config->memory, 1, sizeof *self);
    if (!self)
        return PE_ERR_NO_MEMORY;
    self->config = *config;
    self->hashing = pe_hash_best();
    pe_status const status = init(self);
    if (status != PE_OK) {
        pe_host_delete(self);
        return status;
    }
    *out = self;
    return PE_OK;
}

void pe_host_delete(pe_host *self)
{
    if (!self)
        return;
    const pe_memory *memory = self->config.memory;
    for (uint32_t i = 0; i < self->vm_count; ++i)
        if (self->vms[i]) {
            pe_vm_fini(self->vms[i]);
            pe_memory_freed(memory, self->vms[i]);
        }
    pe_zcache_delete(self->zcache);
    pe_swap_fini(&self->swap);
    pe_sharing_fini(&self->sharing);
    pe_content_fini(self);
    pe_memory_unmapped(memory, self->group_of,
                       (size_t)self->config.frames * sizeof *self->group_of);
    pe_frames_fini(&self->frames);
    pe_memory_freed(memory, self->vms);
    pe_memory_freed(memory, self->lives);
    pe_memory_freed(memory, self->vm_of_chunk);
    pe_memory_freed(memory, self->groups);
    pe_memory_freed(memory, self);
}

void pe_host_group_init(const pe_host *self, pe_group *group, uint64_t salt)
{
    pe_hash_key_init(&group->key, salt, self->hashing);
    group->salt = salt;
    group->zero_hash = pe_content_zero_hash(self, group);
    group->zero_frame = PE_NONE;
    group->vms = 0;
}

/* The index of the salt's group, a new one if need be; the group gains no VM yet. */
static pe_status group_for(pe_host *self, uint64_t salt, uint32_t *index)
{
    uint32_t unused = PE_NONE;
    for (uint32_t g = 0; g < self->group_count; ++g) {
        if (self->groups[g].vms > 0 && self->groups[g].salt == salt) {
            *index = g;
            return PE_OK;
        }
        if (self->groups[g].vms == 0 && unused == PE_NONE)
            unused = g;
    }
    if (unused == PE_NONE) {
        pe_group *grown = pe_memory_resized(self->config.memory, self->groups,
                                            (self->group_count + 1) * sizeof *grown);
        if (!grown)
            return PE_ERR_NO_MEMORY;
        self->groups = grown;
        unused = self->group_count++;
    }
    pe_host_group_init(self, &self->groups[unused], salt);
    *index = unused;
    return PE_OK;
}

/* A run of free chunks, grown if need be; they are not marked yet. */
static pe_status find_chunks(pe_host *self, uint32_t want, uint32_t *first)
{
    uint32_t run = 0;
    for (uint32_t c = 0; c < self->chunk_count && run < want; ++c)
        run = self->vm_of_chunk[c] == PE_NONE ? run + 1 : 0, *first = c + 1 - run;
    if (run == want)
        return PE_OK;
    uint32_t const start = self->chunk_count - run; /* the run that reaches the end */
    if ((uint64_t)start + want > PE_SHARING_OWNER_MAX >> PE_CHUNK_SHIFT)
        return PE_ERR_ARGUMENT;
    uint32_t *grown = pe_memory_resized(self->config.memory, self->vm_of_chunk,
                                        (start + want) * sizeof *grown);
    if (!grown)
        return PE_ERR_NO_MEMORY;
    self->vm_of_chunk = grown;
    for (uint32_t c = self->chunk_count; c < start + want; ++c)
        grown[c] = PE_NONE;
    self->chunk_count = start + want;
    *first = start;
    return PE_OK;
}

/* The lowest index without a VM, the list grown if need be. */
static pe_status find_index(pe_host *self, uint32_t *index)
{
    for (*index = 0; *index < self->vm_count; ++*index)
        if (!self->vms[*index] && self->lives[*index] < UINT32_MAX)
            return PE_OK;
    uint32_t *lives = pe_memory_resized(self->config.memory, self->lives,
                                        ((size_t)self->vm_count + 1) * sizeof *lives);
    if (!lives)
        return PE_ERR_NO_MEMORY;
    self->lives = lives;
    pe_vm **grown = pe_memory_resized(self->config.memory, self->vms,
                                      ((size_t)self->vm_count + 1) * sizeof *grown);
    if (!grown)
        return PE_ERR_NO_MEMORY;
    self->vms = grown;
    lives[self->vm_count] = 0;
    grown[self->vm_count++] = NULL;
    return PE_OK;
}

static pe_status prepare_vm(pe_host *self, uint32_t pages, uint64_t salt,
                            uint64_t cache_limit_bytes, pe_vm *vm, uint32_t *first_chunk)
{
    uint32_t index, group;
    pe_status status = find_index(self, &index);
    if (status == PE_OK)
        status = group_for(self, salt, &group);
    if (status == PE_OK)
        status = find_chunks(self, (uint32_t)pe_host_chunks_of(pages), first_chunk);
    if (status == PE_OK && self->zcache)
        status = pe_zcache_groups(self->zcache, index + 1);
    if (status == PE_OK)
        status = pe_vm_init_in(vm, pages, self->config.seed, index, self->config.memory);
    if (status != PE_OK)
        return status;
    vm->id = (uint64_t)self->lives[index] << 32 | index;
    vm->group = group;
    vm->base = (uint64_t)*first_chunk << PE_CHUNK_SHIFT;
    if (self->zcache)
        pe_zcache_set_group_limit(self->zcache, index, cache_limit_bytes);
    return PE_OK;
}

pe_status pe_host_add_vm(pe_host *self, uint32_t pages, uint64_t salt, uint64_t cache_limit_bytes,
                         uint64_t *id)
{
    uint32_t first_chunk = 0;
    if (pages == 0)
        return PE_ERR_ARGUMENT;
    pe_vm *vm = pe_memory_zeroed(self->config.memory, 1, sizeof *vm);
    if (!vm)
        return PE_ERR_NO_MEMORY;
    pe_status const status = prepare_vm(self, pages, salt, cache_limit_bytes, vm, &first_chunk);
    if (status != PE_OK) {
        pe_memory_freed(self->config.memory, vm);
        return status;
    }
    for (uint32_t c = 0; c < pe_host_chunks_of(pages); ++c)
        self->vm_of_chunk[first_chunk + c] = vm->index;
    self->groups[vm->group].vms += 1;
    self->vms[vm->index] = vm;
    *id = vm->id;
    return PE_OK;
}

pe_status pe_host_remove_vm(pe_host *self, uint64_t id)
{
    pe_vm *vm = pe_host_vm(self, id);
    if (!vm)
        return PE_ERR_NO_SUCH_VM;
    for (uint32_t ppn = 0; ppn < vm->pages; ++ppn) {
        pe_page_drop(self, vm, ppn);
        pe_vm_put(vm, ppn, PE_ABSENT, 0);
    }
    for (uint32_t c = 0; c < pe_host_chunks_of(vm->pages); ++c)
        self->vm_of_chunk[(vm->base >> PE_CHUNK_SHIFT) + c] = PE_NONE;
    pe_assert(self->groups[vm->group].vms > 0);
    self->groups[vm->group].vms -= 1;
    self->vms[vm->index] = NULL;
    self->lives[vm->index] += 1;
    pe_vm_fini(vm);
    pe_memory_freed(self->config.memory, vm);
    return PE_OK;
}

pe_vm *pe_host_vm(const pe_host *self, uint64_t id)
{
    uint32_t const index = (uint32_t)id;
    pe_vm *vm = index < self->vm_count ? self->vms[index] : NULL;
    return vm && vm->id == id ? vm : NULL;
}

bool pe_host_page(const pe_host *self, uint64_t number, pe_vm **vm, uint32_t *ppn)
{
    uint64_t const chunk = number >> PE_CHUNK_SHIFT;
    if (chunk >= self->chunk_count || self->vm_of_chunk[chunk] == PE_NONE)
        return false;
    *vm = self->vms[self->vm_of_chunk[chunk]];
    pe_assert(*vm && number >= (*vm)->base);
    if (number - (*vm)->base >= (*vm)->pages)
        return false;
    *ppn = (uint32_t)(number - (*vm)->base);
    return true;
}

uint64_t pe_host_metadata_bytes(const pe_host *self)
{
    uint64_t const frames = self->config.frames;
    uint64_t bytes = frames / 8 * 2; /* frame bitmap, and the pool's */
    bytes += pe_content_bytes(self);
    bytes += self->group_count > 1 ? frames * sizeof *self->group_of : 0;
    bytes += pe_sharing_bytes(&self->sharing) + pe_swap_bytes(&self->swap);
    bytes += self->zcache ? pe_zcache_bytes(self->zcache) : 0;
    for (uint32_t i = 0; i < self->vm_count; ++i)
        if (self->vms[i])
            bytes += pe_vm_bytes(self->vms[i]);
    return bytes + self->chunk_count * sizeof *self->vm_of_chunk;
}
