"""Small VCFs of every shape: any bytes between tabs, line ends of both kinds, columns missing, blank lines."""

from collections.abc import Iterable

from hypothesis import strategies as st

HEADER = (
    b"##fileformat=VCFv4.2\n",
    b'##INFO=<ID=AC,Number=A,Type=Integer,Description="alleles, counted">\n',
    b"##contig=<ID=chr1,length=1000>\n",
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
)


def vcf_text(*lines: bytes, header: Iterable[bytes] = HEADER) -> bytes:
    """A header and lines, each of which gets its newline."""
    return b"".join(header) + b"".join(line + b"\n" for line in lines)


def record_line(contig: str = "chr1", pos: int | str = 7, ref: str = "A", alt: str = "C", info: str = ".") -> bytes:
    """A line of 8 columns without its newline; `pos` is 1-based, as people write it."""
    return f"{contig}\t{pos}\t.\t{ref}\t{alt}\t50\tPASS\t{info}".encode()


def cells(most: int = 9) -> st.SearchStrategy[bytes]:
    """What may stand between two tabs."""
    usual = st.sampled_from([b".", b"", b"chr1", b"17", b"0", b"A", b"AC,<DEL>", b"AC=1;DP=3", b"K=v;", b"\xff\xc3"])
    return usual | st.binary(max_size=most).map(lambda cell: cell.translate(None, b"\t\n"))


def lines() -> st.SearchStrategy[bytes]:
    """A line without its LF: mostly of 8 columns or more, sometimes of fewer, a comment, blank, with CR at its end."""
    columns = st.lists(cells(), min_size=8, max_size=11) | st.lists(cells(), max_size=8)
    return st.tuples(st.sampled_from([b"", b"", b"", b"#"]), columns, st.sampled_from([b"", b"", b"\r"])).map(
        lambda parts: parts[0] + b"\t".join(parts[1]) + parts[2]
    )


def texts() -> st.SearchStrategy[bytes]:
    """The text of a whole VCF, with or without its last newline."""
    return st.tuples(st.lists(lines(), max_size=8), st.booleans()).map(
        lambda drawn: vcf_text(*drawn[0]).removesuffix(b"\n" * drawn[1])
    )
