"""Writes networks in ONNX, for the engines that read it:

    onnx_file.py NETWORK BATCH PRECISION FOLDER    PRECISION: fp32, fp16
"""
import pathlib
import sys

import networks


def onnx_file(network, batch, precision, folder):
    """Engines choose by shapes, so each batch has its own file."""
    return folder / f"{network}_{batch}_{'fp16' if precision == 'fp16' else 'fp32'}.onnx"


def main():
    import torch
    network, batch, precision, folder = sys.argv[1:]
    file = onnx_file(network, int(batch), precision, pathlib.Path(folder))
    dtype = torch.half if precision == "fp16" else torch.float
    size = networks.NETWORKS[network].size
    model = networks.load_model(network, file.parent).to(dtype)
    src = torch.randn(int(batch), 3, size, size, dtype=dtype)
    unfinished = file.with_suffix(".unfinished")
    torch.onnx.export(model, (src,), str(unfinished), dynamo=True, verbose=False, external_data=False)
    unfinished.rename(file)


if __name__ == "__main__":
    main()
