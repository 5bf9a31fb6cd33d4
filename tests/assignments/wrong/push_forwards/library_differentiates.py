# A program differentiates in place of the student.
# fails: check-jacobian
# %% jacobian
def parameter_jacobian(w, u, b, z):
    d = len(w)
    def image(theta):
        return planar(theta[:d], theta[d:2 * d], theta[-1], z)
    return torch.func.jacrev(image)(torch.cat([w, u, torch.as_tensor(b).reshape(1)]))
