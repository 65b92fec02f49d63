"""TensorRT, its engine built from ONNX in the model's own types and run in a CUDA graph."""
from onnx_file import onnx_file

PRECISIONS = {"cuda": ("fp16",)}
MODULES = ("tensorrt", "torch")
READS_ONNX = True


def built(tensorrt, file):
    logger = tensorrt.Logger(tensorrt.Logger.WARNING)
    builder = tensorrt.Builder(logger)
    network = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = tensorrt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(file)):
        raise SystemExit("; ".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
    plan = builder.build_serialized_network(network, builder.create_builder_config())
    if plan is None:
        raise SystemExit("TensorRT built no engine")
    runtime = tensorrt.Runtime(logger)
    return runtime, runtime.deserialize_cuda_engine(plan)


def on_cuda(job):
    import tensorrt
    import torch
    import torch_eager
    runtime, engine = built(tensorrt, onnx_file(job.network, job.batch, job.precision, job.folder))
    context = engine.create_execution_context()
    src = torch_eager.device_tensor(job)
    dst = torch.zeros(job.batch, 1000, dtype=src.dtype, device="cuda")
    for index, tensor in enumerate((src, dst)):  # the network has one of each
        context.set_tensor_address(engine.get_tensor_name(index), tensor.data_ptr())

    def run(owner=runtime):  # which must outlive the engine
        if not context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
            raise SystemExit("TensorRT started nothing")
        return dst
    return src, torch_eager.captured(run)
