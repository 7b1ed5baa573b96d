"""The version of convlens: `convlens.__version__`, `convlens --version`, and what a package index shows."""

VERSION = "0.1.0"
