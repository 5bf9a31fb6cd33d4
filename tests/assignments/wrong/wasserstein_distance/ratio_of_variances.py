# Variances where standard deviations belong, in the map and in the geodesic.
# fails: check-map check-geodesic
# %% map
def transport(C0, C1):
    return C1 @ torch.linalg.inv(C0)
