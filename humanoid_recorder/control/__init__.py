"""Pure task running: observations, action chunks, pacing, guard, trials."""
