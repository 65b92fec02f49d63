"""The one exception of the package."""


class Error(Exception):
    """A failure; `code` says whose fault it is.

    ==============  ===========================================================
    internal        an invariant of Nestor's own, the network or the disk
    usage           an argument that makes no sense
    bad_input       an image or array
    bad_model       a weight file
    unsupported     a device, precision or operator that this machine lacks
    out_of_memory   of the host or the device
    device_lost     the device failed; load the model anew
    ==============  ===========================================================
    """

    def __init__(self, message: str, code: str = "internal"):
        super().__init__(message, code)
        self.message = message
        self.code = code

    def __str__(self) -> str:
        return self.message
