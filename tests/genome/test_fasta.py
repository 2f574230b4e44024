"""Every window reads as a letter-by-letter reader reads it, or is refused, whatever befalls the file."""

import gzip
import multiprocessing
import os
import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyfaidx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genolong.errors import InputError, MissingInputError
from genolong.genome.alphabet import decode
from genolong.genome.coordinates import Interval
from genolong.genome.fasta import Genome
from tests.builders.genomes import bgzip, contigs, fasta_text, random_letters, write_fasta
from tests.oracles import fasta as oracle

REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "genomes"
LETTERS = random_letters(1009, seed=3, alphabet="ACGTacgtN")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def text_of(genome: Genome, contig: str = "c") -> str:
    return decode(genome.read(Interval(contig, 0, genome.contigs[contig].length))[0])


shapes = st.fixed_dictionaries(
    {"width": st.integers(1, 40), "newline": st.sampled_from(["\n", "\r\n"]), "final_newline": st.booleans()}
)


@settings(deadline=None)
@given(contigs(), shapes, st.sampled_from([None, 7, 65280]), st.data())
def test_every_window_of_every_file(tmp_path_factory, expected, shape, block, data):
    folder = tmp_path_factory.mktemp("genome")
    text = fasta_text(expected, **shape)
    path = folder / ("genome.fa.gz" if block else "genome.fa")
    path.write_bytes(bgzip(text, block) if block else text)
    genome = Genome.open([path], cache=folder)
    everything = "".join(expected.values())
    masked = any(letter in "ACGT" for letter in everything) and any(letter in "acgt" for letter in everything)
    assert list(genome.contigs) == list(expected)
    for _ in range(3):
        name = data.draw(st.sampled_from(list(expected)))
        length = len(expected[name])
        start = data.draw(st.integers(-5, length + 3))
        end = data.draw(st.integers(start + 1, length + 11))
        codes, repeats = genome.read(Interval(name, start, end))
        codes_wanted, lower = oracle.window(expected[name], start, end)
        assert codes.tolist() == codes_wanted
        assert repeats.tolist() == [masked and each for each in lower]
        assert genome.known(Interval(name, start, end)) == sum(code < 4 for code in codes_wanted)


def lines_of(*pieces: str, most: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), min_size=1, max_size=most).map("".join)


@settings(deadline=None)
@given(lines_of("AC", "g", "N", "\n", "\r\n", " ", "\t", most=30) | lines_of("A", "C\n", "g\r\n", "\n", most=6))
@example("\n\r\ng")
@example("\r\nAC\r\nA")
def test_any_lines(tmp_path_factory, body):
    folder = tmp_path_factory.mktemp("genome")
    text = f"\ufeff>c x\r\nT{body}\n>d\n{body}A\n>e\n>f\nA{body}".encode()
    (folder / "genome.fa").write_bytes(text)
    genome = Genome.open([folder / "genome.fa"], cache=folder)
    for name, letters in oracle.parse(text).items():
        for end in range(1, len(letters) + 1):
            for start in {0, max(0, end - 3), end - 1}:
                assert decode(genome.read(Interval(name, start, end))[0]) == letters[start:end].upper()


NASTY = [
    b">",
    b">c",
    b">d e\n",
    b"\n",
    b"\r",
    b"\r\n",
    b"A",
    b"cgt",
    b"N",
    b"r",
    b" ",
    b"\t",
    b"\0",
    b"\xff",
    b"-",
    b"Q",
    b";",
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(NASTY), max_size=12).map(b"".join), st.booleans(), st.booleans())
def test_nasty_files_read_right_or_are_refused_in_one_line(tmp_path_factory, rest, begin_well, compressed):
    text = b">a\nACG\n" * begin_well + rest
    path = tmp_path_factory.mktemp("genome") / ("genome.fa.gz" if compressed else "genome.fa")
    path.write_bytes(bgzip(text, block=11) if compressed else text)
    try:
        genome = Genome.open([path], cache=path.parent)
    except InputError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
    else:
        for name, letters in oracle.parse(text).items():
            assert text_of(genome, name) == letters.upper().replace("R", "N") if letters else name not in genome.contigs


