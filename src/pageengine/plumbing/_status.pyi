from errno import EMFILE as EMFILE

NAMES: dict[int, str]

def exception_of(status: int) -> Exception: ...
