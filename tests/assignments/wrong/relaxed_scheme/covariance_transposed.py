# The covariance UᵀU in place of UUᵀ.
# fails: check-forms
# %% forms
def velocity_form(theta, z, P, mu, D):
    d = z.shape[1]
    U, c = theta[: d * d].reshape(d, d), theta[d * d :]
    x = z @ U.T + c
    s = -(x - c) @ torch.linalg.inv(U.T @ U)
    return pull(-(x - mu) @ P - D * s, z) / len(z)

def gradient_form(theta, z, P, mu, D):
    d = z.shape[1]
    U, c = theta[: d * d].reshape(d, d), theta[d * d :]
    x = z @ U.T + c
    entropy = torch.cat([torch.linalg.inv(U).T.reshape(-1), torch.zeros(d)])
    return pull(-(x - mu) @ P, z) / len(z) + D * entropy
