# The first spacing for all: right on uniform grids.
# fails: check-line
# %% line
def metric_on_the_line(cdf, density, theta, x):
    slope = torch.func.jacfwd(lambda theta: cdf(theta, x))(theta)
    integrand = slope[:, :, None] * slope[:, None, :] / density(theta, x)[:, None, None]
    return integrand.sum(0) * (x[1] - x[0])
