"""The rules: who asks, what matches, what is eligible, in which order, and what follows an outcome. Pure."""
