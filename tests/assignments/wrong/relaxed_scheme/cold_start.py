# Each step starts its solve from zero.
# fails: check-flow
# %% flow
def flow(model, theta, points, h, steps, tol=1e-10):
    thetas = [theta]
    for k in range(steps):
        theta, xi = midpoint(model, theta, points(k), h, None, tol)
        thetas.append(theta)
    return thetas
