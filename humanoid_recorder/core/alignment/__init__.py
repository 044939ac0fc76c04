"""Samples of many streams, brought to one instant: the same frames live and offline."""
