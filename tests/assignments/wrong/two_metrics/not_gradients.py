# The fields x_i e_j for i ≤ j, which are no gradients for i ≠ j.
# fails: check-fields
# %% fields
def quadratic_fields(x):
    n, d = x.shape
    unit = torch.eye(d)
    fields = [unit[i].expand(n, d) for i in range(d)]
    fields += [x[:, [i]] * unit[j] for i in range(d) for j in range(i, d)]
    return torch.stack(fields, 2)
