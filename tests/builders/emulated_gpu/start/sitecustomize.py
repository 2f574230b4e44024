"""Python runs this before a program if its folder is on the path: GPUs, as many as the environment says."""

import os
from pathlib import Path

from tests.builders.emulated_gpu.device import LIBRARY, NUMBER, plug_in

plug_in(Path(os.environ[LIBRARY]), int(os.environ[NUMBER]), processors=4)

from tests.builders.emulated_gpu import attention, launches, messages  # noqa: E402 (after torch was told of the GPUs)

messages.send_by_gloo()
HELD = attention.define(), launches.interpret()
