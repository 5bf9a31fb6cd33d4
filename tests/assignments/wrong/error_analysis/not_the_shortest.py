# One of the minimisers, zero in columns that depend on others, not the shortest.
# fails: check-misfit
# %% misfit
def misfit_of(rows, v):
    n, d, m = rows.shape
    flat = rows.reshape(n * d, m)
    keep = []
    for j in range(m):
        if torch.linalg.matrix_rank(flat[:, [*keep, j]]) > len(keep):
            keep.append(j)
    xi = torch.zeros(m)
    xi[keep] = torch.linalg.lstsq(flat[:, keep], v.reshape(n * d, 1)).solution[:, 0]
    return float((rows @ xi - v).square().sum() / n), xi
