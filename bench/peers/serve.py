"""Runs a peer as an engine (engines.py):

    serve.py ENGINE NETWORK BATCH PRECISION DEVICE THREADS FOLDER

An ENGINE is an adapter's module, on a GPU those of PyTorch with _nchw or _nhwc behind. An adapter has

    PRECISIONS      by device
    MODULES         of Python that it needs
    READS_ONNX      if it does
    on_cpu(job)     returns run(values): logits, of and as arrays on the host
    on_cuda(job)    returns the tensor that it reads, and replay(): the tensor of logits
"""
import collections
import importlib
import pathlib
import sys
import time

import engines
import networks

ENGINES = {
    "cpu": ("torch_eager", "torch_compile", "onnx_runtime", "open_vino"),
    "cuda": ("torch_eager_nchw", "torch_eager_nhwc", "torch_compile_nchw", "torch_compile_nhwc",
             "onnx_runtime", "tensor_rt"),
}
Job = collections.namedtuple("Job", "network batch precision device threads folder layout")


def adapter_of(engine):
    return importlib.import_module(engine.removesuffix("_nchw").removesuffix("_nhwc"))


def layout_of(engine, device):
    if engine.endswith("_nhwc"):
        return "nhwc"
    return "nchw" if device == "cuda" else "nhwc"


def serve_on_cpu(run, shape):
    import numpy
    last = run(numpy.zeros(shape, numpy.float32))

    def run_pairs(values, count):
        nonlocal last
        pairs = []
        for _ in range(count):
            start, start_cpu = time.perf_counter(), time.process_time()
            last = run(values)
            pairs.append((1000 * (time.perf_counter() - start),
                          1000 * (time.process_time() - start_cpu)))
        return pairs

    engines.serve(shape, run_pairs, lambda: last)


def serve_on_cuda(src, replay, shape):
    import torch
    host = torch.zeros(shape).pin_memory()
    staging = torch.zeros(shape, device="cuda")
    dst = replay()

    def run_pairs(values, count):
        nonlocal dst
        host.copy_(torch.from_numpy(values))
        src.copy_(host)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        torch.cuda.synchronize()
        begin.record()
        for _ in range(count):
            replay()
        end.record()
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(count):
            staging.copy_(host, non_blocking=True)
            src.copy_(staging)
            dst = replay().float().cpu()
        host_ms = 1000 * (time.perf_counter() - start) / count
        return [(begin.elapsed_time(end) / count, host_ms)]

    engines.serve(shape, run_pairs, lambda: dst.numpy())


def main():
    engine, network, batch, precision, device, threads, folder = sys.argv[1:]
    job = Job(network, int(batch), precision, device, int(threads), pathlib.Path(folder),
              layout_of(engine, device))
    size = networks.NETWORKS[network].size
    shape = (job.batch, 3, size, size)
    if device == "cpu":
        return serve_on_cpu(adapter_of(engine).on_cpu(job), shape)
    import torch
    # Not the default stream, which some libraries do not share.
    with torch.inference_mode(), torch.cuda.stream(torch.cuda.Stream()):
        return serve_on_cuda(*adapter_of(engine).on_cuda(job), shape)


if __name__ == "__main__":
    main()
