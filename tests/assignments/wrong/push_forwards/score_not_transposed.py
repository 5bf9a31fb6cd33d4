# Df s in place of Dfᵀ s: right on the line.
# fails: check-score
# %% score
def score(w, u, b, z):
    t = torch.tanh(z @ w + b)
    slope, wu = 1 - t**2, w @ u
    derivative = torch.eye(len(w)) + slope[:, None, None] * torch.outer(u, w)
    log_det_slope = -2 * t * slope * wu / (1 + slope * wu)
    return torch.linalg.solve(derivative, -z - log_det_slope[:, None] * w)
