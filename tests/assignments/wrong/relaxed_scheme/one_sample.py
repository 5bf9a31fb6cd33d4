# The same sample in all steps.
# fails: check-flow
# %% flow
def flow(model, theta, points, h, steps, tol=1e-10):
    thetas, xi, z = [theta], None, points(0)
    for k in range(steps):
        theta, xi = midpoint(model, theta, z, h, xi, tol)
        thetas.append(theta)
    return thetas
