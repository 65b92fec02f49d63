"""Nestor on clusters: models as actors of Ray Data (`pip install "ray[data]"`).

    import nestor.ray
    import ray

    photos = ray.data.read_binary_files("s3://bucket/photos", include_paths=True)
    answers = nestor.ray.predict(photos, "resnest50", actors=(2, 16))
    answers.write_parquet("s3://bucket/answers")

predict() is Dataset.map_batches() with a Predictor, which has one model in each actor. predict_files() reads a list of
files itself and writes a Parquet file for each part of it; parts that exist are not done again.
"""
import hashlib
import os
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
import ray.data

from .errors import Error
from .model import Model, load

Actors = int | tuple[int, int]

_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tga", ".pnm", ".ppm", ".pgm", ".pbm", ".gif")

# What a task adds to a row; all null if the image cannot be used, and `error` then says why.
SCHEMAS: Mapping[str, pa.Schema] = {
    "classify": pa.schema({"class_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.string()),
                           "probabilities": pa.list_(pa.float32()), "error": pa.string()}),
    "embed": pa.schema({"features": pa.list_(pa.float32()), "error": pa.string()}),
    "detect": pa.schema({"boxes": pa.list_(pa.list_(pa.float32(), 4)), "scores": pa.list_(pa.float32()),
                         "class_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.string()), "error": pa.string()}),
    # The class of each pixel: height * width bytes, row by row.
    "segment": pa.schema({"height": pa.int32(), "width": pa.int32(), "classes": pa.large_binary(), "error": pa.string()}),
}


class Predictor:
    """A model in an actor, for Dataset.map_batches(batch_format="numpy").

    A batch has images in `column`: encoded files in bytes, or uint8 [height, width, 3]. They are replaced by the
    columns of SCHEMAS[task]; the other columns stay. `top_k` is classify()'s; `options` are those of nestor.load().
    """

    def __init__(self, network: str, weights: str | None = None, *, task: str = "classify", column: str = "bytes",
                 top_k: int = 5, **options: Any):
        if task not in SCHEMAS:
            raise Error(f"task is {task!r}, expected one of {', '.join(SCHEMAS)}", "usage")
        self.task, self.column, self.top_k = task, column, top_k
        self.model: Model = load(network, weights, **options)

    def __call__(self, batch: dict[str, np.ndarray]) -> pa.Table:
        columns = {name: _arrow(values) for name, values in batch.items() if name != self.column}
        answers = self.answers(list(batch[self.column]))
        return pa.table({**columns, **dict(zip(answers.column_names, answers.columns))})

    def answers(self, images: list[Any]) -> pa.Table:
        """The task's columns for images."""
        work: Callable[[list[Any]], list[Any]] = getattr(self, f"_{self.task}")
        rows = [{"error": str(result)} if isinstance(result, Exception) else result for result in work(images)]
        return pa.Table.from_pylist(rows, schema=SCHEMAS[self.task])

    def _classify(self, images: list[Any]) -> list[Any]:
        return [result if isinstance(result, Error) else
                {"class_ids": [p.class_id for p in result], "labels": [p.label for p in result],
                 "probabilities": [p.probability for p in result]}
                for result in self.model.classify(images, self.top_k, errors="return")]

    def _embed(self, images: list[Any]) -> list[Any]:
        return [result if isinstance(result, Error) else {"features": result}
                for result in self.model.embed_each(images)]

    def _detect(self, images: list[Any]) -> list[Any]:
        return [result if isinstance(result, Error) else
                {"boxes": result.boxes.tolist(), "scores": result.scores, "class_ids": result.class_ids,
                 "labels": result.labels}
                for result in self.model.detect(images, errors="return")]

    def _segment(self, images: list[Any]) -> list[Any]:
        return [result if isinstance(result, Error) else
                {"height": result.shape[0], "width": result.shape[1], "classes": result.tobytes()}
                for result in self.model.segment(images, errors="return")]


def predict(dataset: ray.data.Dataset, network: str, weights: str | None = None, *, actors: Actors = 1,
            num_cpus: int = 1, num_gpus: float = 0, batch_size: int = 64, **options: Any) -> ray.data.Dataset:
    """The dataset with predictions in the place of its images; `options` are those of Predictor.

    `actors` is how many models there are, or the least and the most of a pool that grows with the work. Each has
    `num_cpus` cores, as many threads, and `num_gpus` GPUs.
    """
    return dataset.map_batches(Predictor, fn_constructor_args=[network, weights],
                               fn_constructor_kwargs=_with_device(options, num_cpus, num_gpus),
                               batch_format="numpy", batch_size=batch_size, compute=_pool(actors), num_cpus=num_cpus,
                               num_gpus=num_gpus)


def list_images(folder: str) -> list[str]:
    """The image files in a folder and those below it, sorted; a local one or a URI ("s3://bucket/photos")."""
    filesystem, path = _filesystem(folder)
    files = filesystem.get_file_info(pyarrow.fs.FileSelector(path, recursive=True))
    prefix = folder[:len(folder) - len(path)] if folder.endswith(path) else ""
    return sorted(prefix + file.path for file in files
                  if file.is_file and file.path.lower().endswith(_EXTENSIONS))


def predict_files(paths: Sequence[str], output: str, network: str, weights: str | None = None, *,
                  part_size: int = 1000, actors: Actors = 1, num_cpus: int = 1, num_gpus: float = 0,
                  **options: Any) -> dict[str, int]:
    """Predictions for files, one a row, into Parquet files in the folder `output`; both local or URIs.

    Each part of `part_size` files becomes a Parquet file, which appears when it is complete; its name tells which
    files, model and options it is of. Those that exist are not done again, so that a job that was stopped goes on
    when it is started again. If a worker dies, Ray does its part anew. A file that cannot be read or decoded is a row
    with an error. Returns how many parts, images and errors were done now, and how many parts were there.
    """
    settings = {"network": network, "weights": weights, **options}
    parts = [_part(idx, paths[begin:begin + part_size], settings)
             for idx, begin in enumerate(range(0, len(paths), part_size))]
    filesystem, folder = _filesystem(output)
    filesystem.create_dir(folder, recursive=True)
    existing = {posixpath.basename(file.path)
                for file in filesystem.get_file_info(pyarrow.fs.FileSelector(folder))}
    missing = [part for part in parts if part["file"] not in existing]
    counts = {"parts": len(missing), "images": 0, "errors": 0, "parts_before": len(parts) - len(missing)}
    if missing:
        done = ray.data.from_items(missing, override_num_blocks=len(missing)).map_batches(
            _PartWriter, fn_constructor_args=[output, network, weights],
            fn_constructor_kwargs=_with_device(options, num_cpus, num_gpus), batch_size=1, compute=_pool(actors),
            num_cpus=num_cpus, num_gpus=num_gpus)
        for row in done.iter_rows():
            counts["images"] += row["images"]
            counts["errors"] += row["errors"]
    return counts


def _part(idx: int, paths: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    text = repr((list(paths), sorted(settings.items())))
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]
    return {"file": f"part-{idx:06}-{digest}.parquet", "paths": list(paths)}


class _PartWriter:
    """Reads the files of a part, ahead of the model, and writes their predictions."""

    AT_ONCE = 64  # images in a call of the model, and as many that are read meanwhile

    def __init__(self, output: str, network: str, weights: str | None, **options: Any):
        self.output = output
        self.predictor = Predictor(network, weights, **options)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        rows: dict[str, list[Any]] = {"images": [], "errors": []}
        for file, paths in zip(batch["file"], batch["paths"]):
            table = pa.concat_tables(self._tables([str(path) for path in paths]))
            self._write(table, str(file))
            rows["images"].append(len(table))
            rows["errors"].append(len(table) - table["error"].null_count)
        return rows

    def _tables(self, paths: list[str]) -> Iterator[pa.Table]:
        chunks = [paths[begin:begin + self.AT_ONCE] for begin in range(0, len(paths), self.AT_ONCE)]
        with ThreadPoolExecutor(8) as readers:
            coming = [readers.submit(_read, path) for path in chunks[0]]
            for chunk, following in zip(chunks, [*chunks[1:], []]):
                files = [reading.result() for reading in coming]
                coming = [readers.submit(_read, path) for path in following]
                yield self._answers(files).add_column(0, "path", pa.array(chunk, pa.string()))

    def _answers(self, files: list[Any]) -> pa.Table:
        good = [file for file in files if not isinstance(file, Exception)]
        answers = iter(self.predictor.answers(good).to_pylist())
        rows = [{"error": str(file)} if isinstance(file, Exception) else next(answers) for file in files]
        return pa.Table.from_pylist(rows, schema=SCHEMAS[self.predictor.task])

    def _write(self, table: pa.Table, name: str) -> None:
        filesystem, folder = _filesystem(self.output)
        unfinished = posixpath.join(folder, f".{name}.{os.getpid()}")
        pyarrow.parquet.write_table(table, unfinished, filesystem=filesystem)
        filesystem.move(unfinished, posixpath.join(folder, name))


def _read(path: str) -> bytes | Exception:
    try:
        filesystem, name = _filesystem(path)
        with filesystem.open_input_stream(name) as stream:
            return stream.read()
    except (OSError, pa.ArrowException) as error:
        return error


def _filesystem(path: str) -> tuple[pyarrow.fs.FileSystem, str]:
    if "://" in path:
        return pyarrow.fs.FileSystem.from_uri(path)
    return pyarrow.fs.LocalFileSystem(), path


def _with_device(options: Mapping[str, Any], num_cpus: int, num_gpus: float) -> dict[str, Any]:
    return {"device": "cuda" if num_gpus else "cpu", "threads": num_cpus, **options}


def _pool(actors: Actors) -> ray.data.ActorPoolStrategy:
    least, most = actors if isinstance(actors, tuple) else (actors, actors)
    return ray.data.ActorPoolStrategy(min_size=least, max_size=most)


def _arrow(values: np.ndarray) -> pa.Array:
    return pa.array(values.tolist() if values.dtype == object or values.ndim > 1 else values)
