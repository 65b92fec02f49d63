"""Times Nestor's DeepLabV3 beside torchvision's on the CPU, on one image of 480 x 480 pixels.

    python3 -m venv build/peers
    build/peers/bin/pip install torch torchvision onnx onnxscript onnxruntime openvino
    cmake --build --preset cpu --target nestor-bench nestor-convert nestor-inspect
    build/peers/bin/python bench/peers/segmentation.py

Every engine turns a normalised image into the classes of its pixels: torchvision's network has the
argmax behind it, and no auxiliary head. The networks differ a little (DIFFERENCES), so the figure to
compare is arithmetic over time. FLOPs are two a multiply-add of convolutions however they are computed
(Winograd's transforms need fewer), taps in the padding included: torchvision's by torch's counter,
Nestor's by the plan. Weights are made up; times do not depend on them.

Engines are processes that take turns, so that a change of the machine's load meets all of them.
"""
import argparse
import re

import alike
import serve
from alike import call

SIDE, NUM_CLASSES = 480, 150
NETWORK, PEER_NETWORK = "deeplab_resnet101_ade", "deeplabv3_resnet101"
MODEL = f"{NETWORK}.safetensors"
ENGINES = ("nestor", "torchvision", "torchvision_compile", "onnxruntime", "openvino")
DIFFERENCES = (
    "the stem is three 3x3 convolutions of 64, 64 and 128 channels instead of one 7x7 of 64, so that the first "
    "block reads twice the channels; the scores are resized with aligned corners; and the pooled branch of the "
    "pyramid is a bias of the projection, which makes its 256 channels' products at one pixel instead of all")


# --- the peers, each in a process of its own ---

def torchvision_model():
    """[n, 3, h, w] to the classes of its pixels, [n, h, w]."""
    import torch
    from torchvision.models.segmentation import deeplabv3_resnet101

    class Classes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = deeplabv3_resnet101(weights=None, weights_backbone=None, num_classes=NUM_CLASSES,
                                               aux_loss=False)

        def forward(self, src):
            return self.network(src)["out"].argmax(1)

    torch.manual_seed(0)
    return Classes().eval().to(memory_format=torch.channels_last)


def torchvision_runner(threads, compiled):
    import torch
    import torch_compile
    torch.set_num_threads(threads)
    model = torchvision_model()
    if compiled:
        model = torch_compile.compiled(model)

    def run(values):
        with torch.inference_mode():
            return model(torch.from_numpy(values).contiguous(memory_format=torch.channels_last)).numpy()
    return run


def onnxruntime_runner(threads, file):
    session = alike.onnxruntime_session(threads, file)
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def openvino_runner(threads, file):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(file)), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda values: request.infer({0: values}, share_inputs=True)[0]


def runner_of(engine, threads, folder):
    if engine == "onnxruntime":
        return onnxruntime_runner(threads, folder / "torchvision.onnx")
    if engine == "openvino":
        return openvino_runner(threads, folder / "torchvision.onnx")
    return torchvision_runner(threads, engine.endswith("compile"))


# --- what they run ---

def prepare_peers(folder):
    """The image, torchvision's network in ONNX, and its GFLOP."""
    import numpy
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    image = numpy.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE)).astype(numpy.float32)
    image.tofile(folder / "image.bin")
    model = torchvision_model()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(torch.from_numpy(image))
    file = folder / "torchvision.onnx"
    if not file.exists():
        unfinished = file.with_suffix(".unfinished")
        torch.onnx.export(model, (torch.from_numpy(image),), str(unfinished), dynamo=True, verbose=False,
                          external_data=False)
        unfinished.rename(file)
    print(1e-9 * counter.get_total_flops())


def nestor_gflop(folder):
    """Of Nestor's model, which it makes."""
    model = folder / MODEL
    if not model.exists():
        call("nestor-convert", "--network", NETWORK, "--synthetic-seed", 1, "--output", model)
    plan = call("nestor-inspect", model, "--plan", "--device", "cpu", "--height", SIDE, "--width", SIDE)
    return 2 * float(re.search(r"([\d.]+) GMAC", plan)[1])


# --- the comparison ---

def measure(options, folder):
    peer_gflop = float(alike.own_process(__file__, "--prepare", folder)[-1])
    own_gflop = nestor_gflop(folder)
    inputs = {name: folder / "image.bin" for name in options.engines}
    ready = alike.started(__file__, folder / MODEL, f"{SIDE}x{SIDE}", inputs, options, folder)
    return alike.rows_of_turns(ready, options.repeats, {
        "nestor": {"network": NETWORK, "gflop": own_gflop}, "peers": {"network": PEER_NETWORK, "gflop": peer_gflop}})


def report(document):
    return alike.markdown(document, "Segmenters on a CPU", (
        f"One image of {SIDE} x {SIDE} pixels, float32, to the classes of its pixels, {NUM_CLASSES} of them. The "
        f"networks differ a little: Nestor runs GluonCV's `{NETWORK}`, the others torchvision's `{PEER_NETWORK}`. "
        f"In Nestor's, {DIFFERENCES}. So compare GFLOP/s. FLOPs are two a multiply-add of "
        "convolutions, however they are computed."))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    alike.add_options(parser, ENGINES, "segmentation_peers")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve.serve_on_cpu(runner_of(options.serve, options.threads, options.folder), (1, 3, SIDE, SIDE))
    if options.prepare:
        return prepare_peers(options.folder)
    alike.compare(options, ("torch", "torchvision", "onnxruntime", "openvino"), measure, report,
                  differences=DIFFERENCES)


if __name__ == "__main__":
    main()
