"""Every site is read once, in a window that no other site moves, and as few windows are read as spacing allows."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genolong.loading.passes import Pass, Site, exact_passes, shared_passes, unmasked_passes

SITES = st.lists(st.builds(Site, st.sampled_from(["one", "two"]), st.integers(0, 90)), max_size=30)
WINDOWS, SPACINGS = st.integers(1, 41), st.integers(1, 25)


def sites_of(passes: list[Pass]) -> list[Site]:
    return [Site(each.window.contig, position) for each in passes for position in each.positions]


@given(SITES, WINDOWS)
def test_exact_reads_every_site_alone_in_the_middle(sites: list[Site], window: int):
    passes = list(exact_passes(sites, window))
    assert sites_of(passes) == sites
    for each in passes:
        left, right = each.positions[0] - each.window.start, each.window.end - 1 - each.positions[0]
        assert len(each.positions) == 1 and each.window.length == window and right - left in (0, 1)


@given(SITES, WINDOWS, SPACINGS)
def test_every_site_is_read_once(sites: list[Site], window: int, spacing: int):
    for passes in (list(shared_passes(sites, window, spacing)), list(unmasked_passes(sites, window))):
        assert sorted(sites_of(passes)) == sorted(set(sites))
        assert all(each.window.length == window and list(each.positions) == sorted(each.positions) for each in passes)


@given(SITES, WINDOWS, SPACINGS)
def test_sites_of_one_reading_stand_apart_and_no_fewer_readings_would_do(sites: list[Site], window: int, spacing: int):
    readings = defaultdict(list)
    for each in shared_passes(sites, window, spacing):
        assert all(later - at >= spacing for at, later in zip(each.positions, each.positions[1:], strict=False))
        readings[each.window].append(each.positions)
    for passes in readings.values():
        positions = [position for reading in passes for position in reading]
        crowd = max(sum(at <= other < at + spacing for other in positions) for at in positions)
        assert len(passes) == crowd  # these must all be apart


@given(SITES, WINDOWS)
def test_a_window_is_read_once_without_masks(sites: list[Site], window: int):
    windows = [each.window for each in unmasked_passes(sites, window)]
    assert len(windows) == len(set(windows))


@pytest.mark.parametrize("passes", [lambda sites, window: shared_passes(sites, window, 5), unmasked_passes])
@given(sites=SITES, window=WINDOWS)
def test_the_window_is_a_function_of_the_place_alone(passes, sites: list[Site], window: int):
    alone = {site: next(iter(passes([site], window))).window for site in sites}
    for each in passes(sites, window):
        for position in each.positions:
            assert alone[Site(each.window.contig, position)] == each.window


@given(st.builds(Site, st.just("one"), st.integers(0, 500)), st.integers(2, 41))
def test_sites_lie_in_the_middle_half(site: Site, window: int):
    (each,) = unmasked_passes([site], window)
    quarter = (window - window // 2) // 2
    assert quarter <= site.position - each.window.start < quarter + window // 2
    assert each.window.start + quarter == site.position // (window // 2) * (window // 2)
