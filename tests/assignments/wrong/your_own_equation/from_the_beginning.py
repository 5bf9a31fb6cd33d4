# The second run starts again: the right end, every step of the first one twice.
# fails: check-resume
# %% resume
def stop_and_go_on(problem, scheme, steps, path):
    evolve(problem, scheme, progress=False,
           callback=lambda state, info: state.step < steps).save(path)
    return Trajectory.load(path), evolve(problem, scheme, progress=False)
