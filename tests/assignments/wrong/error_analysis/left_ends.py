# Only the interval that begins at a time counts there.
# fails: check-residuals
# %% residuals
def residuals(p, times, thetas, z):
    found = []
    for k in range(len(times) - 1):
        xi = (thetas[k + 1] - thetas[k]) / (times[k + 1] - times[k])
        cloud, J = p.model.linearize(thetas[k], z)
        gap = J.jvp(xi) - p.energy.velocity(cloud)
        found.append(float(gap.square().sum() / len(z)))
    return [*found, found[-1]]
