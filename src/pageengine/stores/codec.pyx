"""Codecs for single pages: one page in, at most so many bytes out, or a refusal."""

cimport cython
import numpy as np

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from pageengine._c.codec cimport *

from pageengine import errors
from pageengine.plumbing import given

PAGE_BYTES = 4096

cdef enum:
    PAGE = 4096
    BATCH = 256  # pages that are compressed before their bytes are made; 1 MiB of scratch


def codecs():
    """The codecs there are on this computer, name -> Codec: our own, then those of libraries that
    were found; always in the same order.
    """
    return {name: Codec(name) for name in _names(there=True)}


cdef list _names(bint there):
    """Every codec there is a table for; ``there``: not those whose library was not found."""
    cdef size_t i = 0
    cdef pe_codec unused
    names = []
    while pe_codec_at(i) != NULL:
        names.append(pe_codec_at(i).name.decode())
        i += 1
    i = 0
    while pe_codec_library_at(i) != NULL:
        if not there or _bind(pe_codec_library_at(i), &unused) is not None:
            names.append(pe_codec_library_at(i).name.decode())
        i += 1
    return names


cdef object _bind(const pe_codec_library *wanted, pe_codec *out):
    """Makes ``out`` the codec of a library and returns the library; None if this computer has none
    that can be used.
    """
    cdef void *functions[PE_CODEC_SYMBOLS_MAX]
    cdef size_t i = 0
    symbols = []
    while wanted.symbols[i] != NULL:
        symbols.append(wanted.symbols[i].decode())
        i += 1
    from pageengine.stores import libraries

    library = libraries.find(wanted.name.decode(), tuple(symbols), wanted.version.decode())
    if library is None:
        return None
    for i, address in enumerate(library.addresses):
        functions[i] = <void *><uintptr_t>address
    return library if pe_codec_bind(out, wanted.name, functions) else None


cdef str _unknown(str name):
    hint = given.near(name, _names(there=False))
    there = ", ".join(_names(there=True))
    return f"unknown codec {name!r}; {hint and hint + ' '}there are: {there}"


cdef object _as_pages(object pages):
    array = np.asarray(pages)
    if array.dtype != np.uint8:
        raise TypeError(f"pages must be uint8, not {array.dtype}")
    if array.ndim != 2 or array.shape[1] != PAGE:
        raise ValueError(f"pages must have the shape (n, {PAGE}), not {array.shape}")
    return np.ascontiguousarray(array)


cdef object _as_out(object out, size_t n):
    if not isinstance(out, np.ndarray) or out.dtype != np.uint8 or out.shape != (n, PAGE) \
            or not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(f"out must be a contiguous, writeable uint8 array of shape ({n}, {PAGE})")
    return out


cdef size_t _as_max(object max) except 0:
    number = max.__index__() if hasattr(max, "__index__") else None
    if number is None:
        raise TypeError(f"max must be a whole number of bytes, got {max!r}")
    if not 1 <= number <= PAGE:
        raise ValueError(f"max must be from 1 to {PAGE} bytes, got {number}")
    return number


cdef bytes _as_blob(object blob, object index):
    """A blob as bytes, which nobody can change while the GIL is released."""
    if isinstance(blob, bytes):
        return blob
    try:
        return bytes(memoryview(blob))
    except TypeError:
        raise TypeError(f"blob {index} must be bytes, got {type(blob).__name__}") from None


