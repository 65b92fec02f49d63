"""ONNX Runtime, its CPU or CUDA provider. It has no bfloat16 convolutions for CPUs."""
from onnx_file import onnx_file

PRECISIONS = {"cpu": ("fp32",), "cuda": ("fp16",)}
MODULES = ("onnxruntime",)
READS_ONNX = True


def session_of(job, provider):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    file = onnx_file(job.network, job.batch, job.precision, job.folder)
    session = onnxruntime.InferenceSession(str(file), options, providers=[provider])
    found = session.get_providers()[0]  # it takes another one without an error
    want = provider if isinstance(provider, str) else provider[0]
    if found != want:
        raise SystemExit(f"onnxruntime runs on {found}, not on {want}")
    return session


def on_cpu(job):
    session = session_of(job, "CPUExecutionProvider")
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def on_cuda(job):
    """In a CUDA graph of its own making, which its second run captures."""
    import torch
    import torch_eager
    session = session_of(job, ("CUDAExecutionProvider", {
        "enable_cuda_graph": "1", "cudnn_conv_algo_search": "EXHAUSTIVE",
        "user_compute_stream": str(torch.cuda.current_stream().cuda_stream)}))
    src = torch_eager.device_tensor(job)
    dst = torch.zeros(job.batch, 1000, dtype=src.dtype, device="cuda")
    binding = session.io_binding()
    for bind, tensors, tensor in ((binding.bind_input, session.get_inputs(), src),
                                  (binding.bind_output, session.get_outputs(), dst)):
        bind(tensors[0].name, "cuda", 0, "float16", list(tensor.shape), tensor.data_ptr())

    def replay():
        session.run_with_iobinding(binding)
        return dst
    return src, replay
