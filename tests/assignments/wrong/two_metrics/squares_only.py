# The mixed monomials are left out: enough on the line.
# fails: check-fields
# %% fields
def quadratic_fields(x):
    n, d = x.shape
    unit = torch.eye(d)
    fields = [unit[i].expand(n, d) for i in range(d)]
    fields += [2 * x[:, [i]] * unit[i] for i in range(d)]
    return torch.stack(fields, 2)
