# The sum over the fresh points is divided by the size of the first sample.
# fails: check-fresh
# %% fresh
def two_misfits(rows, v, rows_fresh, v_fresh):
    on_sample, xi = misfit_of(rows, v)
    return on_sample, float((rows_fresh @ xi - v_fresh).square().sum() / len(v))
