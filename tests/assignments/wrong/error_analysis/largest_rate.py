# The largest p_i for λ: no bound.
# fails: check-frozen
# %% frozen
def frozen_mean(t, p, a):
    delta = float((p * a).square().sum())
    error = float((a * torch.expm1(-p * t)).norm())
    return delta, error, growth([0.0, t], float(p.max()), [delta, delta])[1]
