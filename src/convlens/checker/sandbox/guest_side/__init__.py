"""The modules that run inside the sandbox. None of them imports convlens, and none of them makes a verdict.

Inside the sandbox this folder is on the import path, so the modules import each other without a package name.
"""
