"""pageengine.h for Cython, without its prefix: ``cimport pageengine`` makes ``pageengine_touch``
``pageengine.touch``, and ``PAGEENGINE_OK`` ``pageengine.OK``. What they do is said in the header,
which ``pageengine.get_include()`` finds; docs/embedding_c.md has a whole simulator.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "pageengine.h" nogil:
    const unsigned ABI "PAGEENGINE_ABI"
    const unsigned PAGE_SIZE "PAGEENGINE_PAGE_BYTES"
    const uint64_t NO_LIMIT "PAGEENGINE_NO_LIMIT"
    const size_t NONE "PAGEENGINE_NONE"

    ctypedef enum status_t "pageengine_status":
        OK "PAGEENGINE_OK"
        NO_FRAME "PAGEENGINE_NO_FRAME"
        NO_SLOT "PAGEENGINE_NO_SLOT"
        BLOCKED "PAGEENGINE_BLOCKED"
        ERR_NO_MEMORY "PAGEENGINE_ERR_NO_MEMORY"
        ERR_ARGUMENT "PAGEENGINE_ERR_ARGUMENT"
        ERR_NO_SUCH_VM "PAGEENGINE_ERR_NO_SUCH_VM"
        ERR_PAGE_RANGE "PAGEENGINE_ERR_PAGE_RANGE"
        ERR_BACKING "PAGEENGINE_ERR_BACKING"
        ERR_SWAP_CORRUPT "PAGEENGINE_ERR_SWAP_CORRUPT"
        ERR_CODEC "PAGEENGINE_ERR_CODEC"
        ERR_NO_DESCRIPTOR "PAGEENGINE_ERR_NO_DESCRIPTOR"
        ERR_CORRUPT "PAGEENGINE_ERR_CORRUPT"
        ERR_ABI "PAGEENGINE_ERR_ABI"

    ctypedef enum:
        ABSENT "PAGEENGINE_ABSENT"
        PRIVATE "PAGEENGINE_PRIVATE"
        SHARED "PAGEENGINE_SHARED"
        COMPRESSED "PAGEENGINE_COMPRESSED"
        SWAPPED "PAGEENGINE_SWAPPED"
        BALLOONED "PAGEENGINE_BALLOONED"

    ctypedef enum:
        SCAN_RANDOM "PAGEENGINE_SCAN_RANDOM"
        SCAN_TWO_SCANS "PAGEENGINE_SCAN_TWO_SCANS"

    ctypedef struct host_t "pageengine_host"

    ctypedef struct options_t "pageengine_options":
        unsigned abi
        uint32_t frames
        uint64_t seed
        bint tokens, sharing, dense, random_victims
        const char *codec
        uint64_t cache_limit_bytes
        uint32_t swap_pages
        int swap_file

    ctypedef struct scanned_t "pageengine_scanned":
        uint64_t visited, scanned, merged, zero_merged, hinted, unstable

    ctypedef struct reclaimed_t "pageengine_reclaimed":
        uint64_t frames, merged, zero_merged, compressed, swapped, evicted, incompressible

    unsigned abi_version "pageengine_abi_version"()
    const char *status_name "pageengine_status_name"(status_t status)
    const char *status_text "pageengine_status_text"(status_t status)
    options_t defaults "pageengine_defaults"()
    status_t host_new "pageengine_host_new"(const options_t *options, host_t **host)
    void host_delete "pageengine_host_delete"(host_t *host)
    status_t grow_swap "pageengine_grow_swap"(host_t *host, uint32_t pages)
    status_t add_vm "pageengine_add_vm"(
        host_t *host, uint32_t pages, uint64_t salt, uint64_t cache_limit_bytes, uint64_t *vm)
    status_t draw_from "pageengine_draw_from"(host_t *host, uint64_t vm, uint64_t stream)
    status_t remove_vm "pageengine_remove_vm"(host_t *host, uint64_t vm)
    status_t touch "pageengine_touch"(
        host_t *host, uint64_t vm, const int64_t *ppns, size_t n, bint write, size_t *done)
    status_t write "pageengine_write"(
        host_t *host, uint64_t vm, const int64_t *ppns, size_t n, const void *contents,
        size_t *done)
    status_t read "pageengine_read"(
        host_t *host, uint64_t vm, const int64_t *ppns, size_t n, void *contents, size_t *done)
    status_t peek "pageengine_peek"(
        host_t *host, uint64_t vm, const int64_t *ppns, size_t n, void *contents, size_t *done)
    uint64_t token "pageengine_token"(uint64_t identity, unsigned compressed_bytes)
    void set_mark "pageengine_set_mark"(host_t *host, uint32_t frames)
    uint32_t idle "pageengine_idle"(const host_t *host)
    status_t block "pageengine_block"(host_t *host, uint64_t vm, bint blocked)
    status_t scan "pageengine_scan"(
        host_t *host, uint64_t vm, uint64_t pages, unsigned how, scanned_t *result)
    void end_scan_pass "pageengine_end_scan_pass"(host_t *host)
    status_t reclaim "pageengine_reclaim"(
        host_t *host, uint64_t vm, uint64_t frames, const char *technique, reclaimed_t *result)
    status_t balloon "pageengine_balloon"(
        host_t *host, uint64_t vm, const int64_t *ppns, size_t n, uint64_t *pages)
    status_t balloon_absent "pageengine_balloon_absent"(
        host_t *host, uint64_t vm, uint64_t n, uint64_t *pages)
    status_t deflate "pageengine_deflate"(host_t *host, uint64_t vm, uint64_t n, uint64_t *pages)
    status_t report_free "pageengine_report_free"(
        host_t *host, uint64_t vm, const int64_t *ppns, size_t n, uint64_t *pages)
    status_t pin "pageengine_pin"(
        host_t *host, uint64_t vm, const int64_t *ppns, size_t n, bint pinned)
    uint64_t trim "pageengine_trim"(host_t *host)
    status_t start_sample "pageengine_start_sample"(host_t *host, uint64_t vm, uint32_t n)
    status_t end_sample "pageengine_end_sample"(
        host_t *host, uint64_t vm, uint32_t *touched, uint32_t *marked)
    status_t age "pageengine_age"(host_t *host, uint64_t vm, uint32_t *touched)
    status_t idle_ages "pageengine_idle_ages"(
        const host_t *host, uint64_t vm, uint64_t histogram[256])
    status_t places "pageengine_places"(
        const host_t *host, uint64_t vm, const int64_t *ppns, size_t n, uint8_t *places)
    size_t vm_number_count "pageengine_vm_number_count"()
    size_t vm_number_index "pageengine_vm_number_index"(const char *name)
    const char *vm_number_name "pageengine_vm_number_name"(size_t index)
    status_t vm_numbers "pageengine_vm_numbers"(
        const host_t *host, uint64_t vm, uint64_t *values, size_t room)
    size_t host_number_count "pageengine_host_number_count"()
    size_t host_number_index "pageengine_host_number_index"(const char *name)
    const char *host_number_name "pageengine_host_number_name"(size_t index)
    void host_numbers "pageengine_host_numbers"(const host_t *host, uint64_t *values, size_t room)
    status_t check "pageengine_check"(host_t *host, bint deep, const char **reason)
    void last_error "pageengine_last_error"(
        const host_t *host, uint64_t *vm, uint32_t *ppn, int *error)


cdef inline int require_abi() except -1:
    """Raises ImportError where the header that a module was compiled with and the library that it
    was linked with are of different versions. A module calls it once, where it begins.
    """
    if abi_version() != ABI:
        raise ImportError(
            f"pageengine.h is of ABI {ABI} and the library of {abi_version()}: build the module "
            "again, with both from one version of the package"
        )
    return 0


cdef inline int raise_for(status_t status) except -1:
    """Raises what a status means to Python (``pageengine.errors``); 0 for OK."""
    if status == OK:
        return 0
    if status == ERR_ABI:
        raise ImportError(status_text(status).decode())
    from pageengine.plumbing._status import exception_of
    raise exception_of(<int>status)
