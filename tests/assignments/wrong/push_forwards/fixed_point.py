# A fixed-point iteration, which converges for |w·u| < 1 only, and slowly near the border.
# fails: check-inverse
# %% inverse
def inverse(w, u, b, y):
    wu = float(w @ u)
    if wu <= -1:
        raise ValueError(f"w·u must be above −1, got {wu}")
    c = y @ w + b
    a = c
    for _ in range(100):
        a = c - wu * torch.tanh(a)
    return y - torch.tanh(a)[:, None] * u
