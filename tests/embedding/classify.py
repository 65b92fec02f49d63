"""classify.py LIBRARY MODEL IMAGE: the same as classify.c, by Python's ctypes and nothing else."""
import ctypes as c
import sys


class Struct(c.Structure):
    def __init__(self, **members):
        super().__init__(size=c.sizeof(type(self)), **members)


class Image(Struct):
    _fields_ = [("size", c.c_size_t), ("path", c.c_char_p), ("bytes", c.c_char_p), ("num_bytes", c.c_size_t),
                ("rgb", c.c_char_p), ("width", c.c_int32), ("height", c.c_int32)]


class Prediction(Struct):
    _fields_ = [("size", c.c_size_t), ("class_id", c.c_int32), ("probability", c.c_float), ("label", c.c_char_p)]


class ImageResult(Struct):
    _fields_ = [("size", c.c_size_t), ("status", c.c_int), ("message", c.c_char_p)]


class Tensor(Struct):
    _fields_ = [("size", c.c_size_t), ("name", c.c_char_p), ("data", c.c_void_p), ("dtype", c.c_int32),
                ("rank", c.c_int32), ("shape", c.c_int64 * 8), ("count", c.POINTER(c.c_int32))]


class ModelInfo(Struct):
    _fields_ = [("size", c.c_size_t), ("network", c.c_char_p), ("task", c.c_char_p), ("source", c.c_char_p),
                ("device", c.c_char_p), ("num_classes", c.c_int32), ("synthetic", c.c_int32),
                ("num_tensors", c.c_int32), ("num_features", c.c_int64)]


USAGE, BAD_INPUT, UINT8 = 2, 3, 5
library_path, model_path, image_path = sys.argv[1:]
nestor = c.CDLL(library_path)
nestor.nestor_last_error.restype = c.c_char_p
nestor.nestor_status_name.restype = c.c_char_p


def call(name, *arguments, expected=0):
    status = getattr(nestor, "nestor_" + name)(*arguments)
    if status != expected:
        sys.exit(f"{name}: {nestor.nestor_status_name(status).decode()}: {nestor.nestor_last_error().decode()}")


assert nestor.nestor_api_version() == 1
model, session, info = c.c_void_p(), c.c_void_p(), ModelInfo()
call("model_load", model_path.encode(), b"cpu", c.byref(model))
call("model_get_info", model, c.byref(info))
call("session_create", model, None, c.byref(session))
call("model_get_info", None, c.byref(info), expected=USAGE)

with open(image_path, "rb") as file:
    data = file.read()
images = (Image * 3)(Image(bytes=data, num_bytes=len(data)), Image(path=b"/nowhere.jpg"), Image(path=image_path.encode()))
top = (Prediction * 9)(Prediction())
results = (ImageResult * 3)(ImageResult())
call("classify", session, images, 3, 3, top, results, expected=BAD_INPUT)
assert [r.status for r in results] == [0, BAD_INPUT, 0] and b"/nowhere.jpg" in results[1].message
assert [p.class_id for p in top[:3]] == [p.class_id for p in top[6:]]
for prediction in top[:3]:
    print(prediction.class_id, f"{prediction.probability:g}", prediction.label.decode())

features = (c.c_float * (2 * info.num_features))()
call("embed", session, (Image * 2)(images[0], images[2]), 2, features, c.c_size_t(len(features)), None)
assert info.num_features == 2048 and features[:2048] == features[2048:] and any(features)

levels = bytes(i % 251 for i in range(64 * 64 * 3))
batch = Tensor(data=c.cast(levels, c.c_void_p), dtype=UINT8, rank=4, shape=(c.c_int64 * 8)(1, 64, 64, 3))
output, count = Tensor(), c.c_int32()
call("session_run", session, c.byref(batch), (c.c_char_p * 1)(b"layer1"), 1)
call("session_num_outputs", session, c.byref(count))
call("session_output", session, 1, c.byref(output))
print(output.name.decode(), list(output.shape[:output.rank]))
assert count.value == 2 and c.cast(output.data, c.POINTER(c.c_float))[0] >= 0  # behind a ReLU
nestor.nestor_session_free(session)
nestor.nestor_model_free(model)
