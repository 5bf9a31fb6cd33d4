# The dissipation of the flow that is not projected.
# fails: check-balance
# %% balance
def balance(run):
    t, energy, speed = (torch.tensor(run.history[name]) for name in ("t", "energy", "speed"))
    return float(energy[0] - energy[-1]), float(torch.trapezoid(speed, t))
