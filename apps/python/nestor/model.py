"""Models: loading and running them."""
import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import _nestor
from .errors import Error
from .images import Images, host_array, sources
from .weights import Path, pull

# Of an encoded image, as Pillow's limit: it is refused before it is decoded.
MAX_PIXELS = 178_956_970

_log = logging.getLogger("nestor")


class Prediction(NamedTuple):
    """A class that an image may be of."""

    class_id: int
    label: str  # empty if the model has no labels
    probability: float


class Detections(NamedTuple):
    """Objects in an image, the highest score first."""

    boxes: np.ndarray  # float32 [n, 4]: left, top, right, bottom in pixels of the image that was given
    scores: np.ndarray  # float32 [n]
    class_ids: np.ndarray  # int32 [n]
    labels: list[str]  # empty strings if the model has none


def load(network: Path, weights: Path | None = None, *, device: str = "auto", precision: str | None = None,
         threads: int = 0, deterministic: bool = False, tuning: Path | None = None, offline: bool = False,
         memory_limit: int = 0, device_memory_limit: int = 0, score_threshold: float = 0.5, nms_threshold: float = 0.5,
         max_detections: int = -1) -> "Model":
    """Opens a model.

    `network` is a name of list_models(), or the path of a model file. `weights` is such a path too, or says which of
    the network's official weights to use (see pull()); they are downloaded once unless `offline`. `device` is "auto",
    "cpu", "cuda" or "cuda:N"; `precision` "fp32", "fp16", "bf16" or "tf32" (default: fp16 on GPUs, else fp32);
    `threads` are those of the CPU, 0 for as many as the process may use; `deterministic` makes an image's result
    independent of its batch on GPUs too; `tuning` is a file of `nestor-inspect --tune`. Batches that
    need more than `memory_limit` bytes of the host's memory, or `device_memory_limit` bytes of a GPU's, are refused
    with Error "out_of_memory" before anything runs; 0 for no limit. Of detectors:
    `score_threshold` is the least score of a detection; of two boxes of a class that overlap by more than
    `nms_threshold` (intersection over union) the better one stays; `max_detections` of an image are kept, -1 for all.
    """
    name = os.fspath(network)
    if weights is None and _is_file(name):
        path, name = name, ""
    elif weights is not None and _is_file(os.fspath(weights)):
        path = os.fspath(weights)
    else:
        path = pull(name, None if weights is None else os.fspath(weights), offline=offline)
        name = ""  # the list's names are more than the networks' own
    return Model(path, network=name, device=device, precision=precision, threads=threads,
                 deterministic=deterministic, tuning=None if tuning is None else os.fspath(tuning),
                 memory_limit=memory_limit, device_memory_limit=device_memory_limit,
                 score_threshold=score_threshold, nms_threshold=nms_threshold, max_detections=max_detections)


def _is_file(name: str) -> bool:
    return name.endswith(".safetensors") or os.path.sep in name and os.path.exists(name)


