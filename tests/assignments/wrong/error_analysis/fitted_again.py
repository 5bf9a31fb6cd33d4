# ξ is fitted to the fresh points as well: the misfit is biased there, too.
# fails: check-fresh
# %% fresh
def two_misfits(rows, v, rows_fresh, v_fresh):
    return misfit_of(rows, v)[0], misfit_of(rows_fresh, v_fresh)[0]
