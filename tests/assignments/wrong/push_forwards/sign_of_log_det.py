# The log determinant is added, as if the density grew with the volume.
# fails: check-density
# %% density
def flow(layers, z):
    total = torch.zeros(len(z))
    for each in layers:
        total = total + log_det(*each, z)
        z = planar(*each, z)
    return z, total

def log_rho(layers, z):
    log_lambda = -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))
    return log_lambda + flow(layers, z)[1]
