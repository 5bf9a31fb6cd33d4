# log det in place of log|det|: not a number where the layer folds.
# fails: check-layer
# %% layer
def planar(w, u, b, z):
    return z + torch.tanh(z @ w + b)[:, None] * u

def log_det(w, u, b, z):
    slope = 1 - torch.tanh(z @ w + b) ** 2
    return torch.log(1 + slope * (w @ u))
