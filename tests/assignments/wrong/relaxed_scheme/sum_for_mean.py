# A sum over the points in place of the mean, in the product only.
# fails: check-products check-step check-flow
# %% products
def push(xi, z):
    d = z.shape[1]
    return z @ xi[: d * d].reshape(d, d).T + xi[d * d :]

def pull(r, z):
    return torch.cat([(r.T @ z).reshape(-1), r.sum(0)])

def product(J, xi):
    return J.vjp(J.jvp(xi))

def right_hand_side(J, v):
    return J.vjp(v) / J.n
