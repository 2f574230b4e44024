"""Rows of scores and of strata; a score that would do better reversed says so."""

from genolong.report.discrimination import Discrimination, Estimate, Group
from genolong.report.discrimination_tables import scores_table, strata_table

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
