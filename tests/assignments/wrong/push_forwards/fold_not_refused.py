# The right inverse, and one of three preimages where there are three.
# fails: check-inverse
# %% inverse
def inverse(w, u, b, y):
    wu = float(w @ u)
    c = y @ w + b
    low, high = c - abs(wu), c + abs(wu)
    for _ in range(100):
        a = (low + high) / 2
        below = a + wu * torch.tanh(a) < c
        low, high = torch.where(below, a, low), torch.where(below, high, a)
    return y - torch.tanh(a)[:, None] * u
