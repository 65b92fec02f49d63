"""torch.compile with frozen weights; on a GPU in mode max-autotune, which makes CUDA graphs."""
import torch_eager

PRECISIONS = torch_eager.PRECISIONS
MODULES = torch_eager.MODULES


def compiled(model, mode=None):
    import torch
    import torch._inductor.config
    torch._inductor.config.freezing = True
    return torch.compile(model, mode=mode)


def on_cpu(job):
    return torch_eager.host_runner(job, compiled)


def on_cuda(job):
    model, src = torch_eager.model_of(job), torch_eager.device_tensor(job)
    model = compiled(model, "max-autotune")
    for _ in range(3):  # compiles, records the graph, replays it
        model(src)
    return src, lambda: model(src)
