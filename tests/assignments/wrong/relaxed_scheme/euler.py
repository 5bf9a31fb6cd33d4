# Euler's step in place of the midpoint rule.
# fails: check-step check-flow
# %% step
def parameter_velocity(model, theta, z, guess=None, tol=1e-10):
    cloud, J = model.linearize(theta, z)
    v = -(cloud.x - mu) @ P - cloud.score
    return solve(lambda w: product(J, w), right_hand_side(J, v), guess, tol)[0]

def midpoint(model, theta, z, h, guess=None, tol=1e-10):
    xi = parameter_velocity(model, theta, z, guess, tol)
    return theta + h * xi, xi
