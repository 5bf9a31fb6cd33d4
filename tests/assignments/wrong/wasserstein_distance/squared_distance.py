# The square of the distance; the action squares it once more.
# fails: check-distance check-action
# %% distance
def root(C):
    values, vectors = torch.linalg.eigh(C)
    return (vectors * values.sqrt()) @ vectors.T

def w2(m0, C0, m1, C1):
    R = root(C0)
    cross = torch.trace(root(R @ C1 @ R))
    return float((m0 - m1).square().sum() + torch.trace(C0 + C1) - 2 * cross)
