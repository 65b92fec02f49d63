"""Arrays that others than NumPy made."""
import ctypes

GPU = 2  # kDLCUDA


class DLPackOnly:
    """An array that is nothing but a producer of DLPack, as those of other frameworks are to NumPy."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


class _DLTensorHead(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class claiming_cuda(DLPackOnly):
    """The same, saying that it lies in the memory of GPU 0. Whoever reads it is not told the truth."""

    def __dlpack_device__(self):
        return GPU, 0

    def __dlpack__(self, **_):
        capsule = self.array.__dlpack__()
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        _DLTensorHead.from_address(pointer(capsule, b"dltensor")).device_type = GPU
        return capsule
