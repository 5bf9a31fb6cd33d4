# Newton's method without a bracket oscillates for large w·u.
# fails: check-inverse
# %% inverse
def inverse(w, u, b, y):
    wu = float(w @ u)
    if wu <= -1:
        raise ValueError(f"w·u must be above −1, got {wu}")
    c = y @ w + b
    a = c
    for _ in range(100):
        t = torch.tanh(a)
        a = a - (a + wu * t - c) / (1 + wu * (1 - t**2))
    return y - torch.tanh(a)[:, None] * u
