"""Events: what happened to the pages of virtual machines, counted by the core (csrc/pe_vm.h). A
test holds the fields against its list of names.
"""

from pageengine.plumbing.frozen import Frozen


class Events(Frozen):
    """Cumulative counts since the virtual machine was added, in pages; on a host, the sum over its
    VMs.

    Attributes:
        accesses: [pages] accesses made
        faults_absent: [pages] first touches: pages that got the zero page or a zeroed frame
        cow_breaks: [pages] writes to shared pages, which became private
        merged: [pages] merged with an equal page
        zero_merged: [pages] merged into the zero page
        compressions: [pages] put into the compression cache
        decompressions: [pages] brought back from it by an access
        incompressible: [pages] victims that did not fit half a page
        compressed_half: [pages] of the compressions, those kept in half a page
        compressed_quarter: [pages] of the compressions, those kept in a quarter or less
        cache_evictions: [pages] compressed ones that gave way to others and went to swap
        swap_out: [pages] written to swap, evictions included
        swap_in: [pages] read back by an access
        balloon_in: [pages] given up through the balloon
        balloon_out: [pages] taken back from it
        balloon_pops: [pages] accesses to ballooned pages
        scanned: [pages] hashed by the sharing scan
        hinted: [pages] of these, what was noted as hints
        discarded: [pages] compressed or swapped ones overwritten whole, without reading them
        block_stops: [batches] stopped because the VM is blocked
        sample_faults: [pages] first accesses to pages of a sample
        reported: [pages] free ones that the guest reported and the host took
    """

    accesses: int = 0
    faults_absent: int = 0
    cow_breaks: int = 0
    merged: int = 0
    zero_merged: int = 0
    compressions: int = 0
    decompressions: int = 0
    incompressible: int = 0
    compressed_half: int = 0
    compressed_quarter: int = 0
    cache_evictions: int = 0
    swap_out: int = 0
    swap_in: int = 0
    balloon_in: int = 0
    balloon_out: int = 0
    balloon_pops: int = 0
    scanned: int = 0
    hinted: int = 0
    discarded: int = 0
    block_stops: int = 0
    sample_faults: int = 0
    reported: int = 0
