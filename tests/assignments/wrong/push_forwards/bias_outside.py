# The bias is added to tanh, not to its argument.
# fails: check-layer check-density
# %% layer
def planar(w, u, b, z):
    return z + (torch.tanh(z @ w) + b)[:, None] * u

def log_det(w, u, b, z):
    slope = 1 - torch.tanh(z @ w + b) ** 2
    return torch.log((1 + slope * (w @ u)).abs())
