# The derivative by dU is z rᵀ: the transposed Jacobian is transposed once more.
# fails: check-products check-forms
# %% products
def push(xi, z):
    d = z.shape[1]
    return z @ xi[: d * d].reshape(d, d).T + xi[d * d :]

def pull(r, z):
    return torch.cat([(z.T @ r).reshape(-1), r.sum(0)])

def product(J, xi):
    return J.vjp(J.jvp(xi)) / J.n

def right_hand_side(J, v):
    return J.vjp(v) / J.n
