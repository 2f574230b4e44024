"""Numbers with their nouns and units, for messages: 1 window, 2,000 windows, 7.9 GB."""


def counted(number: int, noun: str) -> str:
    """The number with its noun, given in the singular: 2,000 windows."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def size(count: int) -> str:
    """A number of bytes with a unit and three digits: 7.92 GB."""
    power = min(4, (len(str(count)) - 1) // 3)
    told, unit = count / 1000**power, ("bytes", "kB", "MB", "GB", "TB")[power]
    return f"{told:.0f} {unit}" if told >= 100 or power == 0 else f"{told:.3g} {unit}"