def test_contigs_and_hash(tmp_path, cache):
    path = write_fasta(tmp_path, {"c": "ACGTNNRA", "d": "AC"})
    genome = Genome.open([str(path)], cache)
    assert [(c.name, c.length, c.known) for c in genome.contigs.values()] == [("c", 8, 5), ("d", 2, 2)]
    assert list(genome.sha256) == [str(path)]
    assert genome.notes == (f"{path}: 1 ambiguous letter is read as N (R 1)",)


def test_a_string_is_one_path(tmp_path, cache):
    assert text_of(Genome.open(str(write_fasta(tmp_path, {"c": "ACGT"})), cache)) == "ACGT"


def test_windows_beyond_the_ends_hold_nothing(tmp_path, cache):
    genome = Genome.open([write_fasta(tmp_path, {"c": "acgT"})], cache)
    for start, end in ((-9, -2), (-3, 0), (4, 7), (11, 13)):
        codes, repeats = genome.read(Interval("c", start, end))
        assert decode(codes) == "N" * (end - start)
        assert not repeats.any()
        assert genome.known(Interval("c", start, end)) == 0
    codes, repeats = genome.read(Interval("c", -2, 6))
    assert decode(codes) == "NNACGTNN"
    assert repeats.tolist() == [False, False, True, True, True, False, False, False]


def test_codes_may_be_written_into(tmp_path, cache):
    genome = Genome.open([write_fasta(tmp_path, {"c": "ACGT"})], cache)
    codes, repeats = genome.read(Interval("c", 0, 4))
    codes[:], repeats[:] = 0, True
    assert text_of(genome) == "ACGT"


# Several files


def test_names_that_clash_are_qualified_by_the_file(tmp_path, cache):
    human = write_fasta(tmp_path, {"chr1": "AAAA", "chr21": "CC"}, "human.GRCh38.fa.gz")
    mouse = write_fasta(tmp_path, {"chr1": "GGG", "scaffold": "T"}, "mouse.fasta")
    genome = Genome.open([human, mouse], cache)
    assert list(genome.contigs) == ["human.GRCh38:chr1", "chr21", "mouse:chr1", "scaffold"]
    assert genome.titles == ("human.GRCh38", "mouse")
    assert text_of(genome, "human.GRCh38:chr1") == "AAAA"
    assert text_of(genome, "mouse:chr1") == "GGG"
    assert text_of(genome, "scaffold") == "T"
    with pytest.raises(
        InputError, match=r"there is no contig chr1 in .*; did you mean human.GRCh38:chr1 or mouse:chr1\?"
    ):
        genome.read(Interval("chr1", 0, 1))


def test_files_of_the_same_name_are_told_apart_by_folders(tmp_path, cache):
    paths = [
        write_fasta(tmp_path, {"c": "A" * length}, f"{folder}/genome.fa")
        for length, folder in enumerate(("human/v1", "mouse/v1", "mouse/v2"), start=2)
    ]
    genome = Genome.open([*paths, write_fasta(tmp_path, {"c": "G"}, "yeast.fa")], cache)
    assert list(genome.contigs) == ["human/v1/genome:c", "mouse/v1/genome:c", "v2/genome:c", "yeast:c"]
    assert text_of(genome, "mouse/v1/genome:c") == "AAA"


def test_one_genome_twice_is_told(tmp_path, cache):
    letters = {"one": random_letters(37, 1), "two": random_letters(23, 2)}
    plain = write_fasta(tmp_path, letters)
    packed = write_fasta(tmp_path, letters, "packed.fa.gz")
    assert Genome.open([plain, packed], cache).notes == (
        f"{plain} and {packed} have the same contigs, of the same lengths: if they are one genome, name it once, or "
        "bases held out in one file are trained on in the other",
    )
    other = write_fasta(tmp_path, {**letters, "two": "ACGT"}, name="other.fa")
    assert Genome.open([plain, other], cache).notes == ()


def test_a_qualified_name_that_is_taken(tmp_path, cache):
    one = write_fasta(tmp_path, {"c": "A"}, "one.fa")
    two = write_fasta(tmp_path, {"c": "C", "one:c": "G"}, "two.fa")
    with pytest.raises(
        InputError, match=r"two.fa: contig one:c would be called one:c, like another contig; rename one"
    ):
        Genome.open([one, two], cache)


