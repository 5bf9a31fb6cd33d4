# Without the gradients of the monomials of degree one.
# fails: check-fields
# %% fields
def quadratic_fields(x):
    unit = torch.eye(x.shape[1])
    d = len(unit)
    fields = [x[:, [i]] * unit[j] + x[:, [j]] * unit[i] for i in range(d) for j in range(i, d)]
    return torch.stack(fields, 2)
