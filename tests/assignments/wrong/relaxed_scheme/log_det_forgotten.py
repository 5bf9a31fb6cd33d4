# The entropy without the log-determinant.
# fails: check-forms
# %% forms
def velocity_form(theta, z, P, mu, D):
    d = z.shape[1]
    U, c = theta[: d * d].reshape(d, d), theta[d * d :]
    x = z @ U.T + c
    s = -(x - c) @ torch.linalg.inv(U @ U.T)
    return pull(-(x - mu) @ P - D * s, z) / len(z)

def gradient_form(theta, z, P, mu, D):
    d = z.shape[1]
    def F(theta):
        x = z @ theta[: d * d].reshape(d, d).T + theta[d * d :]
        return (0.5 * ((x - mu) @ P * (x - mu)).sum(1) - D * z.square().sum(1) / 2).mean()

    return -torch.func.grad(F)(theta)
