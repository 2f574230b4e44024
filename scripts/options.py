"""Options of several scripts, checked before anything runs."""

import argparse
import sys
from pathlib import Path

MODELS = sorted(path.stem for path in (Path(__file__).resolve().parent.parent / "conf/model").glob("*.yaml"))


def positive(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, wanted a whole number above 0")
    return int(text)


def existing_file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file; check its spelling and the folder you are in")
    return Path(text)


def add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=new_file, help="write the figures here")
    parser.add_argument("--png", type=new_file, help="draw them here")


def new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} cannot be written; wanted a file in a folder that exists")
    return path


def check_device(device: str) -> None:
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit(f"--device {device}: PyTorch finds no GPU here")
