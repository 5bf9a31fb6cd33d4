# The density of N(0, I) without its constant.
# fails: check-density
# %% density
def flow(layers, z):
    total = torch.zeros(len(z))
    for each in layers:
        total = total + log_det(*each, z)
        z = planar(*each, z)
    return z, total

def log_rho(layers, z):
    return -0.5 * z.square().sum(1) - flow(layers, z)[1]
