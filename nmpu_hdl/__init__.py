"""A synthesizable generator of the NMPU, the near-memory digital processing unit of analog in-memory computing."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("nmpu-hdl")
except PackageNotFoundError:
    __version__ = "0+unknown"
