# A rectangle for each step, the last one included, where the energy has no entry yet.
# fails: check-balance
# %% balance
def balance(run):
    h, energy, speed, misfit = (
        torch.tensor(run.history[name]) for name in ("h", "energy", "speed", "misfit"))
    return float(energy[0] - energy[-1]), float((h * (speed - misfit)).sum())