cdef class Codec:
    """A codec by name. Threads may share it. A page's blob depends on the page alone (and, for a
    codec of a library, on its version), never on the pages before it.

    ValueError for a name that there is no codec of (it lists what there is), and for a codec whose
    library was not found.
    """

    def __cinit__(self, name):
        if not isinstance(name, str):
            raise TypeError(f"a codec's name must be a string, got {name!r}")
        encoded = name.encode("utf-8", "surrogateescape")
        self.ops = pe_codec_find(encoded)
        if self.ops == NULL:
            self._use_library(name, encoded)

    cdef int _use_library(self, str name, bytes encoded) except -1:
        cdef size_t i = 0
        while pe_codec_library_at(i) != NULL and pe_codec_library_at(i).name != encoded:
            i += 1
        if pe_codec_library_at(i) == NULL:
            raise ValueError(_unknown(name))
        self._library = _bind(pe_codec_library_at(i), &self._bound)
        if self._library is None:
            raise ValueError(f"codec {name!r} needs lib{name}, which was not found; "
                             f"there are: {', '.join(_names(there=True))}")
        self.ops = &self._bound
        return 0

    def __dealloc__(self):
        free(self._spare)

    def __repr__(self):
        return f"<Codec {self.name!r}: {self.source}>"

    @property
    def name(self):
        return self.ops.name.decode()

    @property
    def summary(self):
        """What it is, in one line."""
        return self.ops.summary.decode()

    @property
    def source(self):
        """"built in", or the library's path and version."""
        return "built in" if self._library is None else str(self._library)

    def sizes(self, pages, max=PAGE_BYTES):
        """Compressed sizes in bytes, uint32 [n], of pages uint8 [n, 4096]; 0 where a page does not
        fit ``max`` bytes (1 to 4096).
        """
        cdef const uint8_t[:, ::1] data = _as_pages(pages)
        cdef size_t room = _as_max(max), i, n = data.shape[0]
        out = np.empty(n, np.uint32)
        cdef uint32_t[::1] lengths = out
        cdef uint8_t page[PAGE]
        cdef uint8_t scratch[PAGE]
        cdef void *work = self._take_work()
        with nogil:
            for i in range(n):
                memcpy(page, &data[i, 0], PAGE)  # another thread may be writing to it
                lengths[i] = <uint32_t>self.ops.compress(self.ops, page, scratch, room, work)
        self._give_work(work)
        return out

    def compress(self, pages, max=PAGE_BYTES):
        """The blobs of pages uint8 [n, 4096]: a list of n bytes of length 1 to ``max``, None where
        a page does not fit ``max`` bytes (1 to 4096).
        """
        cdef const uint8_t[:, ::1] data = _as_pages(pages)
        cdef size_t room = _as_max(max), first, i, count, n = data.shape[0]
        cdef size_t lengths[BATCH]
        cdef uint8_t page[PAGE]
        cdef size_t batch = n if n < BATCH else BATCH
        cdef list blobs = []
        cdef uint8_t *out = NULL
        cdef void *work = self._take_work()
        try:
            out = <uint8_t *>malloc(batch * room + 1)
            if out == NULL:
                raise MemoryError
            for first in range(0, n, BATCH):
                count = n - first if n - first < BATCH else BATCH
                with nogil:
                    for i in range(count):
                        memcpy(page, &data[first + i, 0], PAGE)  # as in sizes
                        lengths[i] = self.ops.compress(self.ops, page, out + i * room, room, work)
                for i in range(count):
                    if lengths[i] == 0:
                        blobs.append(None)
                    else:
                        blobs.append(PyBytes_FromStringAndSize(<char *>out + i * room,
                                                               <Py_ssize_t>lengths[i]))
        finally:
            self._give_work(work)
            free(out)
        return blobs

    def decompress(self, blobs, out=None):
        """The pages of a sequence of n blobs, uint8 [n, 4096]; written to ``out`` and that returned
        if one is given.

        CodecError, whose ``index`` is that of the first blob that does not decode; ``out`` may hold
        anything then.
        """
        cdef list kept = [_as_blob(blob, i) for i, blob in enumerate(blobs)]
        cdef size_t i = 0, n = len(kept)
        pages = np.empty((n, PAGE), np.uint8) if out is None else _as_out(out, n)
        cdef uint8_t[:, ::1] data = pages
        # a decoder reads what it wrote; in the caller's array another thread may have written since
        cdef bint is_theirs = out is not None
        cdef uint8_t page[PAGE]
        cdef uint8_t *made
        cdef const uint8_t **starts = NULL
        cdef size_t *lengths = NULL
        cdef void *work = self._take_work()
        try:
            starts = <const uint8_t **>malloc((n + 1) * sizeof(uint8_t *))
            lengths = <size_t *>malloc((n + 1) * sizeof(size_t))
            if starts == NULL or lengths == NULL:
                raise MemoryError
            for i in range(n):
                starts[i] = <const uint8_t *>PyBytes_AS_STRING(kept[i])
                lengths[i] = <size_t>PyBytes_GET_SIZE(kept[i])
            with nogil:
                i = 0
                while i < n:
                    made = &page[0] if is_theirs else &data[i, 0]
                    if not self.ops.decompress(self.ops, starts[i], lengths[i], made, work):
                        break
                    if is_theirs:
                        memcpy(&data[i, 0], made, PAGE)
                    i += 1
        finally:
            self._give_work(work)
            free(starts)
            free(lengths)
        if i < n:
            raise errors.CodecError(
                f"blob {i} ({len(kept[i])} bytes) is not a page of codec {self.name!r}", i
            )
        return pages

    def compress_page(self, page, max=PAGE_BYTES):
        """The blob of one page (uint8 [4096], or 4096 bytes), or None when it does not fit ``max``
        bytes (1 to 4096).
        """
        if isinstance(page, (bytes, bytearray, memoryview)):
            page = np.frombuffer(page, np.uint8)
        array = np.asarray(page)
        if array.shape != (PAGE,):
            raise ValueError(f"a page must have the shape ({PAGE},), not {array.shape}")
        return self.compress(array[None], max)[0]

    def decompress_page(self, blob):
        """The page of one blob, uint8 [4096]; CodecError when it does not decode."""
        return self.decompress((blob,))[0]

    cdef void *_take_work(self) except NULL:
        """Work memory for one call. What the call before left is used again, since a library's
        contexts in it are dear to set up; calls at the same time each have their own.
        """
        cdef void *work
        with self._lock:
            work = self._spare
            self._spare = NULL
        if work == NULL:
            work = calloc(1, self.ops.work_bytes + 64)
        if work == NULL:
            raise MemoryError
        return work

    cdef void _give_work(self, void *work) noexcept:
        cdef void *unused = work
        with self._lock:
            if self._spare == NULL:
                self._spare = work
                unused = NULL
        free(unused)
