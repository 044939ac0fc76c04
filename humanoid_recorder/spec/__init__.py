"""The YAML a user writes: models, and errors that name the line and the nearest known key."""
