"""A process that is sent a call imports what the call needs with the garbage collector off, and only then."""

import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from genolong.parallel.sent_call import SentCall

MANY = "kept = [[number] for number in range(5_003)]\ndef call(*told):\n    print(*told, len(kept))\n"


@pytest.mark.parametrize("there", [True, False], ids=["here", "elsewhere"])
def test_a_call_calls_with_its_arguments(capsys, there):
    call = SentCall(print, "a", 7)
    (call if there else pickle.loads(pickle.dumps(call)))()
    assert capsys.readouterr().out == "a 7\n"


def test_what_the_call_needs_is_imported_when_it_is_made_and_never_searched(tmp_path: Path, monkeypatch):
    (tmp_path / "of_many_objects.py").write_text(MANY)
    monkeypatch.syspath_prepend(tmp_path)
    sent = tmp_path / "sent"
    sent.write_bytes(pickle.dumps(SentCall(import_module("of_many_objects").call, "thirteen")))
    del sys.modules["of_many_objects"]
    code = (
        "import gc, pickle, sys\n"
        f"call = pickle.load(open({str(sent)!r}, 'rb'))\n"
        "assert 'of_many_objects' not in sys.modules and 'torch' not in sys.modules\n"
        "searches = []\n"
        "gc.collect()\n"
        "gc.callbacks.append(lambda *told: searches.append(told))\n"
        "call()\n"
        "print(len(searches), gc.isenabled(), gc.get_freeze_count() > 5_003)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert out.stderr == ""
    assert out.stdout == "thirteen 5003\n0 True True\n"
