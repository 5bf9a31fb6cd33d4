# The determinant as 1 + w·u, right at the hyperplane w·z + b = 0 only.
# fails: check-layer check-density
# %% layer
def planar(w, u, b, z):
    return z + torch.tanh(z @ w + b)[:, None] * u

def log_det(w, u, b, z):
    return torch.log((1 + w @ u).abs()).expand(len(z))
