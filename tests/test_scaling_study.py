"""The scaling study's real device receives what is counted, and holds about as much."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "scaling_study"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("geometry", [0, *(pytest.param(other, marks=pytest.mark.nightly) for other in (1, 2))])
def test_one_device_of_sixteen_receives_what_is_counted(tmp_path, geometry):
    size = ["--model", "tiny", "--shard", str(1 << 15), "--bases-per-device", str(1 << 11), "--threads", "1"]
    command = [sys.executable, SCRIPT, *size, "--geometry", str(geometry), "--json", tmp_path / "x.json"]
    subprocess.run(command, check=True, capture_output=True)
    found = json.loads((tmp_path / "x.json").read_text())
    assert found["devices"] == 16 and found["slice"] == 1 << 11
    assert found["received_bytes"] == found["counted_received_bytes"] > 0


@pytest.mark.nightly
def test_a_table_takes_the_place_of_the_last(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table -->\nold\n<!-- /table -->\nbehind\n")
    done = subprocess.run([sys.executable, SCRIPT, "--table", page, "--png", tmp_path / "x.png"], capture_output=True)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("before\n<!-- table -->\n**presets") and text.endswith("<!-- /table -->\nbehind\n")
    assert "| 1,073,741,824 | 1,024 |" in text and "old" not in text
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
