"""The explorer: a page that shows every number of a network, forward and backward.

The page computes. `server` serves it on loopback, with what Python alone can do; `export` writes it as one file that
needs nothing else. The engine in JavaScript is `convlens/engines/browser/engine`.
"""
