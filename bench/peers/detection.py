"""Times Nestor's Faster R-CNN beside torchvision's on the CPU, on one image of 800 x 1216 pixels.

    python3 -m venv build/peers
    build/peers/bin/pip install torch torchvision onnx onnxscript onnxruntime
    cmake --build --preset cpu --target nestor-bench nestor-convert nestor-detect nestor-inspect
    build/peers/bin/python bench/peers/detection.py

The networks differ: faster_rcnn_fpn_resnet50_v1b_coco (GluonCV's) has 1024 channels in its RPN and
one suppression over all levels, fasterrcnn_resnet50_fpn (torchvision's) 256 and one a level. So the
figure to compare is arithmetic over time. FLOPs, two a multiply-add of convolutions and fully
connected layers however they are computed (Winograd's transforms need fewer), are counted for the
regions that were in use: torchvision's by torch's counter, Nestor's by the plan. Nobody has trained weights; deltas of anchors are zero, so that either network
has about 1000 regions, as on a photo with many objects.

Engines are processes that take turns, so that a change of the machine's load meets all of them.
torchvision gets its image as it resizes it, and does not resize it again.
"""
import argparse
import json
import re
import sys
import time

import alike
from alike import call

HEIGHT, WIDTH = 800, 1216
NETWORK, PEER_NETWORK = "faster_rcnn_fpn_resnet50_v1b_coco", "fasterrcnn_resnet50_fpn"
MODEL = f"{NETWORK}.safetensors"
REGION_MACS = 12544 * 1024 + 1024 * 1024 + 1024 * (81 + 320)  # of Nestor's head
MOST_REGIONS = 1000
ENGINES = ("nestor", "torchvision", "torchvision_compile", "onnxruntime")


# --- the networks ---

def torchvision_model():
    import torch
    from torchvision.models.detection import fasterrcnn_resnet50_fpn
    torch.manual_seed(0)
    model = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, _skip_resize=True)
    torch.nn.init.zeros_(model.rpn.head.bbox_pred.weight)
    torch.nn.init.zeros_(model.rpn.head.bbox_pred.bias)
    return model.eval().to(memory_format=torch.channels_last)


def picture():
    """[3, HEIGHT, WIDTH] in 0 to 1: smooth shapes of all sizes, the same every time."""
    import numpy
    random = numpy.random.default_rng(0)
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(numpy.float32)
    image = numpy.zeros((3, HEIGHT, WIDTH), numpy.float32)
    for _ in range(200):
        centre_y, centre_x = random.uniform(0, HEIGHT), random.uniform(0, WIDTH)
        side = numpy.exp(random.uniform(1.5, 5.5))
        inside = numpy.maximum(abs(y - centre_y), abs(x - centre_x)) < side
        image[:, inside] = random.uniform(0, 1, (3, 1))
    return image


def write_ppm(image, file):
    height, width = image.shape[1:]
    levels = (image * 255).round().astype("uint8").transpose(1, 2, 0)
    file.write_bytes(f"P6 {width} {height} 255\n".encode() + levels.tobytes())


def changed_tensor(file, name, value):
    """Sets all numbers of a float32 tensor of a safetensors file."""
    import numpy
    data = bytearray(file.read_bytes())
    size = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:8 + size])[name]
    begin, end = (8 + size + at for at in entry["data_offsets"])
    assert entry["dtype"] == "F32", name
    data[begin:end] = numpy.full((end - begin) // 4, value, numpy.float32).tobytes()
    file.write_bytes(data)


def prepare(folder):
    """The image, and Nestor's model. Returns Nestor's GFLOP an image and its regions."""
    import numpy
    image = picture()
    image.tofile(folder / "image.bin")
    mean, std = (numpy.array(v, numpy.float32).reshape(3, 1, 1)
                 for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    ((image - mean) / std).tofile(folder / "normalised.bin")
    write_ppm(image, folder / "image.ppm")
    model = folder / MODEL
    if not model.exists():
        call("nestor-convert", "--network", NETWORK, "--synthetic-seed", 1, "--output", model)
        for part in ("weight", "bias"):
            changed_tensor(model, f"rpn.loc.{part}", 0)
    regions = nestor_regions(model, folder)
    plan = call("nestor-inspect", model, "--plan", "--device", "cpu", "--height", HEIGHT, "--width", WIDTH)
    gmacs = float(re.search(r"([\d.]+) GMAC", plan)[1])
    return 2 * (gmacs - 1e-9 * (MOST_REGIONS - regions) * REGION_MACS), regions


def nestor_regions(model, folder):
    """How many proposals are in use: those behind are -1."""
    import numpy
    file = folder / "outputs.safetensors"
    call("nestor-detect", "--weights", model, "--device", "cpu", "--no-resize", "--save-outputs", file,
         "--save-tensors", "proposals", folder / "image.ppm")
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:8 + size])["proposals"]
    begin, end = (8 + size + at for at in entry["data_offsets"])
    boxes = numpy.frombuffer(data[begin:end], numpy.float32).reshape(-1, 4)
    return int((boxes[:, 2] >= 0).sum())


