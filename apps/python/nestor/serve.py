"""A server of the Open Inference Protocol, REST and gRPC, by KServe's model server (`pip install kserve`).

    python -m nestor.serve --model_name resnest50 --network resnest50 --http_port 8080 --grpc_port 8081

A request has one input: BYTES [n], encoded images (in JSON as base64); UINT8 [n, height, width, 3], pixels; or FP32
[n, 3, height, width], normalised images, of which a classifier's output is `logits`. The outputs of images are

    classification  class_ids INT32 [n, k], labels BYTES [n, k], probabilities FP32 [n, k]; or features FP32 [n, f], if
                    the request names that output
    detection       counts INT32 [n], and, one image's rows after another's, boxes FP32 [rows, 4], scores FP32 [rows],
                    class_ids INT32 [rows], labels BYTES [rows]
    segmentation    sizes INT32 [n, 2], height and width; classes UINT8 [pixels], one image's rows after another's

Requests of many clients run in batches. /metrics has KServe's figures and nestor_requests, nestor_batch_images,
nestor_queue_seconds and nestor_compute_seconds. At SIGTERM requests under way are answered.
"""
import argparse
import asyncio
import base64
import binascii
import math
from collections.abc import Sequence
from typing import Any

import kserve
import kserve.model_server
import numpy as np
import orjson
from kserve.errors import InferenceError, InvalidInput
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import InferInput, InferOutput, InferRequest, InferResponse, RequestedOutput
from kserve.utils.numpy_codec import from_np_dtype, to_np_dtype
from kserve.utils.utils import generate_uuid
from prometheus_client import Counter, Histogram

from .batcher import Batcher
from .errors import Error
from .model import Model, load

_REQUESTS = Counter("nestor_requests", "Requests by the code of their error, or ok", ["model_name", "code"])
_BATCH = Histogram("nestor_batch_images", "Images in a batch", ["model_name"], buckets=(1, 2, 4, 8, 16, 32, 64))
_QUEUE = Histogram("nestor_queue_seconds", "Time that a batch's first request waited", ["model_name"])
_COMPUTE = Histogram("nestor_compute_seconds", "Time to decode and run a batch", ["model_name"])

_LENGTH_HEADER = "inference-header-content-length"
_CLIENTS_FAULT = ("bad_input", "usage")


class Limits:
    """What a request may ask for."""

    def __init__(self, *, max_body_bytes: int = 32 << 20, max_pixels: int = 50_000_000, max_images: int = 64,
                 max_waiting: int = 1024):
        self.max_body_bytes = max_body_bytes  # of a REST request or gRPC message
        self.max_pixels = max_pixels  # of an encoded image
        self.max_images = max_images
        self.max_waiting = max_waiting  # images of all requests that wait


