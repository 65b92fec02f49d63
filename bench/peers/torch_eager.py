"""PyTorch as it is; on a GPU in one CUDA graph, with cuDNN's own benchmark."""
import networks

PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp16",)}
MODULES = ("torch", "timm")


def dtype_of(job):
    import torch
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.half}[job.precision]


def format_of(job):
    """CPUs' kernels want channels last; on a GPU either may win."""
    import torch
    return torch.contiguous_format if job.layout == "nchw" else torch.channels_last


def model_of(job):
    return networks.load_model(job.network, job.folder).to(job.device).to(
        dtype_of(job), memory_format=format_of(job))


def host_runner(job, wrap=lambda model: model):
    import torch
    torch.set_num_threads(job.threads)
    model = wrap(model_of(job))

    def run(values):
        with torch.inference_mode():
            src = torch.from_numpy(values).to(dtype_of(job)).contiguous(memory_format=format_of(job))
            return model(src).float().numpy()
    return run


def device_tensor(job):
    import torch
    size = networks.NETWORKS[job.network].size
    src = torch.zeros(job.batch, 3, size, size, dtype=dtype_of(job), device="cuda")
    return src.contiguous(memory_format=format_of(job))


def captured(run):
    """`run` as a CUDA graph: what replays it and returns the same."""
    import torch
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):  # libraries choose their algorithms
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        dst = run()

    def replay():
        graph.replay()
        return dst
    return replay


def on_cpu(job):
    return host_runner(job)


def on_cuda(job):
    import torch
    torch.backends.cudnn.benchmark = True
    model, src = model_of(job), device_tensor(job)
    return src, captured(lambda: model(src))
