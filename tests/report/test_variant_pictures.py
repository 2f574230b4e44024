"""Pictures of scores: infinite ones, which have no percentiles, leave the picture of the strata as it is."""

import numpy as np

from genolong.report.variant_pictures import Compared, Stratum, strata_picture


def test_infinite_scores_are_not_among_the_percentiles_of_a_stratum() -> None:
    positive = np.arange(9) < 4
    values = np.array([-np.inf, 1.0, 2.0, np.nan, 3.0, np.inf, 5.0, 6.0, 7.0])
    strata = [Stratum("all", np.ones(9, bool)), Stratum("one", np.arange(9) == 0)]
    drawn = strata_picture(0, "GENE", positive, Compared("S", None, values), strata)
    assert "all (2)" in drawn and "all (4)" in drawn and "one (" not in drawn