class Model:
    """A network with its weights on a device; load() makes one.

    Any number of threads may use a model: calls wait for each other, and Python runs on meanwhile. For throughput on a
    GPU or with threads=1, give each thread a model of its own. Pickles by path and options, so that each process opens
    the file itself. After a fork(), only models with one thread run; use the start method "spawn" for others.

    Images are paths, encoded files in bytes, uint8 arrays [height, width, 3] in RGB, PIL images, or lists of these; a
    uint8 array [n, height, width, 3] is a list as well. They are decoded, resized, cropped and normalised as the
    weights' source does it, bit for bit.
    """

    def __init__(self, path: Path, *, network: str = "", device: str = "auto", precision: str | None = None,
                 threads: int = 0, deterministic: bool = False, tuning: str | None = None, memory_limit: int = 0,
                 device_memory_limit: int = 0, score_threshold: float = 0.5, nms_threshold: float = 0.5,
                 max_detections: int = -1):
        self.path = os.fspath(path)
        self._options = {"network": network, "device": device, "precision": precision, "threads": threads,
                         "deterministic": deterministic, "tuning": tuning, "memory_limit": memory_limit,
                         "device_memory_limit": device_memory_limit, "score_threshold": score_threshold,
                         "nms_threshold": nms_threshold, "max_detections": max_detections}
        self._engine = _nestor.Engine(**{**self._options, "path": self.path, "tuning": tuning or ""})
        if self._engine.synthetic:
            _log.warning("%s has synthetic weights: the answers are meaningless", self.path)
        if self._engine.why_no_gpu:
            _log.info("on the CPU: %s", self._engine.why_no_gpu)
        for warning in self._engine.warnings:
            _log.warning("%s", warning)

    def classify(self, images: Images, top_k: int = 5, *, batch_size: int = 16, max_pixels: int = MAX_PIXELS,
                 errors: str = "raise") -> Any:
        """The `top_k` most probable classes of an image, most probable first; for a list, a list of such lists.

        At most `batch_size` images run at once; encoded ones of more than `max_pixels` are refused undecoded.
        `errors="return"` puts the Error of an image that cannot be used into its place; "raise" raises the first.
        """
        given, single = sources(images)
        results = [result if isinstance(result, Error) else [Prediction(*row) for row in result]
                   for result in self._engine.classify(given, top_k, _nestor.Batching(batch_size, max_pixels))]
        _raise_if(errors, results)
        return results[0] if single else results

    def detect(self, images: Images, *, batch_size: int = 16, max_pixels: int = MAX_PIXELS,
               errors: str = "raise") -> Any:
        """The Detections of an image; for a list, a list of such. Options as in classify()."""
        given, single = sources(images)
        results = [result if isinstance(result, Error) else Detections(*result)
                   for result in self._engine.detect(given, _nestor.Batching(batch_size, max_pixels))]
        _raise_if(errors, results)
        return results[0] if single else results

    def segment(self, images: Images, *, batch_size: int = 1, max_pixels: int = MAX_PIXELS, errors: str = "raise") -> Any:
        """The class of each pixel, uint8 [height, width], in the image's own size; for a list, a list of such.

        Images of one size run in batches. Options as in classify().
        """
        given, single = sources(images)
        results = self._engine.segment(given, _nestor.Batching(batch_size, max_pixels))
        _raise_if(errors, results)
        return results[0] if single else results

    def embed(self, images: Images, *, batch_size: int = 16, max_pixels: int = MAX_PIXELS) -> np.ndarray:
        """Pooled features that the last layer classifies: float32 [n, num_features], n = 1 for a single image."""
        features, failures = self._engine.embed(sources(images)[0], _nestor.Batching(batch_size, max_pixels))
        _raise_if("raise", failures)
        return features

    def embed_each(self, images: Images, *, batch_size: int = 16, max_pixels: int = MAX_PIXELS) -> list[Any]:
        """Features of each image, float32 [num_features], or the Error of one that cannot be used."""
        features, failures = self._engine.embed(sources(images)[0], _nestor.Batching(batch_size, max_pixels))
        return [row if failure is None else failure for row, failure in zip(features, failures)]

    def preprocess(self, images: Images) -> np.ndarray:
        """Normalised images, as run() takes them: float32 [n, 3, height, width], n = 1 for a single image."""
        return self._engine.preprocess(sources(images)[0])

    def run(self, batch: Any, outputs: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """The network's outputs for a batch, by name; `outputs` names intermediate tensors (`taps`) to have beside them.

        `batch` is float32 [n, 3, height, width], normalised; or uint8 [n, height, width, 3], which the device
        normalises. An array in C order is not copied. CPU arrays of others are taken by DLPack.
        """
        return self._engine.run(host_array(batch), list(outputs or ()))

    def enqueue(self, batch: Any, outputs: Mapping[str, Any], stream: int) -> None:
        """Runs a batch that is in device memory on a CUDA stream, and leaves the results in `outputs`; waits for nothing.

        `batch` and the arrays of `outputs`, by the names of run()'s results, come by DLPack (torch, CuPy, ...), in C
        order, on the model's device; shapes and types are those of run(). `stream` is a cudaStream_t of the caller's
        (torch.cuda.Stream().cuda_stream), not the default stream. Arrays must live until the stream has done the work.
        Raises Error "unsupported" if the model is on the CPU.
        """
        self._engine.enqueue(host_array(batch), dict(outputs), stream)

    def plan(self, shape: Sequence[int], dtype: str = "float32") -> dict[str, Any]:
        """The plan for batches of that shape, as `nestor-inspect --plan --format json` shows it."""
        return json.loads(self._engine.plan(list(shape), dtype))

    @property
    def data_config(self) -> dict[str, Any]:
        """The preprocessing with timm's keys, for timm.data.create_transform()."""
        own = self._engine.preprocessing
        size = own["crop_size"]
        # The ResNeSt repository cuts size / (size + 32) of the short side, then resizes.
        ratio = size / (size + 32) if own["contract"] == "resnest" else own["crop_ratio"]
        return {"input_size": (3, size, size), "interpolation": own["interpolation"], "mean": own["mean"],
                "std": own["std"], "crop_pct": ratio, "crop_mode": "center"}

    @property
    def labels(self) -> list[str]:
        """Names of the classes; empty if the model has none."""
        return self._engine.labels

    @property
    def network(self) -> str:
        """The network's name, as in list_models()."""
        return self._engine.network

    @property
    def task(self) -> str:
        """ "classification", "detection" or "segmentation". """
        return self._engine.task

    @property
    def source(self) -> str:
        """Whose weights these are: "gluoncv", "timm", "resnest", ..."""
        return self._engine.source

    @property
    def num_classes(self) -> int:
        """Number of classes that the weights tell apart."""
        return self._engine.num_classes

    @property
    def num_features(self) -> int:
        """Length of an embedding; 0 for a model that does not classify."""
        return self._engine.num_features

    @property
    def device(self) -> str:
        """ "cpu" or "cuda:N". """
        return self._engine.device

    @property
    def precision(self) -> str:
        """ "fp32", "fp16", "bf16" or "tf32". """
        return self._engine.precision

    @property
    def threads(self) -> int:
        """Threads of the CPU."""
        return self._engine.threads

    @property
    def taps(self) -> list[str]:
        """Names of intermediate tensors that run() can return."""
        return self._engine.taps

    def __repr__(self) -> str:
        return f"<nestor.Model {self.network} of {self.source} on {self.device}, {self.precision}>"

    def __reduce__(self) -> Any:
        return _reopen, (self.path, self._options)


def _reopen(path: str, options: dict[str, Any]) -> Model:
    return Model(path, **options)


def _raise_if(errors: str, results: Sequence[Any]) -> None:
    if errors not in ("raise", "return"):
        raise Error(f'errors is {errors!r}, expected "raise" or "return"', "usage")
    for result in results:
        if errors == "raise" and isinstance(result, Error):
            raise result
