# |C0^½ − C1^½| in place of the Bures distance, and the map that is optimal only if they commute.
# fails: check-distance check-map check-geodesic check-action
# %% distance
def root(C):
    values, vectors = torch.linalg.eigh(C)
    return (vectors * values.sqrt()) @ vectors.T

def w2(m0, C0, m1, C1):
    return float(((m0 - m1).square().sum() + (root(C0) - root(C1)).square().sum()).sqrt())
# %% map
def transport(C0, C1):
    return root(C1) @ torch.linalg.inv(root(C0))
