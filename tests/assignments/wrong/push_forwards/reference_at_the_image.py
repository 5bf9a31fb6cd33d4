# log λ at T(z): right for the test points that the layers leave in place.
# fails: check-density
# %% density
def flow(layers, z):
    total = torch.zeros(len(z))
    for each in layers:
        total = total + log_det(*each, z)
        z = planar(*each, z)
    return z, total

def log_rho(layers, z):
    x, total = flow(layers, z)
    return -0.5 * (x.square().sum(1) + x.shape[1] * math.log(2 * math.pi)) - total
