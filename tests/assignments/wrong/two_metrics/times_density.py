# ∂Φ taken for the velocity: multiplied by ρ, not divided.
# fails: check-line
# %% line
def metric_on_the_line(cdf, density, theta, x):
    slope = torch.func.jacfwd(lambda theta: cdf(theta, x))(theta)
    integrand = slope[:, :, None] * slope[:, None, :] * density(theta, x)[:, None, None]
    return torch.trapezoid(integrand, x, dim=0)
