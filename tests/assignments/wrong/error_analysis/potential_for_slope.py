# δ from p_i a_i² in place of its square.
# fails: check-frozen
# %% frozen
def frozen_mean(t, p, a):
    delta = float((p * a.square()).sum())
    error = float((a * torch.expm1(-p * t)).norm())
    bound = growth([0.0, t], float(p.min()), [abs(delta), abs(delta)])[1]
    return delta, error, bound
