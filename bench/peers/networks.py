"""The networks of the published table as timm has them, with weights that all engines share:

    networks.py NETWORK FOLDER [cuda]    makes NETWORK.pth, which nestor-convert reads too

Weights are timm's random initialisation with batch norms calibrated on noise.
"""
import collections
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
Network = collections.namedtuple("Network", "timm size")
NETWORKS = {
    "resnest50": Network("resnest50d", 224), "resnest101": Network("resnest101e", 256),
    "resnest200": Network("resnest200e", 320), "resnest269": Network("resnest269e", 416),
    "senet_154": Network("legacy_senet154", 224),
    "tf_efficientnet_b2": Network("tf_efficientnet_b2", 260),
    "tf_efficientnet_b3": Network("tf_efficientnet_b3", 300),
    "tf_efficientnet_b4": Network("tf_efficientnet_b4", 380),
    "tf_efficientnet_b5": Network("tf_efficientnet_b5", 456),
    "tf_efficientnet_b6": Network("tf_efficientnet_b6", 528),
    "tf_efficientnet_b7": Network("tf_efficientnet_b7", 600),
}


def make_model(network, device="cpu"):
    import timm
    import torch
    torch.manual_seed(0)
    name, size = NETWORKS[network]
    model = timm.create_model(name, pretrained=False).to(device).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches
            module.train()
    with torch.no_grad():
        model(torch.randn(4, 3, size, size, device=device))
    return model.eval()


def load_model(network, folder):
    import timm
    import torch
    model = timm.create_model(NETWORKS[network].timm, pretrained=False)
    model.load_state_dict(torch.load(folder / f"{network}.pth", map_location="cpu"))
    return model.eval()


def write_noise(network, batch, file):
    import numpy
    size = NETWORKS[network].size
    noise = numpy.random.default_rng(0).standard_normal((batch, 3, size, size))
    noise.astype(numpy.float32).tofile(file)


def main():
    import torch
    network, folder, *device = sys.argv[1:]
    file = pathlib.Path(folder) / f"{network}.pth"
    unfinished = file.with_suffix(".unfinished")
    torch.save(make_model(network, *device).cpu().state_dict(), unfinished)
    unfinished.rename(file)


if __name__ == "__main__":
    main()
