# Every determinant is taken at z, not where the particle is by then.
# fails: check-density
# %% density
def flow(layers, z):
    x, total = z, torch.zeros(len(z))
    for each in layers:
        total = total + log_det(*each, z)
        x = planar(*each, x)
    return x, total

def log_rho(layers, z):
    log_lambda = -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))
    return log_lambda - flow(layers, z)[1]
