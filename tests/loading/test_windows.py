"""The split: training and validation never share a base, and whatever is left out is said."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genolong.errors import InputError, SettingsError
from genolong.genome.coordinates import Interval
from genolong.loading.order import TrainingOrder
from genolong.loading.stretches import least_known
from genolong.loading.windows import DataSettings, Split, split
from tests.builders.memory_genome import MemoryGenome, random_letters

DEFAULT = DataSettings(
    fasta="genome.fa", cache=None, regions=None, validation=None, validation_share=0.05, validation_windows=0,
    min_known=0.5, workers=0, reverse_complement=0.5,
)  # fmt: skip
GENOME = MemoryGenome(
    {"chr1": random_letters(1_009, 1), "chr2": random_letters(307, 2), "chrM": random_letters(103, 3), "tiny": "ACGTA"}
)


def bed(path: Path, intervals: list[Interval]) -> str:
    path.write_text("".join(f"{each.contig}\t{each.start}\t{each.end}\n" for each in intervals))
    return str(path)


def bases(stretches: tuple[Interval, ...]) -> set[tuple[str, int]]:
    return {(stretch.contig, place) for stretch in stretches for place in range(stretch.start, stretch.end)}


def near(regions: list[Interval], window_bp: int) -> set[tuple[str, int]]:
    """The bases of regions, each extended to either side by what it lacks of a window."""
    lacks = [max(0, window_bp - each.length) for each in regions]
    extended = zip(regions, lacks, strict=True)
    return bases(tuple(Interval(each.contig, each.start - lack, each.end + lack) for each, lack in extended))


def split_or_reason(genome: MemoryGenome, wish: DataSettings, window_bp: int) -> Split | str:
    try:
        return split(genome, wish, window_bp)
    except InputError as error:
        return str(error)


def check(genome: MemoryGenome, found: Split, window_bp: int, least: int) -> None:
    assert found.train
    assert found.validation
    assert not bases(found.train) & bases(found.validation)
    assert len(bases(found.validation)) == len(found.validation) * window_bp, "validation windows share no base"
    for window in found.validation:
        assert window.length == window_bp
        assert genome.known(window) >= least
    for stretch in found.train:
        assert stretch.length >= window_bp
    for stretch in (*found.train, *found.validation):
        assert stretch.start >= 0
        assert stretch.end <= genome.contigs[stretch.contig].length


lengths = st.lists(st.integers(1, 400), min_size=1, max_size=5)
intervals = st.builds(
    lambda contig, start, length: Interval(contig, start, start + length),
    st.sampled_from(["chr1", "chr2", "chrM"]), st.integers(0, 90), st.integers(1, 13),
)  # fmt: skip


@given(lengths, st.integers(1, 43), st.floats(0.01, 0.9), st.integers(0, 7), st.floats(0, 0.5), st.integers(0, 1 << 32))
def test_without_a_wish_the_ends_of_long_contigs_are_held_out(
    lengths: list[int], window_bp: int, share: float, windows: int, unknown: float, seed: int
) -> None:
    genome = MemoryGenome({f"chr{i}": random_letters(length, seed + i, unknown) for i, length in enumerate(lengths)})
    wish = replace(DEFAULT, validation_share=share, validation_windows=windows, min_known=0.3)
    found = split_or_reason(genome, wish, window_bp)
    if isinstance(found, str):
        short = max(lengths) < window_bp
        one = max(lengths) < 2 * window_bp
        kept = [length - int(length * share) for length in lengths if length >= window_bp]
        draft = 2 * share * len(kept) >= 1  # so that contigs may be held out as a whole, too
        all_held = all(int(length * share) >= window_bp for length in lengths if length >= window_bp)
        assert (
            ("every contig is shorter" in found and short)
            or ("too few for a window" in found and one)
            or ("nothing is left to train on" in found and (draft or (all_held and max(kept) < window_bp)))
            or ("none of" in found and unknown > 0)
        ), found
        return
    check(genome, found, window_bp, least_known(0.3, window_bp))
    fit = {f"chr{i}": length for i, length in enumerate(lengths) if length >= window_bp}
    held = {name: length - int(length * share) for name, length in fit.items() if int(length * share) >= window_bp}
    others = {name: length for name, length in fit.items() if name not in held}
    ends = sum(fit[name] - start for name, start in held.items())
    whole, owed = set(), 0.0
    if 2 * ends < share * sum(fit.values()) and 2 * share * len(others) >= 1:
        for name, length in others.items():
            owed += share * length
            if owed >= length / 2:
                whole.add(name)
                owed -= length
    if whole < fit.keys():
        held |= dict.fromkeys(whole, 0)
    if held:
        assert all(window.start >= held[window.contig] for window in found.validation)
        assert all(stretch.end <= held.get(stretch.contig, stretch.end) for stretch in found.train)
    else:
        longest = f"chr{int(np.argmax(lengths))}"
        assert found.validation == (Interval(longest, max(lengths) - window_bp, max(lengths)),)
    if windows:
        assert len(found.validation) <= windows


@given(st.lists(intervals, min_size=1, max_size=5), st.lists(intervals, min_size=1, max_size=5), st.integers(1, 37))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_beds_either_keep_apart_or_are_refused(
    tmp_path: Path, regions: list[Interval], validation: list[Interval], window_bp: int
) -> None:
    wish = replace(
        DEFAULT, regions=bed(tmp_path / "train.bed", regions), validation=bed(tmp_path / "held.bed", validation)
    )
    found = split_or_reason(GENOME, wish, window_bp)
    if isinstance(found, str):
        assert "share bases" in found
        pairs = [(one, two) for one in regions for two in validation if one.contig == two.contig]
        reach = 2 * window_bp  # both may be widened, and at a contig's end all to one side
        assert any(one.start - reach < two.end and two.start - reach < one.end for one, two in pairs)
        return
    check(GENOME, found, window_bp, 1)
    assert bases(tuple(regions)) <= bases(found.train) <= near(regions, window_bp)
    tiled = sum(stretch.length // window_bp * window_bp for stretch in found.validation)
    assert tiled == len(bases(found.validation))
    assert all(any(window.overlaps(each) for each in validation) or window_bp < 13 for window in found.validation)


@given(st.lists(intervals, min_size=1, max_size=5), st.integers(1, 37))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_validation_bed_leaves_all_else_for_training(tmp_path: Path, held: list[Interval], window_bp: int) -> None:
    wish = replace(DEFAULT, validation=bed(tmp_path / "held.bed.bed", held))
    found = split(GENOME, wish, window_bp)
    check(GENOME, found, window_bp, 1)
    assert not bases(found.train) & bases(tuple(held)), "not even what fills no window is trained on"


@given(st.lists(intervals, min_size=1, max_size=5), st.floats(0.05, 0.5), st.integers(1, 37))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_regions_alone_give_up_their_last_share(
    tmp_path: Path, regions: list[Interval], share: float, window_bp: int
) -> None:
    wish = replace(DEFAULT, regions=bed(tmp_path / "train.bed", regions), validation_share=share)
    found = split_or_reason(GENOME, wish, window_bp)
    if isinstance(found, str):
        assert "too few for a window" in found or "nothing is left to train on" in found
        return
    check(GENOME, found, window_bp, 1)
    assert bases((*found.train, *found.validation)) <= near(regions, window_bp)


@given(st.integers(1, 43), st.integers(0, 1 << 40))
def test_no_window_that_is_drawn_holds_a_validation_base(window_bp: int, seed: int) -> None:
    wish = replace(DEFAULT, validation_share=0.3)
    found = split(GENOME, wish, window_bp)
    order = TrainingOrder(GENOME, found.train, window_bp, 0.5, 0.5, seed)
    drawn = tuple(order.window(step, 0).interval for step in range(17))
    assert not bases(drawn) & bases(found.validation)


def test_contigs_are_held_out_by_any_of_their_names() -> None:
    for wish in ("2", "chr2", ["chr2"], ["2", "chr2"], [2], 2):
        found = split(GENOME, replace(DEFAULT, validation=wish), 101)
        assert {window.contig for window in found.validation} == {"chr2"}
        assert len(found.validation) == 3
        assert set(found.train) == {Interval("chr1", 0, 1_009), Interval("chrM", 0, 103)}
    assert {window.contig for window in split(GENOME, replace(DEFAULT, validation="MT"), 101).validation} == {"chrM"}


def test_a_genome_of_one_contig_gives_up_its_end() -> None:
    genome = MemoryGenome({"bacterium": random_letters(2_003, 1)})
    found = split(genome, DEFAULT, 47)
    assert found.train == (Interval("bacterium", 0, 1_903),)
    assert found.validation == (Interval("bacterium", 1_903, 1_950), Interval("bacterium", 1_950, 1_997))
    assert (found.for_training, found.held_out) == ("1,903 bases of 1 contig", "2 windows of 47 bases of 1 contig")
    assert found.notes == (
        "data.validation is not set: held out the last 5 % of 1 contig",
        "neither trained nor validated on: 6 bases at the ends of validation regions, in no window",
    )


def test_of_contigs_whose_share_holds_no_window_the_longest_gives_up_its_last() -> None:
    found = split(GENOME, DEFAULT, 101)
    assert found.validation == (Interval("chr1", 908, 1_009),)
    assert set(found.train) == {Interval("chr1", 0, 908), Interval("chr2", 0, 307), Interval("chrM", 0, 103)}
    assert found.notes == (
        "left out 1 contig shorter than a window of 101, 5 bases in all",
        "data.validation is not set, and no contig's last 5 % holds a window of 101: "
        "held out the last window of the longest, chr1:909-1009",
    )


def test_of_a_draft_assembly_whole_contigs_are_held_out() -> None:
    lengths = [int(2_000 / (1 + at / 7)) for at in range(60)]  # from 2,000 down to 212 bases
    genome = MemoryGenome({f"contig_{at}": random_letters(length, at) for at, length in enumerate(lengths)})
    found = split(genome, DEFAULT, 101)
    read = {stretch.contig for stretch in found.train}
    held = {window.contig for window in found.validation}
    assert not read & held and len(read) + len(held) == 60
    assert sum(lengths[int(name[7:])] for name in held) == pytest.approx(0.05 * sum(lengths), rel=0.3)
    assert {int(name[7:]) // 20 for name in held} == {0, 1, 2}, "long, middling and short ones"
    told = f"held out {len(held)} contigs in full"
    assert (
        f"data.validation is not set, and most contigs are too short for a window of 101 in their last 5 %: {told}"
        in (found.notes)
    )
    assert split(genome, DEFAULT, 101) == found


def test_of_one_chromosome_and_a_draft_both_are_held_out() -> None:
    lengths = [2_100] + [500] * 40
    genome = MemoryGenome({f"contig_{at}": random_letters(length, at) for at, length in enumerate(lengths)})
    found = split(genome, DEFAULT, 101)
    assert found.validation[0] == Interval("contig_0", 1_995, 2_096)
    assert {window.contig for window in found.validation} == {"contig_0", "contig_10", "contig_30"}
    told = "held out 2 contigs in full, and the last 5 % of 1 contig"
    assert any(note.endswith(told) for note in found.notes), found.notes


def test_if_only_one_of_a_few_contigs_has_an_end_to_hold_out_how_to_get_more_is_told() -> None:
    lengths = [2_100] + [2_000] * 4
    genome = MemoryGenome({f"contig_{at}": random_letters(length, at) for at, length in enumerate(lengths)})
    found = split(genome, DEFAULT, 103)
    assert found.validation == (Interval("contig_0", 1_995, 2_098),)
    assert found.notes[0] == (
        "data.validation is not set, and most contigs are too short for a window of 103 in their last 5 %: held out "
        "only the end of 1 contig; name contigs to hold out more (data.validation)"
    )


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    genome = MemoryGenome(
        {"chr1": random_letters(1_000, 1) + "N" * 500 + random_letters(500, 2), "tiny": "ACGT", "small": "ACGTA"}
    )
    held = [Interval("chr1", 40, 50), Interval("chr1", 900, 1_710), Interval("tiny", 1, 3)]
    found = split(genome, replace(DEFAULT, validation=bed(tmp_path / "held.bed", held), validation_windows=2), 100)
    assert found.validation == (Interval("chr1", 900, 1_000), Interval("chr1", 1_600, 1_700))
    assert found.train == (Interval("chr1", 100, 900), Interval("chr1", 1_710, 2_000))
    path = tmp_path / "held.bed"
    assert (found.for_training, found.held_out) == ("1,090 bases of 1 contig", "2 windows of 100 bases of 1 contig")
    assert found.notes == (
        "left out 2 contigs shorter than a window of 100, 9 bases in all",
        f"{path}: left out 1 interval on contigs shorter than a window",
        f"{path}: extended 1 interval to a window of 100 bases",
        "left out 5 validation windows with fewer than 50 known bases",
        "neither trained nor validated on: 10 bases at the ends of validation regions, in no window",
        "validating on 2 of 4 windows, evenly spread (data.validation_windows)",
    )


def test_training_stretches_between_validation_regions_may_be_too_short(tmp_path: Path) -> None:
    held = [Interval("chr1", 100, 200), Interval("chr1", 250, 350)]
    found = split(GENOME, replace(DEFAULT, validation=bed(tmp_path / "held.bed", held)), 100)
    assert "left out 1 stretch shorter than a window of 100 once validation is held out, 50 bases in all" in found.notes


def test_named_contigs_shorter_than_a_window_are_counted() -> None:
    found = split(GENOME, replace(DEFAULT, validation=["chr2", "tiny"]), 101)
    assert "data.validation: left out 1 contig shorter than a window" in found.notes


@pytest.mark.parametrize(
    ("wanted", "starts"), [(1, [505]), (2, [202, 707]), (3, [101, 505, 808]), (99, list(range(0, 1_001, 101)))]
)
def test_fewer_windows_are_evenly_spread(wanted: int, starts: list[int]) -> None:
    genome = MemoryGenome({"held": random_letters(1_010, 1), "other": random_letters(200, 2)})
    found = split(genome, replace(DEFAULT, validation="held", validation_windows=wanted), 101)
    assert [window.start for window in found.validation] == [start for start in starts if start < 1_010]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    (
        {}, 2_000,
        r"every contig is shorter than the window of 2,000 bases: the longest of 4, chr1, has 1,009; "
        r"use a smaller context \(context\.window_bp=1009 or less\)",
    ),
    (
        {}, 600,
        r"the longest stretch, chr1:1-1009, has 1,009 bases: too few for a window of 600 to train on and another to "
        r"validate on; use a smaller context, or name contigs to hold out \(data\.validation\)",
    ),
    ({"validation": ["chr1", "chrr2"]}, 100, r"data\.validation: no contig is called chrr2; did you mean chr2"),
    ({"validation": "zzz"}, 100, r"no contig is called zzz; the genome has 4 contigs: chr1, chr2, chrM, tiny$"),
    ({"validation": ["a.bed", "chr1"]}, 100, r"called a\.bed; a BED file is given on its own, without other names$"),
    ({"validation": "1:1-300"}, 100, r"called 1:1-300; to hold out a part of chr1, name it in a BED file$"),
    ({"validation": "tiny"}, 100, r"data\.validation: tiny has 5 bases, less than a window of 100; hold out a longer"),
    (
        {"validation": ["chr1", "chr2"]}, 200,
        r"nothing is left to train on, or to count baselines on: validation takes 1,316 of 1,316 bases, and no str",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "window_bp", "said"), REFUSED)
def test_splits_that_cannot_be_are_refused(changed: dict[str, Any], window_bp: int, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        split(GENOME, replace(DEFAULT, **changed), window_bp)
    assert caught.value.exit_code == 65


def test_many_contigs_are_not_all_listed() -> None:
    genome = MemoryGenome({f"contig_{number}": random_letters(100, number) for number in range(50)})
    with pytest.raises(InputError, match=r"called x; the genome has 50 contigs: contig_0, .*contig_7, \.\.\.$"):
        split(genome, replace(DEFAULT, validation="x"), 20)


def test_validation_of_unknown_bases_is_refused() -> None:
    genome = MemoryGenome({"chr1": random_letters(1_000, 1), "gap": "N" * 1_000})
    said = (
        r"none of 10 validation windows has 50 known bases \(A C G T\) of 100; "
        r"hold out other contigs \(data\.validation\), or lower data\.min_known"
    )
    with pytest.raises(InputError, match=said):
        split(genome, replace(DEFAULT, validation="gap"), 100)


def test_regions_on_short_contigs_alone_are_refused(tmp_path: Path) -> None:
    path = bed(tmp_path / "train.bed", [Interval("tiny", 0, 3)])
    with pytest.raises(
        InputError, match=r"train\.bed: every interval lies on a contig shorter than the window of 100 bases"
    ):
        split(GENOME, replace(DEFAULT, regions=path), 100)


def test_leakage_names_both_intervals_as_asked_and_as_extended(tmp_path: Path) -> None:
    train = bed(tmp_path / "train.bed", [Interval("chr2", 0, 100), Interval("chr1", 0, 410)])
    held = bed(tmp_path / "held.bed", [Interval("chr1", 440, 460)])
    assert split(GENOME, replace(DEFAULT, regions=train, validation=held), 50).validation == (
        Interval("chr1", 425, 475),
    )
    said = (
        r"data\.regions and data\.validation share bases: chr1:1-410 and chr1:441-460 \(extended to chr1:401-500\); "
        r"remove one of them \(intervals shorter than a window of 100 bases are extended to it\)"
    )
    with pytest.raises(InputError, match=said):
        split(GENOME, replace(DEFAULT, regions=train, validation=held), 100)


def test_a_contig_that_is_held_out_may_not_be_in_the_regions(tmp_path: Path) -> None:
    train = bed(tmp_path / "train.bed", [Interval("chr1", 0, 410), Interval("chr2", 7, 203)])
    with pytest.raises(InputError, match=r"share bases: chr2:8-203 and chr2:1-307; remove one of them"):
        split(GENOME, replace(DEFAULT, regions=train, validation="chr2"), 100)


def test_a_cpu_reads_in_its_training_process_unless_it_is_asked_otherwise():
    assert [replace(DEFAULT, workers=None).workers_beside(cuda=cuda) for cuda in (False, True)] == [0, 1]
    assert [replace(DEFAULT, workers=3).workers_beside(cuda=cuda) for cuda in (False, True)] == [3, 3]
    assert replace(DEFAULT, workers=0).workers_beside(cuda=True) == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"fasta": []}, r"data\.fasta=\[\]: wanted the path of a FASTA file, or a list of such paths"),
        ({"fasta": {"a": 1}}, r"data\.fasta=\{'a': 1\}: wanted the path"),
        ({"fasta": ""}, r"data\.fasta=: wanted the path"),
        ({"validation_share": 0.0}, r"data\.validation_share=0\.0: wanted more than 0 and less than 1"),
        ({"validation_share": 1.0}, r"data\.validation_share=1\.0: wanted more than 0 and less than 1"),
        ({"validation_share": float("nan")}, r"data\.validation_share=nan: wanted more than 0"),
        ({"min_known": 1.1}, r"data\.min_known=1\.1: wanted a share from 0 to 1"),
        ({"reverse_complement": -0.5}, r"data\.reverse_complement=-0\.5: wanted a share from 0 to 1"),
        ({"validation_windows": -1}, r"data\.validation_windows=-1: wanted 0 or more"),
        ({"workers": -2}, r"data\.workers=-2: wanted 0 or more"),
        ({"validation": []}, r"data\.validation=\[\]: wanted a contig, a list of contigs, the path of a BED file"),
        ({"validation": {"chr1": 1}}, r"data\.validation=\{'chr1': 1\}: wanted a contig"),
        ({"validation": 0.5}, r"data\.validation=0\.5: wanted a contig"),
        ({"validation": True}, r"data\.validation=True: wanted a contig"),
        ({"validation": ["chr1", None]}, r"data\.validation=\['chr1', None\]: wanted a contig"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        DataSettings(**{**asdict(DEFAULT), **changed})


def test_paths_that_were_typed_are_found_from_another_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wish = replace(DEFAULT, fasta=["a.fa", "~/b.fa"], regions="train.bed", validation="held.bed").found_from_anywhere()
    assert wish.fasta == [str(tmp_path / "a.fa"), str(Path.home() / "b.fa")]
    assert (wish.regions, wish.validation) == (str(tmp_path / "train.bed"), str(tmp_path / "held.bed"))
    names = replace(DEFAULT, fasta="a.fa", validation=["chr1"]).found_from_anywhere()
    assert (names.fasta, names.regions, names.validation) == (str(tmp_path / "a.fa"), None, ["chr1"])
