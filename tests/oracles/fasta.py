"""A FASTA file read letter by letter, as slowly and plainly as can be."""


def parse(text: bytes) -> dict[str, str]:
    """Name → letters; blanks are no letters, a name ends at the first blank."""
    contigs: dict[str, str] = {}
    name = ""
    for line in text.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"").split(b"\n"):
        if line.startswith(b">"):
            name = line[1:].split()[0].decode()
            contigs[name] = ""
        elif line.strip():
            contigs[name] += line.replace(b" ", b"").replace(b"\t", b"").decode()
    return contigs


def window(letters: str, start: int, end: int) -> tuple[list[int], list[bool]]:
    """Codes and lower case of positions start … end - 1 of a contig, one by one."""
    codes, repeats = [], []
    for position in range(start, end):
        letter = letters[position] if 0 <= position < len(letters) else "N"
        codes.append("ACGT".index(letter.upper()) if letter.upper() in "ACGT" else 4)
        repeats.append(letter.islower())
    return codes, repeats
