# The misfit of the best ξ, not the residual of the path that was made.
# fails: check-residuals
# %% residuals
def residuals(p, times, thetas, z):
    found = []
    for theta in thetas:
        cloud, J = p.model.linearize(theta, z)
        found.append(misfit_of(J.rows(), p.energy.velocity(cloud))[0])
    return found
