# The last vector divided by β = 0.
# fails: check-lanczos
# %% lanczos
def lanczos_step(matvec, v_before, v, beta):
    w = matvec(v)
    alpha = float(v @ w)
    w = w - alpha * v - beta * v_before
    beta_next = float(torch.linalg.vector_norm(w))
    return alpha, beta_next, w / beta_next
