# The slope of the log determinant is left out.
# fails: check-score
# %% score
def score(w, u, b, z):
    slope = 1 - torch.tanh(z @ w + b) ** 2
    derivative = torch.eye(len(w)) + slope[:, None, None] * torch.outer(u, w)
    return torch.linalg.solve(derivative.transpose(1, 2), -z)
