"""OpenVINO's CPU device, with its hint for latency."""
from onnx_file import onnx_file

PRECISIONS = {"cpu": ("fp32", "bf16")}
MODULES = ("openvino",)
READS_ONNX = True


def on_cpu(job):
    import openvino
    core = openvino.Core()
    model = core.read_model(str(onnx_file(job.network, job.batch, job.precision, job.folder)))
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": job.threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if job.precision == "bf16" else "f32"})
    request = compiled.create_infer_request()
    return lambda values: request.infer({0: values}, share_inputs=True)[0]
