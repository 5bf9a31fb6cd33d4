"""Maps that grow: layers are inserted where the residual of the flow asks for them.

A layer z ↦ z + tanh(w·z + b) u with u = 0 is the identity: inserting it leaves ρ_θ alone and adds
the d tangent fields tanh(w·z + b) e_i.
"""

from .architecture import Insertion, insert, units
from .grow import Growth, Growths, grow, grown
from .prune import Pruned, layer_costs, prune
from .search import ascend, gains, pursue

__all__ = [
    "Growth",
    "Growths",
    "Insertion",
    "Pruned",
    "ascend",
    "gains",
    "grow",
    "grown",
    "insert",
    "layer_costs",
    "prune",
    "pursue",
    "units",
]
