"""Images and arrays as callers have them, as the engine takes them."""
import os
from collections.abc import Sequence
from typing import Any, Union

import numpy as np

from .errors import Error

# A path, an encoded file in memory, pixels in uint8 [height, width, 3], a PIL image, or such pixels in a batch.
Image = Union[str, os.PathLike, bytes, bytearray, memoryview, np.ndarray, Any]
Images = Union[Image, Sequence[Image]]


def sources(images: Images) -> tuple[list[Any], bool]:
    """What the engine's functions take, and whether `images` is a single one."""
    if isinstance(images, np.ndarray) and images.ndim == 4:
        return [_source(image) for image in images], False
    if isinstance(images, (list, tuple)):
        return [_source(image) for image in images], False
    return [_source(images)], True


def _source(image: Image) -> Any:
    if isinstance(image, (str, bytes)):
        return image
    if isinstance(image, os.PathLike):
        return os.fspath(image)
    if isinstance(image, (bytearray, memoryview)):
        return np.frombuffer(image, np.uint8)
    if isinstance(image, np.ndarray):
        return _array(image)
    if hasattr(image, "convert") and hasattr(image, "getbands"):  # PIL, which may not be installed
        return np.ascontiguousarray(image.convert("RGB"))
    raise Error(f"image is {type(image).__name__}, expected a path, bytes, an array, a PIL image or a list of these",
                "bad_input")


def _array(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8 and array.ndim == 1:  # an encoded file
        return np.ascontiguousarray(array)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise Error(f"the array is {array.dtype} {list(array.shape)}, expected uint8 [height, width, 3]; "
                    "run() takes normalised images", "bad_input")
    return np.ascontiguousarray(array)


def host_array(array: Any) -> Any:
    """The array in C order, copied only if it lies otherwise. Arrays in device memory stay as they are."""
    if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack_device__"):
        on_host = array.__dlpack_device__()[0] in (1, 3)  # kDLCPU, kDLCUDAHost
        if not on_host:
            return array
        array = np.from_dlpack(array)
    return np.require(array, requirements=["C", "A"])
