"""What the tests of the Python package share. They run in an environment where the package's wheel is installed:

    tests/python/run.sh
"""
import contextlib
import hashlib
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import nestor
import nestor.commands

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO_MODEL = str(ROOT / "apps" / "demo" / "resnest_mini.safetensors")
DEMO_DETECTOR = str(ROOT / "apps" / "demo" / "faster_rcnn_fpn_resnest_mini.safetensors")
DEMO_SEGMENTER = str(ROOT / "apps" / "demo" / "deeplab_resnest_mini.safetensors")
SCENES = [str(ROOT / "apps" / "demo" / name) for name in ("scene_to_search.jpg", "scene_to_segment.jpg")]
DIGITS = sorted(str(path) for path in (ROOT / "apps" / "demo" / "digits").glob("*.jpg"))
CAT = str(ROOT / "apps" / "photos" / "cat.jpg")

# The servers and files of the commands' tests, with the commands of the package.
os.environ["NESTOR_BIN"] = nestor.commands.FOLDER
sys.path.append(str(ROOT / "tests" / "commands"))
from support import model, read_safetensors  # noqa: E402
from weights_server import Server, Weights, params_file, whole, write_registry, zip_of  # noqa: E402


def truth(path):
    """The digit that a picture of the demo shows: "7" of 02_is_7.jpg."""
    return os.path.basename(path).removesuffix(".jpg")[-1]


@contextlib.contextmanager
def official_weights(network):
    """A cache and a host of official weights with one file, synthetic ones of `network` as GluonCV would publish them."""
    tensors = {name: (shape, data) for name, (_, shape, data) in read_safetensors(model(network))[0].items()}
    data = params_file(tensors)
    digest = hashlib.sha1(data).hexdigest()
    server = Server()
    server.routes[f"/{network}.zip"] = whole(zip_of([(f"{network}-{digest[:8]}.params", data)]))
    with tempfile.TemporaryDirectory() as folder:
        registry = os.path.join(folder, "list.json")
        write_registry(registry, server.url, [Weights(f"gluoncv/{network}", network, f"{network}-{digest[:8]}.params",
                                                      "sha1", digest, f"{network}.zip")])
        environment = {"NESTOR_HOME": os.path.join(folder, "cache"), "NESTOR_REGISTRY": registry, "no_proxy": "*",
                       "NESTOR_WEIGHTS_URL": "", "MXNET_HOME": "", "TORCH_HOME": "", "XDG_CACHE_HOME": "", "HOME": folder}
        with mock.patch.dict(os.environ, environment):
            yield server
    server.close()


class PythonTest(unittest.TestCase):
    def assert_error(self, code, *parts):
        """Of a with block: nestor.Error with that code, whose message has the parts."""
        return _ErrorExpected(self, code, parts)


class _ErrorExpected:
    def __init__(self, test, code, parts):
        self.test, self.code, self.parts = test, code, parts

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        self.test.assertIsInstance(error, nestor.Error)
        self.test.assertEqual(error.code, self.code, error)
        for part in self.parts:
            self.test.assertIn(part, str(error))
        return True
