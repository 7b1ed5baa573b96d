"""The version of convlens. `convlens.__version__`, `convlens --version` and the package metadata show it."""

VERSION = "0.1.0"
