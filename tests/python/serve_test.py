"""nestor.serve over loopback: right answers for many clients at once, and no harm from bad ones."""
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor

import nestor
import numpy as np
import tritonclient.grpc
import tritonclient.http
from nestor.batcher import Batcher
from package import DEMO_DETECTOR, DEMO_MODEL, DEMO_SEGMENTER, DIGITS, SCENES, PythonTest, truth
from tritonclient.utils import InferenceServerException

# By hand: NESTOR_SERVE_REQUESTS=10000 tests/python/run.sh serve_test.py
NUM_REQUESTS = int(os.environ.get("NESTOR_SERVE_REQUESTS", "1500"))
MAX_BODY = 1 << 20
FILES = [pathlib.Path(path).read_bytes() for path in DIGITS]


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Running:
    """The server as a process."""

    def __init__(self, *options, network=DEMO_MODEL):
        self.http, self.grpc = free_ports(2)
        self.url = f"http://127.0.0.1:{self.http}"
        line = [sys.executable, "-m", "nestor.serve", "--network", network, "--model_name", "digits", "--threads", "1",
                "--http_port", self.http, "--grpc_port", self.grpc, "--max_body_bytes", MAX_BODY, *options]
        self.process = subprocess.Popen(list(map(str, line)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.said = []
        threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True).start()
        self._wait()

    def _wait(self):
        end = time.monotonic() + 60
        while True:
            try:
                self.get("/v2/health/ready")
                with socket.create_connection(("127.0.0.1", self.grpc)):
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(b"".join(self.said).decode()) from None
                time.sleep(0.1)

    def get(self, path):
        return urllib.request.urlopen(self.url + path, timeout=30).read().decode()

    def post(self, body, headers=None, model="digits"):
        """Status and text."""
        request = urllib.request.Request(f"{self.url}/v2/models/{model}/infer", body, {"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stderr.close()
        return self.process.returncode

    def resident_bytes(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) << 10


def bytes_input(client, images):
    array = np.empty(len(images), object)
    array[:] = images
    given = client.InferInput("images", [len(images)], "BYTES")
    given.set_data_from_numpy(array)
    return given


def labels_of(result):
    return [row[0].decode() for row in result.as_numpy("labels")]


def bomb():
    """A PNG of 20,000 x 20,000 pixels in some kilobytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = zlib.compress(bytes(10_000_000), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)) + chunk(b"IDAT", rows) +
            chunk(b"IEND", b""))


class ServeTest(PythonTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Running()
        cls.addClassCleanup(cls.server.stop)
        cls.http = tritonclient.http.InferenceServerClient(f"127.0.0.1:{cls.server.http}")
        cls.addClassCleanup(cls.http.close)
        cls.grpc = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{cls.server.grpc}")
        cls.addClassCleanup(cls.grpc.close)
        cls.model = nestor.load(DEMO_MODEL, threads=1)


class Answers(ServeTest):
    def both(self, make_input, outputs=None):
        results = []
        for client, module in ((self.http, tritonclient.http), (self.grpc, tritonclient.grpc)):
            wanted = outputs and [module.InferRequestedOutput(name) for name in outputs]
            results.append(client.infer("digits", [make_input(module)], outputs=wanted))
        return results

    def test_encoded_images(self):
        expected = self.model.classify(FILES)
        for result in self.both(lambda module: bytes_input(module, FILES)):
            self.assertEqual(labels_of(result), [truth(path) for path in DIGITS])
            np.testing.assert_array_equal(result.as_numpy("class_ids"), [[p.class_id for p in row] for row in expected])
            np.testing.assert_array_equal(result.as_numpy("probabilities"), np.float32([[p.probability for p in row] for row in expected]))

    def test_pixels_and_tensors(self):
        pixels = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), np.uint8)
        batch = self.model.preprocess(DIGITS[:3])

        def tensor(module, array, datatype):
            given = module.InferInput("input", list(array.shape), datatype)
            given.set_data_from_numpy(array)
            return given

        for result in self.both(lambda module: tensor(module, pixels, "UINT8")):
            np.testing.assert_array_equal(result.as_numpy("class_ids")[:, 0], [row[0].class_id for row in self.model.classify(pixels)])
        for result in self.both(lambda module: tensor(module, batch, "FP32")):
            np.testing.assert_array_equal(result.as_numpy("logits"), self.model.run(batch)["logits"])

    def test_features(self):
        for result in self.both(lambda module: bytes_input(module, FILES[:2]), ["features"]):
            np.testing.assert_array_equal(result.as_numpy("features"), self.model.embed(FILES[:2]))

    def test_json_without_binary_data(self):
        data = [base64.b64encode(FILES[0]).decode()]
        body = {"inputs": [{"name": "images", "shape": [1], "datatype": "BYTES", "data": data}]}
        status, text = self.server.post(json.dumps(body).encode())
        outputs = {output["name"]: output["data"] for output in json.loads(text)["outputs"]}
        self.assertEqual((status, outputs["labels"][0]), (200, truth(DIGITS[0])))

    def test_health_and_metrics(self):
        self.assertTrue(self.http.is_server_live() and self.http.is_server_ready() and self.http.is_model_ready("digits"))
        self.assertTrue(self.grpc.is_server_live() and self.grpc.is_server_ready() and self.grpc.is_model_ready("digits"))
        self.server.post(b'{"inputs": []}')
        metrics = self.server.get("/metrics")
        for name in ('nestor_requests_total{code="bad_input",model_name="digits"}', "nestor_batch_images_sum",
                     "nestor_queue_seconds_count", "nestor_compute_seconds_bucket"):
            self.assertIn(name, metrics)

    def test_64_clients(self):
        def ask(idx):
            client, module = (self.grpc, tritonclient.grpc)
            return labels_of(client.infer("digits", [bytes_input(module, [FILES[idx % 24]])]))

        ask(0)
        before = self._batches()
        with ThreadPoolExecutor(64) as clients:
            answers = list(clients.map(ask, range(640)))
        self.assertEqual(answers, [[truth(DIGITS[idx % 24])] for idx in range(640)])
        images, batches = (after - earlier for after, earlier in zip(self._batches(), before))
        self.assertEqual(images, 640)
        self.assertGreater(images / batches, 2)  # they were gathered

    def _batches(self):
        metrics = self.server.get("/metrics")
        return [float(re.search(rf'nestor_batch_images_{kind}{{model_name="digits"}} (\S+)', metrics)[1]) for kind in ("sum", "count")]


class BadClients(ServeTest):
    def tearDown(self):
        """The server is as it was."""
        result = self.grpc.infer("digits", [bytes_input(tritonclient.grpc, FILES[:1])])
        self.assertEqual(labels_of(result), [truth(DIGITS[0])])

    def test_malformed_bodies(self):
        head = {"inputs": [{"name": "images", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 8}}]}

        def binary(head, data, length=None):
            text = json.dumps(head).encode()
            return text + data, {"Content-Type": "application/octet-stream",
                                 "Inference-Header-Content-Length": str(len(text) if length is None else length)}

        def plain(**given):
            return json.dumps({"inputs": [{"name": "images", "shape": [1], "datatype": "BYTES", "data": ["AAAA"], **given}]}).encode(), {}

        bodies = [(b"", {}), (b"no json", {}), (b"{}", {}), (b"[]", {}), (b'{"inputs": 3}', {}), plain(shape=[2]), plain(shape=[-1]), plain(shape=[]),
                  plain(data=["no base64!"]), plain(datatype="FP64"), plain(datatype="COMPLEX"), plain(shape=[10**12]),
                  plain(datatype="FP32", shape=[1, 3, 8], data=[0]), plain(data=["AAAA"] * 65, shape=[65]),
                  binary(head, b"1234"), binary(head, struct.pack("<I", 99) + b"1234"), binary(head, b"12345678", 10**9),
                  binary(head, b"12345678", -1), binary(head, b"12345678", 3), binary({"inputs": [{}]}, b"")]
        for body, headers in bodies:
            status, text = self.server.post(body, headers)
            self.assertIn(status, (400, 422), (body[:80], text))
        self.assertEqual(self.server.post(plain()[0], model="others")[0], 404)

    def test_no_images(self):
        for client, module in ((self.http, tritonclient.http), (self.grpc, tritonclient.grpc)):
            with self.assertRaisesRegex(InferenceServerException, "image"):
                client.infer("digits", [bytes_input(module, [b"no image"])])

    def test_an_image_bomb(self):
        before = self.server.resident_bytes()
        with self.assertRaisesRegex(InferenceServerException, "20000"):
            self.grpc.infer("digits", [bytes_input(tritonclient.grpc, [bomb()])])
        self.assertLess(self.server.resident_bytes() - before, 50 << 20)

    def test_a_body_that_is_too_long(self):
        status, text = self.server.post(bytes(MAX_BODY + 1))
        self.assertEqual((status, str(MAX_BODY) in text), (413, True))
        with self.assertRaisesRegex(InferenceServerException, "larger than max"):
            self.grpc.infer("digits", [bytes_input(tritonclient.grpc, [bytes(MAX_BODY + 1)])])
        status = self.send_chunks(2 * MAX_BODY)
        self.assertIn(status, (400, 413, 422, None))  # or the connection ends

    def send_chunks(self, total):
        """Without a Content-Length."""
        with socket.create_connection(("127.0.0.1", self.server.http)) as connection:
            try:
                connection.sendall(b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(total >> 16):
                    connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
                connection.sendall(b"0\r\n\r\n")
                return int(connection.recv(4096).split()[1])
            except (ConnectionError, IndexError):
                return None

    def test_clients_that_stop_in_the_middle(self):
        body = json.dumps({"inputs": [{"name": "images", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(FILES[0]).decode()]}]}).encode()
        head = f"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for sent in (head[:40], head, head + body[:100], head + body):
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", self.server.http)) as connection:
                    connection.sendall(sent)

    def test_memory_stays_flat(self):
        def ask(idx):
            self.grpc.infer("digits", [bytes_input(tritonclient.grpc, [FILES[idx % 24]])])

        with ThreadPoolExecutor(8) as clients:
            list(clients.map(ask, range(300)))
            before = self.server.resident_bytes()
            list(clients.map(ask, range(NUM_REQUESTS)))
        self.assertLess(self.server.resident_bytes() - before, 24 << 20)


class OtherTasks(PythonTest):
    def answer(self, server, given):
        """A function of an output's name."""
        with contextlib.closing(tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.grpc}")) as client:
            return client.infer("digits", [given]).as_numpy

    def scenes(self):
        return bytes_input(tritonclient.grpc, [pathlib.Path(path).read_bytes() for path in SCENES])

    def test_boxes(self):
        server = Running(network=DEMO_DETECTOR)
        self.addCleanup(server.stop)
        outputs = self.answer(server, self.scenes())
        expected = nestor.load(DEMO_DETECTOR, threads=1).detect(SCENES)
        np.testing.assert_array_equal(outputs("counts"), [len(found.scores) for found in expected])
        np.testing.assert_array_equal(outputs("boxes"), np.concatenate([found.boxes for found in expected]))
        np.testing.assert_array_equal(outputs("scores"), np.concatenate([found.scores for found in expected]))
        self.assertGreater(outputs("counts").min(), 0)
        tensor = tritonclient.grpc.InferInput("input", [1, 3, 64, 64], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 3, 64, 64), np.float32))
        with self.assertRaisesRegex(InferenceServerException, "detection.*FP32"):
            self.answer(server, tensor)

    def test_class_maps(self):
        server = Running(network=DEMO_SEGMENTER)
        self.addCleanup(server.stop)
        outputs = self.answer(server, self.scenes())
        expected = nestor.load(DEMO_SEGMENTER, threads=1).segment(SCENES)
        np.testing.assert_array_equal(outputs("sizes"), [found.shape for found in expected])
        np.testing.assert_array_equal(outputs("classes"), np.concatenate([found.reshape(-1) for found in expected]))


class Stopping(PythonTest):
    def test_requests_under_way_are_answered(self):
        server = Running("--max_delay", "1.5")  # they wait for a full batch
        http = tritonclient.http.InferenceServerClient(f"127.0.0.1:{server.http}", concurrency=4)
        grpc = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{server.grpc}")
        with ThreadPoolExecutor(8) as clients:
            answers = [clients.submit(client.infer, "digits", [bytes_input(module, [FILES[idx]])])
                       for idx in range(4) for client, module in ((http, tritonclient.http), (grpc, tritonclient.grpc))]
            time.sleep(0.7)
            self.assertFalse(any(answer.done() for answer in answers))
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual([labels_of(answer.result()) for answer in answers], [[truth(DIGITS[idx])] for idx in range(4) for _ in range(2)])
        http.close()
        grpc.close()
        self.assertIn(server.stop(), (0, -signal.SIGTERM))


class Batches(PythonTest):
    def test_gathering(self):
        calls = []

        def run(items):
            calls.append(len(items))
            time.sleep(0.02)
            return [item * 2 for item in items]

        async def ask():
            batcher = Batcher(run, max_batch=8, max_delay=0.01)
            return await asyncio.gather(*(batcher.submit([idx]) for idx in range(20)))

        self.assertEqual(asyncio.run(ask()), [[idx * 2] for idx in range(20)])
        self.assertEqual(calls, [8, 8, 4])

    def test_an_error_is_told_to_all(self):
        def run(items):
            raise nestor.Error("broken", "device_lost")

        async def ask():
            batcher = Batcher(run)
            return await asyncio.gather(*(batcher.submit([idx]) for idx in range(3)), return_exceptions=True)

        self.assertEqual([error.code for error in asyncio.run(ask())], ["device_lost"] * 3)

    def test_who_has_left_is_not_computed(self):
        calls = []

        async def ask():
            batcher = Batcher(lambda items: calls.extend(items) or items, max_delay=0.05)
            leaving, staying = (asyncio.create_task(batcher.submit([idx])) for idx in range(2))
            await asyncio.sleep(0.01)
            leaving.cancel()
            return await staying

        self.assertEqual((asyncio.run(ask()), calls), ([1], [1]))

    def test_too_many_waiting(self):
        async def ask():
            batcher = Batcher(lambda items: items, max_waiting=2, max_delay=0.05)
            first = asyncio.create_task(batcher.submit([1, 2]))
            await asyncio.sleep(0)
            with self.assert_error("out_of_memory", "2"):
                await batcher.submit([3])
            return await first

        self.assertEqual(asyncio.run(ask()), [1, 2])


if __name__ == "__main__":
    unittest.main()
