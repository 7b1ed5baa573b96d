"""The engine `browser`: the kernels of the explorer's page, in JavaScript, run by a headless Chromium.

It is as exact as the others and much slower, since each array travels to Chromium and back as text. It exists to test
the page's arithmetic: the tests of all engines and `convlens compare` run on it.
"""
