"""Planted defects: what real databases got wrong, as overlays over the parts of a cluster.

Nothing below this folder knows that it exists. Each defect replaces one part; the suites must catch every one of them.
"""
