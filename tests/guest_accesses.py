"""For tests: what a guest does of itself, made on its host."""


def touch_in_guest(vm, operations) -> None:
    """The accesses of a guest's operations, as far as there is memory for them."""
    vm.touch_some(operations.ppns, (operations.flags & 1) != 0)
