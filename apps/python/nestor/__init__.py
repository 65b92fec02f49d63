"""Nestor: inference for the ResNeSt family.

    import nestor

    model = nestor.load("resnest50")               # GluonCV's weights, fetched once
    for class_id, label, probability in model.classify("photo.jpg"):
        print(label, probability)

load() opens a model; Model has classify(), detect(), segment(), embed(), preprocess(), run() and more. list_models()
names the networks, list_pretrained(), pull() and convert() manage weights. Failures are nestor.Error, whose `code` says
whose fault they are. Messages go to the logger "nestor". `python -m nestor` runs the commands.
"""
from . import _nestor
from .errors import Error
from .model import Detections, Model, Prediction, load
from .weights import convert, list_models, list_pretrained, pull

__version__: str = _nestor.version()["version"]
__all__ = ["Detections", "Error", "Model", "Prediction", "convert", "list_models", "list_pretrained", "load", "pull", "version"]


def version() -> dict[str, str]:
    """Version, commit and compiler of this build, and the oneDNN that is loaded."""
    return _nestor.version()
