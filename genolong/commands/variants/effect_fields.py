"""What predict adds to a VCF: header lines, and INFO entries of every record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genolong.errors import SettingsError
from genolong.genome.alleles import SCORED, Status
from genolong.tasks.variant_effect import Effect

COMMANDS = ("genolong_predict", "genolong_map")  # keys of the header line that gives the fields' origin
STATUS_WORDS = (
    "ok; edge: scored, the window reaches beyond the contig; n_rich: scored, more than a tenth of the window is N; "
    "without a score: " + ", ".join(status for status in Status if status not in SCORED)
)
MODE_WORDS = {
    "exact": "site hidden from the model, in the middle of the window",
    "shared": "site hidden from the model, together with others in the window",
    "unmasked": "site seen by the model",
}


@dataclass(frozen=True)
class EffectFields:
    """The INFO fields <prefix>_LLR, _DIST, _PROB (the last two if computed) and _STATUS, one value per ALT allele.

    `chance_of` says what the probabilities mean; empty if there are none.
    """

    prefix: str
    with_distance: bool
    chance_of: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of all fields, including those that this run omits, so that stale values are removed."""
        return tuple(f"{self.prefix}_{name}" for name in ("LLR", "DIST", "PROB", "STATUS"))

    @property
    def keys(self) -> frozenset[bytes]:
        """The names as bytes, as in a VCF."""
        return frozenset(name.encode() for name in self.ids)

    def header(self, origin: Mapping[str, str], flank: int, command: str = COMMANDS[0]) -> list[bytes]:
        """The lines that declare the fields and give their origin, without line ends."""
        llr, distance, chance, status = self.ids
        mode, model = origin["mode"], origin["weights_sha256"][:12]
        told = f"Window of {origin['window_bp']} bases, model {model}, FASTA {origin['fasta']}"
        declared = [
            (
                llr,
                "Float",
                "log p(ALT) - log p(REF) in nats, mean of both strands; below 0: the model finds ALT less likely. "
                f"Single bases: {MODE_WORDS[mode]}. Other alleles, on another scale: pseudo-log-likelihood of the ALT "
                f"window minus that of the REF window over the longer allele and {flank} bases on either side. {told}",
            ),
            (
                distance,
                "Float",
                "Euclidean distance between the model's mean states of the ALT and REF windows over the longer "
                f"allele and {flank} bases on either side, mean of both strands. {told}",
            ),
            (
                chance,
                "Float",
                f"Probability of {self.chance_of}, from the ALT and REF windows, nothing hidden. {told}",
            ),
            (status, "String", f"For each ALT allele: {STATUS_WORDS}"),
        ]
        pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in origin.items())
        lines = [
            f'##INFO=<ID={name},Number=A,Type={kind},Description="{_escaped(words)}">'
            for name, kind, words in declared
            if (name != distance or self.with_distance) and (name != chance or self.chance_of)
        ]
        return [line.encode(errors="replace") for line in (*lines, f"##{command}=<ID={self.prefix},{pairs}>")]

    def is_own(self, line: bytes) -> bool:
        """Whether a header line gives the origin of fields from an earlier run."""
        return line.startswith(tuple(f"##{command}=<ID={self.prefix},".encode() for command in COMMANDS))

    def entries(self, statuses: Sequence[Status], effects: Sequence[Effect | None]) -> bytes:
        """A record's INFO entries: scores if any allele has one, and the status of every allele."""
        llr, distance, chance, status = self.ids
        parts = []
        if any(effects):
            parts.append(f"{llr}={','.join('.' if effect is None else _llr(effect.llr) for effect in effects)}")
            if self.with_distance:
                values = ("." if effect is None else f"{effect.distance:.4g}" for effect in effects)
                parts.append(f"{distance}={','.join(values)}")
            if self.chance_of:
                values = ("." if effect is None else f"{effect.chance:.4f}" for effect in effects)
                parts.append(f"{chance}={','.join(values)}")
        parts.append(f"{status}={','.join(statuses)}")
        return ";".join(parts).encode()


def _llr(value: float) -> str:
    shown = f"{value:.4f}"
    return "0.0000" if shown == "-0.0000" else shown


def _escaped(text: str) -> str:
    """Text escaped for a quoted header value."""
    return " ".join(text.splitlines()).replace("\t", " ").replace("\\", "\\\\").replace('"', '\\"')


def check_prefix(prefix: str) -> None:
    """Raises SettingsError for a prefix with which no INFO field can begin."""
    if not prefix.isascii() or not prefix.isidentifier():
        raise SettingsError(f"prefix={prefix}: wanted letters, digits and _, the first no digit")
