"""What the pages of reference list is all there is: statuses, exit codes, fields, columns, files."""

import re

import numpy as np
import pytest

from genolong import errors
from genolong.commands.embeddings.embedding_table import EmbeddingTable
from genolong.commands.maps.map_table import columns_of
from genolong.commands.sharing.export import CARD
from genolong.commands.variants.effect_fields import EffectFields
from genolong.genome.alleles import SCORED, Status
from genolong.genome.coordinates import Interval
from genolong.parallel.stopped import EXIT_CODES
from genolong.runs import exported
from genolong.runs.record import started
from genolong.tasks.mutation_map import MappedBases
from tests.docs.pages import DOCS


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", Status)
def test_every_status_is_explained_and_whether_it_is_scored(status: Status):
    (row,) = (
        line for line in page("scores").splitlines() if line.startswith("| `") and f"`{status}`" in line.split("|")[1]
    )
    assert row.split("|")[2].strip() == ("yes" if status in SCORED else "no")


def test_every_exit_code_is_explained():
    raised = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type)}
    listed = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", page("terminal"), re.MULTILINE) for code in row.split(",")
    }
    assert listed == raised | {*EXIT_CODES.values()} | {0, 74, 141}  # 74: what a disk says; 141: a pipe that was closed


def test_every_field_of_a_scored_vcf_is_explained():
    fields = EffectFields("GENOLONG", with_distance=True, chance_of="x").ids
    for name in ("formats", "scores"):
        assert all(f"| `{field}` |" in page(name) for field in fields)


@pytest.mark.parametrize("kind", [{"alleles": True, "per_base": False}, {"alleles": False, "per_base": True}])
def test_every_column_of_embeddings_is_explained(tmp_path, kind):
    table = EmbeddingTable(tmp_path / "x.parquet", 3, {}, **kind)
    table.discard()
    section = page("formats").partition("## Embeddings")[2].partition("\n## ")[0]
    for name in table._schema.names:
        assert re.search(rf"^\|[^|]*`{name}`", section, re.MULTILINE), f"{name} is not explained"


def test_every_column_of_a_mutation_map_is_explained():
    section = page("formats").partition("## Mutation maps")[2].partition("\n## ")[0]
    four = np.zeros((1, 4))
    mapped = MappedBases(Interval("c", 0, 1), np.zeros(1, np.uint8), four, [Status.OK], four, four)
    for name in columns_of(mapped):
        if re.search("_[ACGT]$", name):
            of_each = f"`{name[:-1]}A` … `{name[:-1]}T`"
            assert f"| {of_each} |" in section, f"{name} is not explained"
        else:
            assert re.search(rf"^\|[^|]*`{name}`[^|]*\|", section, re.MULTILINE), f"{name} is not explained"


def test_every_key_of_a_record_and_every_file_of_an_export_is_named():
    text = page("formats")
    assert all(f"`{key}`" in text for key in started("train", {}, {}))
    assert all(f"| `{name}` |" in text for name in (exported.CONFIG, exported.WEIGHTS, exported.ANSWERS, CARD))
