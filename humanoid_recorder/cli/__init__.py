"""The command humanoid-recorder: one file per verb."""
