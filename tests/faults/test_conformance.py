"""The VCF specification's own examples, good and bad, through all of predict: no trace, no hang, no record lost."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from genolong.commands.variants.predict_settings import PredictSettings
from tests.faults.judged import works_or_refuses
from tests.faults.test_vcf_mutants import predicted_right

EXAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "conformance" / "hts-specs"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.vcf"))


@pytest.mark.skipif(not FILES, reason=f"the examples are not there: {EXAMPLES}")
@pytest.mark.nightly
@pytest.mark.parametrize("folder", ["passed", "failed"])
def test_every_example_comes_back_whole_or_is_refused(small_prediction: PredictSettings, folder: str):
    files = [EXAMPLES / name for name in FILES if f"/{folder}/" in f"/{name}"]
    assert len(files) > 70
    asked = replace(small_prediction, most_mismatches=1.0)
    returned = [works_or_refuses(partial(predicted_right, replace(asked, vcf=str(path)))) for path in files]
    assert returned.count(None) <= 14, "those without a header that could be read"