# --- the peers, each in a process of its own ---

def torchvision_runner(threads, compiled):
    import torch
    torch.set_num_threads(threads)
    model = torchvision_model()
    if compiled:
        model = torch.compile(model)

    def run(image):
        with torch.inference_mode():
            return model([image])
    return run


def onnxruntime_runner(threads, folder):
    file = folder / "torchvision.onnx"
    if not file.exists():
        export(file)
    session = alike.onnxruntime_session(threads, file)
    name = session.get_inputs()[0].name
    return lambda image: session.run(None, {name: image.numpy()})


def export(file):
    import torch
    unfinished = file.with_suffix(".unfinished")
    torch.onnx.export(torchvision_model(), ([torch.rand(3, HEIGHT, WIDTH)],), str(unfinished),
                      opset_version=17, dynamo=False)
    unfinished.rename(file)


def counted(folder):
    """GFLOP of torchvision's network for the image, and its regions."""
    import numpy
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    model = torchvision_model()
    regions = []
    model.rpn.register_forward_hook(lambda *a: regions.append(len(a[-1][0][0])))
    image = torch.from_numpy(numpy.fromfile(folder / "image.bin", numpy.float32).reshape(3, HEIGHT, WIDTH))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model([image])
    print(1e-9 * counter.get_total_flops(), regions[0])


def serve(engine, threads, folder):
    """Answers "run N" with N times of the clock and of the processor, in milliseconds."""
    import numpy
    import torch
    image = torch.from_numpy(numpy.fromfile(folder / "image.bin", numpy.float32).reshape(3, HEIGHT, WIDTH))
    if engine == "onnxruntime":
        run = onnxruntime_runner(threads, folder)
    else:
        run = torchvision_runner(threads, engine.endswith("compile"))
    for line in sys.stdin:
        times = []
        for _ in range(int(line.split()[1])):
            start, start_cpu = time.perf_counter(), time.process_time()
            run(image)
            times += [1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - start_cpu)]
        print(*times, flush=True)


# --- the comparison ---

def measure(options, folder):
    gflop, regions = prepare(folder)
    peer_gflop, peer_regions = alike.own_process(__file__, "--count", folder)[-2:]
    # torchvision's read their image themselves.
    ready = alike.started(__file__, folder / MODEL, f"{HEIGHT}x{WIDTH}", {"nestor": folder / "normalised.bin"}, options, folder)
    return alike.rows_of_turns(ready, options.repeats, {
        "nestor": {"network": NETWORK, "gflop": gflop, "regions": regions},
        "peers": {"network": PEER_NETWORK, "gflop": float(peer_gflop), "regions": int(peer_regions)}})


def report(document):
    return alike.markdown(document, "Detectors on a CPU", (
        f"One image of {HEIGHT} x {WIDTH} pixels, float32, to boxes. The networks differ: Nestor runs GluonCV's "
        f"`{NETWORK}`, whose RPN has 1024 channels, the others torchvision's `{PEER_NETWORK}` with 256; "
        "so compare GFLOP/s. FLOPs are two a multiply-add of convolutions and fully connected layers, however they are "
        "computed, for the regions that were in use."), [("regions", "regions")])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    alike.add_options(parser, ENGINES, "detection_peers")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.threads, options.folder)
    if options.count:
        return counted(options.folder)
    alike.compare(options, ("torch", "torchvision", "onnxruntime"), measure, report)


if __name__ == "__main__":
    main()