def test_the_same_content_twice_is_refused(tmp_path, cache):
    one = write_fasta(tmp_path, {"c": "A"}, "one.fa")
    two = write_fasta(tmp_path, {"c": "A"}, "two.fa")
    with pytest.raises(InputError, match=r"two.fa has the same content as .*one.fa; wanted each genome once; leave"):
        Genome.open([one, two], cache)


def test_no_file(cache):
    with pytest.raises(InputError, match=r"no FASTA file is given; wanted at least one in data.fasta"):
        Genome.open([], cache)


def test_a_file_that_is_not_there(tmp_path, cache):
    with pytest.raises(MissingInputError, match=r"none.fa does not exist"):
        Genome.open([tmp_path / "none.fa"], cache)


@pytest.mark.parametrize(
    ("asked", "hint"), [("chrIII", r"did you mean chrII or chrI\?"), ("zebra", "the first contigs are chrI, chrII")]
)
def test_an_unknown_contig(tmp_path, cache, asked, hint):
    genome = Genome.open([write_fasta(tmp_path, {"chrI": "AC", "chrII": "GT"})], cache)
    for question in (genome.read, genome.known):
        with pytest.raises(InputError, match=f"there is no contig {asked} in .*genome.fa; {hint}"):
            question(Interval(asked, 0, 1))


# Indexes and files that do not fit each other


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@pytest.mark.parametrize("stale", [b"c\t4\t3\t4\t5\n", b"", b"garbage", b"c\t99999999999\t0\t0\t0\n"])
def test_an_index_beside_the_file_is_not_looked_at(tmp_path, cache, name, stale):
    path = write_fasta(tmp_path, {"x": "T" * 9, "c": LETTERS}, name)
    for ending in (".fai", ".gzi"):
        beside = Path(f"{path}{ending}")
        beside.write_bytes(stale)
        os.utime(beside, (2e9, 2e9))
    assert text_of(Genome.open([path], cache)) == LETTERS.upper()
    assert Path(f"{path}.fai").read_bytes() == stale


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
def test_changed_content_of_the_same_size_and_date_meets_a_new_index(tmp_path, cache, name):
    path = write_fasta(tmp_path, {"c": "ACGT" * 5, "d": "ACGT"}, name)
    before = path.stat()
    Genome.open([path], cache)
    write_fasta(tmp_path, {"c": "ACGT", "d": "ACGT" * 5}, name)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    if name == "genome.fa":
        assert path.stat().st_size == before.st_size
    genome = Genome.open([path], cache)
    assert (text_of(genome, "c"), text_of(genome, "d")) == ("ACGT", "ACGT" * 5)


@pytest.mark.parametrize("date", [0, 2e9])
@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
def test_dates_do_not_matter(tmp_path, cache, name, date):
    path = write_fasta(tmp_path, {"c": LETTERS}, name)
    Genome.open([path], cache)
    os.utime(path, (date, date))
    assert text_of(Genome.open([path], cache)) == LETTERS.upper()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cache", name]


def test_a_touched_file_is_read_on(tmp_path, cache):
    path = write_fasta(tmp_path, {"c": LETTERS})
    genome = Genome.open([path], cache)
    assert text_of(genome) == LETTERS.upper()
    os.utime(path, (1e9, 1e9))
    assert text_of(genome) == LETTERS.upper()
    os.replace(shutil.copy(path, tmp_path / "copy"), path)
    assert text_of(genome) == LETTERS.upper()


def overwrite(path: Path) -> None:
    before = path.stat()
    write_fasta(path.parent, {"c": LETTERS[::-1]}, path.name)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("read_before", [False, True])
@pytest.mark.parametrize("change", [overwrite, cut])
@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
def test_a_file_that_changes_while_it_is_open_is_refused(tmp_path, cache, name, change, read_before):
    path = write_fasta(tmp_path, {"c": LETTERS}, name)
    genome = Genome.open([path], cache)
    if read_before:
        text_of(genome)
    change(path)
    with pytest.raises(InputError, match=rf"{name} .*(changed since it was opened|cannot be opened again)"):
        text_of(genome)


