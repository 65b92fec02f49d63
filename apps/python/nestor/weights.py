"""Networks and their weights."""
import json
import os
from collections.abc import Sequence
from typing import Any

from . import _nestor
from .commands import output_of

Path = str | os.PathLike[str]


def list_models(task: str | None = None) -> list[str]:
    """Names of the networks that load() takes; of one task if it is given ("classification", ...)."""
    return [row["name"] for row in _nestor.networks() if task is None or row["task"] == task]


def list_pretrained(network: str | None = None) -> list[dict[str, Any]]:
    """The official weight files, of one network if it is given, the preferred ones first.

    Each is a dict: name, source, network, task, runnable, file, its hash, input_size, preprocess (with timm's keys),
    accuracy, size_bytes, cached, note.
    """
    arguments = [] if network is None else ["--network", network]
    return json.loads(output_of("weights", "list", "--format", "json", *arguments))


def pull(network: str, weights: str | None = None, *, offline: bool = False, base_url: str | None = None) -> str:
    """Path of a network's official weights as a model file: from the cache, or downloaded, verified and converted.

    `weights` is a source ("gluoncv", "timm", "resnest"), a tag ("in1k"), 8 digits of a hash or a name of
    list_pretrained(); None is the first in that list. The environment variables of `nestor-weights pull` work as well.
    """
    arguments = ["--network", network, *([weights] if weights else [])]
    if offline:
        arguments.append("--offline")
    if base_url:
        arguments += ["--base-url", base_url]
    return output_of("weights", "pull", *arguments).removesuffix("\n")


def convert(source: Path, output: Path, *, network: str | None = None, labels: Path | None = None,
            num_classes: int | str | None = None, origin: str | None = None, storage: str | None = None,
            img_size: int | None = None, crop_pct: float | None = None, interpolation: str | None = None,
            mean: Sequence[float] | None = None, std: Sequence[float] | None = None,
            ignore: Sequence[str] = ()) -> str:
    """Converts the weight file `source` of another framework to the model file `output`, and returns its path.

    .params, GluonCV's .zip, .pth, .pt and .safetensors are read. `network` is found by hash or tensors if it is not
    given. `num_classes` may be "auto" for as many as the file has; `origin` is "gluoncv", "timm", "resnest" or
    "nestor"; `storage` "fp32" or "fp16"; `ignore` globs of tensors' names. See `nestor-convert --help`.
    """
    options = {"--network": network, "--labels": labels and os.fspath(labels), "--num-classes": num_classes,
               "--source": origin, "--storage": storage, "--img-size": img_size, "--crop-pct": crop_pct,
               "--interpolation": interpolation, "--mean": _joined(mean), "--std": _joined(std)}
    arguments = [f"{name}={value}" for name, value in options.items() if value is not None]
    arguments += [f"--ignore={glob}" for glob in ignore]
    output_of("convert", f"--input={os.fspath(source)}", f"--output={os.fspath(output)}", *arguments)
    return os.fspath(output)


def _joined(values: Sequence[float] | None) -> str | None:
    return None if values is None else ",".join(str(value) for value in values)
