# The callback sees the state after the step: this stops one step too late.
# fails: check-resume
# %% resume
def stop_and_go_on(problem, scheme, steps, path):
    evolve(problem, scheme, progress=False,
           callback=lambda state, info: state.step <= steps).save(path)
    stopped = Trajectory.load(path)
    return stopped, evolve(problem, scheme, progress=False, resume=stopped)
