"""Rows of scores and of strata; a score that would do better reversed says so."""

from genolong.report.discrimination import Discrimination, Estimate, Group
from genolong.report.discrimination_tables import labelled_tables, scores_table, strata_table
from genolong.report.variant_figures import COMMON

GOOD = Discrimination(Estimate(0.9123, 0.9, 0.95, 0.01), Estimate(0.8, 0.7, 0.9, 0.05), 1_200, 30, 7)
BAD = Discrimination(Estimate(0.3), Estimate(0.4), 1_207, 30, 0)
TITLES = {"L": "-L", "CADD": "CADD"}


def test_scores_have_a_row_each_and_so_has_chance():
    table = scores_table("t", Group("", 1_207, 30, {"L": GOOD, "CADD": BAD}), TITLES)
    assert table.rows == (
        ("-L", "0.912 (0.900–0.950)", "0.800 (0.700–0.900)", "1,200", "30", "7"),
        ("CADD (reversed: 0.700)", "0.300", "0.400", "1,207", "30", "0"),
        ("chance", "0.500", "0.976", "1,207", "30", "0"),
    )


def test_strata_have_a_row_each_and_a_column_for_every_score():
    table = strata_table("M", [Group("M=a", 12, 10, {"CADD": BAD}), Group("M=b", 99, 11, {"L": GOOD})], TITLES)
    assert table.columns == ("M", "positives", "negatives", "-L", "CADD")
    assert table.rows == (("a", "12", "10", "–", "0.30"), ("b", "99", "11", "0.91 (0.90–0.95)", "–"))


def test_all_alleles_come_first_then_those_with_every_score_and_the_strata_together():
    found = {"L": GOOD}
    strata = [Group("M=a", 12, 10, found), Group("M=b", 99, 11, found)]
    groups = [Group("", 1_207, 30, found), Group(COMMON, 1_200, 29, found), *strata]
    tables = list(labelled_tables("scores", groups, TITLES, draws=1_000, strata="M"))
    assert [table.title for table in tables] == [
        "scores (95 % of 1,000 bootstrap draws within each class)", "alleles that have all of these scores",
        "AUROC by M",
    ]  # fmt: skip
    assert tables[1].rows == scores_table("", groups[1], TITLES).rows
    assert tables[2].rows == strata_table("M", strata, TITLES).rows


def test_without_draws_or_strata_the_tables_do_not_speak_of_them():
    groups = [Group("", 1_207, 30, {"CADD": BAD}), Group(COMMON, 1_207, 30, {"CADD": BAD})]
    tables = list(labelled_tables("scores", groups, TITLES, draws=0, strata="M"))
    assert [table.title for table in tables] == ["scores", "alleles that have all of these scores"]
