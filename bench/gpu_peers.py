"""PyTorch on a GPU as an engine of peers.py, for gpu_session.py:

    gpu_peers.py ENGINE NETWORK BATCH FOLDER     ENGINE: graph_nchw, graph_nhwc, compile_nchw, ...
    gpu_peers.py weights FOLDER                  makes the weights that FOLDER lacks

float16, on FOLDER's weights. "graph" is eager PyTorch in one CUDA graph with cuDNN's own benchmark,
"compile" torch.compile in mode max-autotune (which makes CUDA graphs too) with frozen weights.

Pairs: milliseconds a run with input and output on the device, by events around all N; and from the
host's float32 input to logits on the host, by the clock.
"""
import pathlib
import sys
import time

import peers


def make_runner(engine, network, batch, folder):
    """replay() and the tensors it reads and writes."""
    import torch
    mode, layout = engine.split("_")
    memory_format = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    torch.backends.cudnn.benchmark = True
    model = peers.load_model(network, folder).half().cuda().to(memory_format=memory_format)
    size = peers.NETWORKS[network].size
    src = torch.zeros(batch, 3, size, size, dtype=torch.half, device="cuda")
    src = src.contiguous(memory_format=memory_format)
    if mode == "compile":
        import torch._inductor.config
        torch._inductor.config.freezing = True
        compiled = torch.compile(model, mode="max-autotune")
        for _ in range(3):  # compiles, records the graph, replays it
            compiled(src)
        return src, lambda: compiled(src)

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # cuDNN chooses its algorithms
            model(src)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        dst = model(src)

    def replay():
        graph.replay()
        return dst
    return src, replay


def make_weights(folder):
    for network in peers.NETWORKS:
        if not (folder / f"{network}.safetensors").exists():
            peers.save_weights(peers.make_model(network, device="cuda"), network, folder)


def serve(engine, network, batch, folder):
    import torch
    with torch.inference_mode():
        src, replay = make_runner(engine, network, batch, folder)
        size = peers.NETWORKS[network].size
        host = torch.zeros(batch, 3, size, size).pin_memory()
        staging = torch.zeros(batch, 3, size, size, device="cuda")
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

        peers.serve((batch, 3, size, size), run_pairs, lambda: dst.numpy())


def main():
    *engine, folder = sys.argv[1:]
    if engine == ["weights"]:
        make_weights(pathlib.Path(folder))
    else:
        name, network, batch = engine
        serve(name, network, int(batch), pathlib.Path(folder))


if __name__ == "__main__":
    main()
