# The determinant is one, but lengths change.
# fails: check-symmetry
# %% symmetry
def symmetry(x):
    return torch.stack([x[:, 0] + x[:, 1], x[:, 1]], 1)
