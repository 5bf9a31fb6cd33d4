# z uᵀ in place of u zᵀ.
# fails: check-jacobian
# %% jacobian
def parameter_jacobian(w, u, b, z):
    t = torch.tanh(z @ w + b)
    by_b = (1 - t**2)[:, None] * u
    by_w = z[:, :, None] * by_b[:, None, :]
    by_u = t[:, None, None] * torch.eye(z.shape[1])
    return torch.cat([by_w, by_u, by_b[:, :, None]], 2)
