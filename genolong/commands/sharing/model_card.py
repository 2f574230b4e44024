"""The card of an exported model: what it is, its training data, and how good it is, with numbers from its run."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from genolong.commands.reading.trained_run import BuiltFrom, TrainedRun
from genolong.commands.sharing.run_results import RunResults
from genolong.counted import counted
from genolong.errors import InputError
from genolong.runs.folder import RECORD

TOP = """---
library_name: genolong
tags:
  - dna
  - genomics
  - masked-language-model
---
"""
READERS = {
    "model": "this model", "composition": "base composition", "best_kmer": "the best bidirectional k-mer counter",
    "floor": "a perfect reader of this synthetic genome",
}  # fmt: skip
USE = """```
python -m genolong predict model=FOLDER vcf=in.vcf.gz output=out.vcf.gz data.fasta=genome.fa.gz
python -m genolong evaluate model=FOLDER data.fasta=genome.fa.gz
python -m genolong train task=variant_effect init_from=FOLDER data.vcf=labelled.vcf.gz data.label=FIELD
```

```python
import genolong
model = genolong.load("FOLDER")  # this folder
model.logits("ACGTN"), model.embed("ACGTN"), model.score("CONTIG:POSITION REF>ALT", fasta="genome.fa.gz")
```"""
INTENDED = """For research: ranking the variants of genomes like those it was trained on, embedding their sequences, and
further training. A score says how expected an allele is to a model that has read the files below; it is not a measure
of harm, and no basis for a diagnosis or a treatment.

- On genomes other than those below, nothing is known until it is measured (`evaluate model=FOLDER data.fasta=...`).
- It was not trained on context beyond the window, though it can read any length.
- N and letters other than A C G T are read as unknown.
- The table of figures shows whether the model does better than counting k-mers: look there before you use it."""


def model_card(run: TrainedRun, built: BuiltFrom, inputs: Mapping[str, str], results: RunResults) -> str:
    """The card in Markdown; raises InputError if the run's record lacks what belongs there."""
    try:
        parts = [
            f"{TOP}# {_plain(run.title)}", _about(run, built), "## Intended use, and limits", INTENDED,
            "## Use", f"`FOLDER` is the folder with this file.\n\n{USE}",
            "## Data", *_data(run, built, inputs), "## Figures", *_figures(run, results),
            *_training(results, run.unfinished_status),
        ]  # fmt: skip
        return "\n\n".join(parts) + "\n"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{run.folder / RECORD}: does not say what the record of a run says ({error!r})") from error


def _about(run: TrainedRun, built: BuiltFrom) -> str:
    model = built.model
    parameters = sum(weight.numel() for weight in run.model.parameters())
    rows = [
        ("what it does", "predicts hidden bases of DNA from both sides, at single-base resolution"),
        ("encoder", f"LongNet (dilated attention): {model.layers} blocks, width {model.width}, {model.heads} heads"),
        ("parameters", f"{parameters:,}"),
        ("context window", f"{run.window_bp:,} bases"),
    ]
    if run.variant_head is not None:
        of_head = sum(weight.numel() for weight in run.variant_head.parameters())
        rows.append(("trained head", f"{of_head:,} more parameters; probability of {run.head_is}"))
    if run.before:
        windows = ", ".join(f"{earlier.window_bp:,}" for earlier in reversed(run.before))
        rows.append(("started from weights", f"trained before, on windows of {windows} bases"))
    rows += [("weights", f"sha256 {run.weights_sha256}"), ("exported by", f"genolong {version('genolong')}")]
    return _table(("", ""), rows)


def _data(run: TrainedRun, built: BuiltFrom, inputs: Mapping[str, str]) -> Iterable[str]:
    """The files of the model's training, what it held out, and the files of a head's training."""
    data = built.data
    yield _files(inputs)
    if data.validation is None:
        ends = f"the last {100 * data.validation_share:.3g} % of every contig that is long enough"
        held_out = f"{ends} (if none is, the last window of the longest); of a draft assembly, some whole contigs, too"
    else:
        held_out = ", ".join(_plain(Path(name).name) for name in data.validation_contigs)
    regions = f" Trained on the regions of {_plain(Path(data.regions).name)} only." if data.regions else ""
    yield f"Held out: {held_out}.{regions} Seed {built.seed}."
    if run.heads_training is not None:
        yield "The head was trained on variants; they, and the genome in which it read them:"
        yield _files(run.heads_training.files)


def _files(inputs: Mapping[str, str]) -> str:
    return _table(("file", "sha256"), [(Path(path).name, sha256) for path, sha256 in inputs.items()])


def _figures(run: TrainedRun, results: RunResults) -> Iterable[str]:
    """Losses on hidden bases of held-out windows, compared with baselines, and metrics from the record."""
    figures = results.figures or {}
    rows = []
    for reader, words in READERS.items():
        loss, accuracy = (figures.get(f"{reader}/{what}") for what in ("loss", "accuracy"))
        if loss is not None:
            spread = "" if loss.standard_error is None else f" ± {loss.standard_error:.4f}"
            shown = f"{accuracy.value:.1%}" if accuracy else ""
            rows.append((words, f"{loss.value:.4f}{spread}", shown, f"{loss.n:,}"))
    if rows:
        yield _table(("held-out bases, predicted by", "nats a base", "accuracy", "bases"), rows)
    gain = figures.get("model/gain_over_best_kmer")
    if gain is not None:
        worse = "" if gain.value > 0 else " **It is no better than counting k-mers.**"
        yield f"Gain over the best k-mer counter: {gain.value:.4f} nats a base.{worse}"
    if not rows:
        yield "Not compared with baselines: `python -m genolong evaluate model=FOLDER` does that."
    metrics = {} if results.record is None else results.record["metrics"]
    own = [(name, f"{value:.4f}") for name, value in metrics.items() if name.startswith("validation/")]
    if own:
        of = "" if run.variant_head is None else " of the head, on alleles that it held out"
        yield _table((f"at the end of the training{of}", ""), own)


def _training(results: RunResults, unfinished: str) -> Iterable[str]:
    """The command, and the versions and hardware it ran with."""
    record = results.record
    yield "## Training"
    if record is None and unfinished:
        yield f"It has not finished; its record says: {_plain(unfinished)}."
        return
    if record is None:
        yield "Unknown: the record of the training is missing, or belongs to other weights."
        return
    command = _command(record["command"])
    if command:
        yield f"```\n{command}\n```"
    versions = ", ".join(f"{name} {record['versions'][name]}" for name in ("genolong", "python", "torch"))
    commit = (record.get("code") or {}).get("commit")
    machine = record["machine"]
    on = machine["gpu"] or f"a CPU ({machine['processor']}, {counted(machine['threads'], 'thread')})"
    bases = f" and {record['bases']:,} bases" if "bases" in record else ""
    yield (
        f"{counted(record['steps'], 'step')}{bases}, on {_plain(str(on))}, with {_plain(versions)}"
        + (f", commit `{_plain(str(commit))}`" if commit else "")
        + ". With the run's folder, `python -m genolong reproduce run=RUN` trains again and compares the weights."
    )


def _command(words: Sequence[str]) -> str:
    """The command as typed, starting with `python -m genolong`; empty if training was called from Python."""
    for at, word in enumerate(words):
        if word == "genolong" or word.endswith(("/genolong", "genolong/__main__.py")):
            return f"python -m genolong {shlex.join(words[at + 1 :])}".replace("`", "'")
    return ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text on one line, with Markdown's special characters escaped: names come from files."""
    return "".join(f"\\{letter}" if letter in "|`<>[]" else letter for letter in " ".join(str(text).split()))
