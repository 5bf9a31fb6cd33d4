# The roots of the entries: right on the line and for diagonal covariances only.
# fails: check-distance
# %% distance
def root(C):
    return C.abs().sqrt()

def w2(m0, C0, m1, C1):
    R = root(C0)
    cross = torch.trace(root(R @ C1 @ R))
    return float(((m0 - m1).square().sum() + torch.trace(C0 + C1) - 2 * cross).abs().sqrt())
# %% action
def action(path, n):
    stops = [path(i / n) for i in range(n + 1)]
    return n * sum(gaussian_w2(*stops[i], *stops[i + 1]) ** 2 for i in range(n))