class ServedModel(kserve.Model):
    """A model behind the protocol."""

    def __init__(self, name: str, model: Model, *, top_k: int = 5, max_batch: int = 16, max_delay: float = 0.002,
                 limits: Limits | None = None):
        super().__init__(name)
        self.model, self.top_k, self.limits = model, top_k, limits or Limits()
        pixels = self.limits.max_pixels
        runs = {"classify": lambda images: model.classify(images, top_k, max_pixels=pixels, errors="return"),
                "embed": lambda images: model.embed_each(images, max_pixels=pixels),
                "detect": lambda images: model.detect(images, max_pixels=pixels, errors="return"),
                "segment": lambda images: model.segment(images, max_pixels=pixels, errors="return"),
                "logits": self._logits}
        self._batchers = {task: Batcher(run, max_batch=max_batch, max_delay=max_delay, told=self._count,
                                        max_waiting=self.limits.max_waiting) for task, run in runs.items()}
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> InferResponse:
        code = "internal"
        try:
            response = await self._answer(payload)
            code = "ok"
            return response
        except InvalidInput:
            code = "bad_input"
            raise
        except Error as error:
            code = error.code
            raise (InvalidInput if code in _CLIENTS_FAULT else InferenceError)(str(error)) from error
        except asyncio.CancelledError:
            code = "cancelled"
            raise
        finally:
            _REQUESTS.labels(self.name, code).inc()

    async def _answer(self, request: Any) -> InferResponse:
        if not isinstance(request, InferRequest) or len(request.inputs) != 1:
            raise InvalidInput("expected a request of protocol version 2 with one input")
        items = self._items(request.inputs[0])
        wanted = {output.name for output in request.request_outputs or ()}
        task = self._task(request.inputs[0].datatype, wanted)
        results = await self._batchers[task].submit(items) if items else []
        for result in results:
            if isinstance(result, Error):
                raise result
        outputs = getattr(self, f"_{task}_outputs")(results)
        # What tritonclient asks for if it names no outputs.
        binary = request.from_grpc or bool((request.parameters or {}).get("binary_data_output"))
        return InferResponse(request.id or generate_uuid(), self.name, outputs, use_binary_outputs=binary,
                             requested_outputs=request.request_outputs)

    def _task(self, datatype: str, wanted: set[str]) -> str:
        if self.model.task != "classification":
            if datatype == "FP32":
                raise InvalidInput(f"{self.name} is for {self.model.task}: it takes images, BYTES or UINT8, not FP32")
            return "detect" if self.model.task == "detection" else "segment"
        if datatype == "FP32":
            return "logits"
        return "embed" if "features" in wanted else "classify"

    def _items(self, given: InferInput) -> list[Any]:
        if not given.shape or not 0 <= given.shape[0] <= self.limits.max_images:
            raise InvalidInput(f"{given.name}: shape {given.shape}, expected 0 to {self.limits.max_images} images")
        try:
            array = given.as_numpy()
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidInput(f"{given.name}: {error}") from error
        if given.datatype == "BYTES":
            return [_encoded(image) for image in array.reshape(-1)]
        dims = {"UINT8": (4, 3), "FP32": (4, 1)}.get(given.datatype)
        if dims is None or array.ndim != dims[0] or array.shape[dims[1]] != 3:
            raise InvalidInput(f"{given.name}: {given.datatype} {given.shape}, expected BYTES [n], "
                               "UINT8 [n, height, width, 3] or FP32 [n, 3, height, width]")
        return list(array)

    def _logits(self, tensors: list[np.ndarray]) -> list[Any]:
        """Runs those of one size together."""
        results: list[Any] = [None] * len(tensors)
        for shape in {tensor.shape for tensor in tensors}:
            same = [idx for idx, tensor in enumerate(tensors) if tensor.shape == shape]
            try:
                rows: Sequence[Any] = self.model.run(np.stack([tensors[idx] for idx in same]))["logits"]
            except Error as error:
                rows = [error] * len(same)
            for idx, row in zip(same, rows):
                results[idx] = row
        return results

    def _classify_outputs(self, results: list[Any]) -> list[InferOutput]:
        rows = (len(results), min(self.top_k, self.model.num_classes))
        return [_output("class_ids", np.int32([[p.class_id for p in row] for row in results]).reshape(rows)),
                _output("labels", _texts([[p.label for p in row] for row in results]).reshape(rows)),
                _output("probabilities", np.float32([[p.probability for p in row] for row in results]).reshape(rows))]

    def _embed_outputs(self, results: list[Any]) -> list[InferOutput]:
        return [_output("features", np.float32(results).reshape(len(results), self.model.num_features))]

    def _logits_outputs(self, results: list[Any]) -> list[InferOutput]:
        return [_output("logits", np.float32(results).reshape(len(results), self.model.num_classes))]

    def _detect_outputs(self, results: list[Any]) -> list[InferOutput]:
        return [_output("counts", np.int32([len(result.scores) for result in results])),
                _output("boxes", np.concatenate([np.zeros((0, 4), np.float32), *(r.boxes for r in results)])),
                _output("scores", np.concatenate([np.zeros(0, np.float32), *(r.scores for r in results)])),
                _output("class_ids", np.concatenate([np.zeros(0, np.int32), *(r.class_ids for r in results)])),
                _output("labels", _texts([label for result in results for label in result.labels]))]

    def _segment_outputs(self, results: list[Any]) -> list[InferOutput]:
        return [_output("sizes", np.int32([result.shape for result in results]).reshape(len(results), 2)),
                _output("classes", np.concatenate([np.zeros(0, np.uint8), *(result.reshape(-1) for result in results)]))]

    def _count(self, num_images: int, waited: float, computed: float) -> None:
        _BATCH.labels(self.name).observe(num_images)
        _QUEUE.labels(self.name).observe(waited)
        _COMPUTE.labels(self.name).observe(computed)


class BinaryDataPlane(DataPlane):
    """KServe's, whose REST requests may have encoded images as binary data: its own makes text of BYTES."""

    def decode_inference_request(self, body: Any, headers: dict[str, str], model_name: str) -> InferRequest:
        try:
            if isinstance(body, bytes) and _LENGTH_HEADER in headers:
                return _binary_request(body, int(headers[_LENGTH_HEADER]), model_name)
            return super().decode_inference_request(body, headers, model_name)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"malformed request: {type(error).__name__}: {error}") from error