def test_a_file_that_goes_away_while_it_is_open_is_refused(tmp_path, cache):
    path = write_fasta(tmp_path, {"c": LETTERS})
    genome = Genome.open([path], cache)
    path.unlink()
    with pytest.raises(MissingInputError, match=r"genome.fa cannot be opened again .*was it moved"):
        text_of(genome)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda letters: letters[:-1], "no longer holds the bases it had when it was opened; did it change"),
        (
            lambda letters: letters.replace("N", "A"),
            "no longer holds the bases it had when it was opened; did it change",
        ),
        (lambda letters: letters.replace("A", ">"), "can no longer be read .*is not a letter of DNA.*; did it change"),
        (lambda letters: letters.replace("A", "é"), "can no longer be read .*; did it change"),
    ],
)
def test_what_pyfaidx_returns_is_checked(tmp_path, cache, monkeypatch, answer, message):
    """Should a file system not tell that a file was written to, a window of another kind is noticed still."""
    genome = Genome.open([write_fasta(tmp_path, {"c": LETTERS})], cache)
    fetch = pyfaidx.Faidx.fetch
    monkeypatch.setattr(pyfaidx.Faidx, "fetch", lambda *asked: answer(fetch(*asked)))
    with pytest.raises(InputError, match=message):
        text_of(genome)


# Processes


def read_window(genome: Genome, start: int) -> str:
    return decode(genome.read(Interval("c", start, start + 101))[0])


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
def test_workers_read_what_their_parent_reads(tmp_path, cache, name, method):
    letters = random_letters(300_007, seed=5)
    genome = Genome.open([write_fasta(tmp_path, {"c": letters}, name)], cache)
    assert read_window(genome, 0) == letters[:101]  # the parent has the file open when it forks
    starts = np.random.default_rng(7).integers(len(letters) - 101, size=400).tolist()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as workers:
        found = list(workers.map(partial(read_window, genome), starts, chunksize=50))
    assert found == [letters[start : start + 101] for start in starts]
    assert read_window(genome, 211) == letters[211:312]


def test_a_forked_child_does_not_move_its_parents_place(tmp_path, cache):
    """A file descriptor that crosses a fork shares its position: parent and child would read each other's bases."""
    letters = random_letters(300_007, seed=5)
    genome = Genome.open([write_fasta(tmp_path, {"c": letters})], cache)
    read_window(genome, 0)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=check_many, args=(genome, letters, seed)) for seed in (1, 2)]
    for child in children:
        child.start()
    check_many(genome, letters, seed=3)
    for child in children:
        child.join()
        assert child.exitcode == 0


def check_many(genome: Genome, letters: str, seed: int) -> None:
    for start in np.random.default_rng(seed).integers(len(letters) - 101, size=500).tolist():
        assert read_window(genome, start) == letters[start : start + 101]


def test_a_genome_can_be_pickled(tmp_path, cache):
    genome = Genome.open([write_fasta(tmp_path, {"c": LETTERS}, "genome.fa.gz")], cache)
    text_of(genome)
    copy = pickle.loads(pickle.dumps(genome))
    assert text_of(copy) == text_of(genome) == LETTERS.upper()
    assert copy.contigs == genome.contigs


def test_known_bases_need_no_file(tmp_path, cache):
    path = write_fasta(tmp_path, {"c": LETTERS})
    genome = Genome.open([path], cache)
    path.unlink()
    assert genome.known(Interval("c", 0, 101)) == sum(letter in "ACGTacgt" for letter in LETTERS[:101])


# Real genomes


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("human_mt.fa.gz", {"MT_human": 16_569}),
        ("lambda.fa.gz", {"gi|9626243|ref|NC_001416.1|": 48_502}),
        ("human_GRCh37_chr1_first1M.fa.gz", {"1": 1_000_000}),
        ("human_hg18_chr20_chrM_trimmed.fa.gz", {"chrM": 16_571, "chr20": 1_000_000}),
    ],
)
def test_real_genomes(cache, name, lengths):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{path} is not here: real genomes are kept outside of the project")
    genome = Genome.open([path], cache)
    assert {contig.name: contig.length for contig in genome.contigs.values()} == lengths
    for contig, letters in oracle.parse(gzip.decompress(path.read_bytes())).items():
        codes, repeats = genome.read(Interval(contig, 0, len(letters)))
        assert decode(codes) == "".join(letter if letter in "ACGTN" else "N" for letter in letters.upper())
        assert genome.contigs[contig].known == sum(map(letters.upper().count, "ACGT"))
        if any(map(letters.count, "ACGT")):
            assert repeats.sum() == sum(map(str.islower, letters))
