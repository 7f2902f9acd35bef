"""Options of hosts and machines as users write them, read into numbers."""

from pageengine.policy.workingset import ESTIMATORS
from pageengine.units import parse_size


def one_of(value, what: str, choices: tuple[str, ...]):
    if value not in choices:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def salt_number(salt: str | None, name: str) -> int:
    if salt is None:
        salt = f"\0only {name}"
    elif salt == "":
        return 0
    return number_of(salt)


def number_of(name: str) -> int:
    """A number from 0 to 2**64 - 1 of a name, the same everywhere."""
    import hashlib  # which brings a library of cryptography with it

    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def part_of(value, whole: int, what: str) -> int:
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            percent = float(value.strip()[:-1])
        except ValueError:
            percent = -1.0
        if not 0 <= percent <= 100:
            raise ValueError(f"{what} {value!r} is not a percentage from 0% to 100%")
        return int(whole * percent / 100)
    return parse_size(value, what)


def find_estimator(value):
    """A function that makes a working-set estimator, by name or as it is."""
    if callable(value):
        return value
    if value not in ESTIMATORS:
        raise ValueError(
            f"unknown estimator {value!r}; there are: {', '.join(ESTIMATORS)}, and functions that "
            "make one"
        )
    return ESTIMATORS[value]