class BodyLimit:
    """Refuses REST requests with more bytes (an ASGI middleware)."""

    def __init__(self, app: Any, most: int):
        self.app, self.most = app, most

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.most:
            return await self._refuse(send)
        count = 0

        async def counted() -> Any:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self.most:
                raise ValueError(f"the body has more than {self.most} bytes")
            return message

        return await self.app(scope, counted, send)

    async def _refuse(self, send: Any) -> None:
        body = orjson.dumps({"error": f"the body has more than {self.most} bytes"})
        await send({"type": "http.response.start", "status": 413,
                    "headers": [(b"content-type", b"application/json"), (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": body})


def serve(model: ServedModel, *, http_port: int = 8080, grpc_port: int = 8081, grace_period: int = 30) -> None:
    """Serves until SIGTERM or SIGINT, then answers what is under way for at most `grace_period` seconds."""
    kserve.model_server.args.grpc_max_receive_message_length = model.limits.max_body_bytes
    kserve.model_server.app.add_middleware(BodyLimit, most=model.limits.max_body_bytes)
    server = kserve.ModelServer(http_port=http_port, grpc_port=grpc_port, workers=1, grace_period=grace_period,
                                enable_latency_logging=False)
    server.dataplane = BinaryDataPlane(model_registry=server.registered_models)
    server.start([model])


def _binary_request(body: bytes, json_length: int, model_name: str) -> InferRequest:
    head = orjson.loads(body[:json_length])
    position, inputs = json_length, []
    for given in head["inputs"]:
        size = (given.get("parameters") or {}).get("binary_data_size")
        data = given.get("data")
        if size is not None:
            if not 0 <= size <= len(body) - position:
                raise InvalidInput(f"{given['name']}: {size} bytes of binary data, found {len(body) - position}")
            data = _binary_array(body[position:position + size], given["datatype"], given["shape"])
            position += size
        inputs.append(InferInput(given["name"], given["shape"], given["datatype"], data))
    outputs = [RequestedOutput(output["name"], output.get("parameters")) for output in head.get("outputs") or ()]
    return InferRequest(model_name, inputs, request_id=head.get("id"), parameters=head.get("parameters"),
                        request_outputs=outputs or None)


def _binary_array(data: bytes, datatype: str, shape: list[int]) -> np.ndarray:
    if datatype != "BYTES":
        return np.frombuffer(data, to_np_dtype(datatype))
    items: list[bytes] = []
    position, expected = 0, math.prod(shape)
    while position < len(data) and len(items) <= expected:
        begin = position + 4
        position = begin + int.from_bytes(data[position:begin], "little")
        items.append(data[begin:position])
    if position != len(data) or len(items) != expected:
        raise InvalidInput(f"the binary data are not {expected} elements with their lengths")
    array = np.empty(expected, object)
    array[:] = items
    return array


def _encoded(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidInput(f"an image in JSON is no base64: {error}") from error


def _texts(texts: list[Any]) -> np.ndarray:
    return np.array([[t.encode() for t in text] if isinstance(text, list) else text.encode() for text in texts], object)


def _output(name: str, array: np.ndarray) -> InferOutput:
    output = InferOutput(name, list(array.shape), from_np_dtype(array.dtype))
    output.set_data_from_numpy(array)
    return output


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m nestor.serve", description=__doc__, parents=[kserve.model_server.parser],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    own = parser.add_argument_group("Nestor")
    own.add_argument("--network", required=True, help="network, or path of a model file")
    own.add_argument("--weights", help="which of its official weights (default: the first in the list)")
    own.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    own.add_argument("--precision", help="fp32, fp16, bf16 or tf32")
    own.add_argument("--threads", type=int, default=0, help="threads of the CPU (default: all)")
    own.add_argument("--top_k", type=int, default=5, help="classes per image (default: 5)")
    own.add_argument("--max_batch", type=int, default=16, help="images per batch (default: 16)")
    own.add_argument("--max_delay", type=float, default=0.002, help="seconds to wait for a full batch (default: 0.002)")
    for name, help_text in (("body_bytes", "bytes of a request"), ("pixels", "pixels of an encoded image"),
                            ("images", "images of a request"), ("waiting", "images that wait")):
        own.add_argument(f"--max_{name}", type=int, default=getattr(Limits(), f"max_{name}"), help=f"most {help_text}")
    own.add_argument("--grace_period", type=int, default=30, help="seconds to answer requests under way at SIGTERM")
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    model = load(given.network, given.weights, device=given.device, precision=given.precision, threads=given.threads)
    limits = Limits(max_body_bytes=given.max_body_bytes, max_pixels=given.max_pixels, max_images=given.max_images,
                    max_waiting=given.max_waiting)
    served = ServedModel(given.model_name, model, top_k=given.top_k, max_batch=given.max_batch,
                         max_delay=given.max_delay, limits=limits)
    serve(served, http_port=given.http_port, grpc_port=given.grpc_port, grace_period=given.grace_period)


if __name__ == "__main__":
    main()
